"""The tear unit: a pulse some ticks after the n-th trigger, once, and the proof that it was."""

from __future__ import annotations

from hil.fpga.model.inputs import FOREVER
from hil.fpga.regs import TearState

COUNTED = 0xFFFF
TICKS = (1 << 48) - 1


class Tear:
    """What it does and what it did since it was armed; began and ended stand for one tick."""

    def __init__(self) -> None:
        self.state = TearState.IDLE
        self.began = self.ended = False
        self._left = 0
        self._forget()

    def _forget(self) -> None:
        self.fired = False
        self.skipped = self.triggered_at = self.fired_at = 0

    @property
    def pulsing(self) -> bool:
        """Whether outputs are inverted in this tick."""
        return self.state == TearState.PULSING

    def step(
        self, now: int, hit: bool, arm: bool, stop: bool, skip: int, delay: int, width: int
    ) -> bool:
        """Go on by a tick; return whether this one triggered it."""
        self.began = False
        self.ended = self.pulsing and (stop or self._left <= 1)
        triggered = False
        if stop:
            self.state = TearState.IDLE
        elif self.state == TearState.IDLE:
            if arm:
                self._forget()
                self.state = TearState.ARMED
        elif self.state == TearState.ARMED:
            triggered = hit and self.skipped == skip
            if triggered:
                self.triggered_at = now
                self._delay(now, delay, width)
            elif hit:
                self.skipped = (self.skipped + 1) & COUNTED
        elif self.state == TearState.DELAYING:
            self._delay(now, self._left, width)
        elif self._left <= 1:
            self.state = TearState.IDLE
        else:
            self._left -= 1
        return triggered

    def _delay(self, now: int, left: int, width: int) -> None:
        """Wait on, or begin the pulse in the next tick if no tick of the delay is left."""
        if left > 1:
            self.state, self._left = TearState.DELAYING, left - 1
            return
        self.state, self._left = TearState.PULSING, width
        self.began = self.fired = True
        self.fired_at = (now + 1) & TICKS

    def quiet(self) -> int:
        """Return for how many ticks nothing will happen but counting."""
        if self.began or self.ended:
            return 0
        if self.state in (TearState.IDLE, TearState.ARMED):
            return FOREVER
        return max(0, self._left - 1)

    def skip(self, ticks: int) -> None:
        """Go on by ticks that are quiet."""
        if self.state in (TearState.DELAYING, TearState.PULSING):
            self._left -= ticks
