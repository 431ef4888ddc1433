"""`model://`: a reader whose card is the Python purse (or, by `insert`, the Python SAM).

Nothing here takes the time that a field, a chip or a wire takes: its figures are those of the
program alone.
"""

from __future__ import annotations

import secrets
from time import monotonic_ns
from typing import TYPE_CHECKING

from hil.exchange import Exchange
from hil.reader import Card
from scheme.errors import BadInputError, CardGoneError, ReaderError
from scheme.image import CardKeys, Image, Limits
from scheme.keys import TestKeys
from scheme.purse import Purse

if TYPE_CHECKING:
    from scheme.personalisation import CardData
    from scheme.sam_personalisation import SamData

OWN_SEED = 0  # the test keys of the card that a bare model:// starts
OWN_IMAGE = Image(
    card=9810160000000010, issuer=1016, profile=1, status=0, key_version=1, group=0,
    group_expiry=0, expiry=40_000, nt=0, balance=100_000,
)  # fmt: skip
OWN_LIMIT_IDR = 2_000_000  # PBI 20/6/2018, unregistered
CHALLENGE_SIZE = 8


class ModelReader:
    """A field in this process with room for one card."""

    def __init__(self, address: str, card: Card | None) -> None:
        self.url = f"model://{address}"
        self._card = card
        self._opened = False

    def open(self) -> None:
        """Switch the field on."""
        self._opened = True

    def close(self) -> None:
        """Switch the field off."""
        self.field_off()
        self._opened = False

    def issue(self, data: CardData | SamData) -> Card:
        """Return a fresh Python card or SAM."""
        from scheme.personalisation import make_card
        from scheme.sam_personalisation import SamData, make_sam

        if isinstance(data, SamData):
            return make_sam(data, fresh_challenge)
        return make_card(data, fresh_challenge)

    def insert(self, card: Card) -> None:
        """Put a card into the field, in place of the one there."""
        self.field_off()
        self._card = card

    def remove(self) -> None:
        """Take the card out of the field."""
        self.field_off()
        self._card = None

    def field_off(self) -> None:
        """Have the card forget its session."""
        if self._card is not None:
            self._card.reset()

    def transceive(self, apdu: bytes) -> Exchange:
        """Return the card's answer."""
        if not self._opened:
            raise ReaderError(f'"{self.url}" is not open')
        if self._card is None:
            raise CardGoneError(f'no card in reader "{self.url}"')
        sent_ns = monotonic_ns()
        response = self._card.answer(apdu)
        return Exchange(response, sent_ns, monotonic_ns())


def make(address: str) -> ModelReader:
    """Return a reader with a card of its own, or for the address `empty` with none.

    Raises:
        BadInputError: If the address is another.
    """
    if address not in ("", "empty"):
        raise BadInputError.at(
            f"model://{address}", expected="model:// or model://empty", got=address
        )
    return ModelReader(address, None if address else own_card())


def own_card() -> Purse:
    """Return a fresh test card under the test keys of seed 0."""
    keys = TestKeys(OWN_SEED)
    issuer = OWN_IMAGE.issuer
    on_card = CardKeys.of(
        lambda role: keys.issuer_master(issuer, role),
        OWN_IMAGE.card,
        issuer,
        OWN_IMAGE.key_version,
    )
    return Purse(OWN_IMAGE, on_card, fresh_challenge, Limits(OWN_LIMIT_IDR))


def fresh_challenge() -> bytes:
    """Return 8 bytes that nobody can foresee."""
    return secrets.token_bytes(CHALLENGE_SIZE)
