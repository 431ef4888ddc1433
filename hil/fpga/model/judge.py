"""What a request is answered: the checks in their order, and what it asks to be done."""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import NamedTuple

from hil.fpga.frames import ERROR, Frame
from hil.fpga.model.meters import NUMBERS, EventLog, LatencyUnit
from hil.fpga.model.settings import Settings
from hil.fpga.regs import (
    ANSWER,
    COMMAND_BODIES,
    EVENTS_MAX,
    ID,
    INPUTS,
    OUTPUTS,
    SHAPES,
    Command,
    Control,
    ErrorCode,
    Reg,
)


class Judged(NamedTuple):
    """The answer to a request, and what is to be done once this tick is over.

    Attributes:
        write: A register and its new value.
        drop: Forget the events before this one.
    """

    answer: Frame
    write: tuple[Reg, int] | None = None
    drop: int | None = None


class Told(NamedTuple):
    """Everything that an answer may tell, as it stands in this tick."""

    settings: Settings
    read: Callable[[Reg], int]
    log: EventLog
    latency: LatencyUnit
    safe: bool


def judge(request: Frame, told: Told) -> Judged:
    """Return the answer to a request and what it asks to be done."""
    error = _length(request)
    if error is None:
        body = request.body
        if request.command == Command.HELLO:
            return _answered(request, _hello(told.settings))
        if request.command == Command.LATENCY:
            unit = told.latency
            figures = (unit.measured, unit.least, unit.most, unit.total)
            return _answered(request, struct.pack(">IIIQ", *figures))
        if request.command == Command.EVENTS:
            return _events(request, told)
        if body[0] not in SHAPES:
            error = ErrorCode.UNKNOWN_REGISTER
        elif request.command == Command.READ:
            readable = SHAPES[reg := Reg(body[0])].readable
            return _answered(request, (told.read(reg) if readable else 0).to_bytes(8))
        else:
            reg, value = Reg(body[0]), int.from_bytes(body[1:])
            error = _write(reg, value, told.safe)
            if error is None:
                return _answered(request, b"")._replace(write=(reg, value))
    return Judged(Frame(request.sequence, ERROR, bytes([error])))


def _length(request: Frame) -> ErrorCode | None:
    if request.command not in list(Command):
        return ErrorCode.UNKNOWN_COMMAND
    if len(request.body) != COMMAND_BODIES[Command(request.command)]:
        return ErrorCode.WRONG_LENGTH
    return None


def _write(reg: Reg, value: int, safe: bool) -> ErrorCode | None:
    shape = SHAPES[reg]
    if not shape.writable:
        return ErrorCode.READ_ONLY
    if value >> shape.width:
        return ErrorCode.BAD_VALUE
    acts = reg == Reg.CONTROL and value & (Control.ARM | Control.TRIGGER)
    if safe and (acts or reg == Reg.OUTPUTS):
        return ErrorCode.IS_SAFE
    return None


def _hello(settings: Settings) -> bytes:
    room = 1 << settings.log_bits
    return struct.pack(
        ">IIIBBH", ID, settings.build, settings.clock_hz, INPUTS, OUTPUTS, room
    )


def _events(request: Frame, told: Told) -> Judged:
    first, most = int.from_bytes(request.body[:2]), request.body[2]
    if not told.log.holds(first):
        return Judged(Frame(request.sequence, ERROR, bytes([ErrorCode.BAD_VALUE])))
    waiting = told.log.from_number(first % NUMBERS)
    shown = waiting[: min(most, EVENTS_MAX)]
    head = struct.pack(">HHI", first, len(waiting), told.log.lost)
    body = head + b"".join(event.encode() for event in shown)
    return _answered(request, body)._replace(drop=first)


def _answered(request: Frame, body: bytes) -> Judged:
    return Judged(Frame(request.sequence, request.command | ANSWER, body))
