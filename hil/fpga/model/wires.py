"""The model at its pins: bits of the host's line to bytes and back, resets, whole stimuli."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from hil.fpga.model.fpga import BITS_A_BYTE, MISFRAMED, Fpga
from hil.fpga.model.settings import Settings
from hil.fpga.stimulus import IDLE_LINE, Pins, Stimulus, pins, sent

FLIP_FLOPS = 2  # ticks by which a pin of another clock is seen late


class Seen(NamedTuple):
    """What the FPGA's output pins show from a tick on."""

    at: int
    line: int
    outputs: int


class Life(NamedTuple):
    """From the end of a reset to the beginning of the next, in ticks since power-on."""

    first: int
    last: int


def play(stimulus: Stimulus, settings: Settings) -> list[Seen]:
    """Return every change at the output pins while a stimulus is played to the model."""
    levels = pins(stimulus, settings.divisor)
    changes: dict[int, dict[str, int]] = {1: {"line": IDLE_LINE, "outputs": 0}}
    for life in _lives(levels, stimulus.end):
        _live(life, levels, settings, changes)
    seen: list[Seen] = []
    level = Seen(0, IDLE_LINE, 0)
    for at in sorted(at for at in changes if at <= stimulus.end):
        level = level._replace(at=at)._replace(**changes[at])
        if not seen or level[1:] != seen[-1][1:]:
            seen.append(level)
    return seen


def _lives(levels: list[Pins], end: int) -> Iterator[Life]:
    """Yield the lives between resets; before tick 0 it is in reset."""
    first: int | None = None
    for level in levels:
        at = level.at + FLIP_FLOPS
        if level.reset_n and first is None:
            first = at
        elif not level.reset_n and first is not None:
            yield Life(first, at)
            first = None
    if first is not None:
        yield Life(first, end)


def _live(
    life: Life, levels: list[Pins], settings: Settings, changes: dict[int, dict[str, int]]
) -> None:
    """Play one life and add what its output pins show."""
    fpga = Fpga(settings)
    for at, byte in received(levels, life, settings.divisor):
        fpga.receive(at - life.first, byte)
    for level in levels:
        if level.at >= life.last:
            break
        fpga.run(level.at - life.first)
        fpga.levels = level.inputs
        if level.set_tick is not None and level.at >= life.first:
            fpga.now = level.set_tick
    fpga.run(life.last - life.first)
    for at, outputs in fpga.turned:
        changes.setdefault(life.first + at, {})["outputs"] = outputs
    for start, byte in fpga.sent:
        for at, _, value in sent(life.first + start, bytes([byte]), settings.divisor):
            if at <= life.last:
                changes.setdefault(at, {})["line"] = value
    # In the tick behind the first of a reset everything is as after power-on.
    changes.setdefault(life.last + 1, {}).update(line=IDLE_LINE, outputs=0)


def received(
    levels: Iterable[Pins], life: Life, divisor: int
) -> Iterator[tuple[int, int]]:
    """Yield what a receiver makes of the line: ticks and the bytes that are whole in them."""
    at, line = _line_as_seen(levels, life)

    def level(tick: int) -> int:
        return line[bisect_right(at, tick) - 1]

    def falls(tick: int, to: int) -> int:
        """Return the first tick from `tick` on in which the line is at `to`."""
        while tick < life.last and level(tick) != to:
            following = bisect_right(at, tick)
            tick = at[following] if following < len(at) else life.last
        return tick

    tick = falls(life.first, 0)
    while tick < life.last:
        middle = tick + divisor // 2
        if level(middle):  # a spike, no start bit
            tick = falls(middle + 1, 0)
            continue
        bits = [level(middle + place * divisor) for place in range(1, BITS_A_BYTE)]
        whole = middle + (BITS_A_BYTE - 1) * divisor + 1
        if whole >= life.last:
            return
        if bits.pop():
            yield whole, sum(bit << place for place, bit in enumerate(bits))
        else:
            yield whole, MISFRAMED
            whole = falls(whole, 1) + 1
        tick = falls(whole, 0)


def _line_as_seen(levels: Iterable[Pins], life: Life) -> tuple[list[int], list[int]]:
    """Return the line behind its flip-flops: ticks of changes, and levels from there on."""
    at, line = [0, life.first + FLIP_FLOPS], [IDLE_LINE, IDLE_LINE]
    for level in levels:
        if level.at <= life.first:
            line[1] = level.line
        else:
            at.append(level.at + FLIP_FLOPS)
            line.append(level.line)
    return at, line
