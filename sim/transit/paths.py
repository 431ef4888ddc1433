"""Shortest ways between all pairs of places: paid legs, and the vehicles ridden within each.

A *paid leg* runs from the tap that opens it to the tap that ends it; at Transjakarta's halts it may
ride several vehicles, since the change inside the paid area asks for no tap. Everything is computed
for all pairs at once, a round a vehicle and a round a paid leg, in NumPy. Times are what a rider
expects (half a headway of waiting), not what the morning will bring.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scheme.services import Service
from sim.network import GATED, Course, Network

RIDES_MAX = 4  # vehicles within one paid leg
LEGS_MAX = 3  # paid legs within one trip
GATE_MS = 45_000  # expected: gate, stairs, gate
STAND_MS = 20_000  # expected stand at each stop
CHANGE_MS = 180_000  # what a change of vehicle must save to be taken
LEG_MS = 420_000  # what another paid leg must save to be taken
FAR = np.int64(1 << 40)

Times = NDArray[np.int64]


@dataclass(frozen=True)
class Paths:
    """Ways between places; every array is indexed by rows of `Network.places`.

    Attributes:
        legs_ms: Expected time of one paid leg, shape (from, to), `FAR` where there is none.
        rides: Vehicles within that leg.
        board: Stop where the k-th vehicle is boarded, shape (from, to, RIDES_MAX), -1 if none.
        alight: Stop where it is left.
        walk_ms: Walk inside the paid area before the k-th vehicle; the last is before the exit.
        trip_ms: Expected time of the best trip, `FAR` where more than `LEGS_MAX` legs are needed.
        legs: Paid legs of the best trip.
        via: For the best trip of k + 2 legs: row of `Network.walks` before its last leg.
    """

    network: Network
    legs_ms: Times
    rides: NDArray[np.int8]
    board: NDArray[np.int32]
    alight: NDArray[np.int32]
    walk_ms: Times
    trip_ms: Times
    legs: NDArray[np.int8]
    via: NDArray[np.int32]

    def trip_legs(
        self, origin: NDArray[np.int64], destination: NDArray[np.int64]
    ) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
        """Return rows where each paid leg begins and ends and the walk before it.

        Shapes are (trips, LEGS_MAX); legs that a trip lacks are -1.
        """
        count = self.legs[origin, destination].astype(np.int64)
        start = np.full((len(origin), LEGS_MAX), -1, np.int64)
        end, walk = start.copy(), np.zeros_like(start)
        walks, row = self.network.walks, self.network.row
        goal = destination.copy()
        for leg in range(LEGS_MAX - 1, 0, -1):
            has = np.flatnonzero(count > leg)
            step = walks[self.via[leg - 1, origin[has], goal[has]]]
            start[has, leg], end[has, leg] = row[step["to"]], goal[has]
            walk[has, leg] = step["walk_ms"]
            goal[has] = row[step["from"]]
        start[:, 0], end[:, 0] = origin, goal
        return start, end, walk


def find_paths(network: Network) -> Paths:
    """Return the shortest ways of a network."""
    size = len(network.places)
    legs_ms = np.full((size, size), FAR, np.int64)
    rides = np.zeros((size, size), np.int8)
    board = np.full((size, size, RIDES_MAX), -1, np.int32)
    alight = board.copy()
    walk_ms = np.zeros((size, size, RIDES_MAX + 1), np.int64)
    for group in _groups(network):
        found = _Inside(network, group)
        rows = np.ix_(found.rows, found.rows)
        better = found.best < legs_ms[rows]
        gate = GATE_MS if group[0].service in GATED else 0
        legs_ms[rows] = np.where(better, found.best + gate, legs_ms[rows])
        rides[rows] = np.where(better, found.rides, rides[rows])
        for whole, part in ((board, found.board), (alight, found.alight), (walk_ms, found.walk_ms)):
            whole[rows] = np.where(better[:, :, None], part, whole[rows])
    trip_ms, legs, via = _trips(network, legs_ms)
    return Paths(network, legs_ms, rides, board, alight, walk_ms, trip_ms, legs, via)


def _groups(network: Network) -> list[list[Course]]:
    """Courses between which one may change without a tap: those of Transjakarta's halts."""
    groups: dict[object, list[Course]] = {}
    for course in network.courses:
        brt = course.service is Service.transjakarta_brt
        groups.setdefault(course.service if brt else course.line, []).append(course)
    return list(groups.values())


