"""The identity application: it proves a holder's attributes, and names him to nobody.

What is kept is a random *reference* to a person, a few attributes, and a row for every *relying
party* that may ask. There is no NIK, no name, no card number. Who has no row learns that a card is
there, and nothing else, not even which parties have one. Each party has its own pseudonym for a
person, so two of them cannot put their lists together.

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
    LAST_BLOCK,
    SELECT_BY_AID,
    Command,
    Ins,
    parse_command,
    store_commands,
)
from scheme.cryptograms import KEY_SIZE, MAC_SIZE, Keyed, Step, cmac, derive, fixed_input
from scheme.errors import RecordError
from scheme.keys import IDENTITY_AID
from scheme.layouts import block
from scheme.records import Field, Layout
from scheme.status import Sw

OK = Sw.ok.to_bytes(2, "big")
MALFORMED = Sw.wrong_length.to_bytes(2, "big")
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

INSTRUCTIONS = (Ins.open, Ins.read_attribute, Ins.pseudonym, Ins.store_data)
GRANTED_BY: dict[tuple[int, int], Rights] = {
    (Ins.read_attribute, Attribute.over_18): Rights.over_18,
    (Ins.read_attribute, Attribute.resident_of): Rights.resident_of,
    (Ins.read_attribute, Attribute.entitled_to): Rights.entitled_to,
    (Ins.read_attribute, Attribute.photo_digest): Rights.photo_digest,
    (Ins.pseudonym, 0): Rights.pseudonym,
}  # by INS and P1

assert (IDENTITY.size, PARTY.size, OPEN_DATA.size, OPEN_ANSWER.size) == (54, 35, 10, 16)


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


class Session(NamedTuple):
    """What OPEN opened."""

    row: Party
    macs: Keyed


class Identity:
    """One identity. `answer` is all that anybody can do to it; it keeps what it was issued with.

    Args:
        data: What it holds; None if it is not issued yet, which STORE DATA does.
        challenge: Gives 8 fresh bytes a call.
    """

    def __init__(self, data: IdentityData | None, challenge: Callable[[], bytes]) -> None:
        self.data: IdentityData | None = None
        self._parties: dict[int, Party] = {}
        self._blocks: dict[int, bytes] = {}  # those that came, while it is not issued
        if data is not None:
            self._issue(data)
        self._challenge = challenge
        self._selected = False
        self._session: Session | None = None

    def reset(self) -> None:
        """Forget SELECT and session, as a card out of the field does."""
        self._selected, self._session = False, None

    def answer(self, apdu: bytes) -> bytes:
        """Return the answer to a command; never raises, whatever the bytes."""
        command = parse_command(apdu)
        if command is None:
            return MALFORMED
        # Every command ends the session; one that opens it, or keeps it, says so at its end.
        session, self._session = self._session, None
        told = self._dispatch(command, session)
        return told + OK if isinstance(told, bytes) else told.to_bytes(2, "big")

    def _dispatch(self, command: Command, session: Session | None) -> bytes | Sw:
        cla, ins = command.cla, command.ins
        if cla == CLA_ISO and ins == Ins.select:
            return self._select(command)
        if cla not in (CLA, CLA_ISO):
            return Sw.class_unknown
        if cla != CLA or ins not in INSTRUCTIONS:
            return Sw.instruction_unknown
        if ins == Ins.store_data:
            return self._store_data(command)
        if not self._selected:
            return Sw.wrong_state
        return self._open(command) if ins == Ins.open else self._tell(command, session)

    def _select(self, command: Command) -> bytes | Sw:
        self._selected = False
        if (command.p1, command.p2) != (SELECT_BY_AID, 0):
            return Sw.wrong_parameters
        if command.data != IDENTITY_AID:
            return Sw.application_unknown
        if self.data is None:
            return Sw.wrong_state
        self._selected = True
        return PRESENT

    def _store_data(self, command: Command) -> bytes | Sw:
        """Keep a block of personalisation; the last one issues the identity, for good."""
        if self.data is not None:
            return Sw.wrong_state
        number, data = command.p2, command.data
        if command.p1 not in (0, LAST_BLOCK) or not 0 < number <= 1 + PARTIES_MAX:
            return Sw.wrong_parameters
        if len(data) != (IDENTITY.size if number == 1 else PARTY.size):
            return Sw.wrong_length
        blocks = self._blocks | {number: data}
        if command.p1 and 1 not in blocks:
            return Sw.wrong_state
        self._blocks = blocks
        if command.p1:
            self._issue(_issued(blocks))
        return b""

    def _issue(self, data: IdentityData) -> None:
        self.data = data
        self._parties = {row.party: row for row in reversed(data.parties)}  # the first one counts

    def _open(self, command: Command) -> bytes | Sw:
        """Open a party's session and prove to it that the card is genuine.

        A party without a row is answered under a key that nobody has: what it hears looks the same.
        """
        if command.p1 or command.p2:
            return Sw.wrong_parameters
        if len(command.data) != OPEN_DATA.size:
            return Sw.wrong_length
        party, challenge = OPEN_DATA.codec.unpack(command.data)
        assert self.data is not None, "nothing is selected before it is issued"
        row = self._parties.get(party) or Party(party, Rights(0), self.data.reference, b"")
        own = self._challenge()
        macs = Keyed(party_session_key(row.authentication_key, own, challenge, party))
        self._session = Session(row, macs)
        return own + macs.step_mac(Step.card_says, command.data + own)

    def _tell(self, command: Command, session: Session | None) -> bytes | Sw:
        """Tell an attribute or the party's pseudonym, if its row grants it."""
        asked = command.ins, command.p1
        right = GRANTED_BY.get(asked)
        if right is None or command.p2:
            return Sw.wrong_parameters
        if len(command.data) != MAC_SIZE:
            return Sw.wrong_length
        if session is None:
            return Sw.wrong_state
        if not session.macs.step_holds(Step.terminal_orders, bytes(asked), command.data):
            return Sw.wrong_mac
        if right not in session.row.rights:
            return Sw.not_allowed
        self._session = session
        value = self._value(session.row, right)
        return value + session.macs.step_mac(Step.card_did, bytes(asked) + value)

    def _value(self, row: Party, right: Rights) -> bytes:
        data = self.data
        assert data is not None, "nothing is told before it is issued"
        if right is Rights.pseudonym:
            return cmac(row.pseudonym_key, data.reference)
        return {
            Rights.over_18: bytes((data.over_18,)),
            Rights.resident_of: data.resident_of.to_bytes(2, "big"),
            Rights.entitled_to: bytes((data.group,)) + data.group_expiry.to_bytes(2, "big"),
            Rights.photo_digest: data.photo_digest,
        }[right]


