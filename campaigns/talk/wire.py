"""The wire between a scene and the twin: writes down what was said, and garbles some of it.

Everything that is drawn comes from one `Random`, so that a seed and a card's number say it all.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Protocol

INS = bytes.fromhex("20222426 303234 40424446484A4C4E 505254 A4E2")
LOST = b"\x00\x00"  # what a scene hears when its command was held back


class Twin(Protocol):
    """A card as its terminal sees it."""

    def answer(self, apdu: bytes) -> bytes:
        """Return the answer to a command."""

    def reset(self) -> None:
        """Take power away and give it back."""


class Wire:
    """One card's wire.

    Args:
        twin: Who answers while the talk is made up.
        chance: Where everything random comes from.
        garbling: How much of what is said is garbled, 0 to 1.
    """

    def __init__(self, twin: Twin, chance: Random, garbling: float) -> None:
        self.twin = twin
        self.chance = chance
        self.garbling = garbling
        self.said: list[bytes | None] = []  # None is a reset
        self.heard: list[bytes] = []  # empty for a reset

    def plain(self, apdu: bytes) -> bytes:
        """Say a command as it is and return its answer."""
        answer = self.twin.answer(apdu)
        self.said.append(apdu)
        self.heard.append(answer)
        return answer

    def reset(self) -> None:
        """Take the card out of the field and put it back."""
        self.twin.reset()
        self.said.append(None)
        self.heard.append(b"")

    def send(self, apdu: bytes) -> bytes:
        """Say a command, or something like it, with something else before or after it at times."""
        chance = self.chance
        if chance.random() >= self.garbling:
            return self.plain(apdu)
        kind = chance.randrange(10)
        if kind == 0:
            self.plain(self._junk())
            return self.plain(apdu)
        if kind == 1:
            self._replay()
            return self.plain(apdu)
        if kind == 2:
            self.plain(apdu)
            return self.plain(apdu)
        if kind == 3:
            return LOST  # a replay may bring it later, which is how commands change places
        if kind == 4:
            self.reset()
            return self.plain(apdu)
        return self.plain(chance.choice(GARBLED)(apdu, chance))

    def _replay(self) -> None:
        earlier = [apdu for apdu in self.said[-40:] if apdu is not None]
        if earlier:
            self.plain(self.chance.choice(earlier))

    def _junk(self) -> bytes:
        chance = self.chance
        if chance.random() < 0.3:
            return chance.randbytes(chance.choice((0, 1, 2, 3, 4, 5, 6, 9, 20, 80, 260, 261, 300)))
        cla = chance.choice((0x80, 0x80, 0x80, 0x80, 0x00, chance.randrange(256)))
        ins = chance.choice((*INS, chance.randrange(256)))
        # 80 B8 is the simulator's own and 61xx to 6Fxx and 9xxx are no instructions (ISO 7816-4).
        if ins == 0xB8 or ins >> 4 in (6, 9):
            ins = 0x40
        p1, p2 = (chance.choice((0, 0, 1, 2, 3, chance.randrange(256))) for _ in range(2))
        data = chance.randbytes(chance.choice((0, 0, 1, 6, 8, 10, 12, 18, 20, 22, 47, 63, 73, 255)))
        return bytes((cla, ins, p1, p2)) + (bytes((len(data),)) + data if data else b"")


def _flipped(apdu: bytes, chance: Random) -> bytes:
    at = chance.randrange(8 * len(apdu))
    return bytes(b ^ (1 << at % 8 if i == at // 8 else 0) for i, b in enumerate(apdu))


def _header(apdu: bytes, chance: Random) -> bytes:
    at = chance.choice((0, 1, 2, 2, 3, 3))
    value = chance.choice((0, 1, 2, 3, 4, 6, 0x10, 0x20, 0x42, 0x44, 0x80, 0xFF))
    return apdu[:at] + bytes((value,)) + apdu[at + 1 :]


def _cut(apdu: bytes, chance: Random) -> bytes:
    return apdu[: chance.randrange(len(apdu))]


def _longer(apdu: bytes, chance: Random) -> bytes:
    return apdu + chance.choice((bytes(1), bytes(2), chance.randbytes(1), chance.randbytes(3)))


def _resized(apdu: bytes, chance: Random) -> bytes:
    """Return the command with more or less data and an Lc that says so."""
    data = apdu[5:]
    change = chance.choice((-16, -8, -2, -1, 1, 2, 8, 16))
    data = data[:change] if change < 0 else data + chance.randbytes(change)
    data = data[:255]
    return apdu[:4] + (bytes((len(data),)) + data if data else b"")


def _field(apdu: bytes, chance: Random) -> bytes:
    """Return the command with four bytes of its data at a border of 32-bit numbers."""
    if len(apdu) < 9:
        return _longer(apdu, chance)
    at = chance.randrange(5, len(apdu) - 3)
    border = chance.choice((0, 1, 0x7FFF_FFFF, 0x8000_0000, 0xFFFF_FFFF))
    return apdu[:at] + border.to_bytes(4, "big") + apdu[at + 4 :]


GARBLED: tuple[Callable[[bytes, Random], bytes], ...] = (
    _flipped, _flipped, _header, _cut, _longer, _resized, _field,
)  # fmt: skip
