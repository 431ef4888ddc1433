"""The pacer: a SimPy clock in step with a real one, that wakes when a device has something to say.

Every event of the city has an absolute deadline, and none is moved because one before it was late.
What a device did is stamped with the instant at which it did it, and never earlier than the last
event: the city does not go back. Lateness beyond a tolerance, which has nothing to do with the unit
of the clock, is kept and met by a policy:

    continue    the city goes on; what is late catches up
    freeze      the city stands still for as long as the lateness lasted, and goes on from there
    abort       the run ends at once

A tap that is handed to a rack is late if the rack does not begin it in time, so that a rack which
stands still is seen while it does. City instants are microseconds from the start, real ones
monotonic nanoseconds.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from queue import Empty, SimpleQueue
from typing import Any, NamedTuple, Protocol

import simpy

from scheme.errors import BadInputError, EnvironmentFaultError, RunInvalidError

LEAD_NS = 50_000_000  # between setting off and the first instant
FAR_NS = 1 << 62


class Policy(Enum):
    """What is done about lateness."""

    go_on = "continue"
    freeze = "freeze"
    abort = "abort"


class Clock(Protocol):
    """What tells real time; a test may bring one that jumps."""

    def now_ns(self) -> int:
        """Return the instant, nanoseconds, never less than before."""
        ...

    def wait_until(self, at_ns: int) -> None:
        """Return at an instant, or earlier if somebody wakes it."""
        ...

    def wake(self) -> None:
        """End the wait that is under way, or else the next one; from any thread."""
        ...


class WallClock:
    """The machine's monotonic clock."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._woken = False

    def now_ns(self) -> int:
        """Return the instant, nanoseconds."""
        return time.monotonic_ns()

    def wait_until(self, at_ns: int) -> None:
        """Return at an instant, or earlier if somebody wakes it."""
        with self._changed:
            left_ns = at_ns - time.monotonic_ns()
            if not self._woken and left_ns > 0:
                self._changed.wait(min(left_ns / 1e9, threading.TIMEOUT_MAX))
            self._woken = False

    def wake(self) -> None:
        """End the wait that is under way, or else the next one."""
        with self._changed:
            self._woken = True
            self._changed.notify()


@dataclass(frozen=True, slots=True)
class Pacing:
    """How strictly the city keeps step.

    Attributes:
        speed: City seconds to a real one.
        tolerance_ns: Lateness up to here is none.
        budget_share: The most of all events that may be late.
        budget_ns: The most that an event may be late.
        patience_ns: How long a device may take to answer before it is given up.
    """

    speed: float = 1.0
    policy: Policy = Policy.go_on
    tolerance_ns: int = 50_000_000
    budget_share: float = 0.01
    budget_ns: int = 500_000_000
    patience_ns: int = 30_000_000_000

    def __post_init__(self) -> None:
        if self.speed <= 0:
            raise BadInputError.at("--speed", expected="more than 0", got=self.speed)


class Late(NamedTuple):
    """An event that was late; real instants, nanoseconds.

    Attributes:
        tap: Number of the tap that a rack began late, -1 for an event of the city.
        planned_ns: When it should have been.
        dispatched_ns: When it was.
        answered_ns: When the rack had done with it, 0 for an event of the city.
        absorbed: Whether the city stood still meanwhile.
    """

    tap: int
    planned_ns: int
    dispatched_ns: int
    answered_ns: int
    absorbed: bool

    @property
    def lateness_ns(self) -> int:
        """By how much."""
        return self.dispatched_ns - self.planned_ns


@dataclass
class Ticket:
    """A tap in the hands of a rack, which tells of it from any thread.

    Attributes:
        event: What the city waits for; its value is the rack's answer.
        began_ns: When the rack began, 0 before it has.
        answered_ns: When it was done, 0 before.
    """

    number: int
    planned_ns: int
    asked_ns: int
    event: Any
    tell: Callable[[Ticket, str, int, Any], None] = field(repr=False)
    began_ns: int = 0
    answered_ns: int = 0
    late: bool = False
    absorbed: bool = False

    def began(self, at_ns: int) -> None:
        """Say that the card is presented now."""
        self.tell(self, "began", at_ns, None)

    def answered(self, at_ns: int, answer: Any) -> None:
        """Say how it ended."""
        self.tell(self, "answered", at_ns, answer)

    def failed(self, error: BaseException) -> None:
        """Say that the bench broke; the run ends with this error."""
        self.tell(self, "failed", 0, error)


