"""How long a gate or a vehicle's validator is busy with a rider, behind one interface.

Hardware in the loop answers the same question from a rack; here the times are drawn. Two parts:
from presenting the card to the outcome (the tap's instant is its end), and walking through, until
the next rider can present a card.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from scheme.services import Direction
from sim.chance import keyed_uniform

# Tap time, share of taps and milliseconds: median 395, p95 under 600, p99.9 under 1,000 ms; shape
# after the London bus figures (modes 420 to 545 ms with EMV, Oyster about 350 ms, a thin tail).
TAP_SHARES = (0.0, 0.05, 0.25, 0.50, 0.75, 0.95, 0.99, 0.999, 1.0)
TAP_MS = (240.0, 300.0, 350.0, 395.0, 450.0, 560.0, 700.0, 940.0, 1_200.0)
# Walking through: with the tap a gate passes 36 riders a minute (30 to 45 seen at saturation), and
# a boarding at a bus's validator takes 2.0 s (Los Angeles, 99,453 dwell records).
GATE_CLEAR_MS = (1_050, 1_500)
BOARD_CLEAR_MS = (1_350, 1_850)
ALIGHT_CLEAR_MS = (900, 1_400)

Milliseconds = NDArray[np.int64]


class ServiceTime(Protocol):
    """Answers for batches of riders."""

    def gate(
        self, rides: NDArray[np.int64], direction: Direction
    ) -> tuple[Milliseconds, Milliseconds]:
        """Return tap and clearing time of each ride's rider at a gate."""
        ...

    def vehicle(
        self, rides: NDArray[np.int64], direction: Direction
    ) -> tuple[Milliseconds, Milliseconds]:
        """Return tap and clearing time of each rider boarding (entry) or alighting (exit)."""
        ...


class DrawnServiceTime:
    """Service times drawn for every ride at once, keyed by trip, leg and direction."""

    def __init__(self, seed: int, keys: NDArray[np.int64]) -> None:
        """`keys` tells rides apart: one number a ride, the same whatever other rides there are."""
        self._tap = {d: self._draw_tap(seed, keys, d) for d in (Direction.entry, Direction.exit)}
        draws = {d: keyed_uniform(seed, "clear-time", keys, int(d)) for d in self._tap}
        entry, exit_ = draws[Direction.entry], draws[Direction.exit]
        self._gate = {d: _between(GATE_CLEAR_MS, drawn) for d, drawn in draws.items()}
        self._vehicle = {
            Direction.entry: _between(BOARD_CLEAR_MS, entry),
            Direction.exit: _between(ALIGHT_CLEAR_MS, exit_),
        }

    @staticmethod
    def _draw_tap(seed: int, keys: NDArray[np.int64], direction: Direction) -> Milliseconds:
        drawn = keyed_uniform(seed, "tap-time", keys, int(direction))
        return np.asarray(np.rint(np.interp(drawn, TAP_SHARES, TAP_MS)), np.int64)

    def gate(
        self, rides: NDArray[np.int64], direction: Direction
    ) -> tuple[Milliseconds, Milliseconds]:
        """Return tap and clearing time of each ride's rider at a gate."""
        return self._tap[direction][rides], self._gate[direction][rides]

    def vehicle(
        self, rides: NDArray[np.int64], direction: Direction
    ) -> tuple[Milliseconds, Milliseconds]:
        """Return tap and clearing time of each rider boarding (entry) or alighting (exit)."""
        return self._tap[direction][rides], self._vehicle[direction][rides]


def _between(bounds: tuple[int, int], drawn: NDArray[np.float64]) -> Milliseconds:
    low, high = bounds
    return np.asarray(low + np.floor(drawn * (high - low + 1)), np.int64)
