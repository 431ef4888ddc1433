"""The commands and answers of card and SAM, byte by byte. No key and no rule is known here.

Layouts are fixed: there is no TLV, no chaining and no GET RESPONSE. SELECT has class 00, all others
class 80. Numbers are unsigned and big-endian.
"""

from __future__ import annotations

from enum import IntEnum
from typing import NamedTuple

from scheme.errors import RecordError
from scheme.records import PARKING_STATE, TRANSIT_STATE, Field, Layout, RecordKind
from scheme.status import Sw

CLA_ISO = 0x00
CLA = 0x80
SELECT_BY_AID = 0x04
MAIN_PURSE = 1


class Ins(IntEnum):
    """The instructions. 80 50, 84 82 and E2 belong to personalisation, 80 B8 to jCardSim."""

    select = 0xA4
    # card
    init = 0x40
    debit = 0x42
    credit = 0x44
    proof = 0x48
    # SAM
    challenge = 0x20
    authenticate = 0x22
    confirm = 0x24


class Mode(IntEnum):
    """P1 of INIT: what the session is for."""

    debit = 1
    credit = 2
    proof = 4


class Slot(IntEnum):
    """P2 of DEBIT: which state the command replaces."""

    none = 0
    transit = 1
    parking = 2


SLOT_SIZE = {Slot.none: 0, Slot.transit: TRANSIT_STATE.size, Slot.parking: PARKING_STATE.size}
SLOT_OF = {
    RecordKind.debit: Slot.none,
    RecordKind.debit_transit: Slot.transit,
    RecordKind.debit_parking: Slot.parking,
    RecordKind.load: Slot.none,
}
KIND_OF = {
    Slot.none: RecordKind.debit,
    Slot.transit: RecordKind.debit_transit,
    Slot.parking: RecordKind.debit_parking,
}


class Command(NamedTuple):
    """One command; `encode` gives its bytes."""

    cla: int
    ins: int
    p1: int
    p2: int
    data: bytes = b""

    def encode(self) -> bytes:
        """Return the command in its short form, without Le."""
        head = bytes((self.cla, self.ins, self.p1, self.p2))
        return head + bytes((len(self.data),)) + self.data if self.data else head


class Response(NamedTuple):
    """One answer: its data and its status word."""

    data: bytes
    sw: int

    def encode(self) -> bytes:
        """Return the answer's bytes."""
        return self.data + self.sw.to_bytes(2, "big")


def parse_command(apdu: bytes) -> Command | None:
    """Return the command in `apdu`, or None if its length is wrong; Le is taken and ignored."""
    size = len(apdu)
    if size < 4:
        return None
    cla, ins, p1, p2 = apdu[:4]
    if size <= 5:
        return Command(cla, ins, p1, p2)
    if apdu[4] == 0 or size - 5 - apdu[4] not in (0, 1):
        return None
    return Command(cla, ins, p1, p2, apdu[5 : 5 + apdu[4]])


def parse_response(apdu: bytes) -> Response:
    """Return the answer in `apdu`.

    Raises:
        RecordError: If there is no status word.
    """
    if len(apdu) < 2:
        raise RecordError(f"answer: expected at least 2 bytes, got {len(apdu)}")
    return Response(apdu[:-2], int.from_bytes(apdu[-2:], "big"))


SELECTED = Layout(
    "SELECT answer",
    (
        Field("card", 8, "card number"),
        Field("issuer", 2, "participant number of the issuing bank"),
        Field("profile", 1, "1 unregistered, 2 registered"),
        Field("status", 1, "0 active, 1 blocked"),
        Field("key_version", 1, "version of the issuer's keys"),
        Field("group", 1, "free group, 0 if none"),
        Field("group_expiry", 2, "last calendar day in the group"),
        Field("expiry", 2, "last calendar day of the card"),
        Field("nt", 4, "transaction counter"),
        Field("balance", 4, "rupiah on the main purse"),
        Field("flags", 1, "0; for later use"),
        Field("transit", TRANSIT_STATE.size, "transit state", False),
        Field("parking", PARKING_STATE.size, "parking state", False),
    ),
)

INIT_DATA = Layout(
    "INIT command",
    (
        Field("amount", 4, "rupiah"),
        Field("terminal", 4, "terminal number"),
        Field("sam", 4, "SAM number"),
        Field("challenge", 8, "RT, the SAM's challenge", False),
    ),
)

INIT_ANSWER = Layout(
    "INIT answer",
    (
        Field("challenge", 8, "RC, the card's challenge", False),
        Field("nt", 4, "transaction counter"),
        Field("balance", 4, "rupiah on the purse"),
        Field("status", 1, "0 active, 1 blocked"),
        Field("key_version", 1, "version of the issuer's keys"),
        Field("mac", 8, "S1, over all that SELECT and INIT said", False),
    ),
)

DEBIT_HEAD = Layout(
    "DEBIT command before its state",
    (
        Field("at_s", 4, "whole seconds UTC"),
        Field("place", 2, "place number"),
        Field("sam_counter", 4, "the SAM's counter"),
    ),
)

DEBIT_ANSWER = Layout(
    "DEBIT answer",
    (
        Field("balance", 4, "rupiah after it"),
        Field("nt", 4, "transaction counter after it"),
        Field("tac", 8, "the card's proof to its issuer", False),
        Field("mac", 8, "S3", False),
    ),
)

