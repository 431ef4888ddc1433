"""The commands and answers of card and SAM, byte by byte. No key and no rule is known here.

There is no chaining and no GET RESPONSE. SELECT has class 00, all others class 80. Numbers are
unsigned and big-endian; what lies in the data is `scheme.layouts`.
"""

from __future__ import annotations

import struct
from enum import IntEnum, IntFlag
from typing import Any, NamedTuple

from scheme.cryptograms import MAC_SIZE
from scheme.errors import RecordError
from scheme.layouts import (
    DEBIT_ANSWER,
    DEBIT_HEAD,
    INIT_DATA,
    LOG_ENTRY,
    LOG_SIZE,
    PROOF_SIZE,
    RECEIPT,
    RESTRICTED_HEAD,
    SELECTED,
    STORED,
)
from scheme.records import PARKING_STATE, TRANSIT_STATE, RecordKind
from scheme.status import Sw

CLA_ISO = 0x00
CLA = 0x80
SELECT_BY_AID = 0x04


class Ins(IntEnum):
    """The instructions of card, SAM and identity."""

    select = 0xA4
    # purse
    init = 0x40
    debit = 0x42
    credit = 0x44
    cancel = 0x46
    proof = 0x48
    confirm_purse = 0x4A
    read_log = 0x4C
    block = 0x4E  # and UNBLOCK, by P2
    put_key = 0x52
    put_entitlement = 0x54
    store_data = 0xE2  # before issue only, on every application
    # SAM
    challenge = 0x20
    authenticate = 0x22
    confirm = 0x24
    restore = 0x26
    # identity
    open = 0x30
    read_attribute = 0x32
    pseudonym = 0x34


class Mode(IntEnum):
    """P1 of INIT: what the session is for."""

    debit = 1  # DEBIT, BLOCK
    credit = 2
    cancel = 3
    proof = 4  # PROOF, READ LOG
    admin = 6  # UNBLOCK, PUT KEY, PUT ENTITLEMENT


class PurseNumber(IntEnum):
    """P2 of INIT: which purse of the card."""

    main = 1
    kjp_routine = 2
    kjp_periodic = 3


class Slot(IntEnum):
    """P2 of DEBIT: which state the command replaces."""

    none = 0
    transit = 1
    parking = 2


class Phase(IntEnum):
    """P2 of CREDIT."""

    one_phase = 0
    reserve = 1
    commit = 2


class Flag(IntFlag):
    """Bits of the flags that SELECT says."""

    unconfirmed = 1  # the last value transaction was not confirmed yet
    reserved = 2  # a load is reserved


BLOCK_P2, UNBLOCK_P2 = 1, 2
LAST_BLOCK = 0x80  # P1 of the last STORE DATA
LOG_RECORDS = 10
MAIN_PURSE = PurseNumber.main
SLOT_SIZE = {Slot.none: 0, Slot.transit: TRANSIT_STATE.size, Slot.parking: PARKING_STATE.size}
SLOT_OF = {
    RecordKind.debit: Slot.none,
    RecordKind.debit_transit: Slot.transit,
    RecordKind.debit_parking: Slot.parking,
    RecordKind.load: Slot.none,
    RecordKind.refund: Slot.none,
    RecordKind.refund_transit: Slot.transit,
    RecordKind.refund_parking: Slot.parking,
}
KIND_OF = {
    Slot.none: RecordKind.debit,
    Slot.transit: RecordKind.debit_transit,
    Slot.parking: RecordKind.debit_parking,
}
REFUND_OF = {
    RecordKind.debit: RecordKind.refund,
    RecordKind.debit_transit: RecordKind.refund_transit,
    RecordKind.debit_parking: RecordKind.refund_parking,
}


# Looked up once: these run in every tap.
_INIT, _AUTHENTICATE, _CONFIRM = Ins.init, Ins.authenticate, Ins.confirm
_SELECTED, _DEBITED = SELECTED.codec, DEBIT_ANSWER.codec
_ASKED, _ORDERED = INIT_DATA.codec, DEBIT_HEAD.codec
_HEAD = struct.Struct("5B").pack  # up to Lc
_new = tuple.__new__  # a named tuple at half of what calling its class costs


