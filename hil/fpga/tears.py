"""A tear to the tick, and the proof of it: what the bench asks of a timer that can tear.

`TimedFaults` tears the taps of a place by its FPGA. Its reader is a program, so that the end of a
command is told the FPGA by the source SOFTWARE, and the field falls when its output has moved; at a
real reader both would be wires, which was not tried. A tear counts as fired by what the registers
and the pin say, never because it was asked for.
"""

from __future__ import annotations

from time import monotonic_ns
from typing import NamedTuple, Protocol, runtime_checkable

from hil.exchange import Exchange
from hil.faults.plan import Tear
from hil.fpga.regs import Source
from hil.fpga.ties import Instant
from hil.reader import Reader
from hil.readers.fault import Armed, FaultReader
from scheme.errors import CardGoneError

DELAY_TICKS = 12
WIDTH_TICKS = (1 << 32) - 1  # until it is disarmed
WITHIN_TICKS = 120_000  # of which it has to have fired, 10 ms


class TearPlan(NamedTuple):
    """A tear in ticks: after `skip` triggers the next, `delay` later a pulse on `outputs`."""

    source: int = Source.SOFTWARE
    skip: int = 0
    delay: int = 1
    width: int = 1
    outputs: int = 1


class TearTold(NamedTuple):
    """What the tear unit's registers say: the evidence.

    Attributes:
        state: Of `TearState`.
        triggered, fired: Ticks, 0 if it was not.
    """

    state: int
    has_fired: bool
    triggered: int
    fired: int
    skipped: int


@runtime_checkable
class Tears(Protocol):
    """A timer that can tear."""

    @property
    def tick_hz(self) -> float:
        """Ticks a second."""
        ...

    def arm(self, plan: TearPlan) -> None:
        """Arm the tear unit, whatever it did before."""
        ...

    def trigger(self) -> None:
        """Be the source SOFTWARE."""
        ...

    def wait_fired(self, ticks: int) -> TearTold:
        """Return what became of a tear once it fired, or did not within so many ticks."""
        ...

    def pins(self) -> int:
        """Return the levels at the output pins."""
        ...

    def disarm(self) -> None:
        """Have the tear unit do nothing; a pulse ends."""
        ...

    def clear_safe(self) -> None:
        """Say that it was seen that the outputs fell."""
        ...

    def instant(self, tick: int) -> Instant | None:
        """Return when a tick was on the host's clock, None if its own does not keep step."""
        ...


class TimedFaults(FaultReader):
    """A wrapper round a reader whose tears are made by a timer."""

    has_timer = True

    def __init__(self, inner: Reader, timer: Tears, channel: int) -> None:
        super().__init__(inner)
        self._timer = timer
        self._output = 1 << channel

    def _tear(self, armed: Armed, apdu: bytes) -> Exchange:
        tear, ticks = armed.fault.tear, armed.fault.number
        if tear is Tear.ticks:
            self._arm_timer(ticks)
            proof = self._fired(ticks)
            if not proof:
                return self._inner.transceive(apdu)  # nothing took the card's power
            return self._tear_at(armed, apdu, ticks * 1e6 / self._timer.tick_hz, f"; {proof}")
        if tear not in (Tear.lost, Tear.unheard):
            return super()._tear(armed, apdu)
        self._arm_timer(DELAY_TICKS)
        exchange = self._inner.transceive(apdu) if tear is Tear.unheard else None
        proof = self._fired(DELAY_TICKS)
        if not proof:
            return exchange or self._inner.transceive(apdu)
        self._inner.field_off()
        armed.evidence.fire(f"{tear.value}: {proof}")
        raise CardGoneError(f'card left reader "{self.url}", as its timer was asked')

    def _arm_timer(self, delay: int) -> None:
        self._timer.clear_safe()  # it falls to safe between taps, when nobody talks to it
        self._timer.arm(TearPlan(delay=delay, width=WIDTH_TICKS, outputs=self._output))

    def _fired(self, delay: int) -> str:
        """Trigger what is armed; return the proof that it fired and moved its pin, or nothing."""
        timer, before_ns = self._timer, monotonic_ns()
        timer.trigger()
        told = timer.wait_fired(delay + WITHIN_TICKS)
        seen = _between(before_ns, monotonic_ns())
        moved = bool(timer.pins() & self._output)
        timer.disarm()
        if not (told.has_fired and told.fired and moved):
            return ""
        at = timer.instant(told.fired) or seen
        return (
            f"triggered at tick {told.triggered}, fired at tick {told.fired}, "
            f"host {at.host_ns} ns, give or take {at.uncertainty_ns} ns"
        )


def _between(first_ns: int, last_ns: int) -> Instant:
    half = (last_ns - first_ns + 1) // 2
    return Instant(first_ns + half, half)
