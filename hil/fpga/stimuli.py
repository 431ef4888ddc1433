"""Random stimuli from a seed: hosts that ask well and badly, inputs that move, lines with noise.

Each has a theme, so that rare things meet: a tear with its own outputs as source, a log that runs
over, a host that goes silent. The same seed and number give the same stimulus for ever.
"""

from __future__ import annotations

import random
from collections.abc import Callable

from hil.fpga import frames
from hil.fpga.frames import Frame, encode
from hil.fpga.model.fpga import BITS_A_BYTE
from hil.fpga.model.settings import Settings
from hil.fpga.regs import ESCAPE, FLAG, INPUTS, SHAPES, Control, Reg, Source
from hil.fpga.stimulus import Kind, Step, Stimulus

TICKS = 4_000  # when a theme ends; what it has led to is read after it
SETTINGS = Settings(  # everything that wraps or stays does so within one
    divisor=3, build=0x5EED0001, log_bits=3, first_tick=(1 << 48) - 2_501, count_max=3
)
SOURCES = (*range(INPUTS), *range(Source.FALL, Source.FALL + INPUTS), 16, 17, 18)
LOOKED_AT = (
    Reg.STATUS, Reg.INPUTS, Reg.PINS, Reg.OUTPUTS, Reg.TICK, Reg.LOST, Reg.TEAR_TRIGGERED,
    Reg.TEAR_FIRED, Reg.TEAR_SKIPPED, *(Reg(at) for at in range(Reg.BAD_CHECKSUMS, 0x35)),
)  # fmt: skip


def random_stimulus(seed: int, number: int, settings: Settings = SETTINGS) -> Stimulus:
    """Return stimulus `number` of a seed."""
    script = _Script(random.Random(f"{seed} {number}"), settings.divisor)
    theme = THEMES[number % len(THEMES)]
    if script.chance.random() < 0.3:  # after a reset the line is in step without a flag
        script.send(encode(Frame(script.sequence, *frames.hello()))[1:], 600)
    theme(script)
    script.look()
    script.move_inputs()
    script.steps.append(Step(script.at + 60, Kind.END))
    return Stimulus(tuple(sorted(script.steps, key=lambda step: step.at)))


class _Script:
    """A stimulus that is being written: the host goes on in time, inputs come between."""

    def __init__(self, chance: random.Random, divisor: int) -> None:
        self.chance = chance
        self.divisor = divisor
        self.at = chance.randrange(3, 40)
        self.steps: list[Step] = []
        self.sequence = chance.randrange(256)
        self.mean_ticks = 120  # between moves of the inputs
        self.first_event = 0

    def send(self, data: bytes, then: int) -> None:
        """Put bytes on the line, and go on `then` ticks behind them."""
        self.steps.append(Step(self.at, Kind.SEND, data=data))
        self.at += len(data) * BITS_A_BYTE * self.divisor + then

    def ask(self, asked: tuple[int, bytes], answer_bytes: int = 7) -> None:
        """Send a good request, and mostly wait for its answer."""
        self.sequence = (self.sequence + 1) % 256
        wait = answer_bytes * BITS_A_BYTE * self.divisor
        if self.chance.random() < 0.04:
            wait = self.chance.randrange(wait)
        self.send(encode(Frame(self.sequence, *asked)), wait + self.chance.randrange(30))

    def set(self, **values: int) -> None:
        """Write registers, named in lower case."""
        for name, value in values.items():
            self.ask(frames.write(Reg[name.upper()], value))

    def control(self, bits: int) -> None:
        """Write CONTROL."""
        self.set(control=bits)

    def read(self, register: int) -> None:
        """Read a register."""
        self.ask(frames.read(register), 16)

    def pause(self, most: int) -> None:
        """Say nothing for a while."""
        self.at += self.chance.randrange(most)

    def look(self) -> None:
        """Read what has become of it all."""
        self.ask(frames.events(self.first_event), 14 + 9 * 8)
        self.ask(frames.latency(), 30)
        for register in self.chance.sample(LOOKED_AT, 5):
            self.read(register)

    def pop(self) -> None:
        """Ask for events, mostly for those that come next."""
        most = self.chance.choice((0, 1, 1, 2, 2, 3, 255))
        first = self.first_event
        if self.chance.random() < 0.35:
            first += self.chance.choice((-1, 1, 9, 10, self.chance.randrange(20)))  # room is 8
        else:
            self.first_event += self.chance.randrange(min(most, 4) + 1)
        self.ask(frames.events(first % 65_536, most), 14 + 10 * min(most, 8))

    def move_inputs(self) -> None:
        """Let inputs change all along, some for too short to count."""
        at, levels = self.chance.randrange(30), 0
        while at < self.at:
            levels ^= 1 << self.chance.randrange(INPUTS)
            if self.chance.random() < 0.2:
                levels ^= self.chance.randrange(256)
            self.steps.append(Step(at, Kind.IN, levels))
            if self.chance.random() < 0.1:  # the same input again and again, each time too short
                for _ in range(self.chance.randrange(2, 9)):
                    at += self.chance.randrange(1, 4)
                    levels ^= 1
                    self.steps.append(Step(at, Kind.IN, levels))
            short = self.chance.random() < 0.4
            at += self.chance.randrange(1, 9 if short else 2 * self.mean_ticks)