STORED = Layout(
    "stored part of the last transaction",
    (
        Field("version", 1, "record layout version"),
        Field("kind", 1, "`RecordKind`"),
        Field("purse", 1, "purse"),
        Field("key_version", 1, "version of the issuer's keys"),
        Field("amount", 4, "rupiah"),
        Field("at_s", 4, "whole seconds UTC"),
        Field("terminal", 4, "terminal number"),
        Field("place", 2, "place number"),
        Field("sam", 4, "SAM number"),
        Field("sam_counter", 4, "the SAM's counter"),
    ),
)

SAM_CHALLENGE = Layout(
    "CHALLENGE answer",
    (
        Field("challenge", 8, "RT, good for one session", False),
        Field("sam", 4, "SAM number"),
        Field("terminal", 4, "the terminal this SAM is for"),
        Field("sam_counter", 4, "the SAM's counter, last used"),
    ),
)

MAC_SIZE = 8
PROOF_SIZE = 4 + STORED.size + 2 * MAC_SIZE
PROVEN_SIZE = SELECTED.size + INIT_DATA.size + INIT_ANSWER.size  # what AUTHENTICATE is shown

assert (SELECTED.size, INIT_DATA.size, INIT_ANSWER.size) == (63, 20, 26)
assert (DEBIT_ANSWER.size, STORED.size, PROOF_SIZE) == (24, 26, 46)


class Selected(NamedTuple):
    """What SELECT said, its states as they lie on the card."""

    card: int
    issuer: int
    profile: int
    status: int
    key_version: int
    group: int
    group_expiry: int
    expiry: int
    nt: int
    balance: int
    flags: int
    transit: bytes
    parking: bytes

    def state(self, slot: Slot) -> bytes:
        """Return the state in a slot, empty for none."""
        return {Slot.none: b"", Slot.transit: self.transit, Slot.parking: self.parking}[slot]


class Debited(NamedTuple):
    """What DEBIT or CREDIT answered."""

    balance: int
    nt: int
    tac: bytes
    mac: bytes


class Proved(NamedTuple):
    """What PROOF answered: a transaction's counter, its stored part, its TAC."""

    nt: int
    stored: dict[str, int]
    tac: bytes


def select_command(aid: bytes) -> Command:
    """Return the command that selects an application."""
    return Command(CLA_ISO, Ins.select, SELECT_BY_AID, 0, aid)


def init_command(
    mode: Mode, amount_idr: int, terminal: int, sam: int, challenge: bytes, purse: int = MAIN_PURSE
) -> Command:
    """Return the command that opens a session; the card writes nothing on it."""
    data = INIT_DATA.codec.pack(amount_idr, terminal, sam, challenge)
    return Command(CLA, Ins.init, mode, purse, data)


def value_command(
    ins: Ins, slot: Slot, at_s: int, place: int, sam_counter: int, state: bytes, mac: bytes
) -> Command:
    """Return DEBIT or CREDIT: the one command that writes."""
    data = DEBIT_HEAD.codec.pack(at_s, place, sam_counter) + state + mac
    return Command(CLA, ins, 0, slot, data)


def proof_command(nt: int, mac: bytes) -> Command:
    """Return the command that asks for the card's last transaction again."""
    return Command(CLA, Ins.proof, 0, 0, nt.to_bytes(4, "big") + mac)


def challenge_command() -> Command:
    """Return the command that asks a SAM for its challenge."""
    return Command(CLA, Ins.challenge, 0, 0)


def authenticate_command(
    proven: bytes, ins: Ins | None = None, slot: Slot = Slot.none, body: bytes = b""
) -> Command:
    """Return the command with which a SAM checks S1 and, where asked, signs.

    Args:
        proven: SELECT's answer, INIT's data and INIT's answer, one behind the other.
        ins: The command to be signed, or None to have S1 checked and nothing more.
        slot: The slot that DEBIT will replace.
        body: For DEBIT and CREDIT seconds 4, place 2 and the state; for PROOF the counter 4.
    """
    return Command(CLA, Ins.authenticate, ins or 0, slot, proven + body)


def confirm_command(ins: Ins, answer: bytes) -> Command:
    """Return the command with which a SAM checks S3."""
    return Command(CLA, Ins.confirm, ins, 0, answer)


def parse_selected(data: bytes) -> Selected:
    """Return what SELECT said.

    Raises:
        RecordError: If the answer has another length.
    """
    return Selected(*SELECTED.codec.unpack(_sized(SELECTED.name, data, SELECTED.size)))


def parse_debited(data: bytes) -> Debited:
    """Return what DEBIT or CREDIT answered; raises RecordError if it has another length."""
    return Debited(*DEBIT_ANSWER.codec.unpack(_sized(DEBIT_ANSWER.name, data, DEBIT_ANSWER.size)))


def parse_proved(data: bytes) -> Proved:
    """Return what PROOF answered; raises RecordError if it has another length."""
    _sized("PROOF answer", data, PROOF_SIZE)
    stored = STORED.unpack(data[4 : 4 + STORED.size])
    tac_at = 4 + STORED.size
    return Proved(int.from_bytes(data[:4], "big"), stored, data[tac_at : tac_at + MAC_SIZE])


def sw_only(sw: Sw) -> Response:
    """Return an answer without data."""
    return Response(b"", sw)


def _sized(what: str, data: bytes, size: int) -> bytes:
    if len(data) != size:
        raise RecordError(f"{what}: expected {size} bytes, got {len(data)}")
    return data
