"""Frames between the host and the FPGA: stuffing, checksum, requests and answers. No port here.

    FLAG | stuffed(sequence 1 | command 1 | body | CRC 2) | FLAG

A FLAG or an ESCAPE within is sent as ESCAPE and the byte XORed with 0x20 (RFC 1662). The checksum
is CRC-16/CCITT-FALSE over sequence, command and body, numbers are big-endian. A FLAG always ends
what was before it, so that a receiver is in step again after one; empty frames are nothing.
"""

from __future__ import annotations

import binascii
import struct
from collections.abc import Iterator
from enum import Enum
from typing import NamedTuple

from hil.fpga.regs import (
    ANSWER,
    ESCAPE,
    ESCAPE_XOR,
    EVENT_BYTES,
    EVENTS_MAX,
    FLAG,
    REQUEST_BYTES_MAX,
    Command,
    Mark,
)
from scheme.errors import RecordError

ERROR = 0xFF  # the command of an error answer
ANSWER_BYTES_MAX = 12 + EVENTS_MAX * EVENT_BYTES  # sequence, command, header 8, checksum 2
FRAME_BYTES_MIN = 4  # sequence, command, checksum


class BadFrame(Enum):
    """Why bytes between two flags are no frame."""

    BAD_CHECKSUM = "bad checksum"
    BAD_LENGTH = "bad length"


class Frame(NamedTuple):
    """A request or an answer.

    Attributes:
        sequence: 0 to 255; an answer has its request's.
        command: Of `Command`; in an answer with ANSWER set, or ERROR.
    """

    sequence: int
    command: int
    body: bytes


def encode(frame: Frame) -> bytes:
    """Return a frame as it goes over the wire, with both flags."""
    bare = bytes([frame.sequence, frame.command]) + frame.body
    checked = bare + checksum(bare).to_bytes(2)
    stuffed = bytearray([FLAG])
    for byte in checked:
        stuffed += bytes([ESCAPE, byte ^ ESCAPE_XOR]) if byte in (FLAG, ESCAPE) else bytes([byte])
    stuffed.append(FLAG)
    return bytes(stuffed)


def checksum(data: bytes) -> int:
    """Return CRC-16/CCITT-FALSE."""
    return binascii.crc_hqx(data, 0xFFFF)


class Deframer:
    """Bytes in any portions to frames, and to what is wrong with those that are none."""

    def __init__(self, longest: int = ANSWER_BYTES_MAX) -> None:
        """Take the length of the longest frame, checksum included."""
        self._longest = longest
        self.restart()

    @classmethod
    def of_requests(cls) -> Deframer:
        """Return one as a device has it."""
        return cls(REQUEST_BYTES_MAX)

    def restart(self) -> None:
        """Forget a frame that has begun."""
        self._bytes = bytearray()
        self._escaped = False
        self._long = False

    def feed(self, data: bytes) -> Iterator[Frame | BadFrame]:
        """Yield what ends within `data`."""
        for byte in data:
            if byte == FLAG:
                ended = self._ended()
                self.restart()
                if ended is not None:
                    yield ended
            elif byte == ESCAPE:
                self._escaped = True
            elif len(self._bytes) == self._longest:
                self._long = True
            else:
                self._bytes.append(byte ^ ESCAPE_XOR if self._escaped else byte)
                self._escaped = False

    def _ended(self) -> Frame | BadFrame | None:
        if not self._bytes and not self._escaped:
            return None
        if self._escaped or self._long or len(self._bytes) < FRAME_BYTES_MIN:
            return BadFrame.BAD_LENGTH
        if checksum(bytes(self._bytes)):  # with its own checksum behind it, a frame's is 0
            return BadFrame.BAD_CHECKSUM
        return Frame(self._bytes[0], self._bytes[1], bytes(self._bytes[2:-2]))


def hello() -> tuple[Command, bytes]:
    """Return what asks who is there."""
    return Command.HELLO, b""