class Command(NamedTuple):
    """One command; `encode` gives its bytes."""

    cla: int
    ins: int
    p1: int
    p2: int
    data: bytes = b""

    def encode(self) -> bytes:
        """Return the command in its short form, without Le."""
        cla, ins, p1, p2, data = self
        return _HEAD(cla, ins, p1, p2, len(data)) + data if data else bytes((cla, ins, p1, p2))


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
    if size <= 5:
        return Command(*apdu[:4]) if size >= 4 else None
    told, got = apdu[4], size - 5
    if told == got:
        return _new(Command, (apdu[0], apdu[1], apdu[2], apdu[3], apdu[5:]))
    if told and told == got - 1:
        return Command(apdu[0], apdu[1], apdu[2], apdu[3], apdu[5:-1])
    return None


def parse_response(apdu: bytes) -> Response:
    """Return the answer in `apdu`.

    Raises:
        RecordError: If there is no status word.
    """
    if len(apdu) < 2:
        raise RecordError(f"answer: expected at least 2 bytes, got {len(apdu)}")
    return _new(Response, (apdu[:-2], apdu[-2] << 8 | apdu[-1]))


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
    """What DEBIT, CREDIT or CANCEL answered."""

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
    data = _ASKED.pack(amount_idr, terminal, sam, challenge)
    return _new(Command, (CLA, _INIT, mode, purse, data))


def value_command(
    ins: Ins, p2: Slot | Phase, at_s: int, place: int, sam_counter: int, state: bytes, mac: bytes
) -> Command:
    """Return DEBIT, CREDIT or CANCEL: the one command of a tap that writes.

    Args:
        p2: Slot of DEBIT, phase of CREDIT; `Slot.none` for CANCEL.
        state: The slot's new state, empty but in a DEBIT.
    """
    data = _ORDERED.pack(at_s, place, sam_counter) + state + mac
    return _new(Command, (CLA, ins, 0, p2, data))


def cancel_command(at_s: int, place: int, sam_counter: int, mac: bytes) -> Command:
    """Return the command that gives the last debit back."""
    return value_command(Ins.cancel, Slot.none, at_s, place, sam_counter, b"", mac)


def restricted_debit_command(
    at_s: int, place: int, sam_counter: int, operator: int, category: int, mac: bytes
) -> Command:
    """Return the DEBIT of a restricted purse; operator and category are the SAM's."""
    data = RESTRICTED_HEAD.codec.pack(at_s, place, sam_counter, operator, category) + mac
    return Command(CLA, Ins.debit, 0, Slot.none, data)


def proof_command(nt: int, mac: bytes) -> Command:
    """Return the command that asks for the card's last transaction again."""
    return Command(CLA, Ins.proof, 0, 0, nt.to_bytes(4, "big") + mac)


def confirm_purse_command(mac: bytes) -> Command:
    """Return the command that tells a card that its answer was heard: `mac` is S4."""
    return Command(CLA, Ins.confirm_purse, 0, 0, mac)


def log_command(record: int, mac: bytes) -> Command:
    """Return the command that reads a log record, 1 the latest; one MAC serves a session."""
    return Command(CLA, Ins.read_log, record, 0, mac)


def block_command(reason: int, mac: bytes) -> Command:
    """Return the command that blocks a card for a reason, 1 to 255."""
    return Command(CLA, Ins.block, 0, BLOCK_P2, bytes((reason,)) + mac)


def unblock_command(mac: bytes) -> Command:
    """Return the command with which an issuer unblocks a card."""
    return Command(CLA, Ins.block, 0, UNBLOCK_P2, mac)


def put_key_command(version: int, encrypted: bytes, mac: bytes) -> Command:
    """Return the command that changes a card's four keys; `scheme.keys.encrypt_keys` wraps them."""
    return Command(CLA, Ins.put_key, 0, 0, bytes((version,)) + encrypted + mac)


def put_entitlement_command(group: int, group_expiry: int, mac: bytes) -> Command:
    """Return the command that changes a card's free group."""
    data = bytes((group,)) + group_expiry.to_bytes(2, "big")
    return Command(CLA, Ins.put_entitlement, 0, 0, data + mac)


