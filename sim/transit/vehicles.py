"""Trains and buses: who is aboard, how long they stand, which vehicle runs which course.

A vehicle is one process of SimPy for each run along a course. Riders aboard are an array. Where
vehicles cannot pass each other (rails, busways) one waits for the one ahead to clear the stop.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Iterable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from scheme.services import Service
from sim.chance import keyed_uniform
from sim.network import Course

Ids = NDArray[np.int64]
LAYOVER_MS = 240_000  # assumption: a vehicle turns round in four minutes
VEHICLES_MAX = 1_000  # of one line


class Standing(NamedTuple):
    """The linear dwell model of a service: minimum + alighting x a + boarding x b, milliseconds."""

    minimum_ms: int
    alight_ms: int
    board_ms: int


# Minimum and slopes: TransMilenio boards 0.3 s a rider through wide doors level with a pre-paid
# platform; a train has 24 doors (6 cars) or 8 (2 cars). On buses the validator sets the pace.
STANDING = {
    Service.mrt: Standing(25_000, 20, 25),
    Service.lrt: Standing(20_000, 60, 75),
    Service.transjakarta_brt: Standing(8_000, 250, 300),
    Service.transjakarta_bus: Standing(6_000, 0, 0),
    Service.mikrotrans: Standing(3_000, 0, 0),
}
PASSING = frozenset({Service.transjakarta_bus, Service.mikrotrans})
ON_RAIL = frozenset({Service.mrt, Service.lrt})
RUN_SPREAD = {True: (0.98, 0.04), False: (0.85, 0.40)}  # assumption: rail keeps time, traffic not


class Hold(NamedTuple):
    """A named vehicle stands still for a while."""

    at_ms: int
    duration_ms: int
    freeze: int  # which of the scenario's freezes, from 0


@dataclass
class Run:
    """One vehicle on one run along a course.

    Attributes:
        vehicle: Its number, unique over all lines.
        cleared: Stops of the course it has left behind.
        ahead: The run before it on the same course, None if there is none.
        aboard: Rides of those aboard, in order of boarding.
        to: Where each of them alights.
        holds: When it will be held, by instant; those that have taken effect are gone.
        waiter: Event of the follower that waits for this run to move, if any.
    """

    course: Course
    vehicle: int
    ahead: Run | None
    run_ms: list[int]
    holds: list[Hold]
    cleared: int = 0
    aboard: Ids = field(default_factory=lambda: np.zeros(0, np.int64))
    to: Ids = field(default_factory=lambda: np.zeros(0, np.int64))
    waiter: Any = None

    def alight(self, stop: int) -> Ids:
        """Take out those whose stop this is."""
        if not len(self.aboard):
            return self.aboard
        here = self.to == stop
        out: Ids = self.aboard[here]
        if len(out):
            self.aboard, self.to = self.aboard[~here], self.to[~here]
        return out

    def take(self, rides: Ids, to: Ids) -> None:
        """Let riders in."""
        self.aboard = np.concatenate((self.aboard, rides))
        self.to = np.concatenate((self.to, to))

    def clear(self) -> None:
        """Leave a stop behind, and wake the follower."""
        self.cleared += 1
        if self.waiter is not None:
            self.waiter.succeed()
            self.waiter = None


class Fleets:
    """The vehicles of every line: a run takes the one that has stood longest at its first stop.

    There are always spare vehicles; a frozen one delays those behind it, not the timetable.
    """

    def __init__(self, lines: Iterable[str]) -> None:
        self.lines = {line: number for number, line in enumerate(lines, start=1)}
        self._idle: dict[tuple[str, int], deque[tuple[int, int]]] = {}
        self._made = dict.fromkeys(self.lines, 0)

    def number(self, line: str, vehicle: int) -> int:
        """Return the number, over all lines, of a line's n-th vehicle."""
        return self.lines[line] * VEHICLES_MAX + vehicle

    def send(self, line: str, place: int, now_ms: int) -> int:
        """Return the vehicle that leaves a terminus now."""
        idle = self._idle.get((line, place))
        if idle and idle[0][0] + LAYOVER_MS <= now_ms:
            return idle.popleft()[1]
        self._made[line] += 1
        assert self._made[line] < VEHICLES_MAX, f"line {line}: out of vehicle numbers"
        return self.number(line, self._made[line])

    def park(self, line: str, place: int, now_ms: int, vehicle: int) -> None:
        """Let a vehicle stand at a terminus."""
        self._idle.setdefault((line, place), deque()).append((now_ms, vehicle))

    def made(self) -> list[tuple[str, int]]:
        """Return line and number of every vehicle that has been used."""
        return [
            (line, self.number(line, vehicle))
            for line, count in self._made.items()
            for vehicle in range(1, count + 1)
        ]


def run_times(seed: int, course_index: int, run: int, service: Service, base_ms: Ids) -> list[int]:
    """Return how long a run takes from each stop to the next, keyed by course and run."""
    low, spread = RUN_SPREAD[service in ON_RAIL]
    ids = (course_index * 4_096 + run) * 512 + np.arange(len(base_ms))
    factor = low + spread * keyed_uniform(seed, "run-time", ids)
    return [int(ms) for ms in np.rint(base_ms * factor)]


def stand_still(env: Any, run: Run) -> Generator[Any, Any, list[Hold]]:
    """Stand still for every hold that has come; return them."""
    held = []
    while run.holds and run.holds[0].at_ms <= env.now:
        held.append(run.holds.pop(0))
        yield env.timeout(held[-1].duration_ms)
    return held


def wait_for_clear(env: Any, run: Run, position: int) -> Generator[Any, Any, None]:
    """Wait until the run ahead has left the stop at a position of the course."""
    while run.ahead is not None and run.ahead.cleared <= position:
        run.ahead.waiter = env.event()
        yield run.ahead.waiter
