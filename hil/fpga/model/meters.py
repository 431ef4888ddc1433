"""What measures and watches: the latency unit, the watchdog and the event log."""

from __future__ import annotations

from hil.fpga.frames import Event
from hil.fpga.model.inputs import FOREVER
from hil.fpga.regs import Mark

LARGEST = 0xFFFFFFFF
TICKS = (1 << 48) - 1
NUMBERS = 1 << 16


class LatencyUnit:
    """Ticks from a start to a stop: how many, least, most and their sum."""

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        """Begin anew."""
        self.measured, self.least, self.most, self.total = 0, LARGEST, 0, 0
        self._since: int | None = None

    def step(self, now: int, start: bool, stop: bool) -> None:
        """Go on by a tick; of both in one tick the stop comes first."""
        if stop and self._since is not None:
            took = min((now - self._since) & TICKS, LARGEST)
            self.measured = (self.measured + 1) & LARGEST
            self.least, self.most = min(self.least, took), max(self.most, took)
            self.total += took
            self._since = None
        if start:
            self._since = now


class Watchdog:
    """A host that is silent for as many ticks as the limit says has left.

    Attributes:
        fell: In the first tick of being safe.
        safe: From then until cleared.
    """

    def __init__(self) -> None:
        self.fell = self.silent = self.safe = False
        self._ticks = 0

    def step(self, heard: bool, limit: int, clear: bool) -> None:
        """Go on by a tick."""
        self.fell = not heard and not self.silent and self._ticks >= limit
        if heard:
            self._ticks, self.silent = 0, False
        elif self._ticks < limit:
            self._ticks += 1
        self.silent |= self.fell
        self.safe = (self.safe or self.fell) and not clear

    def quiet(self, limit: int) -> int:
        """Return for how many ticks nothing will happen but counting."""
        if self.fell:
            return 0
        return FOREVER if self.silent else max(0, limit - self._ticks)

    def skip(self, ticks: int) -> None:
        """Go on by ticks that are quiet."""
        if not self.silent:
            self._ticks += ticks


class EventLog:
    """Events in order until the host says that it has them; numbers run modulo 2**16."""

    def __init__(self, room: int, count_max: int) -> None:
        self.head = 0
        self.lost = 0
        self._room, self._count_max = room, count_max
        self._events: list[Event] = []
        self._gap = False

    @property
    def waiting(self) -> int:
        """How many events are in it."""
        return len(self._events)

    def add(self, event: Event) -> None:
        """Take an event in, or count it as lost."""
        if len(self._events) == self._room:
            self.lost = min(self.lost + 1, self._count_max)
            self._gap = True
            return
        self._events.append(event._replace(marks=event.marks | Mark.LOST) if self._gap else event)
        self._gap = False

    def holds(self, number: int) -> bool:
        """Return whether an event has this number, or the next will."""
        return (number - self.head) % NUMBERS <= len(self._events)

    def from_number(self, number: int) -> list[Event]:
        """Return the events from a number on."""
        return self._events[(number - self.head) % NUMBERS :]

    def drop(self, number: int) -> None:
        """Forget those before a number."""
        self._events = self.from_number(number)
        self.head = number