def _issued(blocks: dict[int, bytes]) -> IdentityData:
    """Return what the blocks of STORE DATA say."""
    rows = [PARTY.unpack(blocks[number]) for number in sorted(blocks) if number > 1]
    parties = tuple(Party(**row | {"rights": Rights(row["rights"])}) for row in rows)
    return IdentityData(**IDENTITY.unpack(blocks[1]), parties=parties)


def party_session_key(key: bytes, card_challenge: bytes, challenge: bytes, party: int) -> bytes:
    """Return the MAC key of one session between an identity and a relying party.

    Args:
        key: The party's authentication key.
        card_challenge: RC, 8 bytes, the card's.
        challenge: RT, 8 bytes, the party's.
        party: Its number.
    """
    context = card_challenge + challenge + party.to_bytes(2, "big")
    return derive(key, fixed_input(b"JK1 identity MAC", context))


def identity_blocks(data: IdentityData) -> tuple[bytes, ...]:
    """Return the STORE DATA commands that issue an identity.

    Raises:
        RecordError: If a field does not fit, or there are too many rows or two of one party.
    """
    numbers = [row.party for row in data.parties]
    if len(numbers) > PARTIES_MAX or 0 in numbers or len(set(numbers)) != len(numbers):
        raise RecordError(
            f"identity.parties: expected at most {PARTIES_MAX} rows of different parties "
            f"from 1 on, got {numbers}"
        )
    first = block(IDENTITY, data._asdict())
    rows = [block(PARTY, row._asdict()) for row in data.parties]
    return store_commands(dict(enumerate((first, *rows), 1)))
