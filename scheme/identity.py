"""The identity application: it proves a holder's attributes, and names him to nobody.

What is kept is a random *reference* to a person, a few attributes, and a row for every *relying
party* that may ask. There is no NIK, no name, no card number. Who has no row learns that a card is
there, and nothing else. Each party has its own pseudonym for a person, so two of them cannot put
their lists together.

    party OPEN                 RT         the card's answer S1 proves it to the party
    party READ ATTRIBUTE       S2         value and S3, if the party's row grants it
    party PSEUDONYM            S2         CMAC(the party's key, reference) and S3

There is no wrong-MAC counter: with one, any phone could use up an identity.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import IntEnum, IntFlag
from typing import NamedTuple

from scheme.apdu import (
    CLA,
    CLA_ISO,
    MAC_SIZE,
    SELECT_BY_AID,
    Command,
    Ins,
    Response,
    parse_command,
    sw_only,
)
from scheme.cryptograms import KEY_SIZE, Keyed, Step, cmac, derive, fixed_input
from scheme.keys import IDENTITY_AID
from scheme.records import Field, Layout
from scheme.status import Sw

PRESENT = b"\x01"  # all that SELECT says
PARTIES_MAX = 8
CHALLENGE_SIZE = 8


class Attribute(IntEnum):
    """P1 of READ ATTRIBUTE: what a relying party asks for."""

    over_18 = 1  # 1 byte, 0 or 1
    resident_of = 2  # region, 2 bytes
    entitled_to = 3  # free group 1, its last calendar day 2
    photo_digest = 4  # SHA-256 of the picture on file, 32 bytes


class Rights(IntFlag):
    """What a party's row grants: bit `attribute - 1`, and bit 7 for its pseudonym."""

    over_18 = 1
    resident_of = 2
    entitled_to = 4
    photo_digest = 8
    pseudonym = 0x80


IDENTITY = Layout(
    "identity",
    (
        Field("reference", 16, "random number of the person", False),
        Field("over_18", 1, "0 or 1"),
        Field("resident_of", 2, "region"),
        Field("group", 1, "free group, 0 if none"),
        Field("group_expiry", 2, "last calendar day in the group"),
        Field("photo_digest", 32, "SHA-256 of the picture on file", False),
    ),
)

PARTY = Layout(
    "party row",
    (
        Field("party", 2, "number of the relying party, 1 or more"),
        Field("rights", 1, "`Rights`"),
        Field("authentication_key", KEY_SIZE, "the party's and the card's", False),
        Field("pseudonym_key", KEY_SIZE, "what makes the party's pseudonyms", False),
    ),
)

OPEN_DATA = Layout(
    "OPEN command",
    (
        Field("party", 2, "number of the relying party"),
        Field("challenge", CHALLENGE_SIZE, "RT, the party's challenge", False),
    ),
)

OPEN_ANSWER = Layout(
    "OPEN answer",
    (
        Field("challenge", CHALLENGE_SIZE, "RC, the card's challenge", False),
        Field("mac", MAC_SIZE, "S1, over party, RT and RC", False),
    ),
)


class Party(NamedTuple):
    """A relying party's row: its number, what it may learn, and its two keys."""

    party: int
    rights: Rights
    authentication_key: bytes
    pseudonym_key: bytes


class IdentityData(NamedTuple):
    """All that an identity keeps.

    Attributes:
        reference: 16 random bytes that stand for the person, the same on every card of his.
        resident_of: Region code.
        group, group_expiry: Free group, 0 if none, and its last calendar day.
        photo_digest: SHA-256 of the picture on file, 32 bytes.
        parties: At most 8 rows, one a party.
    """

    reference: bytes
    over_18: bool
    resident_of: int
    group: int
    group_expiry: int
    photo_digest: bytes
    parties: tuple[Party, ...] = ()


class Identity:
    """One identity. `answer` is all that anybody can do to it; it keeps what it was issued with.

    Args:
        data: What it holds; None if it was never issued, which answers 6985 to everything.
        challenge: Gives 8 fresh bytes a call.
    """

    def __init__(self, data: IdentityData | None, challenge: Callable[[], bytes]) -> None:
        self.data = data
        self._parties = {row.party: row for row in data.parties} if data else {}
        self._challenge = challenge
        self._selected = False
        self._session: tuple[Party, Keyed] | None = None

    def reset(self) -> None:
        """Forget SELECT and session, as a card out of the field does."""
        self._selected, self._session = False, None

    def answer(self, apdu: bytes) -> bytes:
        """Return the answer to a command; never raises, whatever the bytes."""
        raise NotImplementedError
