"""A transaction of the purse as arithmetic: the image and the answer that a value command makes.

Nothing is checked here: who may do what, and when, is `scheme.purse`.
"""

from __future__ import annotations

from typing import NamedTuple

from scheme.apdu import LOG_RECORDS, MAIN_PURSE, REFUND_OF, SLOT_OF, Flag, Mode, PurseNumber, Slot
from scheme.cryptograms import MAC_SIZE, Keyed
from scheme.image import Image
from scheme.layouts import DEBIT_ANSWER, DEBIT_HEAD, STORED
from scheme.records import CARD_PART, RECORD_VERSION, RecordKind

# Looked up once: these run in every tap. `struct` pads a state or a MAC that is short with zeros.
_pack_part, _pack_stored = CARD_PART.codec.pack, STORED.codec.pack
_pack_answer = DEBIT_ANSWER.codec.pack
_UNCONFIRMED, _RESERVED = int(Flag.unconfirmed), int(Flag.reserved)  # IntFlag's `|` is slow
_NT_AT = Image._fields.index("nt")
_KIND_AT = STORED.offset("kind")


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


class Order(NamedTuple):
    """What a value command adds to its session.

    Attributes:
        data: Its data; `DEBIT_HEAD` is at their beginning.
        state: The new state of the slot of `kind`.
        commits: Whether it is the second phase of a load.
    """

    kind: RecordKind
    data: bytes
    state: bytes
    commits: bool = False


def transacted(old: Image, session: Session, order: Order, tac_key: Keyed) -> tuple[Image, bytes]:
    """Return the image after a transaction, and what the card answers without S3."""
    kind, data, state, commits = order
    _, purse, amount, terminal, sam, _, _ = session
    at_s, place, sam_counter = DEBIT_HEAD.codec.unpack_from(data)
    nt, slot, debits = old.nt + 1, SLOT_OF[kind], kind in REFUND_OF
    balance = old.held(purse) + (-amount if debits else amount)
    part = _pack_part(
        RECORD_VERSION, kind, old.issuer, old.card, nt, purse, old.key_version,
        place, amount, balance, at_s, terminal, sam, sam_counter, state,
    )  # fmt: skip
    stored = _pack_stored(
        RECORD_VERSION, kind, purse, old.key_version, amount, at_s, terminal, place, sam,
        sam_counter,
    )  # fmt: skip
    tac = tac_key.cmac(part)[:MAC_SIZE]
    answer = _pack_answer(balance, nt, tac, b"")[:-MAC_SIZE]
    flags, main = old.flags | _UNCONFIRMED, purse == MAIN_PURSE
    if commits:
        flags &= ~_RESERVED
    before = old.before
    if debits:
        before = old.transit if slot is Slot.transit else old.parking if slot else b""
    image = (
        *old[:_NT_AT],
        nt,
        balance if main else old.balance,
        flags,
        state if slot is Slot.transit else old.transit,
        state if slot is Slot.parking else old.parking,
        stored + tac,
        balance if purse == PurseNumber.kjp_routine else old.routine,
        balance if purse == PurseNumber.kjp_periodic else old.periodic,
        b"" if commits else old.reserved,
        before,
        (answer[4:8] + stored + answer[:4] + tac, *old.log[: LOG_RECORDS - 1]),
        0,
        old.put,
    )
    return Image._make(image), answer


def refund(old: Image) -> tuple[RecordKind, bytes]:
    """Return kind and state of the transaction that gives the last debit back."""
    kind = REFUND_OF[RecordKind(old.proof[_KIND_AT])]
    return kind, old.before if SLOT_OF[kind] else b""


def reserved(old: Image, session: Session) -> tuple[Image, bytes]:
    """Return the image with a load reserved, and what the card answers without S3."""
    answer = _pack_answer(old.held(session.purse), old.nt, b"", b"")[:-MAC_SIZE]
    return old._replace(flags=old.flags | _RESERVED, reserved=reservation(session), wrong_macs=0), answer


def reservation(session: Session) -> bytes:
    """Return purse and amount of a load as the image keeps them."""
    return bytes((session.purse,)) + session.amount.to_bytes(4, "big")


def can_cancel(image: Image, purse: int, amount: int, terminal: int) -> bool:
    """Return whether the last transaction is a debit of that purse, amount and terminal."""
    if not image.proof:
        return False
    _, kind, of, _, idr, _, where, _, _, _ = STORED.codec.unpack_from(image.proof)
    return kind in REFUND_OF and (of, idr, where) == (purse, amount, terminal)

