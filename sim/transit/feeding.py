"""Which gate banks feed which stops, and riders gathered by where they go next."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sim.network import Network
from sim.transit.rides import NO_BANK, Rides

Ids = NDArray[np.int64]


class BanksBeforeStops:
    """Which banks must be solved before a vehicle may call at a stop.

    Attributes:
        fed: Entry banks that riders reach from other vehicles.
        stop: Banks by stop, exits before the entry that they feed.
    """

    def __init__(self, network: Network, rides: Rides) -> None:
        on = np.flatnonzero(~rides.last)
        into, board, out_of = rides.enter[on + 1], rides.board[on + 1], rides.exit[on]
        through = out_of != NO_BANK
        self.fed = {int(bank) for bank in np.unique(into) if bank != NO_BANK}
        exits: dict[int, list[int]] = {bank: [] for bank in self.fed}
        for bank, exit_bank in _pairs(into[through], out_of[through]):
            if bank != NO_BANK:
                exits[bank].append(exit_bank)
        self.stop: list[list[int]] = [[] for _ in network.stops]
        street = through & (into == NO_BANK)
        for stop, exit_bank in _pairs(board[street], out_of[street]):
            self.stop[stop].append(exit_bank)
        for stop, bank in _pairs(rides.board, rides.enter):
            if bank in self.fed:
                self.stop[stop] += [*exits[bank], bank]


def _pairs(a: Ids, b: Ids) -> list[tuple[int, int]]:
    distinct = np.unique(np.stack((a, b), axis=1), axis=0)
    return [(int(x), int(y)) for x, y in distinct]


def grouped(keys: Ids) -> Iterator[tuple[int, Any]]:
    """Yield each distinct key with the index of its rows, which keep their order."""
    if not len(keys):
        return
    if (keys == keys[0]).all():
        yield int(keys[0]), slice(None)
        return
    order = np.argsort(keys, kind="stable")
    ordered = keys[order]
    edges = np.flatnonzero(np.diff(ordered)) + 1
    for rows in np.split(order, edges):
        yield int(keys[rows[0]]), rows
