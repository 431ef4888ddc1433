"""A transaction of the purse as arithmetic: the image and the answer that a value command makes.

Nothing is checked here: who may do what, and when, is `scheme.purse`.
"""

from __future__ import annotations

from typing import NamedTuple

from scheme.apdu import LOG_RECORDS, REFUND_OF, SLOT_OF, Flag, Mode, PurseNumber, Slot
from scheme.cryptograms import MAC_SIZE, Keyed
from scheme.image import Image
from scheme.layouts import DEBIT_ANSWER, DEBIT_HEAD, LOG_ENTRY, STORED
from scheme.records import CARD_PART, RECORD_VERSION, RecordKind

# Looked up once: these run in every tap. `struct` pads a state or a MAC that is short with zeros.
_HEAD, _PART, _ENTRY = DEBIT_HEAD.codec, CARD_PART.codec, LOG_ENTRY.codec
_ANSWER = DEBIT_ANSWER.codec
_new = tuple.__new__
_MAIN, _ROUTINE, _ = map(int, PurseNumber)
_UNCONFIRMED, _RESERVED = map(int, Flag)
_TRANSIT = int(Slot.transit)
_NT_AT = Image._fields.index("nt")
_KIND_AT = STORED.offset("kind")
_STORED_END = 4 + STORED.size


class Session(NamedTuple):
    """What INIT opened.

    Attributes:
        context: What its keys come from beside the card's: RC, RT, NT, terminal.
    """

    mode: Mode
    purse: int
    amount: int
    terminal: int
    sam: int
    context: tuple[bytes, bytes, int, int]
    macs: Keyed


def transacted(
    old: Image,
    session: Session,
    kind: RecordKind,
    data: bytes,
    state: bytes,
    commits: bool,
    tac_key: Keyed,
) -> tuple[Image, bytes]:
    """Return the image after a transaction, and what the card answers without S3.

    Args:
        data: The command's data, `DEBIT_HEAD` at their beginning.
        state: The new state of the slot of `kind`.
        commits: Whether it is the second phase of a load.
    """
    _, purse, amount, terminal, sam, _, _ = session
    (
        card, issuer, _, _, version, _, _, _, nt, balance, flags, transit, parking,
        _, routine, periodic, kept, before, log, _, put,
    ) = old  # fmt: skip
    at_s, place, sam_counter = _HEAD.unpack_from(data)
    nt, slot, moves = nt + 1, SLOT_OF[kind], -amount if kind in REFUND_OF else amount
    if purse == _MAIN:
        held = balance = balance + moves
    elif purse == _ROUTINE:
        held = routine = routine + moves
    else:
        held = periodic = periodic + moves
    part = _PART.pack(
        RECORD_VERSION, kind, issuer, card, nt, purse, version,
        place, amount, held, at_s, terminal, sam, sam_counter, state,
    )  # fmt: skip
    tac = tac_key.mac(part)
    entry = _ENTRY.pack(
        nt, RECORD_VERSION, kind, purse, version, amount, at_s, terminal, place, sam, sam_counter,
        held, tac,
    )  # fmt: skip
    if slot == _TRANSIT:
        before, transit = transit, state
    elif slot:
        before, parking = parking, state
    if commits:
        flags, kept = flags & ~_RESERVED, b""
    changed = (
        nt, balance, flags | _UNCONFIRMED, transit, parking, entry[4:_STORED_END] + tac,
        routine, periodic, kept, before, (entry, *log[: LOG_RECORDS - 1]), 0, put,
    )  # fmt: skip
    image = _new(Image, old[:_NT_AT] + changed)
    return image, _ANSWER.pack(held, nt, tac, b"")[:-MAC_SIZE]


def refund(old: Image) -> tuple[RecordKind, bytes]:
    """Return kind and state of the transaction that gives the last debit back."""
    kind = REFUND_OF[RecordKind(old.proof[_KIND_AT])]
    return kind, old.before if SLOT_OF[kind] else b""


def reserved(old: Image, session: Session) -> tuple[Image, bytes]:
    """Return the image with a load reserved, and what the card answers without S3."""
    answer = _ANSWER.pack(old.held(session.purse), old.nt, b"", b"")[:-MAC_SIZE]
    flags = old.flags | _RESERVED
    return old._replace(flags=flags, reserved=reservation(session), wrong_macs=0), answer


def reservation(session: Session) -> bytes:
    """Return purse and amount of a load as the image keeps them."""
    return bytes((session.purse,)) + session.amount.to_bytes(4, "big")


def can_cancel(image: Image, purse: int, amount: int, terminal: int) -> bool:
    """Return whether the last transaction is a debit of that purse, amount and terminal."""
    if not image.proof:
        return False
    _, kind, of, _, idr, _, where, _, _, _ = STORED.codec.unpack_from(image.proof)
    return kind in REFUND_OF and (of, idr, where) == (purse, amount, terminal)

