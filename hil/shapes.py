"""What each command of purse, SAM and identity is made of, for whoever reads a trace.

A shape names the command, says its P1 and P2 in words, and gives the fields of its data and of its
answer. It judges nothing: bytes that fit no shape are shown as they are.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from hil.words import PURSES
from scheme.apdu import Command, Mode, Phase, Slot
from scheme.identity import IDENTITY, PARTY
from scheme.keys import IDENTITY_AID, PURSE_AID, SAM_AID
from scheme.layouts import (
    CARD_KEYS,
    DEBIT_ANSWER,
    DEBIT_HEAD,
    INIT_ANSWER,
    INIT_DATA,
    LOG_ENTRY,
    PURSE_LIMITS,
    RECEIPT,
    RESTRICTED_HEAD,
    SAM_CHALLENGE,
    SAM_SELECTED,
    SELECTED,
    STORED,
)
from scheme.records import PARKING_STATE, TRANSIT_STATE, Field, Layout
from scheme.sam_personalisation import KEY_SET_BLOCK, SAM_BLOCK

APPLICATIONS = {PURSE_AID: "purse", IDENTITY_AID: "identity", SAM_AID: "SAM"}
MODES = {int(mode): mode.name for mode in Mode}
PHASES = {int(phase): phase.name.replace("_", " ") for phase in Phase}
SLOTS = frozenset(Slot)
ATTRIBUTES = {
    1: ("over 18", (Field("over_18", 1, ""),)),
    2: ("resident of", (Field("resident_of", 2, ""),)),
    3: ("entitled to", (Field("group", 1, ""), Field("group_expiry", 2, ""))),
    4: ("photo digest", (Field("photo_digest", 32, "", False),)),
}
S2, S3, S4 = (Field(name, 8, "", False) for name in ("S2", "S3", "S4"))
NT, COUNTER = Field("nt", 4, ""), Field("sam_counter", 4, "")
REASON, TAC = Field("reason", 1, ""), Field("tac", 8, "", False)
RESTRICTED = (*RESTRICTED_HEAD.fields, S2)
LOGGED = (*LOG_ENTRY.fields, S3)
PROVED = (NT, *STORED.fields, TAC, S3)
MOVED = (*DEBIT_ANSWER.fields[:-1], S3)
INITIATED = (*INIT_ANSWER.fields[:-1], Field("S1", 8, "", False))
STATE_FIELD = {
    Slot.none: (),
    Slot.transit: (Field("transit", TRANSIT_STATE.size, "", False),),
    Slot.parking: (Field("parking", PARKING_STATE.size, "", False),),
}

Fields = tuple[Field, ...]
NONE: frozenset[str] = frozenset()


class Shape(NamedTuple):
    """One command as it lies on the wire.

    Attributes:
        phase: The part of a tap that it belongs to.
        parameters: P1 and P2 in words.
        data: The fields of the data.
        answer: The fields of a successful answer.
        hidden: Names of fields of the data that are secret.
    """

    name: str
    phase: str
    parameters: str
    data: Fields
    answer: Fields
    hidden: frozenset[str] = NONE


def shape_of(command: Command, application: str) -> Shape | None:
    """Return the shape of a command, or None if no application knows it.

    Args:
        command: The command.
        application: The one that was selected last: `purse`, `identity`, `SAM`.
    """
    if command.ins == 0xA4:
        return _select(command)
    shaper = SHAPERS.get(command.ins) if command.cla == 0x80 else None
    if command.ins == 0xE2 and shaper is not None:
        return _store(command, application)
    return shaper(command) if shaper else None


def _select(command: Command) -> Shape:
    known = APPLICATIONS.get(command.data)
    by = "by AID" if (command.p1, command.p2) == (4, 0) else _plain(command)
    answer = {
        "purse": SELECTED.fields,
        "identity": (Field("present", 1, ""),),
        "SAM": SAM_SELECTED.fields,
    }.get(known or "", ())
    aid = (Field("aid", len(command.data), "", False),) if command.data else ()
    return Shape("SELECT", "select", f"{known or 'unknown application'} {by}", aid, answer)


def _init(command: Command) -> Shape:
    mode = MODES.get(command.p1, f"unknown mode {command.p1}")
    purse = PURSES.get(command.p2, f"unknown purse {command.p2}")
    return Shape("INIT", "init", f"{mode}, {purse}", INIT_DATA.fields, INITIATED)


def _debit(command: Command) -> Shape:
    known = command.p2 in SLOTS
    words = f"slot {Slot(command.p2).name}" if known else f"unknown slot {command.p2}"
    data = (*DEBIT_HEAD.fields, *STATE_FIELD.get(Slot(command.p2) if known else Slot.none, ()), S2)
    if len(command.data) == size_of(RESTRICTED):
        words, data = "restricted purse", RESTRICTED
    return Shape("DEBIT", "debit", words, data, MOVED)


def _credit(command: Command) -> Shape:
    words = PHASES.get(command.p2, f"unknown phase {command.p2}")
    return Shape("CREDIT", "debit", words, (*DEBIT_HEAD.fields, S2), MOVED)


def _cancel(command: Command) -> Shape:
    return Shape("CANCEL", "debit", _plain(command), (*DEBIT_HEAD.fields, S2), MOVED)


def _proof(command: Command) -> Shape:
    return Shape("PROOF", "debit", _plain(command), (NT, S2), PROVED)


def _confirm(command: Command) -> Shape:
    return Shape("CONFIRM", "debit", _plain(command), (S4,), ())


def _read_log(command: Command) -> Shape:
    return Shape("READ LOG", "debit", f"record {command.p1}", (S2,), LOGGED)


def _block(command: Command) -> Shape:
    if command.p2 == 2:
        return Shape("UNBLOCK", "debit", "by the issuer", (S2,), (NT, S3))
    return Shape("BLOCK", "debit", "in a debit session", (REASON, S2), (NT, S3))


def _put_key(command: Command) -> Shape:
    keys = (Field("key_version", 1, ""), Field("encrypted_keys", 64, "", False), S2)
    return Shape("PUT KEY", "debit", _plain(command), keys, (NT, S3))


def _put_entitlement(command: Command) -> Shape:
    data = (Field("group", 1, ""), Field("group_expiry", 2, ""), S2)
    return Shape("PUT ENTITLEMENT", "debit", _plain(command), data, (NT, S3))


def _challenge(command: Command) -> Shape:
    return Shape("CHALLENGE", "SAM", _plain(command), (), SAM_CHALLENGE.fields)


# What AUTHENTICATE signs: its name, its body, its answer, and the words of its P2.
_PLACED = DEBIT_HEAD.fields[:2]
ORDERS: dict[int, tuple[str, Fields, Fields]] = {
    0x00: ("S1 alone", (), (COUNTER,)),
    0x42: ("DEBIT", _PLACED, (COUNTER, S2)),
    0x44: ("CREDIT", _PLACED, (COUNTER, S2)),
    0x46: ("CANCEL", _PLACED, (COUNTER, S2)),
    0x48: ("PROOF", (NT,), (S2,)),
    0x4C: ("READ LOG", (), (S2,)),
    0x4E: ("BLOCK", (REASON,), (S2,)),
}


def _authenticate(command: Command) -> Shape:
    name, body, answer = ORDERS.get(command.p1, (f"unknown order {command.p1:02X}", (), ()))
    purse, low = (command.p2 >> 4) + 1, command.p2 & 15
    words = f"for {name}"
    if command.p1 == 0x42 and low in SLOTS:
        words += f", slot {Slot(low).name}"
        body = (*body, *STATE_FIELD[Slot(low)])
    elif command.p1 == 0x44:
        words += f", {PHASES.get(low, f'unknown phase {low}')}"
    if purse > 1:
        words += f", {PURSES.get(purse, f'unknown purse {purse}')}"
        told = (*RESTRICTED_HEAD.fields[2:], S2)
        answer = told if command.p1 == 0x42 else answer
    shown = (*SELECTED.fields, *INIT_DATA.fields, *INITIATED, *body)
    return Shape("AUTHENTICATE", "SAM", words, shown, answer)


def _confirm_sam(command: Command) -> Shape:
    name = ORDERS.get(command.p1, (f"unknown order {command.p1:02X}",))[0]
    told: dict[int, Fields] = {
        0x42: MOVED, 0x44: MOVED, 0x46: MOVED, 0x48: PROVED, 0x4C: LOGGED, 0x4E: (NT, S3),
    }
    asks = command.p2 == 1
    words = f"answer of {name}" + (", S4 asked for" if asks else "")
    return Shape("CONFIRM", "SAM", words, told.get(command.p1, ()), (S4,) if asks else ())


def _restore(command: Command) -> Shape:
    left = (Field("unacknowledged", 4, ""),)
    return Shape("RESTORE", "SAM", _plain(command), RECEIPT.fields, left)


def _open(command: Command) -> Shape:
    asked = (Field("party", 2, ""), Field("challenge", 8, "", False))
    return Shape(
        "OPEN", "identity", _plain(command), asked,
        (Field("challenge", 8, "", False), Field("S1", 8, "", False)),
    )  # fmt: skip


def _read_attribute(command: Command) -> Shape:
    words, value = ATTRIBUTES.get(command.p1, (f"unknown attribute {command.p1}", ()))
    return Shape("READ ATTRIBUTE", "identity", words, (S2,), (*value, S3))


def _pseudonym(command: Command) -> Shape:
    value = Field("pseudonym", 16, "", False)
    return Shape("PSEUDONYM", "identity", _plain(command), (S2,), (value, S3))


def _store(command: Command, application: str) -> Shape:
    last = ", the last" if command.p1 == 0x80 else ""
    block, layouts = command.p2, BLOCKS[application]
    row = min(block, len(layouts)) if block else 1
    layout = layouts[row - 1]
    words = f"{application} block {block}{last}"
    return Shape("STORE DATA", "issue", words, layout.fields, (), SECRETS.get(layout.name, NONE))


# The blocks of each application; the last of them stands for those behind it, row by row.
BLOCKS: dict[str, tuple[Layout, ...]] = {
    "purse": (SELECTED, CARD_KEYS, PURSE_LIMITS),
    "identity": (IDENTITY, PARTY),
    "SAM": (SAM_BLOCK, KEY_SET_BLOCK),
}
SECRETS: dict[str, frozenset[str]] = {
    CARD_KEYS.name: frozenset(field.name for field in CARD_KEYS.fields),
    IDENTITY.name: frozenset({"reference"}),
    PARTY.name: frozenset({"authentication_key", "pseudonym_key"}),
    SAM_BLOCK.name: frozenset({"receipt_key"}),
    KEY_SET_BLOCK.name: frozenset({"master"}),
}
SHAPERS: dict[int, Callable[[Command], Shape]] = {
    0x40: _init, 0x42: _debit, 0x44: _credit, 0x46: _cancel, 0x48: _proof, 0x4A: _confirm,
    0x4C: _read_log, 0x4E: _block, 0x52: _put_key, 0x54: _put_entitlement,
    0x20: _challenge, 0x22: _authenticate, 0x24: _confirm_sam, 0x26: _restore,
    0x30: _open, 0x32: _read_attribute, 0x34: _pseudonym,
    0xE2: lambda command: _store(command, "purse"),
}  # fmt: skip


def size_of(fields: Fields) -> int:
    """Return how many bytes fields take."""
    return sum(field.size for field in fields)


def _plain(command: Command) -> str:
    plain = (command.p1, command.p2) == (0, 0)
    return "" if plain else f"P1 {command.p1:02X} P2 {command.p2:02X}"