def read(register: int) -> tuple[Command, bytes]:
    """Return what asks for a register's value."""
    return Command.READ, bytes([register])


def write(register: int, value: int) -> tuple[Command, bytes]:
    """Return what sets a register, value under 2**32."""
    return Command.WRITE, struct.pack(">BI", register, value)


def events(first: int, most: int = EVENTS_MAX) -> tuple[Command, bytes]:
    """Return what drops every event before number `first` and asks for up to `most` from there.

    Asking again gives the same events again, so that none is lost with an answer.
    """
    return Command.EVENTS, struct.pack(">HB", first % 0x10000, most)


def latency() -> tuple[Command, bytes]:
    """Return what asks for the latency figures of one instant."""
    return Command.LATENCY, b""


class Hello(NamedTuple):
    """Who is there.

    Attributes:
        id: `regs.ID`.
        build: First four bytes of the RTL's commit; 0 if it was not told.
        fifo: Events it has room for.
    """

    id: int
    build: int
    clock_hz: int
    inputs: int
    outputs: int
    fifo: int

    @classmethod
    def parse(cls, body: bytes) -> Hello:
        """Return it from an answer's body."""
        return cls._make(_unpacked(">IIIBBH", body, "HELLO"))


class Latency(NamedTuple):
    """Ticks between two sources: how many were measured, least, most, all together.

    Without a measurement `least` is 0xFFFFFFFF; one of 2**32 ticks or more counts as that.
    """

    measured: int
    least: int
    most: int
    total: int

    @classmethod
    def parse(cls, body: bytes) -> Latency:
        """Return it from an answer's body."""
        return cls._make(_unpacked(">IIIQ", body, "LATENCY"))


class Event(NamedTuple):
    """What happened in one tick.

    Attributes:
        tick: 48 bits.
        changed: Inputs that changed, bit i for input i, as far as EDGES lets them through.
        levels: Inputs after it.
    """

    tick: int
    changed: int
    levels: int
    marks: Mark

    def encode(self) -> bytes:
        """Return it as it stands in an answer."""
        return self.tick.to_bytes(6) + bytes([self.changed, self.levels, self.marks])

    @classmethod
    def parse(cls, raw: bytes) -> Event:
        """Return it from its nine bytes."""
        return cls(int.from_bytes(raw[:6]), raw[6], raw[7], Mark(raw[8]))


class Events(NamedTuple):
    """A portion of the event log.

    Attributes:
        first: Number of the first event here, modulo 2**16; ask on with `first + len(events)`.
        waiting: Events that stood in the FIFO from `first` on, these among them.
        lost: Register LOST.
    """

    first: int
    waiting: int
    lost: int
    events: tuple[Event, ...]

    @classmethod
    def parse(cls, body: bytes) -> Events:
        """Return it from an answer's body."""
        first, waiting, lost = _unpacked(">HHI", body[:8], "EVENTS")
        raw = body[8:]
        if len(raw) % EVENT_BYTES:
            raise RecordError(f"EVENTS: expected events of {EVENT_BYTES} bytes, got {len(raw)}")
        found = [raw[at : at + EVENT_BYTES] for at in range(0, len(raw), EVENT_BYTES)]
        return cls(first, waiting, lost, tuple(map(Event.parse, found)))


def value(body: bytes) -> int:
    """Return the value in the answer to READ."""
    (found,) = _unpacked(">Q", body, "READ")
    return found


def answers(request: Frame, answer: Frame) -> bool:
    """Return whether an answer, of an error too, belongs to a request."""
    same = answer.sequence == request.sequence
    return same and answer.command in (request.command | ANSWER, ERROR)


def _unpacked(form: str, body: bytes, name: str) -> tuple[int, ...]:
    if len(body) != struct.calcsize(form):
        raise RecordError(f"{name}: expected {struct.calcsize(form)} bytes, got {len(body)}")
    return struct.unpack(form, body)
