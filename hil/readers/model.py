"""`model://`: a reader whose card is the Python card (or, by `insert`, the Python SAM).

Nothing here takes the time that a field, a chip or a wire takes: its figures are those of the
program alone.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from time import monotonic_ns

from hil.address import EMPTY, parse_address
from hil.cardfile import read_card_file
from hil.exchange import Exchange
from hil.issuing import issue
from hil.own_card import own_card_data
from hil.reader import Card
from hil.uid import draw_uid
from scheme.errors import CardGoneError, ReaderError
from scheme.personalisation import CardData
from scheme.sam_personalisation import SamData

CARD_FILES = (".json", ".yaml")
_new = tuple.__new__


class ModelReader:
    """A field in this process with room for one card."""

    def __init__(self, address: str, card: Card | None) -> None:
        self.url = f"model://{address}"
        self._card = card
        self._opened = False
        self._answer: Callable[[bytes], bytes] | None = None  # of a card in a field that is on
        self._uid = b""  # of the card since it has power, once somebody asked

    def open(self) -> None:
        """Switch the field on."""
        self._opened = True
        self._answer = self._card.answer if self._card is not None else None

    def close(self) -> None:
        """Switch the field off."""
        self.field_off()
        self._opened, self._answer = False, None

    def issue(self, data: CardData | SamData) -> Card:
        """Return a fresh Python card or SAM."""
        return issue("python", data)

    def insert(self, card: Card) -> None:
        """Put a card into the field, in place of the one there."""
        self.field_off()
        self._card = card
        self._answer = card.answer if self._opened else None

    def remove(self) -> None:
        """Take the card out of the field."""
        self.field_off()
        self._card = self._answer = None

    def field_off(self) -> None:
        """Have the card forget its session."""
        self._uid = b""
        if self._card is not None:
            self._card.reset()

    def uid(self) -> bytes | None:
        """Return the UID that the card's chip would have drawn."""
        if self._answer is None:
            raise self._nobody()
        self._uid = self._uid or draw_uid()
        return self._uid

    def transceive(self, apdu: bytes) -> Exchange:
        """Return the card's answer."""
        answer = self._answer
        if answer is None:
            raise self._nobody()
        sent_ns = monotonic_ns()
        response = answer(apdu)
        # As calling the class does, at half the cost.
        return _new(Exchange, (response, sent_ns, monotonic_ns()))

    def _nobody(self) -> ReaderError:
        if not self._opened:
            return ReaderError(f'"{self.url}" is not open')
        return CardGoneError(f'no card in reader "{self.url}"')


def make(address: str) -> ModelReader:
    """Return a reader with a card: its own, or that of a card file; for `empty` with none.

    Raises:
        BadInputError: If the address is another, or the file is no card file.
    """
    parsed = parse_address("model", address)
    if parsed.place == EMPTY:
        return ModelReader(address, None)
    if not parsed.place:
        return ModelReader(address, issue("python", own_card_data()))
    if Path(parsed.place).suffix not in CARD_FILES:
        raise parsed.bad("model://, model://empty or model://CARD.json")
    return ModelReader(address, issue("python", read_card_file(Path(parsed.place))))