class Pacer:
    """Runs a SimPy environment whose times are whole microseconds.

    Attributes:
        steps: Events of the city so far.
        tickets: Taps that were handed to the rack, by number.
        lateness_ns: Of every event and every tap that was begun, 0 if it was early or in time.
        corrected: Answers that the city had already gone past, or that came while it stood still.
        frozen_ns: How long the city has stood still.
        freezes: How often.
    """

    def __init__(self, env: simpy.Environment, pacing: Pacing, clock: Clock) -> None:
        self.steps = self.corrected = self.frozen_ns = self.freezes = 0
        self.tickets: list[Ticket] = []
        self.lateness_ns: list[int] = []
        self._env = env
        self._pacing = pacing
        self._clock = clock
        self._inbox: SimpleQueue[tuple[Ticket, str, int, Any]] = SimpleQueue()
        self._origin_ns = clock.now_ns() + LEAD_NS
        self._start_us = int(env.now)
        self._open: dict[int, Ticket] = {}
        self._late_events: list[Late] = []
        self._holding = False

    @property
    def late(self) -> list[Late]:
        """Every event that was late, taps among them, in the order of their plan."""
        taps = [
            Late(t.number, t.planned_ns, t.began_ns, t.answered_ns, t.absorbed)
            for t in self.tickets
            if t.late
        ]
        return sorted([*self._late_events, *taps], key=lambda late: late.planned_ns)

    @property
    def over_budget(self) -> str:
        """Why the lateness is more than its budget, empty if it is not."""
        late = [each for each in self.late if not each.absorbed]
        events, pacing = len(self.lateness_ns), self._pacing
        worst_ns = max((each.lateness_ns for each in late), default=0)
        if worst_ns > pacing.budget_ns:
            return (
                f"lateness: expected at most {pacing.budget_ns / 1e6:,.0f} ms, "
                f"got {worst_ns / 1e6:,.0f} ms"
            )
        if len(late) > pacing.budget_share * events:
            return (
                f"lateness: expected at most {pacing.budget_share:.1%} of {events:,} events later "
                f"than {pacing.tolerance_ns / 1e6:,.0f} ms, got {len(late):,}"
            )
        return ""

    def wall(self, at_us: int) -> int:
        """Return the real instant of a city instant."""
        return self._origin_ns + math.ceil((at_us - self._start_us) * 1_000 / self._pacing.speed)

    def city(self, at_ns: int) -> int:
        """Return the city instant of a real one."""
        return self._start_us + int((at_ns - self._origin_ns) * self._pacing.speed // 1_000)

    def ask(self, begin: Callable[[Ticket], None]) -> Any:
        """Hand a tap to a rack now; return the SimPy event of its answer.

        `begin` returns at once, and the ticket is told of from then on.
        """
        planned_ns = self.wall(int(self._env.now))
        ticket = Ticket(
            len(self.tickets), planned_ns, self._clock.now_ns(), self._env.event(), self._tell
        )
        self.tickets.append(ticket)
        self._open[ticket.number] = ticket
        begin(ticket)
        return ticket.event

    def run(self, done: Callable[[], bool]) -> None:
        """Step the city at its instants until it is done.

        Raises:
            RunInvalidError: If something was late and the policy is to abort.
            EnvironmentFaultError: If the rack broke, or did not answer in time.
        """
        while not done():
            self._hear()
            now_ns = self._clock.now_ns()
            until_ns = min(self._give_up_ns(now_ns), self._watch_ns(now_ns))
            self._holding = self._must_hold(now_ns)
            due = self._env.peek()
            if self._holding or due == math.inf:
                assert self._open, "the city has nothing left to do and is not done"
                self._clock.wait_until(until_ns)
                continue
            due_ns = self.wall(int(due))
            if now_ns < due_ns:
                self._clock.wait_until(min(due_ns, until_ns))
                continue
            self._step(due_ns, now_ns)

    def _step(self, due_ns: int, now_ns: int) -> None:
        late_ns = now_ns - due_ns
        self.lateness_ns.append(late_ns)
        if late_ns > self._pacing.tolerance_ns:
            absorbed = self._pacing.policy is Policy.freeze
            self._late_events.append(Late(-1, due_ns, now_ns, 0, absorbed))
            if self._overrun(f"an event of the city was {late_ns / 1e6:,.0f} ms late"):
                self._stand_still(late_ns)
        self.steps += 1
        self._env.step()

    def _tell(self, ticket: Ticket, what: str, at_ns: int, value: Any) -> None:
        self._inbox.put((ticket, what, at_ns, value))
        self._clock.wake()

    def _hear(self) -> None:
        """Take in what the rack has told since."""
        while True:
            try:
                ticket, what, at_ns, value = self._inbox.get_nowait()
            except Empty:
                return
            if what == "failed":
                raise value
            if what == "began":
                self._begun(ticket, at_ns)
            else:
                self._answered(ticket, at_ns, value)

    def _begun(self, ticket: Ticket, at_ns: int) -> None:
        ticket.began_ns = at_ns
        late_ns = max(0, at_ns - ticket.planned_ns)
        self.lateness_ns.append(late_ns)
        if late_ns <= self._pacing.tolerance_ns:
            return
        ticket.late = True
        ticket.absorbed = self._overrun(self._said(ticket, at_ns))
        if ticket.absorbed:
            self._stand_still(at_ns - self.wall(int(self._env.now)))

    def _answered(self, ticket: Ticket, at_ns: int, answer: Any) -> None:
        ticket.answered_ns = at_ns
        del self._open[ticket.number]
        now_us, at_us = int(self._env.now), self.city(at_ns)
        if at_us < now_us or self._holding:
            self.corrected += 1
            at_us = now_us
        self._env.timeout(at_us - now_us).callbacks.append(lambda _: ticket.event.succeed(answer))

    def _overrun(self, said: str) -> bool:
        """Return whether the city is to stand still; raise if the run is to end."""
        if self._pacing.policy is Policy.abort:
            raise RunInvalidError(f"stopped: {said}")
        return self._pacing.policy is Policy.freeze

    def _stand_still(self, for_ns: int) -> None:
        """Move every instant still to come."""
        if for_ns > 0:
            self._origin_ns += for_ns
            self.frozen_ns += for_ns
            self.freezes += 1

    def _overdue(self, now_ns: int) -> Ticket | None:
        """Return a tap that should have begun and has not."""
        limit_ns = now_ns - self._pacing.tolerance_ns
        waiting = (t for t in self._open.values() if not t.began_ns)
        return next((t for t in waiting if t.planned_ns < limit_ns), None)

    def _must_hold(self, now_ns: int) -> bool:
        if self._pacing.policy is Policy.go_on:
            return False
        overdue = self._overdue(now_ns)
        if overdue is not None and self._pacing.policy is Policy.abort:
            late = Late(overdue.number, overdue.planned_ns, now_ns, 0, absorbed=False)
            self._late_events.append(late)
            self.lateness_ns.append(late.lateness_ns)
        return overdue is not None and self._overrun(self._said(overdue, now_ns))

    def _watch_ns(self, now_ns: int) -> int:
        """Return when the next tap that has not begun will be late."""
        waiting = [t.planned_ns for t in self._open.values() if not t.began_ns]
        watched = [at + self._pacing.tolerance_ns + 1 for at in waiting]
        return min((at for at in watched if at > now_ns), default=FAR_NS)

    def _give_up_ns(self, now_ns: int) -> int:
        oldest_ns = min((t.asked_ns for t in self._open.values()), default=FAR_NS)
        until_ns = oldest_ns + self._pacing.patience_ns
        if now_ns >= until_ns:
            number = min(self._open)
            raise EnvironmentFaultError(
                f"the rack, tap {number}: expected an answer within "
                f"{self._pacing.patience_ns / 1e9:g} s, got none"
            )
        return until_ns

    def _said(self, ticket: Ticket, now_ns: int) -> str:
        late_ms = (now_ns - ticket.planned_ns) / 1e6
        return f"the rack had tap {ticket.number} {late_ms:,.0f} ms late"
