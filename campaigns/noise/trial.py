"""One stretch of noise for one decoder, and what every decoder is held to."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from random import Random
from typing import NamedTuple

FRAMES_A_TRIAL = 20

Wrong = tuple[str, str, str]  # what, expected, got
Trial = Callable[[Random], Iterator[Wrong]]
"""Feeds one decoder FRAMES_A_TRIAL frames and yields what was wrong. May raise what is named."""


class Piece(NamedTuple):
    """A frame as it goes over the wire.

    Attributes:
        sent: The frame if it is whole, so that it must come out again; None if it is none.
    """

    data: bytes
    sent: object | None


def spoilt(data: bytes, chance: Random) -> bytes:
    """Return a frame's bytes with something wrong: bits, bytes more, fewer, or its end missing."""
    wrong = bytearray(data)
    at = chance.randrange(len(wrong))
    way = chance.randrange(4)
    if way == 0:
        wrong[at] ^= 1 << chance.randrange(8)
    elif way == 1:
        wrong[at:at] = chance.randbytes(chance.randint(1, 8))
    elif way == 2:
        del wrong[at : at + chance.randint(1, 8)]
    else:
        del wrong[at:]
    return bytes(wrong)


def portions(data: bytes, chance: Random) -> Iterator[bytes]:
    """Yield the bytes as a port might give them."""
    at, most = 0, chance.choice((1, 7, 64, 4096))
    while at < len(data):
        size = chance.randint(1, most)
        yield data[at : at + size]
        at += size


def missing(expected: list[object], got: list[object]) -> list[object]:
    """Return what of `expected` does not come in `got`, in that order."""
    rest = iter(got)
    for at, wanted in enumerate(expected):
        if not any(item == wanted for item in rest):
            return expected[at:]
    return []
