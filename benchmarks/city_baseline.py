"""The baseline of `benchmarks.city`: one SimPy process a rider, as it is usually written.

Same riders, gates, stops, vehicles, capacities, service times and walks as `sim.supply`, and the
same tap columns at the end. Gates are a `simpy.Resource` a bank; a rider waits on a platform for an
event that the vehicle triggers, and aboard for another. Dwell follows the same linear model.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Generator
from typing import Any

import numpy as np
import simpy
from numpy.typing import NDArray

from scheme.services import Direction
from sim.demand import Demand
from sim.intents import INTENT_DTYPE, Act
from sim.network import GATED, Network
from sim.transit.gates import gates_at
from sim.transit.rides import NO_BANK, Rides, make_rides
from sim.transit.service_time import DrawnServiceTime
from sim.transit.vehicles import PASSING, STANDING, run_times

HEAD_START_MS = 2 * 3_600_000


class RiderProcesses:
    """The network with a process for every rider and every vehicle."""

    def __init__(self, network: Network, demand: Demand, seed: int) -> None:
        """Set everybody off."""
        self.network, self.seed = network, seed
        rides = make_rides(network, demand.paths, demand.trips, seed)
        keys = demand.trips["trip"][rides.trip].astype(np.int64) * 4 + rides.leg
        self._take_times(DrawnServiceTime(seed, keys), len(rides))
        self._take_columns(rides)
        self.env = simpy.Environment(initial_time=demand.window_ms[0] - HEAD_START_MS)
        places = network.row[rides.bank_place]
        self.banks = [simpy.Resource(self.env, gates_at(network, int(row))) for row in places]
        self.platforms: list[deque[tuple[Any, int]]] = [deque() for _ in network.stops]
        self.taps: list[tuple[int, int, int]] = []  # ride, side, instant
        course = network.stops["course"][rides.board]
        self.remaining = np.bincount(course, minlength=len(network.courses)).tolist()
        self._demand, self._rides = demand, rides
        first = np.flatnonzero(np.diff(rides.trip, prepend=-1)).tolist()
        starts = demand.trips["at_ms"].tolist()
        for ride in first:
            self.env.process(self._rider(ride, starts[self.trip[ride]]))
        for index in range(len(network.courses)):
            self.env.process(self._dispatch(index))

    def _take_times(self, times: DrawnServiceTime, count: int) -> None:
        every = np.arange(count)
        sides = (Direction.entry, Direction.exit)
        self.gate = [[c.tolist() for c in times.gate(every, side)] for side in sides]
        self.door = [[c.tolist() for c in times.vehicle(every, side)] for side in sides]

    def _take_columns(self, rides: Rides) -> None:
        self.trip, self.board = rides.trip.tolist(), rides.board.tolist()
        self.alight, self.enter = rides.alight.tolist(), rides.enter.tolist()
        self.exit, self.walk_ms = rides.exit.tolist(), rides.walk_ms.tolist()
        self.in_ms, self.out_ms = rides.in_ms.tolist(), rides.out_ms.tolist()
        self.last, self.taps_out = rides.last.tolist(), rides.taps_out.tolist()

    def run(self) -> NDArray[np.void]:
        """Run until everybody has arrived; return the taps as `INTENT_DTYPE`, by instant."""
        self.env.run()
        ride, side, at_ms = np.array(self.taps, np.int64).T
        rides, trips, places = self._rides, self._demand.trips, self.network.stops["place"]
        bank = np.where(side == 0, rides.enter[ride], rides.exit[ride])
        stop = np.where(side == 0, rides.board[ride], rides.alight[ride])
        taps = np.zeros(len(ride), INTENT_DTYPE)
        taps["card_index"] = trips["card_index"][rides.trip[ride]]
        taps["trip"] = trips["trip"][rides.trip[ride]]
        taps["at_ms"], taps["leg"], taps["act"] = at_ms, rides.leg[ride], Act.tap
        taps["place"] = np.where(bank == NO_BANK, places[stop], rides.bank_place[bank])
        taps["terminal_index"] = np.where(bank == NO_BANK, 0, bank)
        return taps[np.lexsort((taps["card_index"], taps["at_ms"]))]

    def _rider(self, ride: int, at_ms: int) -> Generator[Any, Any, None]:
        env = self.env
        yield env.timeout(at_ms - env.now)
        while True:
            if self.walk_ms[ride]:
                yield env.timeout(self.walk_ms[ride])
            if self.enter[ride] != NO_BANK:
                yield from self._pass(self.enter[ride], ride, 0)
                yield env.timeout(self.in_ms[ride])
            aboard = env.event()
            self.platforms[self.board[ride]].append((aboard, ride))
            yield (yield aboard)
            if self.exit[ride] != NO_BANK:
                yield env.timeout(self.out_ms[ride])
                if self.taps_out[ride]:
                    yield from self._pass(self.exit[ride], ride, 1)
            if self.last[ride]:
                return
            ride += 1

    def _pass(self, bank: int, ride: int, side: int) -> Generator[Any, Any, None]:
        tap_ms, clear_ms = self.gate[side]
        with self.banks[bank].request() as gate:
            yield gate
            yield self.env.timeout(tap_ms[ride])
            self.taps.append((ride, side, int(self.env.now)))
            yield self.env.timeout(clear_ms[ride])

    def _dispatch(self, index: int) -> Generator[Any, Any, None]:
        course, number = self.network.courses[index], 0
        ahead = [self.env.event().succeed() for _ in range(course.count)]
        while self.remaining[index]:
            cleared = [self.env.event() for _ in range(course.count)]
            self.env.process(self._vehicle(index, number, cleared, ahead))
            ahead, number = cleared, number + 1
            yield self.env.timeout(course.headway_ms)

    def _vehicle(
        self, index: int, number: int, cleared: list[Any], ahead: list[Any]
    ) -> Generator[Any, Any, None]:
        env, course = self.env, self.network.courses[index]
        stops = self.network.stops["run_ms"][course.first : course.first + course.count]
        run_ms = run_times(self.seed, index, number, course.service, stops)
        aboard: dict[int, list[tuple[Any, int]]] = {}
        load = 0
        for position in range(course.count):
            yield env.timeout(run_ms[position])
            if course.service not in PASSING and not ahead[position].processed:
                yield ahead[position]
            stop = course.first + position
            out = aboard.pop(stop, [])
            platform = self.platforms[stop]
            come_in = [platform.popleft() for _ in range(
                min(len(platform), course.capacity - load + len(out)))]  # fmt: skip
            load += len(come_in) - len(out)
            self.remaining[index] -= len(come_in)
            yield env.timeout(self._stand(index, out, come_in, aboard))
            cleared[position].succeed()

    def _stand(
        self,
        index: int,
        out: list[tuple[Any, int]],
        come_in: list[tuple[Any, int]],
        aboard: dict[int, list[tuple[Any, int]]],
    ) -> int:
        """Let riders out and in; return how long the vehicle stands."""
        course = self.network.courses[index]
        standing, now = STANDING[course.service], int(self.env.now)
        spent_ms = standing.minimum_ms
        for alighted, ride in out:
            alighted.succeed()
            if course.service in GATED:
                spent_ms += standing.alight_ms
            else:
                tap_ms, clear_ms = self.door[1][0][ride], self.door[1][1][ride]
                if self.taps_out[ride]:
                    self.taps.append((ride, 1, now + spent_ms + tap_ms))
                spent_ms += tap_ms + clear_ms
        for event, ride in come_in:
            alighted = self.env.event()
            event.succeed(alighted)
            aboard.setdefault(self.alight[ride], []).append((alighted, ride))
            if course.service in GATED:
                spent_ms += standing.board_ms
            else:
                tap_ms, clear_ms = self.door[0][0][ride], self.door[0][1][ride]
                self.taps.append((ride, 0, now + spent_ms + tap_ms))
                spent_ms += tap_ms + clear_ms
        return spent_ms
