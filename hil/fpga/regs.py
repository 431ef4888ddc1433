"""The FPGA's numbers for Python. Made from regs.yaml by `python -m hil.fpga regs`."""

from __future__ import annotations

from enum import IntEnum, IntFlag
from typing import NamedTuple

ID = 0x4A4B3101
FLAG = 0x7E
ESCAPE = 0x7D
ESCAPE_XOR = 0x20
ANSWER = 0x80
REQUEST_BYTES_MAX = 9
EVENTS_MAX = 16
EVENT_BYTES = 9
INPUTS = 8
OUTPUTS = 4
INPUT_TICKS = 3
OUTPUT_TICKS = 1


class Command(IntEnum):
    """What a host may ask."""

    HELLO = 1
    READ = 2
    WRITE = 3
    EVENTS = 4
    LATENCY = 5


class ErrorCode(IntEnum):
    """Why a request was refused, in the order of the checks."""

    UNKNOWN_COMMAND = 1
    WRONG_LENGTH = 2
    UNKNOWN_REGISTER = 3
    READ_ONLY = 4
    BAD_VALUE = 5
    IS_SAFE = 6


class Source(IntEnum):
    """What triggers a tear, starts or stops a latency."""

    RISE = 0
    FALL = 8
    SOFTWARE = 16
    FIRED = 17
    ENDED = 18
    NONE = 31


class TearState(IntEnum):
    """What the tear unit does."""

    IDLE = 0
    ARMED = 1
    DELAYING = 2
    PULSING = 3


class Mark(IntFlag):
    """What happened besides the inputs."""

    SOFTWARE = 0x01
    TRIGGERED = 0x02
    FIRED = 0x04
    ENDED = 0x08
    SAFE = 0x10
    LOST = 0x80


class Reg(IntEnum):
    """Addresses of the registers."""

    ID = 0x00
    TICK = 0x01
    STATUS = 0x02
    INPUTS = 0x03
    OUTPUTS = 0x04
    PINS = 0x05
    WATCHDOG = 0x06
    DEGLITCH = 0x07
    EDGES = 0x08
    CONTROL = 0x09
    TEAR_SELECT = 0x10
    TEAR_SKIP = 0x11
    TEAR_DELAY = 0x12
    TEAR_WIDTH = 0x13
    TEAR_OUTPUTS = 0x14
    TEAR_TRIGGERED = 0x15
    TEAR_FIRED = 0x16
    TEAR_SKIPPED = 0x17
    LATENCY_START = 0x20
    LATENCY_STOP = 0x21
    LOST = 0x30
    BAD_CHECKSUMS = 0x31
    BAD_LENGTHS = 0x32
    FRAMING_ERRORS = 0x33
    OVERRUNS = 0x34


class Status(IntFlag):
    """Bits of register STATUS."""

    SAFE = 0x01
    SILENT = 0x02
    TEAR_STATE = 0x0c
    FIRED = 0x10
    LOST = 0x20


class Control(IntFlag):
    """Bits of register CONTROL."""

    ARM = 0x01
    DISARM = 0x02
    TRIGGER = 0x04
    CLEAR_LATENCY = 0x08
    CLEAR_LOST = 0x10
    CLEAR_SAFE = 0x20
    CLEAR_ERRORS = 0x40


class Shape(NamedTuple):
    """What a register is like."""

    width: int
    readable: bool
    writable: bool
    reset: int


SHAPES = {
    Reg.ID: Shape(32, True, False, 0),
    Reg.TICK: Shape(48, True, False, 0),
    Reg.STATUS: Shape(6, True, False, 0),
    Reg.INPUTS: Shape(8, True, False, 0),
    Reg.OUTPUTS: Shape(4, True, True, 0),
    Reg.PINS: Shape(4, True, False, 0),
    Reg.WATCHDOG: Shape(32, True, True, 12000000),
    Reg.DEGLITCH: Shape(8, True, True, 3),
    Reg.EDGES: Shape(16, True, True, 65535),
    Reg.CONTROL: Shape(7, False, True, 0),
    Reg.TEAR_SELECT: Shape(5, True, True, 31),
    Reg.TEAR_SKIP: Shape(16, True, True, 0),
    Reg.TEAR_DELAY: Shape(32, True, True, 0),
    Reg.TEAR_WIDTH: Shape(32, True, True, 0),
    Reg.TEAR_OUTPUTS: Shape(4, True, True, 0),
    Reg.TEAR_TRIGGERED: Shape(48, True, False, 0),
    Reg.TEAR_FIRED: Shape(48, True, False, 0),
    Reg.TEAR_SKIPPED: Shape(16, True, False, 0),
    Reg.LATENCY_START: Shape(5, True, True, 31),
    Reg.LATENCY_STOP: Shape(5, True, True, 31),
    Reg.LOST: Shape(16, True, False, 0),
    Reg.BAD_CHECKSUMS: Shape(16, True, False, 0),
    Reg.BAD_LENGTHS: Shape(16, True, False, 0),
    Reg.FRAMING_ERRORS: Shape(16, True, False, 0),
    Reg.OVERRUNS: Shape(16, True, False, 0),
}

COMMAND_BODIES = {
    Command.HELLO: 0,
    Command.READ: 1,
    Command.WRITE: 5,
    Command.EVENTS: 3,
    Command.LATENCY: 0,
}
