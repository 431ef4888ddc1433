"""The host's clock and the FPGA's tied together: offset, drift, and how far both may be off.

A tie is one reading of the tick between two instants of the host; that of the shortest round trip
is the best of several. Two ties give the drift. Bounds add up: none is known to be independent.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

WRAP = 1 << 48
NS = 1_000_000_000
UNMEASURED_PPM = 50.0  # of crystals, until two ties have measured it


class Tie(NamedTuple):
    """The tick that it was at a monotonic nanosecond of the host, give or take `half_ns`."""

    tick: int
    host_ns: int
    half_ns: int

    @classmethod
    def of(cls, tick: int, sent_ns: int, received_ns: int) -> Tie:
        """Return the tie of one exchange."""
        half = (received_ns - sent_ns + 1) // 2
        return cls(tick, sent_ns + half, half)


class Instant(NamedTuple):
    """A tick on the host's monotonic clock, give or take `uncertainty_ns`."""

    host_ns: int
    uncertainty_ns: int


class Ties:
    """One FPGA's clock on the host's, from its first tie to its last."""

    def __init__(self, clock_hz: float) -> None:
        self._clock_hz = clock_hz
        self._ties: list[Tie] = []

    def add(self, exchanges: Iterable[Tie]) -> Tie:
        """Keep the tie of the shortest round trip; return it."""
        best = min(exchanges, key=lambda tie: tie.half_ns)
        self._ties = [*self._ties[:1], best]
        return best

    @property
    def drift_ppm(self) -> float | None:
        """How much faster the FPGA's clock runs than its frequency says; None after one tie."""
        if len(self._ties) < 2:
            return None
        first, last = self._ties
        return (self._ns(last.tick, first.tick) / (last.host_ns - first.host_ns) - 1) * 1e6

    @property
    def drift_uncertainty_ppm(self) -> float:
        """How far `drift_ppm` may be off."""
        if len(self._ties) < 2:
            return UNMEASURED_PPM
        first, last = self._ties
        return (first.half_ns + last.half_ns) / (last.host_ns - first.host_ns) * 1e6

    def instant(self, tick: int) -> Instant:
        """Return when a tick was, within half its wrap of the last tie."""
        last = self._ties[-1]
        away = self._ns(tick, last.tick)
        drift = self.drift_ppm or 0.0
        since_ns = away / (1 + drift / 1e6)
        a_tick = NS / self._clock_hz
        uncertainty = 2 * a_tick + last.half_ns + abs(since_ns) * self.drift_uncertainty_ppm / 1e6
        return Instant(last.host_ns + round(since_ns), round(uncertainty))

    def told(self) -> dict[str, Any]:
        """Return what a report says: the offset is the host's instant of tick 0."""
        last = self._ties[-1]
        drift = self.drift_ppm
        return {
            "offset_ns": last.host_ns - round(last.tick * NS / self._clock_hz),
            "drift_ppm": None if drift is None else round(drift, 3),
            "drift_uncertainty_ppm": round(self.drift_uncertainty_ppm, 3),
            "uncertainty_ns": self.instant(last.tick).uncertainty_ns,
        }

    def _ns(self, tick: int, since: int) -> float:
        ticks = (tick - since + WRAP // 2) % WRAP - WRAP // 2
        return ticks * NS / self._clock_hz
