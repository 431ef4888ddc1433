"""Recorded stimuli: what happens at the FPGA's pins, tick by tick, in a text file people can read.

    # comment
    0 in 03          the inputs are at 03 from tick 0 on, in hex
    40 send 7e01017e bytes on the line to the FPGA, the first start bit in tick 40
    900 line 0       the bare level of that line, for noise
    1200 reset 5     the reset pin is low for 5 ticks
    1500 tick ffffffff0000  the tick counter is set, as only a bench can
    4000 end

Ticks count from power-on and do not go back. The same steps go to the model and to the RTL.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from enum import StrEnum
from typing import NamedTuple

from hil.fpga.model.fpga import BITS_A_BYTE
from scheme.errors import BadInputError

IDLE_LINE = 1


class Kind(StrEnum):
    """What a step does."""

    IN = "in"
    SEND = "send"
    LINE = "line"
    RESET = "reset"
    TICK = "tick"
    END = "end"


class Step(NamedTuple):
    """Something at a tick; `data` are the bytes of SEND, `value` the number of all others."""

    at: int
    kind: Kind
    value: int = 0
    data: bytes = b""


class Pins(NamedTuple):
    """The FPGA's inputs from a tick on; `set_tick` stands for that tick alone."""

    at: int
    line: int = IDLE_LINE
    inputs: int = 0
    reset_n: int = 1
    set_tick: int | None = None


class Stimulus(NamedTuple):
    """Steps in order of time, the last one END."""

    steps: tuple[Step, ...]

    @property
    def end(self) -> int:
        """The tick at which it is over."""
        return self.steps[-1].at


def dump(stimulus: Stimulus) -> str:
    """Return a stimulus as text."""
    return "".join(f"{line}\n" for line in map(_line, stimulus.steps))


def load(text: str, name: str = "stimulus") -> Stimulus:
    """Return the stimulus that a text holds.

    Raises:
        BadInputError: If a line is no step, time goes back, or the last step is not `end`.
    """
    steps: list[Step] = []
    for number, line in enumerate(text.splitlines(), 1):
        bare = line.partition("#")[0].strip()
        if not bare:
            continue
        where = f"{name}:{number}"
        step = _step(bare, where)
        if steps and step.at < steps[-1].at:
            raise BadInputError.at(where, expected=f"a tick from {steps[-1].at} on", got=step.at)
        steps.append(step)
    if not steps or steps[-1].kind != Kind.END:
        got = steps[-1].kind if steps else "nothing"
        raise BadInputError.at(name, expected="`end` as its last step", got=got)
    return Stimulus(tuple(steps))


def pins(stimulus: Stimulus, divisor: int) -> list[Pins]:
    """Return a stimulus as levels at the pins, one entry for each tick at which one changes."""
    changes: dict[int, dict[str, int]] = {0: {}}
    for step in stimulus.steps:
        for at, name, value in _changes(step, divisor):
            changes.setdefault(at, {})[name] = value
    found: list[Pins] = []
    level = Pins(0)
    for at in sorted(changes):
        level = level._replace(at=at, set_tick=None)._replace(**changes[at])
        found.append(level)
    return found


def _changes(step: Step, divisor: int) -> Iterable[tuple[int, str, int]]:
    if step.kind == Kind.SEND:
        yield from sent(step.at, step.data, divisor)
    elif step.kind == Kind.RESET:
        yield step.at, "reset_n", 0
        yield step.at + step.value, "reset_n", 1
    elif step.kind != Kind.END:
        yield step.at, {"in": "inputs", "line": "line", "tick": "set_tick"}[step.kind], step.value


def sent(at: int, data: bytes, divisor: int) -> Iterator[tuple[int, str, int]]:
    """Yield the changes of the line that carry bytes, 8N1, one behind the other."""
    level = IDLE_LINE
    for byte in data:
        bits = (0x100 | byte) << 1  # start bit, eight from the lowest, stop bit
        for place in range(BITS_A_BYTE):
            if bits >> place & 1 != level or place == 0:
                level = bits >> place & 1
                yield at + place * divisor, "line", level
        at += BITS_A_BYTE * divisor


def _line(step: Step) -> str:
    if step.kind == Kind.END:
        return f"{step.at} end"
    if step.kind == Kind.SEND:
        return f"{step.at} send {step.data.hex()}"
    hexadecimal = step.kind in (Kind.IN, Kind.TICK)
    return f"{step.at} {step.kind} {step.value:{'x' if hexadecimal else 'd'}}"


def _step(line: str, where: str) -> Step:
    words = line.split()
    try:
        at, kind = int(words[0]), Kind(words[1])
        if at < 0 or len(words) != (2 if kind == Kind.END else 3):
            raise ValueError
        if kind == Kind.END:
            return Step(at, kind)
        if kind == Kind.SEND:
            return Step(at, kind, data=bytes.fromhex(words[2]))
        base = 16 if kind in (Kind.IN, Kind.TICK) else 10
        value, most = int(words[2], base), MOST[kind]
        if not 0 <= value <= most:
            raise ValueError
        return Step(at, kind, value)
    except (ValueError, IndexError):
        raise BadInputError.at(
            where, expected="TICK in|send|line|reset|tick VALUE, or TICK end", got=line
        ) from None


MOST = {Kind.IN: 0xFF, Kind.LINE: 1, Kind.RESET: 1 << 20, Kind.TICK: (1 << 48) - 1}