def store_commands(blocks: dict[int, bytes]) -> tuple[bytes, ...]:
    """Return the STORE DATA commands that carry numbered blocks, in order, the last one marked."""
    last = len(blocks) - 1
    return tuple(
        Command(CLA, Ins.store_data, LAST_BLOCK * (i == last), number, block).encode()
        for i, (number, block) in enumerate(blocks.items())
    )


def challenge_command() -> Command:
    """Return the command that asks a SAM for its challenge."""
    return Command(CLA, Ins.challenge, 0, 0)


def authenticate_command(
    proven: bytes,
    ins: Ins | None = None,
    p2: int = 0,
    body: bytes = b"",
    purse: int = MAIN_PURSE,
) -> Command:
    """Return the command with which a SAM checks S1 and, where asked, signs.

    Args:
        proven: SELECT's answer, INIT's data and INIT's answer, one behind the other.
        ins: The command to be signed, or None to have S1 checked and nothing more.
        p2: What P2 of that command will be; 0 for READ LOG.
        body: For DEBIT, CREDIT and CANCEL seconds 4, place 2 and the state; for PROOF the counter
            4; for BLOCK the reason 1.
        purse: The purse that INIT named.
    """
    p2 |= (purse - 1) << 4
    return _new(Command, (CLA, _AUTHENTICATE, ins or 0, p2, proven + body))


def confirm_command(ins: Ins, answer: bytes, sign: bool = False) -> Command:
    """Return the command with which a SAM checks S3, and signs S4 if asked."""
    return _new(Command, (CLA, _CONFIRM, ins, int(sign), answer))


def restore_command(number: int, amount_idr: int, mac: bytes) -> Command:
    """Return the command that hands a SAM a server's receipt for value acknowledged."""
    return Command(CLA, Ins.restore, 0, 0, RECEIPT.codec.pack(number, amount_idr, mac))


def open_command(party: int, challenge: bytes) -> Command:
    """Return the command that opens a relying party's session with an identity."""
    return Command(CLA, Ins.open, 0, 0, party.to_bytes(2, "big") + challenge)


def attribute_command(attribute: int, mac: bytes) -> Command:
    """Return the command that reads an attribute of an identity."""
    return Command(CLA, Ins.read_attribute, attribute, 0, mac)


def pseudonym_command(mac: bytes) -> Command:
    """Return the command that asks an identity for its pseudonym with the party."""
    return Command(CLA, Ins.pseudonym, 0, 0, mac)


def parse_selected(data: bytes) -> Selected:
    """Return what SELECT said.

    Raises:
        RecordError: If the answer has another length.
    """
    if len(data) != _SELECTED.size:
        _sized(SELECTED.name, data, _SELECTED.size)
    return _new(Selected, _SELECTED.unpack(data))


def parse_debited(data: bytes) -> Debited:
    """Return what DEBIT, CREDIT or CANCEL answered; raises RecordError if it has another length."""
    if len(data) != _DEBITED.size:
        _sized(DEBIT_ANSWER.name, data, _DEBITED.size)
    return _new(Debited, _DEBITED.unpack(data))


def parse_proved(data: bytes) -> Proved:
    """Return what PROOF answered; raises RecordError if it has another length."""
    _sized("PROOF answer", data, PROOF_SIZE)
    stored = STORED.unpack(data[4 : 4 + STORED.size])
    tac_at = 4 + STORED.size
    return Proved(int.from_bytes(data[:4], "big"), stored, data[tac_at : tac_at + MAC_SIZE])


def parse_logged(data: bytes) -> dict[str, Any]:
    """Return the fields of `LOG_ENTRY` that READ LOG answered."""
    return LOG_ENTRY.unpack(_sized("READ LOG answer", data, LOG_SIZE)[: LOG_ENTRY.size])


def sw_only(sw: Sw) -> Response:
    """Return an answer without data."""
    return Response(b"", sw)


def _sized(what: str, data: bytes, size: int) -> bytes:
    if len(data) != size:
        raise RecordError(f"{what}: expected {size} bytes, got {len(data)}")
    return data
