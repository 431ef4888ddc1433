"""The whole FPGA between its pins and bytes of the host's line, tick by tick.

`run` steps where something may happen and skips where there is nothing to do but count, which gives
the same and takes microseconds. Bits of the line are in `wires`.
"""

from __future__ import annotations

from collections import deque
from typing import NamedTuple

from hil.fpga.frames import BadFrame, Deframer, Event, Frame, encode
from hil.fpga.model.inputs import FOREVER, Inputs
from hil.fpga.model.judge import Told, judge
from hil.fpga.model.meters import EventLog, LatencyUnit, Watchdog
from hil.fpga.model.settings import Settings
from hil.fpga.model.tear import TICKS, Tear
from hil.fpga.regs import FLAG, ID, SHAPES, Control, Mark, Reg, Source, Status

BITS_A_BYTE = 10
ANSWER_AFTER = 2  # ticks from a whole request to the start bit of its answer
MISFRAMED = -1  # in place of a byte: where its stop bit had to be, the line was low
LINE_ERRORS = (Reg.BAD_CHECKSUMS, Reg.BAD_LENGTHS, Reg.FRAMING_ERRORS, Reg.OVERRUNS)


class Sent(NamedTuple):
    """A byte on the line to the host, and the tick of its start bit."""

    at: int
    byte: int


