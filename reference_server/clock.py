"""The instant, as the server is told it: wall time to serve, city time in a run.

Only receipts, the age of a tap when booked and the freshness of a device's request look at it;
prices, journeys and verdicts never do.
"""

from __future__ import annotations

import time
from typing import Protocol


class Clock(Protocol):
    """Where the server gets its instants from."""

    def at_us(self) -> int:
        """Return the instant in integer microseconds UTC."""
        ...


class WallClock:
    """The machine's own clock."""

    def at_us(self) -> int:
        """Return the instant in integer microseconds UTC."""
        return time.time_ns() // 1_000


class RunClock:
    """City time in a run: an epoch, and a factor by which it runs faster than the wall."""

    def __init__(self, epoch_ms: int, factor: float) -> None:
        assert factor > 0, factor
        self._epoch_us = epoch_ms * 1_000
        self._factor = factor
        self._started_ns = time.monotonic_ns()

    def at_us(self) -> int:
        """Return the instant in integer microseconds UTC of the city."""
        passed_us = (time.monotonic_ns() - self._started_ns) / 1_000
        return self._epoch_us + round(passed_us * self._factor)


def make_clock(epoch_ms: int | None, factor: float) -> Clock:
    """Return city time if there is an epoch, else wall time."""
    return WallClock() if epoch_ms is None else RunClock(epoch_ms, factor)
