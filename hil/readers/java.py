"""`java://`: a reader whose card is the applet, in a JVM that this process starts and shares.

`java://HOST:PORT` makes a card of its own at a harness that runs elsewhere, `java://HOST:PORT/CARD`
takes the card of that number there. The exchange is a request to the harness; no reader, no field
and no wire is in its times.
"""

from __future__ import annotations

from time import monotonic_ns

from hil.address import EMPTY, Address, parse_address
from hil.exchange import Exchange
from hil.harness import Harness, JavaCard, shared_harness
from hil.issuing import issue_java
from hil.own_card import own_card_data
from hil.reader import Card
from hil.uid import draw_uid
from scheme.errors import CardGoneError, ReaderError
from scheme.personalisation import CardData
from scheme.sam_personalisation import SamData

EXPECTED = "java://, java://empty or java://HOST:PORT[/CARD]"


class JavaReader:
    """A field in a JVM with room for one card."""

    def __init__(self, address: Address) -> None:
        self.url = address.url
        self._number: int | None = None
        self._where: tuple[str, int] | None = None
        self._empty = address.place == EMPTY
        if address.place and not self._empty:
            where, slash, number = address.place.partition("/")
            if slash and not number.isdecimal():
                raise address.bad(EXPECTED)
            self._number = int(number) if slash else None
            self._where = address._replace(place=where).host_and_port(EXPECTED)
        self._harness: Harness | None = None
        self._card: JavaCard | None = None
        self._uid = b""  # of the card since it has power, once somebody asked

    def open(self) -> None:
        """Reach the harness, starting it where none was named, and have a card in the field."""
        if self._harness is not None:
            return
        if self._where is None:
            self._harness = shared_harness()
        else:
            host, port = self._where
            self._harness = Harness(port, host)
        number = self._number if self._card is None else self._card.number
        if number is not None:
            self._card = JavaCard(self._harness, number)
            self._card.reset()
        elif not self._empty:
            self._card = issue_java(self._harness, own_card_data())

    def close(self) -> None:
        """Let the harness go; the card stays there."""
        if self._harness is not None:
            self.field_off()
            if self._where is not None:
                self._harness.close()
        self._harness = None

    def issue(self, data: CardData | SamData) -> Card:
        """Return a fresh Java card or SAM."""
        return issue_java(self._opened(), data)

    def insert(self, card: Card) -> None:
        """Put a Java card into the field, in place of the one there."""
        if not isinstance(card, JavaCard):
            raise ReaderError(
                f'reader "{self.url}": expected a card that it issued, got {type(card).__name__}'
            )
        self.remove()
        self._card = card

    def remove(self) -> None:
        """Take the card out of the field."""
        if self._harness is not None:
            self.field_off()
        self._card = None

    def field_off(self) -> None:
        """Have the card forget its session."""
        self._uid = b""
        self._opened()
        if self._card is not None:
            self._card.reset()

    def uid(self) -> bytes | None:
        """Return the UID that the card's chip would have drawn."""
        self._in_field()
        self._uid = self._uid or draw_uid()
        return self._uid

    def transceive(self, apdu: bytes) -> Exchange:
        """Return the card's answer."""
        card = self._in_field()
        sent_ns = monotonic_ns()
        response = card.answer(apdu)
        return Exchange(response, sent_ns, monotonic_ns())

    def _in_field(self) -> JavaCard:
        self._opened()
        if self._card is None:
            raise CardGoneError(f'no card in reader "{self.url}"')
        return self._card

    def _opened(self) -> Harness:
        if self._harness is None:
            raise ReaderError(f'"{self.url}" is not open')
        return self._harness


def make(address: str) -> JavaReader:
    """Return a reader; raises BadInputError if the address is none of java's."""
    return JavaReader(parse_address("java", address))
