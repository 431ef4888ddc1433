"""Which transaction counters are taken: (card, NT) to the tap that stands under it, by the million.

An index in memory, rebuilt from the book at the start: a few sorted arrays, each at least twice as
long as the next, so that a lookup is a handful of binary searches over whole chunks and an insert
is an amortised merge. A dict of the same keys would be eight times as large and slower.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from reference_server.devices import find

NT_BITS = 24
NT_MAX = (1 << NT_BITS) - 1
ITEM_BITS = 13
NOWHERE = np.int64(-1)
CARD_PREFIX_BODY = 98 * 10**13


def counter_keys(cards: NDArray[np.uint64], nts: NDArray[np.int64]) -> NDArray[np.uint64]:
    """Return one number for each (card, NT), unique while cards are well formed and NT fits.

    A card number without prefix and check digits is below 10**12, so 40 bits hold it and 24 are
    left for the counter: a card would have to be used every second for half a year to run out.
    """
    body = cards.astype(np.int64) // 10 - CARD_PREFIX_BODY
    issuer, rest = body // 10**9, body % 10**9
    own = (issuer // 10) * 10**9 + rest
    return (own.astype(np.uint64) << np.uint64(NT_BITS)) | nts.astype(np.uint64)


def locate(arrivals: NDArray[np.int64], items: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return one number for each place (arrival, item) of a tap."""
    return (arrivals << ITEM_BITS) | items


def arrival_and_item(location: int) -> tuple[int, int]:
    """Return the arrival and item of a location."""
    return location >> ITEM_BITS, location & ((1 << ITEM_BITS) - 1)


class CounterIndex:
    """The taken counters, and where the tap that stands under each of them is."""

    def __init__(self) -> None:
        self._runs: list[tuple[NDArray[np.uint64], NDArray[np.int64]]] = []

    def __len__(self) -> int:
        return sum(len(keys) for keys, _ in self._runs)

    def find(self, keys: NDArray[np.uint64]) -> NDArray[np.int64]:
        """Return the location under each key, -1 where it is free."""
        found = np.full(len(keys), NOWHERE)
        for run_keys, locations in self._runs:
            at, there = find(run_keys, keys)
            found[there] = locations[at[there]]
        return found

    def add(self, keys: NDArray[np.uint64], locations: NDArray[np.int64]) -> None:
        """Take keys that are free and differ from each other."""
        if not len(keys):
            return
        order = np.argsort(keys)
        run = keys[order], locations[order]
        while self._runs and len(self._runs[-1][0]) < 2 * len(run[0]):
            run = _merged(self._runs.pop(), run)
        self._runs.append(run)

    def move(self, key: np.uint64, location: int) -> None:
        """Let another tap stand under a taken key."""
        for run_keys, locations in self._runs:
            at = int(np.searchsorted(run_keys, key))
            if at < len(run_keys) and run_keys[at] == key:
                locations[at] = location
                return
        raise AssertionError(f"counter {key} is not taken")


def _merged(
    older: tuple[NDArray[np.uint64], NDArray[np.int64]],
    newer: tuple[NDArray[np.uint64], NDArray[np.int64]],
) -> tuple[NDArray[np.uint64], NDArray[np.int64]]:
    keys = np.concatenate((older[0], newer[0]))
    order = np.argsort(keys, kind="stable")
    return keys[order], np.concatenate((older[1], newer[1]))[order]
