"""One presentation of a card, and the record that a terminal makes of it.

The four kinds of record are here as arithmetic on what was said: moved (debit or load), recovered
by PROOF, refused, and torn. Who says what when is `scheme.dialogue`.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from scheme.apdu import MAIN_PURSE, SLOT_OF, Debited, Proved, Selected
from scheme.decision import CardSeen
from scheme.errors import RecordError
from scheme.records import (
    RECORD_VERSION,
    TAP_RECORD,
    ZERO_TAC,
    RecordFlag,
    RecordKind,
    TapRecord,
)
from scheme.verdicts import Verdict

_TAP = TAP_RECORD.codec


class Presentation(NamedTuple):
    """What a terminal knows before the card has said anything.

    Attributes:
        sequence: The number the record will have, if one is made.
        trace: The presentation's trace id, 12 bytes.
    """

    terminal: int
    place: int
    at_ms: int
    tariff: int
    hotlist: int
    sequence: int
    trace: bytes


class Signed(NamedTuple):
    """A SAM and its counter: of a transaction, or last used where nothing was signed."""

    sam: int
    counter: int


class TornTap(NamedTuple):
    """A presentation that was torn after SELECT and is not recovered yet."""

    presented: Presentation
    selected: Selected
    kind: RecordKind
    signed: Signed


def card_seen(selected: Selected) -> CardSeen:
    """Return what the device rule wants of what SELECT said."""
    return CardSeen(
        selected.card, selected.issuer, selected.group, selected.group_expiry, selected.expiry,
        selected.balance, selected.transit, selected.parking, blocked=selected.status != 0,
    )  # fmt: skip


def moved_record(
    presented: Presentation,
    selected: Selected,
    kind: RecordKind,
    state: bytes,
    signed: Signed,
    debited: Debited,
) -> TapRecord:
    """Return the record of a debit or load that the card has carried out."""
    card_part = (
        RECORD_VERSION, kind, selected.issuer, selected.card, debited.nt, MAIN_PURSE,
        selected.key_version, presented.place, abs(selected.balance - debited.balance),
        debited.balance, presented.at_ms // 1_000, presented.terminal, *signed, state, debited.tac,
    )  # fmt: skip
    return _record(presented, card_part)


def recovered_record(
    presented: Presentation, selected: Selected, first: Presentation, proved: Proved
) -> TapRecord:
    """Return the record of a torn transaction, from what PROOF and SELECT said.

    The card part is the first presentation's, its terminal in it. Trace id and milliseconds are the
    first's at the same terminal; elsewhere the trace id is this one's and the milliseconds are 0.
    The sequence is this terminal's.

    Raises:
        RecordError: If it is of a restricted purse, whose balance neither of them says.
    """
    stored = proved.stored
    if stored["purse"] != MAIN_PURSE:
        raise RecordError(
            f"PROOF: expected purse {int(MAIN_PURSE)}, got {stored['purse']}, whose balance the "
            "log alone tells"
        )
    kind = RecordKind(stored["kind"])
    card_part = (
        RECORD_VERSION, kind, selected.issuer, selected.card, proved.nt, stored["purse"],
        stored["key_version"], stored["place"], stored["amount"], selected.balance,
        stored["at_s"], stored["terminal"], stored["sam"], stored["sam_counter"],
        selected.state(SLOT_OF[kind]), proved.tac,
    )  # fmt: skip
    same = first.terminal == presented.terminal
    device = presented._replace(
        at_ms=first.at_ms if same else 0, trace=first.trace if same else presented.trace
    )
    return _record(device, card_part, flags=RecordFlag.recovered)


def unproved_record(
    presented: Presentation,
    selected: Selected,
    kind: RecordKind,
    signed: Signed,
    refusal: Verdict,
    flags: int = 0,
) -> TapRecord:
    """Return the record of a tap that moved nothing: the card as SELECT gave it, zero TAC.

    Args:
        kind: What this terminal's taps are; the record tells the state of its slot, unchanged.
        signed: The SAM and its counter last used.
    """
    card_part = (
        RECORD_VERSION, kind, selected.issuer, selected.card, selected.nt, MAIN_PURSE,
        selected.key_version, presented.place, 0, selected.balance, presented.at_ms // 1_000,
        presented.terminal, *signed, selected.state(SLOT_OF[kind]), ZERO_TAC,
    )  # fmt: skip
    return _record(presented, card_part, refusal=refusal, flags=flags)


def torn_record(left: TornTap, sequence: int, sam_counter: int) -> TapRecord:
    """Return the record that a terminal makes of a torn presentation 120 s after it.

    Args:
        left: What it remembers.
        sequence: The terminal's next number.
        sam_counter: The SAM's counter last used.
    """
    presented = left.presented._replace(sequence=sequence)
    signed = Signed(left.signed.sam, sam_counter)
    verdict = Verdict.tap_was_torn
    return unproved_record(presented, left.selected, left.kind, signed, verdict, RecordFlag.torn)


def _record(
    device: Presentation, card_part: tuple[Any, ...], refusal: int = 0, flags: int = 0
) -> TapRecord:
    """Return the record of a card part with its TAC and of what a device says beside it."""
    terminal, _, at_ms, tariff, hotlist, sequence, trace = device
    data = _TAP.pack(
        *card_part, sequence, at_ms % 1_000, tariff, hotlist, refusal, flags, terminal, trace
    )
    return TapRecord(data)
