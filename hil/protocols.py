"""What a bench part must be able to do, whoever drives it: power, gate, timer.

A driver of others is a callable that takes the address behind `://` and returns such a part, under
the entry point `jakarta_one.drivers`, named KIND.NAME, for example `gate.relay`. Readers have their
own door, `hil.reader`. Every part has three states: idle, armed, safe; `safe` is where it falls to
when nobody speaks to it, and it must be reachable from every other.
"""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple, Protocol, runtime_checkable


class BenchState(StrEnum):
    """Where a place of the bench, and each part of it, stands."""

    idle = "idle"
    armed = "armed"
    safe = "safe"


class Stamp(NamedTuple):
    """A hardware event.

    Attributes:
        tick: On the part's own clock.
        channel: Of the part, from 0.
        level: After the event: 1 high, 0 low.
    """

    tick: int
    channel: int
    level: int


class Part(Protocol):
    """A part that can be taken hold of and let go.

    Every method but `open` raises ReaderError on a part that is not open.
    """

    @property
    def url(self) -> str:
        """The URL it was made of."""
        ...

    def open(self) -> None:
        """Take hold of it; it is idle then."""
        ...

    def close(self) -> None:
        """Make it safe and let it go; again is no fault."""
        ...

    def make_safe(self) -> None:
        """Bring it to where it does no harm: fields off, gates shut, power as it was."""
        ...


@runtime_checkable
class Power(Part, Protocol):
    """What switches a device under test on and off."""

    def switch(self, channel: int, on: bool) -> int:
        """Switch a channel; return the monotonic nanosecond at which it was done."""
        ...


@runtime_checkable
class Gate(Part, Protocol):
    """What tells that a gate was opened, and opens one where it stands in for a device's own."""

    def opened(self, channel: int, timeout_s: float) -> int | None:
        """Return the monotonic nanosecond of the next opening, None if there is none in time."""
        ...

    def release(self, channel: int) -> int:
        """Open a gate for one person; return the monotonic nanosecond at which it was done."""
        ...


@runtime_checkable
class Timer(Part, Protocol):
    """What stamps hardware events on a clock of its own."""

    @property
    def tick_hz(self) -> float:
        """Ticks a second."""
        ...

    def ticks(self) -> int:
        """Return the clock as it is now."""
        ...

    def events(self, most: int) -> list[Stamp]:
        """Return up to so many events that have not been fetched yet, oldest first."""
        ...


PROTOCOLS: dict[str, type] = {"power": Power, "gate": Gate, "timer": Timer}