class Fpga:
    """One FPGA from its reset on.

    Attributes:
        at: Ticks since reset.
        now: The tick counter, which may be set as only a bench can.
        levels: Levels at the input pins from this tick on; set it.
        pins: Levels of the outputs in this tick.
        turned: Every change of the outputs: ticks since reset, and levels.
        sent: Bytes of answers; whoever carries them takes them out.
    """

    def __init__(self, settings: Settings | None = None) -> None:
        self.settings = settings or Settings()
        self.at = 0
        self.now = self.settings.first_tick
        self.levels = 0
        self.pins = 0
        self.turned: list[tuple[int, int]] = []
        self.sent: deque[Sent] = deque()
        self._coming: deque[tuple[int, int]] = deque()
        self._set = {reg: shape.reset for reg, shape in SHAPES.items() if shape.writable}
        self._inputs = Inputs()
        self._tear = Tear()
        self._latency = LatencyUnit()
        self._watchdog = Watchdog()
        self._log = EventLog(1 << self.settings.log_bits, self.settings.count_max)
        self._errors = dict.fromkeys(LINE_ERRORS, 0)
        self._deframer = Deframer.of_requests()
        self._spoilt = False
        self._came: Frame | BadFrame | None = None
        self._software = False
        self._busy_until = 0

    def receive(self, at: int, byte: int) -> None:
        """Let a byte, or MISFRAMED, be whole in tick `at` since reset; later calls, later ticks."""
        self._coming.append((at, byte))

    def run(self, until: int) -> None:
        """Go on until tick `until` since reset."""
        while self.at < until:
            quiet = min(self._quiet(), until - self.at)
            if quiet:
                self._skip(quiet)
            else:
                self.step()

    def step(self) -> None:
        """Go on by one tick: everything happens by what stood at its beginning."""
        heard = isinstance(self._came, Frame)
        write, drop = self._answer()
        control = write[1] if write and write[0] == Reg.CONTROL else 0
        fell = self._watchdog.fell
        self._units(control, fell)
        if drop is not None:
            self._log.drop(drop)
        self._listen()
        clear_safe = bool(control & Control.CLEAR_SAFE)
        self._watchdog.step(heard, self._set[Reg.WATCHDOG], clear_safe)
        if control & Control.CLEAR_LATENCY:
            self._latency.clear()
        if control & Control.CLEAR_LOST:
            self._log.lost = 0
        if control & Control.CLEAR_ERRORS:
            self._errors = dict.fromkeys(LINE_ERRORS, 0)
        if write and not control:
            self._set[write[0]] = write[1]
        if fell:
            self._set[Reg.OUTPUTS] = 0
        self.at += 1
        self.now = (self.now + 1) & TICKS

    def _answer(self) -> tuple[tuple[Reg, int] | None, int | None]:
        """Answer a request that is whole in this tick; return what is to be written and dropped."""
        request, self._came = self._came, None
        if isinstance(request, BadFrame):
            checksum = request == BadFrame.BAD_CHECKSUM
            self._count(Reg.BAD_CHECKSUMS if checksum else Reg.BAD_LENGTHS)
        if not isinstance(request, Frame):
            return None, None
        if self.at < self._busy_until:
            self._count(Reg.OVERRUNS)
            return None, None
        told = Told(self.settings, self._value, self._log, self._latency, self._watchdog.safe)
        judged = judge(request, told)
        at, a_byte = self.at + ANSWER_AFTER, BITS_A_BYTE * self.settings.divisor
        for byte in encode(judged.answer):
            self.sent.append(Sent(at, byte))
            at += a_byte
        self._busy_until = at
        return judged.write, judged.drop

    def _units(self, control: int, fell: bool) -> None:
        """Let inputs, tear and latency unit, event log and outputs go on by a tick."""
        inputs, tear, set_to = self._inputs, self._tear, self._set
        software, began, ended = self._software, tear.began, tear.ended
        rise, fall, levels = inputs.rise, inputs.fall, inputs.levels
        sources = rise << Source.RISE | fall << Source.FALL | software << Source.SOFTWARE
        sources |= began << Source.FIRED | ended << Source.ENDED
        pulse = set_to[Reg.TEAR_OUTPUTS] if tear.pulsing else 0
        pins = 0 if self._watchdog.safe else set_to[Reg.OUTPUTS] ^ pulse

        triggered = tear.step(
            self.now,
            hit=bool(sources >> set_to[Reg.TEAR_SELECT] & 1),
            arm=bool(control & Control.ARM),
            stop=bool(control & Control.DISARM) or fell,
            skip=set_to[Reg.TEAR_SKIP],
            delay=set_to[Reg.TEAR_DELAY],
            width=set_to[Reg.TEAR_WIDTH],
        )
        start = sources >> set_to[Reg.LATENCY_START] & 1
        self._latency.step(self.now, bool(start), bool(sources >> set_to[Reg.LATENCY_STOP] & 1))
        edges = set_to[Reg.EDGES]
        changed = rise & edges | fall & edges >> 8
        marks = Mark.SOFTWARE * software | Mark.TRIGGERED * triggered | Mark.SAFE * fell
        marks |= Mark.FIRED * began | Mark.ENDED * ended
        if changed or marks:
            self._log.add(Event(self.now, changed, levels, Mark(marks)))
        self._software = bool(control & Control.TRIGGER)
        inputs.step(self.levels, set_to[Reg.DEGLITCH])
        if pins != self.pins:
            self.pins = pins
            self.turned.append((self.at + 1, pins))

    def _listen(self) -> None:
        """Take what is whole on the host's line in this tick."""
        if not self._coming or self._coming[0][0] > self.at:
            return
        _, byte = self._coming.popleft()
        if byte == MISFRAMED:
            self._count(Reg.FRAMING_ERRORS)
            self._spoilt = True
            return
        self._came = next(self._deframer.feed(bytes([byte])), None)
        if byte == FLAG:
            if self._spoilt:
                self._came = None
            self._spoilt = False

    def _count(self, reg: Reg) -> None:
        self._errors[reg] = min(self._errors[reg] + 1, self.settings.count_max)

    def _value(self, reg: Reg) -> int:
        """Return what reading a register gives in this tick."""
        if reg in self._set:
            return self._set[reg]
        if reg in self._errors:
            return self._errors[reg]
        tear = self._tear
        return {
            Reg.ID: ID,
            Reg.TICK: self.now,
            Reg.STATUS: self._status(),
            Reg.INPUTS: self._inputs.levels,
            Reg.PINS: self.pins,
            Reg.TEAR_TRIGGERED: tear.triggered_at,
            Reg.TEAR_FIRED: tear.fired_at,
            Reg.TEAR_SKIPPED: tear.skipped,
            Reg.LOST: self._log.lost,
        }[reg]

    def _status(self) -> int:
        """Return register STATUS."""
        status = self._tear.state << 2
        status |= Status.SAFE * self._watchdog.safe | Status.SILENT * self._watchdog.silent
        return status | Status.FIRED * self._tear.fired | Status.LOST * (self._log.lost > 0)

    def _quiet(self) -> int:
        """Return for how many ticks nothing will happen but counting."""
        if self._came is not None or self._software:
            return 0
        pulse = self._set[Reg.TEAR_OUTPUTS] if self._tear.pulsing else 0
        if self.pins != (0 if self._watchdog.safe else self._set[Reg.OUTPUTS] ^ pulse):
            return 0
        return min(
            self._coming[0][0] - self.at if self._coming else FOREVER,
            self._inputs.quiet(self.levels, self._set[Reg.DEGLITCH]),
            self._tear.quiet(),
            self._watchdog.quiet(self._set[Reg.WATCHDOG]),
        )

    def _skip(self, ticks: int) -> None:
        self._inputs.skip(ticks)
        self._tear.skip(ticks)
        self._watchdog.skip(ticks)
        self.at += ticks
        self.now = (self.now + ticks) & TICKS