def _tear(script: _Script) -> None:
    chance = script.chance
    if chance.random() < 0.8:
        script.set(edges=0)  # the log is for the marks, but for what came before this
        script.mean_ticks = 300
    script.set(outputs=chance.randrange(16), tear_outputs=chance.randrange(1, 16))
    while script.at < 3 * TICKS:
        source = chance.choice((Source.SOFTWARE, Source.SOFTWARE, chance.choice(SOURCES), 19, 31))
        script.set(
            tear_select=source,
            tear_skip=chance.choice((0, 0, 1, 2, 3)),
            tear_delay=chance.choice((0, 1, 2, 3, chance.randrange(600))),
            tear_width=chance.choice((0, 1, 2, 3, chance.randrange(400))),
        )
        if chance.random() < 0.3:
            script.set(latency_start=Source.FIRED, latency_stop=Source.ENDED)
        script.control(Control.ARM | chance.choice((0, 0, Control.TRIGGER, Control.DISARM)))
        for _ in range(chance.randrange(4)):
            script.control(chance.choice((Control.TRIGGER, Control.TRIGGER, Control.ARM)))
        script.pause(300)
        for _ in range(2):
            script.read(chance.choice((Reg.STATUS, *range(Reg.TEAR_TRIGGERED, 0x18))))
        script.pop()
        if chance.random() < 0.3:
            script.control(Control.DISARM)


def _latency(script: _Script) -> None:
    chance = script.chance
    script.mean_ticks = chance.choice((20, 60, 200))
    script.set(deglitch=chance.randrange(3))
    while script.at < TICKS:
        start = chance.choice(SOURCES[:17])
        stop = chance.choice((start, start ^ Source.FALL, chance.choice(SOURCES)))
        script.set(latency_start=start, latency_stop=stop % 32)
        if chance.random() < 0.4:
            script.control(Control.CLEAR_LATENCY)
        if chance.random() < 0.5:
            script.control(Control.TRIGGER)
        script.pause(500)
        if chance.random() < 0.3:
            script.steps.append(Step(script.at, Kind.TICK, chance.randrange(1 << 48)))
        script.ask(frames.latency(), 30)


def _log(script: _Script) -> None:
    chance = script.chance
    script.mean_ticks = chance.choice((10, 30, 100))
    script.set(deglitch=chance.choice((0, 0, 1, 5)))
    if chance.random() < 0.5:
        script.set(edges=chance.randrange(1 << 16))
    script.pause(900)
    script.ask(frames.events(2, 1), 24)
    script.first_event = 2
    while script.at < 2 * TICKS:  # it takes a while until something is dropped
        script.pop()
        if chance.random() < 0.3:
            script.control(chance.choice((Control.TRIGGER, Control.CLEAR_LOST)))
        if chance.random() < 0.4:
            script.read(Reg.LOST)
        script.pause(200)


def _file(script: _Script) -> None:
    """Write and read every register, known or not, with values that fit or do not."""
    chance = script.chance
    for unwritten in chance.sample(tuple(SHAPES), 6):
        script.read(unwritten)  # as it is after a reset
    registers = chance.sample(tuple(SHAPES), 8)
    for register in [*registers, *(chance.randrange(256) for _ in range(3))]:
        if register == Reg.WATCHDOG:  # a short one would end all that follows
            value = chance.randrange(1 << 20, 1 << 32)
        else:
            width = SHAPES[Reg(register)].width if register in SHAPES else 32
            value = chance.randrange(1 << min(32, width + chance.choice((0, 0, 0, 1))))
        if register == Reg.CONTROL:
            value &= ~Control.CLEAR_ERRORS
        script.ask(frames.write(register, value), 8)
        script.read(register)


