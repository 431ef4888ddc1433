"""`fault+URL`: a reader that pulls the card away at the exchange it is told, once, and proves it.

`lost` never reaches the card; `unheard` reaches it, and the answer is lost. Either way the caller
sees the card gone. Delays, corruption and cuts at a byte are not here.
"""

from __future__ import annotations

from enum import Enum
from time import monotonic_ns
from typing import NamedTuple

from hil.exchange import Exchange
from hil.reader import Card, Reader, await_card, held, uid_of
from scheme.apdu import Ins
from scheme.errors import CardGoneError
from scheme.personalisation import CardData
from scheme.sam_personalisation import SamData

OPTIONS = ()  # of its URL, that are this wrapper's


class Tear(Enum):
    """On which side of the card the exchange is cut."""

    lost = "lost"
    unheard = "unheard"


class Armed(NamedTuple):
    """What will be torn: the next command of one of these instructions."""

    tear: Tear
    at: frozenset[int]


class FaultReader:
    """A wrapper round a reader.

    Attributes:
        fired: Which tears have happened, in order, with their instruction.
    """

    def __init__(self, inner: Reader) -> None:
        self.url = f"fault+{inner.url}"
        self.fired: list[tuple[Tear, Ins]] = []
        self._inner = inner
        self._armed: Armed | None = None

    def arm(self, tear: Tear, *at: Ins) -> None:
        """Tear the next command of one of the instructions; replaces what was armed."""
        self._armed = Armed(tear, frozenset(at))

    def disarm(self) -> bool:
        """Take back what is armed; return whether it had not fired."""
        waiting, self._armed = self._armed is not None, None
        return waiting

    def open(self) -> None:
        """Open the reader within."""
        self._inner.open()

    def close(self) -> None:
        """Close the reader within."""
        self._inner.close()

    def field_off(self) -> None:
        """Take power from the card."""
        self._inner.field_off()

    def issue(self, data: CardData | SamData) -> Card:
        """Return a fresh card, if the reader within can make one."""
        return held(self._inner).issue(data)

    def insert(self, card: Card) -> None:
        """Put a card into the field, if the reader within can."""
        held(self._inner).insert(card)

    def remove(self) -> None:
        """Take the card out of the field, if the reader within can."""
        held(self._inner).remove()

    def detect(self, timeout_s: float) -> int:
        """Return the instant after a card was seen, by a reader within that can see one come."""
        await_card(self._inner, timeout_s)
        return monotonic_ns()

    def uid(self) -> bytes | None:
        """Return the UID that the reader within tells, None if it tells none."""
        return uid_of(self._inner)

    def transceive(self, apdu: bytes) -> Exchange:
        """Return the card's answer, or tear."""
        armed = self._armed
        if armed is None or len(apdu) < 2 or apdu[1] not in armed.at:
            return self._inner.transceive(apdu)
        self._armed = None
        if armed.tear is Tear.unheard:
            self._inner.transceive(apdu)
        self._inner.field_off()
        self.fired.append((armed.tear, Ins(apdu[1])))
        raise CardGoneError(
            f'card left reader "{self.url}" at {Ins(apdu[1]).name.upper()}, as asked'
        )


def wrap(inner: Reader) -> FaultReader:
    """Return a reader wrapped."""
    return FaultReader(inner)
