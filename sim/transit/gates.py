"""Gate banks: the gates of a station that let people through one way, and their queues.

Riders take the gates in turn as they come, and queue behind the gate they took. Each gate is then a
single server in order of arrival, solved for a whole batch by Lindley's recursion in its
max-accumulate form; whole milliseconds throughout.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scheme.services import Direction, Service
from sim.network import Network
from sim.transit.service_time import Milliseconds, ServiceTime

NEVER = 1 << 60
LONG_AGO = -(1 << 60)
RACK_LANE = 31  # the lane number of a rack's gate at any bank
MRT_BUSY = ("Lebak Bulus", "Blok M", "Dukuh Atas", "Bundaran HI")

Ids = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Passed:
    """Riders whom a bank let through, in order of arrival."""

    rides: Ids
    lane: Ids
    arrived_ms: Milliseconds
    tapped_ms: Milliseconds
    left_ms: Milliseconds


def gates_at(network: Network, row: int) -> int:
    """Return how many gates a place has each way. No count is published: all are assumptions."""
    place = network.places[row]
    if place.service is Service.mrt:
        return 10 if place.name in MRT_BUSY else 6
    if place.service is Service.lrt:
        return 3
    calling = {
        network.courses[c].line
        for c in network.stops["course"][network.stops["place"] == place.number]
    }
    return min(3 + len(calling), 8)


class GateBank:
    """The gates one way of one station, on one clock.

    Attributes:
        gates: Working gates; riders of the rack's slice have a further one to themselves.
        next_ms: Earliest arrival not yet let through, `NEVER` if none.
        arrived: Riders who came so far.
        passed: Riders let through so far.
    """

    def __init__(self, gates: int, direction: Direction, times: ServiceTime) -> None:
        self.gates = gates
        self.direction = direction
        self.next_ms = NEVER
        self.arrived = self.passed = 0
        self._times = times
        self._coming: list[tuple[Milliseconds, Ids]] = []
        self._free = np.full(gates, LONG_AGO, np.int64)
        self._turn = 0
        self._rack_free = np.full(1, LONG_AGO, np.int64)

    def arrive(self, rides: Ids, at_ms: Milliseconds) -> None:
        """Let riders come to the bank; none may come before an instant already let through."""
        if len(rides):
            self._coming.append((at_ms, rides))
            self.next_ms = min(self.next_ms, int(at_ms.min()))
            self.arrived += len(rides)

    def let_through(self, until_ms: int, rack: NDArray[np.bool_] | None = None) -> Passed | None:
        """Serve everybody who comes at or before an instant; None if that is nobody.

        `rack` marks rides, by ride, whose riders take the rack's gate.
        """
        if self.next_ms > until_ms:
            return None
        at_ms, rides = self._due(until_ms)
        self.passed += len(rides)
        tap_ms, clear_ms = self._times.gate(rides, self.direction)
        cycle_ms = tap_ms + clear_ms
        pinned = rack[rides] if rack is not None else None
        if pinned is None or not pinned.any():
            left_ms, lane = self._serve(at_ms, cycle_ms)
        else:
            left_ms, lane = np.empty_like(at_ms), np.full(len(rides), RACK_LANE, np.int64)
            left_ms[~pinned], lane[~pinned] = self._serve(at_ms[~pinned], cycle_ms[~pinned])
            left_ms[pinned] = in_turn(at_ms[pinned], cycle_ms[pinned], self._rack_free, 0)
        return Passed(rides, lane, at_ms, left_ms - clear_ms, left_ms)

    def _due(self, until_ms: int) -> tuple[Milliseconds, Ids]:
        """Take out those who are due, by (arrival, ride)."""
        at_ms = np.concatenate([at for at, _ in self._coming])
        rides = np.concatenate([who for _, who in self._coming])
        order = np.lexsort((rides, at_ms))
        at_ms, rides = at_ms[order], rides[order]
        due = int(np.searchsorted(at_ms, until_ms, "right"))
        self._coming = [(at_ms[due:], rides[due:])] if due < len(rides) else []
        self.next_ms = int(at_ms[due]) if due < len(rides) else NEVER
        return at_ms[:due], rides[:due]

    def _serve(self, at_ms: Milliseconds, cycle_ms: Milliseconds) -> tuple[Milliseconds, Ids]:
        turn = self._turn
        self._turn = (turn + len(at_ms)) % self.gates
        left_ms = in_turn(at_ms, cycle_ms, self._free, turn)
        return left_ms, (np.arange(turn, turn + len(at_ms)) % self.gates)


def in_turn(
    at_ms: Milliseconds, cycle_ms: Milliseconds, free_ms: Milliseconds, turn: int
) -> Milliseconds:
    """Return when each rider leaves, gates being taken in turn from gate `turn` on.

    `at_ms` is sorted. `free_ms` holds when each gate is free again, and is brought up to date.
    Lindley: a gate's r-th rider leaves at C(r) + max over q <= r of (arrival(q) - C(q - 1)), where
    C sums the cycles at that gate.
    """
    if not len(at_ms):
        return at_ms
    gates = len(free_ms)
    rows = -(-(turn + len(at_ms)) // gates)
    arrivals = np.full(rows * gates, LONG_AGO, np.int64)
    cycles = np.zeros(rows * gates, np.int64)
    arrivals[turn : turn + len(at_ms)] = at_ms
    cycles[turn : turn + len(at_ms)] = cycle_ms
    arrival, cycle = arrivals.reshape(rows, gates), cycles.reshape(rows, gates)
    summed = np.cumsum(cycle, axis=0)
    begun = arrival - (summed - cycle)
    np.maximum(begun[0], free_ms, out=begun[0])
    left = summed + np.maximum.accumulate(begun, axis=0)
    free_ms[:] = left[-1]
    return np.asarray(left.reshape(-1)[turn : turn + len(at_ms)], np.int64)