def _line(script: _Script) -> None:
    """Send what is no good request, and now and then ask whether all is well."""
    chance = script.chance
    while script.at < TICKS:
        good = encode(Frame(chance.randrange(256), *frames.read(chance.choice(LOOKED_AT))))
        plain = good if ESCAPE not in good else bytes([FLAG])
        at = chance.randrange(1, len(good) - 1)
        kind = chance.randrange(11)
        if kind == 0:
            bad = bytes([*good[:at], good[at] ^ 1 << chance.randrange(8), *good[at + 1 :]])
            script.send(bad, 330)
        elif kind == 1:
            script.send(good[:at] + good, 330)  # a frame in the middle of another
        elif kind == 2:
            body = chance.randbytes(chance.randrange(12))
            script.ask((chance.choice((1, 2, 3, 4, 5)), body), 30)
        elif kind == 3:
            script.ask((chance.randrange(256), chance.randbytes(chance.choice((0, 1, 3, 5)))), 30)
        elif kind == 4:
            tail = bytes([ESCAPE, FLAG]) if chance.random() < 0.5 else bytes([FLAG])
            script.send(good[:at] + tail, 60)
        elif kind == 5:
            for _ in range(chance.randrange(1, 12)):
                level = chance.randrange(2)
                script.steps.append(Step(script.at, Kind.LINE, level))
                script.at += chance.randrange(1, 50)
            script.steps.append(Step(script.at, Kind.LINE, 1))
            script.at += 40
        elif kind == 6:
            inside = script.at + chance.randrange(len(good) * BITS_A_BYTE * script.divisor)
            script.send(good, 330)
            script.steps.append(Step(inside, Kind.LINE, chance.randrange(2)))
        elif kind == 7:
            script.send(good[:at], 2)
            script.steps.append(Step(script.at, Kind.LINE, 0))  # no byte, and then the rest
            script.at += (BITS_A_BYTE + 1) * script.divisor
            script.steps.append(Step(script.at, Kind.LINE, 1))
            script.at += script.divisor
            script.send(good[at:], 330)
        elif kind == 8:
            needless = (bytes([ESCAPE, b ^ 0x20]) if b != FLAG else bytes([b]) for b in plain)
            script.send(b"".join(needless), 330)
        elif kind == 9:
            script.ask(frames.write(chance.randrange(256), 0x7D7E7D7E), 8)
        else:
            # The next is whole when the answer is about to be out.
            script.send(good, chance.choice((chance.randrange(200), chance.randrange(40, 110))))
            script.send(good, 330)
        if chance.random() < 0.1:
            script.control(Control.CLEAR_ERRORS)
        if chance.random() < 0.5:
            script.read(chance.choice((0x31, 0x32, 0x33, 0x34)))


def _silence(script: _Script) -> None:
    chance = script.chance
    limit = chance.randrange(500, 1_200)
    script.set(watchdog=limit, deglitch=2)
    while script.at < TICKS:
        script.set(outputs=chance.randrange(16))
        if chance.random() < 0.5:
            script.set(tear_outputs=15, tear_select=16, tear_delay=chance.randrange(900))
            script.set(tear_width=chance.randrange(1, 900))
            script.control(Control.ARM | Control.TRIGGER)
        script.at += max(0, limit + chance.choice((-500, -300, 200, chance.randrange(-9, 9))))
        script.read(Reg.STATUS)
        script.ask(chance.choice((frames.write(Reg.OUTPUTS, 5), frames.hello())), 24)
        script.control(chance.choice((Control.ARM, Control.TRIGGER, Control.CLEAR_LOST, 0)))
        script.control(Control.CLEAR_SAFE)


def _restart(script: _Script) -> None:
    chance = script.chance
    while script.at < TICKS - 1_500:
        script.set(outputs=15, deglitch=0, tear_outputs=6, tear_width=chance.randrange(400))
        script.set(latency_start=16, latency_stop=16)
        script.control(Control.ARM | Control.TRIGGER | Control.CLEAR_LOST)
        if chance.random() < 0.5:
            script.set(tear_select=16)
            script.control(Control.ARM | Control.TRIGGER)
        if chance.random() < 0.3:
            script.ask(frames.events(0), 14 + 9 * 8)
        if chance.random() < 0.5:
            back = script.at - chance.randrange(500)
            script.steps.append(Step(max(0, back), Kind.RESET, chance.randrange(1, 6)))
        script.pop() if chance.random() < 0.5 else script.ask(frames.hello(), 24)
        script.read(chance.choice(tuple(SHAPES)))
        script.read(chance.choice((Reg.BAD_CHECKSUMS, Reg.BAD_LENGTHS, Reg.FRAMING_ERRORS)))
        script.pause(200)


THEMES: tuple[Callable[[_Script], None], ...] = (
    _tear, _line, _latency, _log, _tear, _file, _silence, _restart,
)  # fmt: skip
