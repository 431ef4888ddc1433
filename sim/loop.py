"""The loop: the gates of one station in step with real time, some of them on a rack.

Riders come as they are given, take the gates in turn, and queue behind the gate they took. A gate
is busy with a rider for the tap and for walking through. The tap at a gate of the rack takes as
long as the rack takes, and ends as it ends there; at the others it takes the reference time.

The rack is a function handed in: it is told of a presentation and answers through the ticket.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import simpy
from numpy.typing import NDArray

from scheme.errors import BadInputError, EnvironmentFaultError, RunInvalidError
from sim.lindley import Micros, lindley
from sim.pacer import Clock, Late, Pacer, Pacing, Ticket, WallClock

STEPS_ASIDE_US = 600_000  # who is refused turns round and makes room: assumption
REFERENCE = "reference"  # the outcome at a gate that no device stands for
NOT_SERVED = -1


@dataclass(frozen=True)
class Station:
    """The riders who come to the gates one way of a station, and the gates.

    Attributes:
        arrived_us: When each comes, microseconds from the start, not falling.
        tap_us: How long the reference reader takes for each.
        clear_us: How long each walks through.
        gates: How many gates there are.
        on_rack: Which of them, from 0, are the rack's.
    """

    arrived_us: Micros
    tap_us: Micros
    clear_us: Micros
    gates: int
    on_rack: tuple[int, ...]

    def __post_init__(self) -> None:
        if self.gates < 1 or not set(self.on_rack) <= set(range(self.gates)):
            got = f"{len(self.on_rack)} on the rack of {self.gates}"
            raise BadInputError.at("gates", expected="at least those of the rack", got=got)

    def gate_of(self, rider: int) -> int:
        """Return the gate that a rider takes."""
        return rider % self.gates


class Presentation(NamedTuple):
    """A rider who holds a card to a gate of the rack; `at_us` from the start."""

    rider: int
    gate: int
    at_us: int


class Answer(NamedTuple):
    """How it ended: whether the gate opened, and in a word."""

    accepted: bool
    outcome: str


Serve = Callable[[Presentation, Ticket], None]


@dataclass(frozen=True)
class Looped:
    """What came of a loop; columns have a row a rider, `NOT_SERVED` where it was stopped before.

    Attributes:
        begun_us: When the gate was the rider's.
        tapped_us: When the outcome was there.
        left_us: When the gate was free again.
        service_us: How long the gate was needed: the tap as it was measured, and the walk.
        planned_ns: Real instant at which the card was to be presented; 0 off the rack, as below.
        dispatched_ns: When the rack presented it.
        answered_ns: When the rack had the outcome.
        error: Why the bench ended it, None if it did not.
        stopped: Why it is not to be judged, empty if it is: a policy, or lateness over its budget.
    """

    station: Station
    begun_us: Micros
    tapped_us: Micros
    left_us: Micros
    service_us: Micros
    planned_ns: Micros
    dispatched_ns: Micros
    answered_ns: Micros
    outcome: list[str]
    late: list[Late]
    lateness_ns: Micros
    corrected: int
    freezes: int
    frozen_ns: int
    stopped: str
    error: EnvironmentFaultError | None

    @property
    def wait_us(self) -> Micros:
        """How long each served rider waited, in order of riders."""
        served = self.served
        return np.asarray(self.begun_us[served] - self.station.arrived_us[served], np.int64)

    @property
    def served(self) -> NDArray[np.int64]:
        """The riders who went through."""
        return np.flatnonzero(self.left_us != NOT_SERVED)

    def of_gate(self, gate: int) -> NDArray[np.int64]:
        """Return the served riders of a gate, in order."""
        served = self.served
        return np.asarray(served[served % self.station.gates == gate], np.int64)

    def theory_us(self, gate: int, service_us: Micros | None = None) -> Micros:
        """Return how long its riders would have waited by Lindley's recursion.

        Args:
            service_us: How long the gate is needed by each rider, if not as it was measured.
        """
        riders = self.of_gate(gate)
        needed = self.service_us if service_us is None else service_us
        return lindley(self.station.arrived_us[riders], needed[riders])


class Loop:
    """A station under way; `run` once."""

    def __init__(self, station: Station, serve: Serve, pacing: Pacing, clock: Clock) -> None:
        self._station = station
        self._serve = serve
        self._speed = pacing.speed
        self._env = simpy.Environment()
        self._pacer = Pacer(self._env, pacing, clock)
        count = len(station.arrived_us)
        self._begun, self._tapped, self._left, self._service = (
            np.full(count, NOT_SERVED, np.int64) for _ in range(4)
        )
        self._outcome = [""] * count
        self._tickets: dict[int, Ticket] = {}
        self._through = 0
        self._queues = [simpy.Store(self._env) for _ in range(station.gates)]
        self._env.process(self._come())
        for gate in range(station.gates):
            self._env.process(self._gate(gate))

    def run(self) -> Looped:
        """Let everybody through, or stop as the policy says or where the bench breaks."""
        stopped, error = "", None
        try:
            self._pacer.run(lambda: self._through == len(self._outcome))
            stopped = self._pacer.over_budget
        except RunInvalidError as late:
            stopped = str(late)
        except EnvironmentFaultError as broken:
            error = broken
        clocks = np.zeros((3, len(self._outcome)), np.int64)
        for rider, ticket in self._tickets.items():
            clocks[:, rider] = ticket.planned_ns, ticket.began_ns, ticket.answered_ns
        pacer = self._pacer
        return Looped(
            self._station, self._begun, self._tapped, self._left, self._service,
            clocks[0], clocks[1], clocks[2],
            self._outcome, self._late(), np.array(pacer.lateness_ns, np.int64),
            pacer.corrected, pacer.freezes, pacer.frozen_ns, stopped, error,
        )  # fmt: skip

    def _late(self) -> list[Late]:
        """Return what was late, taps by their rider."""
        riders = {ticket.number: rider for rider, ticket in self._tickets.items()}
        return [late._replace(tap=riders.get(late.tap, -1)) for late in self._pacer.late]

    def _come(self) -> Generator[Any, Any, None]:
        for rider, at_us in enumerate(self._station.arrived_us.tolist()):
            yield self._env.timeout(at_us - int(self._env.now))
            self._queues[self._station.gate_of(rider)].put(rider)

    def _gate(self, gate: int) -> Generator[Any, Any, None]:
        env, station, on_rack = self._env, self._station, gate in self._station.on_rack
        while True:
            rider = yield self._queues[gate].get()
            self._begun[rider] = begun = int(env.now)
            clear_us = int(station.clear_us[rider])
            if on_rack:
                answer = yield self._present(Presentation(rider, gate, begun))
                ticket = self._tickets[rider]
                took_us = round((ticket.answered_ns - ticket.began_ns) * self._speed / 1_000)
                clear_us = clear_us if answer.accepted else min(clear_us, STEPS_ASIDE_US)
            else:
                answer, took_us = Answer(True, REFERENCE), int(station.tap_us[rider])
                yield env.timeout(took_us)
            self._tapped[rider] = int(env.now)
            yield env.timeout(clear_us)
            self._left[rider], self._service[rider] = int(env.now), took_us + clear_us
            self._outcome[rider] = answer.outcome
            self._through += 1

    def _present(self, presentation: Presentation) -> Any:
        def begin(ticket: Ticket) -> None:
            self._tickets[presentation.rider] = ticket
            self._serve(presentation, ticket)

        return self._pacer.ask(begin)


def run_loop(
    station: Station, serve: Serve, pacing: Pacing, clock: Clock | None = None
) -> Looped:
    """Let the riders of a station through its gates in step with real time.

    Args:
        serve: Presents a card at a gate of the rack. It returns at once; from any thread it says
            by the ticket when it began and how it ended.
    """
    return Loop(station, serve, pacing, clock or WallClock()).run()
