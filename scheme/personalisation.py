"""What goes onto a card when it is issued, and the STORE DATA commands that carry it there.

A card is issued once, application by application, in numbered blocks; afterwards no block is taken
any more. In production the blocks travel under the platform's secure channel, which is not here.
The SAM's are `scheme.sam_personalisation`, the identity's `scheme.identity`.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import NamedTuple

from scheme.apdu import store_commands
from scheme.card import Card
from scheme.errors import RecordError
from scheme.identity import Identity, IdentityData
from scheme.image import CardKeys, Image, Limits
from scheme.keys import IDENTITY_AID, PURSE_AID
from scheme.layouts import CATEGORIES_MAX, PURSE_LIMITS
from scheme.purse import Purse

_CATEGORIES = struct.Struct(f">{CATEGORIES_MAX}H")


class CardData(NamedTuple):
    """All that a card is issued with.

    Attributes:
        identity: None for a card whose identity is not issued: it answers 6985.
    """

    image: Image
    keys: CardKeys
    limits: Limits
    identity: IdentityData | None = None


def make_card(data: CardData, challenge: Callable[[], bytes]) -> Card:
    """Return a card issued with `data`; `challenge` gives 8 fresh bytes a call."""
    purse = Purse(data.image, data.keys, challenge, data.limits)
    identity = Identity(data.identity, challenge)
    return Card({PURSE_AID: purse, IDENTITY_AID: identity})


def purse_blocks(data: CardData) -> tuple[bytes, ...]:
    """Return the STORE DATA commands that issue a purse: its state, but no transaction of before.

    Raises:
        RecordError: If a field does not fit its block.
    """
    image, limits = data.image, data.limits
    fresh = image._replace(flags=0)
    try:
        purses = PURSE_LIMITS.codec.pack(
            limits.main, image.routine, limits.routine, image.periodic, limits.periodic,
            _categories("routine", limits.routine_categories),
            _categories("periodic", limits.periodic_categories),
        )  # fmt: skip
        return store_commands({1: fresh.said(), 2: data.keys.pack(), 3: purses})
    except struct.error as error:
        raise RecordError(f"card {image.card}: a field does not fit its block: {error}") from None


def _categories(purse: str, categories: tuple[int, ...]) -> bytes:
    if len(categories) > CATEGORIES_MAX or 0 in categories:
        raise RecordError(
            f"limits.{purse}_categories: expected at most {CATEGORIES_MAX} categories from 1 on, "
            f"got {categories}"
        )
    return _CATEGORIES.pack(*categories, *(0,) * (CATEGORIES_MAX - len(categories)))
