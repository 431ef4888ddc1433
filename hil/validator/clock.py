"""The validator's clock: the machine's plus an offset that the back office sets.

One question to a server bounds the offset: its clock showed `server_ms` at some instant between
sending and receiving. An offset within the bounds stays as it is, so that a good clock is never
pulled about; one outside them becomes their middle (Cristian, Distributed Computing 3, 1989).
"""

from __future__ import annotations

import time
from typing import NamedTuple

LATEST_MS = 4_102_444_800_000  # the year 2100: what is later is no time, and fits no record


def machine_ms() -> int:
    """Return the machine's own clock, milliseconds UTC."""
    return time.time_ns() // 1_000_000


class Bounds(NamedTuple):
    """The offsets from the machine's clock that one answer of a server allows, milliseconds."""

    low_ms: int
    high_ms: int

    @classmethod
    def of(cls, server_ms: int, grain_ms: int, sent_ms: int, received_ms: int) -> Bounds:
        """Return the bounds of an answer.

        Args:
            server_ms: What the server's clock showed, rounded down to its grain.
            grain_ms: 1 for the time endpoint, 1,000 for a Date header.
            sent_ms, received_ms: The machine's clock before the question and after the answer.
        """
        return cls(server_ms - received_ms, server_ms + grain_ms - sent_ms)

    def corrected(self, offset_ms: int) -> int:
        """Return an offset unchanged if it is within the bounds, else their middle."""
        if self.low_ms <= offset_ms <= self.high_ms:
            return offset_ms
        return (self.low_ms + self.high_ms) // 2
