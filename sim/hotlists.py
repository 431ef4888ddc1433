"""The hotlists of a morning: which cards are listed, and when each list is published."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sim.card_columns import Bools, Ints
from sim.chance import keyed_uniform
from sim.faults import Faults

FIRST_BEFORE_MS = 6 * 3_600_000  # the first list is published before the morning
SECOND_AT = 0.4  # of the morning
FIRST_SHARE = 0.5
NEVER = 1 << 30


class Hotlists(NamedTuple):
    """Versions 1 and 2; each holds the whole list.

    Attributes:
        published_ms: When each version was published, version 1 first.
        first_version: First version that lists a card, `NEVER` if none does; by card index.
    """

    published_ms: tuple[int, int]
    first_version: Ints

    def rows(self, cards: NDArray[np.uint64]) -> dict[str, NDArray[np.generic]]:
        """Return columns version, published_at_ms, card; a list of nobody has a row of card 0."""
        versions, published, listed = [], [], []
        for version, at_ms in enumerate(self.published_ms, 1):
            on_it = np.sort(cards[self.first_version <= version])
            on_it = on_it if len(on_it) else np.zeros(1, np.uint64)
            versions.append(np.full(len(on_it), version, np.uint16))
            published.append(np.full(len(on_it), at_ms, np.int64))
            listed.append(on_it)
        return {
            "version": np.concatenate(versions),
            "published_at_ms": np.concatenate(published),
            "card": np.concatenate(listed),
        }


def make_hotlists(window_ms: tuple[int, int], able: Bools, faults: Faults) -> Hotlists:
    """Return the lists; `able` are the cards, by index, that may be listed."""
    ids = np.arange(len(able))
    listed = faults.strike("hotlisted_card", ids, able)
    early = keyed_uniform(faults.seed, "when hotlisted", ids) < FIRST_SHARE
    first = np.where(listed, np.where(early, 1, 2), NEVER)
    second_ms = window_ms[0] + int((window_ms[1] - window_ms[0]) * SECOND_AT)
    return Hotlists((window_ms[0] - FIRST_BEFORE_MS, second_ms), first)
