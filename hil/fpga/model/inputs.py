"""Input pins to edges: two flip-flops, then a level has to stay for more than DEGLITCH ticks."""

from __future__ import annotations

from hil.fpga.regs import INPUTS

FOREVER = 1 << 62


class Inputs:
    """Eight inputs.

    Attributes:
        levels: Deglitched, bit i for input i.
        rise: Inputs that rose, in the first tick of their new level.
        fall: Likewise for those that fell.
    """

    def __init__(self) -> None:
        self.levels = self.rise = self.fall = 0
        self._first = self._second = 0
        self._differs = [0] * INPUTS

    def step(self, pins: int, deglitch: int) -> None:
        """Go on by a tick in which the pins are at `pins`."""
        self.rise = self.fall = 0
        changed = 0
        unlike = self._second ^ self.levels
        for at in range(INPUTS):
            if not unlike >> at & 1:
                self._differs[at] = 0
            elif self._differs[at] < deglitch:
                self._differs[at] += 1
            else:
                self._differs[at] = 0
                changed |= 1 << at
        self.rise, self.fall = changed & self._second, changed & ~self._second
        self.levels ^= changed
        self._first, self._second = pins, self._first

    def quiet(self, pins: int, deglitch: int) -> int:
        """Return for how many ticks nothing will happen but counting."""
        if self.rise or self.fall or not pins == self._first == self._second:
            return 0
        unlike = self._second ^ self.levels
        left = FOREVER
        for at, ticks in enumerate(self._differs):
            if unlike >> at & 1:
                left = min(left, deglitch - ticks)
            elif ticks:
                return 0
        return max(0, left)

    def skip(self, ticks: int) -> None:
        """Go on by ticks that are quiet."""
        unlike = self._second ^ self.levels
        for at in range(INPUTS):
            if unlike >> at & 1:
                self._differs[at] += ticks
