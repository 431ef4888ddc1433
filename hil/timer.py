"""Absolute deadlines on the wall clock, and city time squeezed onto them.

A deadline missed is not made up for by shifting the ones behind it: each stands where the plan put
it, and whoever is late is measured late.
"""

from __future__ import annotations

import time
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Squeeze:
    """City instants onto wall instants, `speed` city seconds to a wall second.

    Attributes:
        city_ms: The city instant at which it begins, milliseconds UTC.
        wall_ns: The monotonic instant of the same, nanoseconds.
        epoch_us: The wall clock at that instant, microseconds since 1970.
    """

    city_ms: int
    speed: float
    wall_ns: int
    epoch_us: int

    @classmethod
    def from_now(cls, city_ms: int, speed: float, lead_s: float = 0.05) -> Squeeze:
        """Return a squeeze that begins `lead_s` from now."""
        lead_ns = round(lead_s * 1e9)
        now_ns, epoch_ns = time.monotonic_ns(), time.time_ns()
        return cls(city_ms, speed, now_ns + lead_ns, (epoch_ns + lead_ns) // 1_000)

    def wall(self, at_ms: int) -> int:
        """Return the monotonic instant of a city instant, nanoseconds."""
        return self.wall_ns + round((at_ms - self.city_ms) * 1e6 / self.speed)

    def epoch(self, wall_ns: int) -> int:
        """Return a monotonic instant as microseconds since 1970."""
        return self.epoch_us + (wall_ns - self.wall_ns) // 1_000


def now_ns() -> int:
    """Return the monotonic clock, nanoseconds."""
    return time.monotonic_ns()


def sleep_until(wall_ns: int) -> None:
    """Return at a monotonic instant, or at once if it has passed."""
    while (left_ns := wall_ns - time.monotonic_ns()) > 0:
        time.sleep(left_ns / 1e9)
