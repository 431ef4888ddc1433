"""The frames between a host and a PN532 on its serial line (NXP UM0701-02, 6.2.1).

    normal      00 00 FF | LEN | LCS | TFI data | DCS | 00
    extended    00 00 FF FF FF | LENh LENl | LCS | TFI data | DCS | 00
    ACK         00 00 FF 00 FF 00    from the host it aborts what the chip is doing
    NACK        00 00 FF FF 00 00    send the last answer again
    error       a normal frame whose only byte is 7F

The deframer takes bytes as they come, skips preambles and noise, and holds at most one frame of the
longest kind. What is malformed comes out as a `Flaw`; whoever reads decides what to do about it.
"""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple

START = b"\x00\xff"
ACK = bytes.fromhex("0000FF00FF00")
NACK = bytes.fromhex("0000FFFF0000")
TO_CHIP, TO_HOST, ERROR = 0xD4, 0xD5, 0x7F
LENGTH_MAX = 265  # of TFI and data: the chip's buffer
NORMAL_MAX = 255
HEAD, EXTENDED_HEAD = 4, 7  # bytes from the start code to the last before the TFI


class Signal(Enum):
    """A frame that carries nothing."""

    ack = "ACK"
    nack = "NACK"
    error = "error frame"


class Flaw(Enum):
    """What is wrong with bytes that began as a frame."""

    length_checksum = "wrong checksum of the length"
    length = "a length that no frame of this chip has"
    data_checksum = "wrong checksum of the data"
    direction = "a TFI other than D4, D5 and 7F"
    cut_short = "a frame that ends before its length"


class Frame(NamedTuple):
    """A whole frame: the TFI says from whom, `code` is the command or its answer."""

    tfi: int
    code: int
    data: bytes


Item = Frame | Signal | Flaw


def encode(tfi: int, code: int, data: bytes) -> bytes:
    """Return a frame, extended if it has to be; the data are at most 263 bytes."""
    length = 2 + len(data)
    assert length <= LENGTH_MAX, length
    body = bytes((tfi, code)) + data
    tail = bytes((-sum(body) & 0xFF, 0))
    if length <= NORMAL_MAX:
        return b"\x00" + START + bytes((length, -length & 0xFF)) + body + tail
    told = length.to_bytes(2, "big")
    return b"\x00" + START + b"\xff\xff" + told + bytes((-sum(told) & 0xFF,)) + body + tail


ERROR_FRAME = b"\x00" + START + bytes((1, 0xFF, ERROR, -ERROR & 0xFF, 0))


class Deframer:
    """Bytes in, frames and flaws out.

    Attributes:
        noise: How many bytes were skipped that belonged to no frame; zeros are not counted.
    """

    def __init__(self) -> None:
        self.noise = 0
        self._held = b""

    @property
    def held(self) -> int:
        """How many bytes wait for the rest of their frame."""
        return len(self._held)

    def feed(self, data: bytes) -> list[Item]:
        """Return what is whole now, in order."""
        found: list[Item] = []
        for at in range(0, len(data), LENGTH_MAX):
            self._held += data[at : at + LENGTH_MAX]
            while (item := self._next()) is not None:
                found.append(item)
        return found

    def finish(self) -> list[Item]:
        """Give up what never became whole, as after a silence; return what was hidden in it."""
        found: list[Item] = []
        while self._held.startswith(START):
            self._held = self._held[len(START) :]
            found.append(Flaw.cut_short)
            while (item := self._next()) is not None:
                found.append(item)
        self._held = b""
        return found

    def _next(self) -> Item | None:
        """Take the next frame or flaw off what is held; None if there is none yet."""
        start = self._held.find(START)
        if start < 0:
            kept = 1 if self._held.endswith(START[:1]) else 0
            self._skip(len(self._held) - kept)
            return None
        self._skip(start)
        held = self._held
        if len(held) < HEAD:
            return None
        if held[2:4] == b"\x00\xff":
            return self._took(4, Signal.ack)
        if held[2:4] == b"\xff\x00":
            return self._took(4, Signal.nack)
        if held[2:4] == b"\xff\xff":
            return self._whole(EXTENDED_HEAD)
        return self._whole(HEAD)

    def _whole(self, head: int) -> Item | None:
        held = self._held
        if len(held) < head:
            return None
        told = held[4:7] if head == EXTENDED_HEAD else held[2:4]
        length = int.from_bytes(told[:-1], "big")
        if sum(told) & 0xFF:
            return self._flawed(Flaw.length_checksum)
        if not 0 < length <= LENGTH_MAX:
            return self._flawed(Flaw.length)
        end = head + length + 1
        if len(held) < end:
            return None
        body = held[head : end - 1]
        if sum(held[head:end]) & 0xFF:
            return self._flawed(Flaw.data_checksum)
        if body == bytes((ERROR,)):
            return self._took(end, Signal.error)
        if body[0] not in (TO_CHIP, TO_HOST):
            return self._flawed(Flaw.direction)
        if length < 2:
            return self._flawed(Flaw.length)
        return self._took(end, Frame(body[0], body[1], body[2:]))

    def _took(self, count: int, item: Item) -> Item:
        self._held = self._held[count:]
        return item

    def _flawed(self, flaw: Flaw) -> Flaw:
        """Drop the start code alone, since a whole frame may be hidden in what followed it."""
        self._held = self._held[len(START) :]
        return flaw

    def _skip(self, count: int) -> None:
        self.noise += count - self._held.count(b"\x00", 0, count)
        self._held = self._held[count:]
