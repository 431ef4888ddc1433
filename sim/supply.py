"""Supply: one SimPy clock over every train and bus, with riders as arrays between the queues.

Vehicles are processes; riders never are. A rider is a row of `Rides` that stands in a gate's queue,
on a platform or in a vehicle. When a vehicle calls at a stop, the gate banks behind that stop are
first solved up to the instant (Lindley's recursion, `sim.transit.gates`), then riders alight and
board. A bank that only sees riders from outside is solved at the start, one that nobody travels on
from at the end, in one piece.

It knows no card and no fare: who is refused is settled afterwards in `sim.card_state`.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import numpy as np
import simpy
from numpy.typing import NDArray

from scheme.errors import BadInputError
from scheme.services import Direction, Service
from sim.chance import keyed_uniform
from sim.demand import Demand
from sim.network import GATED, Course, Network
from sim.scenario import CapacityFactor, Change, Freeze, RemoveGates
from sim.transit.feeding import BanksBeforeStops, grouped
from sim.transit.gates import NEVER, GateBank, Passed, gates_at
from sim.transit.journal import blank_journal
from sim.transit.platforms import Platform
from sim.transit.result import TransitResult, transit_result
from sim.transit.rides import NO_BANK, Rides, make_rides
from sim.transit.service_time import DrawnServiceTime, ServiceTime
from sim.transit.terminals import RackLane
from sim.transit.vehicles import (
    PASSING,
    STANDING,
    Fleets,
    Hold,
    Run,
    run_times,
    stand_still,
    wait_for_clear,
)

Ids = NDArray[np.int64]
HEAD_START_STOP_MS = 30_000
PATIENCE_MS = 12 * 3_600_000  # nobody travels longer; a run that would is our bug


class Supply:
    """The transit network under way.

    Attributes:
        journal: What has happened to every ride.
        platforms: The queue of each stop.
        banks: The gate banks, entry and exit of each gated place in turn.
        remaining: Rides of each course not yet boarded.
        frozen: How often each freeze of the changes has held a vehicle.
    """

    def __init__(
        self,
        network: Network,
        rides: Rides,
        trips: NDArray[np.void],
        window_ms: tuple[int, int],
        seed: int,
        changes: tuple[Change, ...] = (),
        rack: NDArray[np.bool_] | None = None,
        times: ServiceTime | None = None,
    ) -> None:
        """Set everybody off.

        `window_ms` is when the first trip may and no trip may any more start; vehicles are under
        way before it and run on until everybody has arrived. `rack` marks trips, by row, whose
        riders take the rack's own gates.

        Raises:
            BadInputError: If a change leaves a bank without a gate; names the bank.
        """
        self.network, self.rides, self.seed = network, rides, seed
        self.window_ms = window_ms
        self.journal = blank_journal(len(rides))
        self.platforms = [Platform() for _ in network.stops]
        self.fleets = Fleets(network.lines)
        self.runs: list[Run] = []
        self.capacity = _capacities(network, changes)
        self.freezes = [c for c in changes if isinstance(c, Freeze)]
        self.frozen = [0] * len(self.freezes)
        self._rack = rack[rides.trip] if rack is not None else None
        keys = trips["trip"][rides.trip].astype(np.int64) * 4 + rides.leg
        self._times = times or DrawnServiceTime(seed, keys)
        self.banks = self._banks(changes)
        self._before = BanksBeforeStops(network, rides)
        course_of = network.stops["course"].astype(np.int64)
        courses = len(network.courses)
        self.remaining = np.bincount(course_of[rides.board], minlength=courses).tolist()
        starts = [self._first_departure_ms(index) for index in range(courses)]
        self.env = simpy.Environment(initial_time=min(starts))
        self._set_off(trips)
        for index in range(courses):
            self.env.process(self._dispatch(index, starts[index]))

    def run(self, until_ms: int | None = None) -> None:
        """Run the clock: to an instant, or until the last rider has passed the last gate."""
        self.env.run(until_ms)
        if until_ms is None:
            for number, bank in enumerate(self.banks):
                self._let_through(number, NEVER - 1)
                assert bank.passed == bank.arrived, f"bank {number} holds riders"
            assert not any(self.remaining), "riders were left behind"

    @property
    def now_ms(self) -> int:
        """The clock."""
        return int(self.env.now)

    def _banks(self, changes: tuple[Change, ...]) -> list[GateBank]:
        removed: dict[tuple[int, int], int] = {}
        for change in changes:
            if isinstance(change, RemoveGates):
                key = change.place, int(change.direction)
                removed[key] = removed.get(key, 0) + change.count
        banks = []
        for place, way in zip(self.rides.bank_place, self.rides.bank_direction, strict=True):
            row = int(self.network.row[place])
            built, taken = gates_at(self.network, row), removed.get((int(place), int(way)), 0)
            if taken >= built:
                where = f"remove_gates at {self.network.places[row].name!r} {Direction(way).name}"
                raise BadInputError.at(where, expected=f"fewer than its {built} gates", got=taken)
            banks.append(GateBank(built - taken, Direction(way), self._times))
        return banks

    def _set_off(self, trips: NDArray[np.void]) -> None:
        first = np.flatnonzero(np.diff(self.rides.trip, prepend=-1))
        self._proceed(first, trips["at_ms"][self.rides.trip[first]])
        for number in np.unique(self.rides.enter[first]):
            if number != NO_BANK and int(number) not in self._before.fed:
                self._let_through(int(number), NEVER - 1)

    def _proceed(self, rides: Ids, at_ms: Ids) -> None:
        """Send riders on their way to the vehicles of these rides."""
        at_ms = at_ms + self.rides.walk_ms[rides]
        enter = self.rides.enter[rides]
        for bank, who in grouped(enter):
            if bank == NO_BANK:
                self._announce(rides[who], at_ms[who])
            else:
                self.journal.came_ms[rides[who]] = at_ms[who]
                self.banks[bank].arrive(rides[who], at_ms[who])

    def _announce(self, rides: Ids, ready_ms: Ids) -> None:
        self.journal.ready_ms[rides] = ready_ms
        for stop, who in grouped(self.rides.board[rides]):
            self.platforms[stop].announce(rides[who], ready_ms[who])

    def _let_through(self, number: int, until_ms: int) -> None:
        bank = self.banks[number]
        passed = bank.let_through(until_ms, self._rack)
        if passed is None:
            return
        if bank.direction is Direction.entry:
            self.journal.enter_ms[passed.rides] = passed.tapped_ms
            self.journal.enter_lane[passed.rides] = passed.lane
            self._announce(passed.rides, passed.left_ms + self.rides.in_ms[passed.rides])
        else:
            self._exit(passed)

    def _exit(self, passed: Passed) -> None:
        self.journal.exit_ms[passed.rides] = passed.tapped_ms
        self.journal.exit_lane[passed.rides] = passed.lane
        self._end(passed.rides, passed.left_ms)

    def _end(self, rides: Ids, at_ms: Ids) -> None:
        self.journal.ended_ms[rides] = at_ms
        on = ~self.rides.last[rides]
        if on.any():
            self._proceed(rides[on] + 1, at_ms[on])

    def _first_departure_ms(self, index: int) -> int:
        """Early enough that every stop of the course is served when the window begins."""
        course = self.network.courses[index]
        run_ms = self.network.stops["run_ms"][course.first : course.first + course.count]
        head_start_ms = int(run_ms.sum()) + course.count * HEAD_START_STOP_MS
        phase = float(keyed_uniform(self.seed, "dispatch", [index])[0])
        return self.window_ms[0] - head_start_ms - int(phase * course.headway_ms)

    def _dispatch(self, index: int, start_ms: int) -> Generator[Any, Any, None]:
        """Send a vehicle every headway while riders are left who will board on the course."""
        course = self.network.courses[index]
        env, ahead, number = self.env, None, 0
        yield env.timeout(start_ms - self.now_ms)
        while self.remaining[index]:
            assert self.now_ms < self.window_ms[1] + PATIENCE_MS, (
                f"line {course.line} never empties"
            )
            ahead = self._send(index, number, ahead)
            number += 1
            yield env.timeout(course.headway_ms)

    def _send(self, index: int, number: int, ahead: Run | None) -> Run:
        course = self.network.courses[index]
        first = int(self.network.stops["place"][course.first])
        vehicle = self.fleets.send(course.line, first, self.now_ms)
        base_ms = self.network.stops["run_ms"][course.first : course.first + course.count]
        run_ms = run_times(self.seed, index, number, course.service, base_ms)
        holds = sorted(
            Hold(freeze.at_ms, freeze.duration_ms, number)
            for number, freeze in enumerate(self.freezes)
            if freeze.line == course.line
            and self.fleets.number(freeze.line, freeze.vehicle) == vehicle
            and freeze.at_ms >= self.now_ms
        )
        run = Run(course, vehicle, None if course.service in PASSING else ahead, run_ms, holds)
        self.runs.append(run)
        self.env.process(self._travel(run, index))
        return run

    def _travel(self, run: Run, index: int) -> Generator[Any, Any, None]:
        env, course = self.env, run.course
        for position in range(course.count):
            if position:
                yield env.timeout(run.run_ms[position])
            if run.ahead is not None and run.ahead.cleared <= position:
                yield from wait_for_clear(env, run, position)
            if run.holds:
                yield from self._hold(run)
            yield env.timeout(self._call(run, index, position))
            if run.holds:
                yield from self._hold(run)
            run.clear()
        run.ahead = None
        place = int(self.network.stops["place"][course.first + course.count - 1])
        self.fleets.park(course.line, place, self.now_ms, run.vehicle)

    def _hold(self, run: Run) -> Generator[Any, Any, None]:
        """Keep a frozen vehicle where it is: on its way to a stop, or at it."""
        for hold in (yield from stand_still(self.env, run)):
            self.frozen[hold.freeze] += 1

    def _call(self, run: Run, index: int, position: int) -> int:
        """Let riders out and in at a stop; return how long the vehicle stands."""
        now, stop = int(self.env.now), run.course.first + position
        for number in self._before.stop[stop]:
            self._let_through(number, now)
        out = run.alight(stop)
        room = self.capacity[index] - len(run.aboard)
        come_in = self.platforms[stop].board(now, room)
        if len(come_in):
            run.take(come_in, self.rides.alight[come_in])
            self.remaining[index] -= len(come_in)
            self.journal.vehicle[come_in] = run.vehicle
        standing = STANDING[run.course.service]
        if not len(out) and not len(come_in):
            return standing.minimum_ms
        if run.course.service in GATED:
            return self._level_doors(out, come_in, run.course, now)
        return self._validator(out, come_in, run.course, now)

    def _level_doors(self, out: Ids, come_in: Ids, course: Course, now: int) -> int:
        """Riders who have paid, or will pay, at a gate."""
        standing = STANDING[course.service]
        open_ms = now + standing.minimum_ms // 4
        inside_ms = open_ms + standing.alight_ms * len(out)
        if len(come_in):
            rank = np.arange(1, len(come_in) + 1)
            self.journal.boarded_ms[come_in] = inside_ms + standing.board_ms * rank
        if len(out):
            alighted_ms = open_ms + standing.alight_ms * np.arange(1, len(out) + 1)
            self.journal.alighted_ms[out] = alighted_ms
            self._walk_out(out, alighted_ms)
        spent_ms = standing.alight_ms * len(out) + standing.board_ms * len(come_in)
        return standing.minimum_ms + spent_ms

    def _walk_out(self, out: Ids, alighted_ms: Ids) -> None:
        gate = self.rides.exit[out]
        at_ms = alighted_ms + self.rides.out_ms[out]
        tapping = (gate != NO_BANK) & self.rides.taps_out[out]
        if tapping.all():
            self._to_exit(gate, out, at_ms)
        else:
            self._to_exit(gate[tapping], out[tapping], at_ms[tapping])
            self._end(out[~tapping], at_ms[~tapping])

    def _to_exit(self, gate: Ids, out: Ids, at_ms: Ids) -> None:
        self.journal.left_ms[out] = at_ms
        for bank, who in grouped(gate):
            self.banks[bank].arrive(out[who], at_ms[who])

    def _validator(self, out: Ids, come_in: Ids, course: Course, now: int) -> int:
        """Riders who tap on the vehicle, one behind the other: first those who leave it."""
        journal, open_ms = self.journal, now + STANDING[course.service].minimum_ms // 2
        begun_ms = open_ms
        if len(out):
            tap_ms, clear_ms = self._times.vehicle(out, Direction.exit)
            left_ms = open_ms + np.cumsum(tap_ms + clear_ms)
            taps = self.rides.taps_out[out]
            journal.alighted_ms[out] = left_ms
            journal.exit_ms[out[taps]] = (left_ms - clear_ms)[taps]
            begun_ms = int(left_ms[-1])
            self._end(out, left_ms)
        if len(come_in):
            tap_ms, clear_ms = self._times.vehicle(come_in, Direction.entry)
            in_ms = begun_ms + np.cumsum(tap_ms + clear_ms)
            journal.boarded_ms[come_in] = in_ms
            journal.enter_ms[come_in] = in_ms - clear_ms
            begun_ms = int(in_ms[-1])
        return begun_ms - now + STANDING[course.service].minimum_ms // 2


def _capacities(network: Network, changes: tuple[Change, ...]) -> list[int]:
    factors: dict[str, float] = {}
    for change in changes:
        if isinstance(change, CapacityFactor):
            factors[change.line] = factors.get(change.line, 1.0) * change.factor
    return [max(1, int(c.capacity * factors.get(c.line, 1.0))) for c in network.courses]


def run_transit(
    network: Network,
    demand: Demand,
    changes: tuple[Change, ...] = (),
    seed: int = 0,
    operators: dict[Service, int] | None = None,
    rack_lanes: tuple[RackLane, ...] = (),
    rack_trips: NDArray[np.bool_] | None = None,
) -> TransitResult:
    """Carry everybody to their goal; return every tap, wait and count.

    `operators` gives participant numbers for the terminals. `rack_trips` marks trips, by row, whose
    riders take the rack's lanes at every bank they pass; each such bank must be in `rack_lanes`.

    Raises:
        BadInputError: If a change leaves a bank without a gate.
    """
    rides = make_rides(network, demand.paths, demand.trips, seed)
    supply = Supply(network, rides, demand.trips, demand.window_ms, seed, changes, rack_trips)
    supply.run()
    return transit_result(supply, demand.trips, operators or {}, rack_lanes)