class _Inside:
    """Shortest ways within one paid area, over the places of some courses.

    A round lets every rider take one more vehicle and then walk one link at most. Only the labels
    that a round improves are kept, so a way is read back from the last round that improved it.
    """

    def __init__(self, network: Network, courses: list[Course]) -> None:
        self.network = network
        self.courses = courses
        places = network.stops["place"]
        called = np.concatenate([places[c.first : c.first + c.count] for c in courses])
        self.rows = np.unique(network.row[called])
        self.local = np.full(len(network.places), -1, np.int64)
        self.local[self.rows] = np.arange(len(self.rows))
        self.links = self._links()
        self.best, self.rides = self._search()
        self._read_back()

    def _links(self) -> list[tuple[int, int, int]]:
        links = []
        for link in self.network.links:
            a, b = (int(self.local[self.network.row[link[end]]]) for end in ("from", "to"))
            if a >= 0 and b >= 0:
                links.append((a, b, int(link["walk_ms"])))
        return links

    def _search(self) -> tuple[Times, NDArray[np.int8]]:
        size = len(self.rows)
        label = np.full((size, size), FAR, np.int64)
        np.fill_diagonal(label, 0)
        label, self.entry_link = self._walk(label)
        best = np.full((size, size), FAR, np.int64)
        rides = np.zeros((size, size), np.int8)
        self.rounds = []
        for ride in range(RIDES_MAX if len(self.courses) > 2 else 1):
            arrived, boarded, alighted = self._ride(label, CHANGE_MS if ride else 0)
            walked, link = self._walk(arrived)
            self.rounds.append((boarded, alighted, link))
            better = walked < best
            best, rides = np.where(better, walked, best), np.where(better, ride + 1, rides)
            label = walked
        return best, rides.astype(np.int8)

    def _ride(
        self, label: Times, change_ms: int
    ) -> tuple[Times, NDArray[np.int32], NDArray[np.int32]]:
        arrived = np.full_like(label, FAR)
        boarded = np.full(label.shape, -1, np.int32)
        alighted = boarded.copy()
        for course in self.courses:
            aboard = np.full(len(label), FAR, np.int64)
            stop_aboard = np.full(len(label), -1, np.int32)
            for stop in range(course.first, course.first + course.count):
                at = int(self.local[self.network.row[self.network.stops["place"][stop]]])
                aboard = aboard + int(self.network.stops["run_ms"][stop])
                off = aboard < arrived[:, at]
                arrived[off, at], alighted[off, at] = aboard[off], stop
                boarded[off, at] = stop_aboard[off]
                fresh = label[:, at] + course.headway_ms // 2 + change_ms
                on = fresh < aboard
                aboard = np.where(on, fresh, aboard) + STAND_MS
                stop_aboard = np.where(on, np.int32(stop), stop_aboard)
        return arrived, boarded, alighted

    def _walk(self, label: Times) -> tuple[Times, NDArray[np.int32]]:
        walked = label.copy()
        link = np.full(label.shape, -1, np.int32)
        for number, (a, b, walk_ms) in enumerate(self.links):
            better = label[:, a] + walk_ms < walked[:, b]
            walked[better, b], link[better, b] = label[better, a] + walk_ms, number
        return walked, link

    def _read_back(self) -> None:
        size = len(self.rows)
        self.board = np.full((size, size, RIDES_MAX), -1, np.int32)
        self.alight = self.board.copy()
        self.walk_ms = np.zeros((size, size, RIDES_MAX + 1), np.int64)
        origin, goal = np.divmod(np.arange(size * size), size)
        at, rides = goal.copy(), self.rides[origin, goal]
        for ride in range(len(self.rounds), 0, -1):
            on = np.flatnonzero((rides >= ride) & (self.best[origin, goal] < FAR))
            boarded, alighted, link = self.rounds[ride - 1]
            self._unwalk(link, origin, goal, at, on, ride)
            here = origin[on], at[on]
            self.board[origin[on], goal[on], ride - 1] = boarded[here]
            self.alight[origin[on], goal[on], ride - 1] = alighted[here]
            at[on] = self.local[self.network.row[self.network.stops["place"][boarded[here]]]]
        self._unwalk(self.entry_link, origin, goal, at, np.flatnonzero(rides > 0), 0)

    def _unwalk(
        self,
        link: NDArray[np.int32],
        origin: NDArray[np.int64],
        goal: NDArray[np.int64],
        at: NDArray[np.int64],
        on: NDArray[np.int64],
        slot: int,
    ) -> None:
        taken = link[origin[on], at[on]]
        walked, taken = on[taken >= 0], taken[taken >= 0]
        if len(walked):
            table = np.array(self.links, np.int64)
            self.walk_ms[origin[walked], goal[walked], slot] = table[taken, 2]
            at[walked] = table[taken, 0]


def _trips(network: Network, legs_ms: Times) -> tuple[Times, NDArray[np.int8], NDArray[np.int32]]:
    """Join paid legs over walks on the street, one more leg a round."""
    best = legs_ms.copy()
    legs = (legs_ms < FAR).astype(np.int8)
    via = np.full((LEGS_MAX - 1, *legs_ms.shape), -1, np.int32)
    before = legs_ms
    row = network.row
    for leg in range(1, LEGS_MAX):
        joined = np.full_like(legs_ms, FAR)
        for number, walk in enumerate(network.walks):
            last = legs_ms[row[walk["to"]]]
            reach = np.flatnonzero(last < FAR)
            on_ms = int(walk["walk_ms"]) + LEG_MS + last[reach]
            total = before[:, row[walk["from"]], None] + on_ms
            better = total < joined[:, reach]
            joined[:, reach] = np.where(better, total, joined[:, reach])
            via[leg - 1][:, reach] = np.where(better, number, via[leg - 1][:, reach])
        np.fill_diagonal(joined, FAR)
        better = joined < best
        best, legs = np.where(better, joined, best), np.where(better, leg + 1, legs).astype(np.int8)
        before = joined
    return best, legs, via
