"""The one dialogue between a terminal, a card and a SAM: debit, load and recovery.

`present` is a generator: it yields which device gets which command and takes the answer, or None
when the card left the field. Whoever drives it owns the wire: the rack, a validator, a test. It
decides nothing by itself (that is `Decide`), draws nothing, and reads no clock.

    SAM   CHALLENGE                       RT
    card  SELECT                          who it is, balance, states
    card  INIT      Rp 0 if refused       RC, S1 over all of it       nothing is written so far
    SAM   AUTHENTICATE                    S1 checked, S2 given
    card  DEBIT | CREDIT | PROOF          S3                          the one write, or none
    SAM   CONFIRM                         S3 checked
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from enum import Enum
from typing import NamedTuple

from scheme.apdu import (
    SLOT_OF,
    Command,
    Debited,
    Ins,
    Mode,
    Proved,
    Response,
    Selected,
    Slot,
    authenticate_command,
    challenge_command,
    confirm_command,
    init_command,
    parse_debited,
    parse_proved,
    parse_selected,
    proof_command,
    select_command,
    value_command,
)
from scheme.decision import Decision
from scheme.errors import PurseRefusedError
from scheme.keys import PURSE_AID
from scheme.layouts import DEBIT_HEAD, INIT_ANSWER, INIT_DATA, SAM_CHALLENGE, SELECTED
from scheme.presentation import (
    Presentation,
    Signed,
    TornTap,
    moved_record,
    recovered_record,
    unproved_record,
)
from scheme.records import RecordKind, TapRecord
from scheme.status import Sw, meaning
from scheme.verdicts import Verdict

RECOVERY_MS = 120_000  # docs/spec/fares.md R8


class Device(Enum):
    """Who gets a command."""

    card = "card"
    sam = "sam"


# Looked up once: these run in every tap.
_new = tuple.__new__  # a named tuple at half of what calling its class costs
_LOAD, _LOADS, _DEBITS = RecordKind.load, (Mode.credit, Ins.credit), (Mode.debit, Ins.debit)
_ACCEPTED = Verdict.accepted
_NOT_GENUINE = (Sw.wrong_mac, Sw.keys_unknown)
_CARD, _SAM, _OK = Device.card, Device.sam, int(Sw.ok)
_CHALLENGE, _SELECT = challenge_command(), select_command(PURSE_AID)
_TOLD, _HEAD = SAM_CHALLENGE.codec, DEBIT_HEAD.codec
_STATUS_AT, _NT_AT = SELECTED.offset("status"), SELECTED.offset("nt")
_AGAIN_AT = SELECTED.size + INIT_DATA.size + INIT_ANSWER.offset("nt")

Decide = Callable[[Selected], Decision]


class Outcome(NamedTuple):
    """How a presentation ended.

    Attributes:
        verdict: `accepted`, the refusal, or `tap_was_torn`.
        selected: What SELECT said; None if the card was gone before that.
        record: The record made; None if torn, since only recovery or 120 s make one.
        torn: What the terminal, and its neighbours, must remember if it was torn.
        recovered: Whether the record completes an earlier, torn presentation.
    """

    verdict: Verdict
    selected: Selected | None = None
    record: TapRecord | None = None
    torn: TornTap | None = None
    recovered: bool = False


Step = tuple[Device, Command]
Dialogue = Generator[Step, Response | None, Outcome]


class Hand(NamedTuple):
    """The SAM's side of one presentation: its number, its last counter, its challenge."""

    challenge: bytes
    sam: int
    counter: int


def present(
    presented: Presentation, decide: Decide, torn: Mapping[int, TornTap] | None = None
) -> Dialogue:
    """Carry out one presentation of a card.

    Args:
        presented: What the terminal knows.
        decide: The device rule, closed over terminal, tariff, hotlist and instant.
        torn: Torn presentations by card number, of this terminal and of those beside it.

    Raises:
        PurseRefusedError: If card or SAM answer with a status word that no rule foresees.
    """
    answer = _heard(_SAM, _CHALLENGE, (yield _SAM, _CHALLENGE))
    assert answer is not None
    challenge, sam, _, counter = _TOLD.unpack(answer.data)
    hand = _new(Hand, (challenge, sam, counter))
    answer = _heard(_CARD, _SELECT, (yield _CARD, _SELECT))
    if answer is None:
        return Outcome(Verdict.tap_was_torn)
    selected = parse_selected(answer.data)
    said = answer.data
    left = (torn or {}).get(selected.card)
    if left is not None and _may_recover(left, selected, presented):
        recovered = yield from _recover(presented, hand, selected, said, left)
        if recovered is not None:
            return recovered
        answer = _heard(_SAM, _CHALLENGE, (yield _SAM, _CHALLENGE))
        assert answer is not None
        challenge, sam, _, counter = _TOLD.unpack(answer.data)
        hand = _new(Hand, (challenge, sam, counter))
    decision = decide(selected)
    if decision.verdict is not _ACCEPTED:
        return (yield from _refuse(presented, hand, selected, said, decision))
    return (yield from _move(presented, hand, selected, said, decision))


def _may_recover(left: TornTap, selected: Selected, presented: Presentation) -> bool:
    wrote = selected.nt == left.selected.nt + 1
    return wrote and presented.at_ms - left.presented.at_ms <= RECOVERY_MS


def _heard(device: Device, command: Command, answer: Response | None) -> Response | None:
    """Return an answer; raise PurseRefusedError if its status word is not 9000."""
    if answer is None or answer.sw == _OK:
        return answer
    name = Ins(command.ins).name.upper()
    raise PurseRefusedError(f"{device.value} refused {name}: SW {meaning(answer.sw)}", answer.sw)


def _signed(command: Command, answer: Response | None) -> bytes | None:
    """Return what a SAM answered to AUTHENTICATE, or None if the card is not genuine."""
    assert answer is not None
    if answer.sw in _NOT_GENUINE:
        return None
    _heard(_SAM, command, answer)
    return answer.data if _says_one_thing(command.data) else None


def _says_one_thing(proven: bytes) -> bool:
    """Return whether INIT's answer repeats counter, balance, status and key version of SELECT."""
    again = proven[_AGAIN_AT : _AGAIN_AT + 10]
    return again == proven[_NT_AT : _NT_AT + 8] + proven[_STATUS_AT : _STATUS_AT + 2]


def _refuse(
    presented: Presentation, hand: Hand, selected: Selected, said: bytes, decision: Decision
) -> Dialogue:
    """Prove the card with an INIT of Rp 0, then record the refusal."""
    command = init_command(Mode.debit, 0, presented.terminal, hand.sam, hand.challenge)
    answer = _heard(_CARD, command, (yield _CARD, command))
    if answer is None:
        return _torn(presented, hand, selected, decision.kind, 0)
    command = authenticate_command(said + command.data + answer.data)
    if _signed(command, (yield _SAM, command)) is None:
        return _not_genuine(presented, hand, selected, decision.kind)
    signed = Signed(hand.sam, hand.counter)
    record = unproved_record(presented, selected, decision.kind, signed, decision.verdict)
    return Outcome(decision.verdict, selected, record)


def _move(
    presented: Presentation, hand: Hand, selected: Selected, said: bytes, decision: Decision
) -> Dialogue:
    """Debit or load what was decided, with the new state, in one write of the card."""
    mode, ins = _LOADS if decision.kind is _LOAD else _DEBITS
    terminal, place, at_ms = presented[:3]
    command = init_command(mode, decision.amount_idr, terminal, hand.sam, hand.challenge)
    answer = _heard(_CARD, command, (yield _CARD, command))
    if answer is None:
        return _torn(presented, hand, selected, decision.kind, 0)
    at_s, slot, state = at_ms // 1_000, SLOT_OF[decision.kind], decision.state_after
    body = _HEAD.pack(at_s, place, 0)[:6] + state
    command = authenticate_command(said + command.data + answer.data, ins, slot, body)
    signed = _signed(command, (yield _SAM, command))
    if signed is None:
        return _not_genuine(presented, hand, selected, decision.kind)
    counter = int.from_bytes(signed[:4], "big")
    command = value_command(ins, slot, at_s, place, counter, state, signed[4:])
    answer = _heard(_CARD, command, (yield _CARD, command))
    if answer is None:
        return _torn(presented, hand, selected, decision.kind, counter)
    command = confirm_command(ins, answer.data)
    _heard(_SAM, command, (yield _SAM, command))
    debited = parse_debited(answer.data)
    _check_moved(selected, decision, debited)
    by = _new(Signed, (hand.sam, counter))
    record = moved_record(presented, selected, decision.kind, state, by, debited)
    return _new(Outcome, (_ACCEPTED, selected, record, None, False))


def _recover(
    presented: Presentation, hand: Hand, selected: Selected, said: bytes, left: TornTap
) -> Generator[Step, Response | None, Outcome | None]:
    """Have the card prove the debit that nobody heard of; it is not debited again.

    Returns None if what the card proves is another terminal's: then the torn tap moved nothing.
    """
    gone = Outcome(Verdict.tap_was_torn, selected, torn=left)
    command = init_command(Mode.proof, 0, presented.terminal, hand.sam, hand.challenge)
    answer = _heard(_CARD, command, (yield _CARD, command))
    if answer is None:
        return gone
    nt = selected.nt.to_bytes(4, "big")
    command = authenticate_command(said + command.data + answer.data, Ins.proof, Slot.none, nt)
    signed = _signed(command, (yield _SAM, command))
    if signed is None:
        return _not_genuine(presented, hand, selected, left.kind)._replace(torn=left)
    command = proof_command(selected.nt, signed)
    answer = _heard(_CARD, command, (yield _CARD, command))
    if answer is None:
        return gone
    command = confirm_command(Ins.proof, answer.data)
    _heard(_SAM, command, (yield _SAM, command))
    proved = parse_proved(answer.data)
    if not _is_of(left, proved):
        return None
    record = recovered_record(presented, selected, left.presented, proved)
    return Outcome(Verdict.accepted, selected, record, recovered=True)


def _is_of(left: TornTap, proved: Proved) -> bool:
    """Return whether a transaction is the torn tap's: a SAM counts no two orders alike."""
    stored = proved.stored
    told = stored["terminal"], stored["sam"], stored["sam_counter"]
    return told == (left.presented.terminal, *left.signed)


def _torn(
    presented: Presentation, hand: Hand, selected: Selected, kind: RecordKind, signed: int
) -> Outcome:
    left = TornTap(presented, selected, kind, Signed(hand.sam, signed or hand.counter))
    return Outcome(Verdict.tap_was_torn, selected, torn=left)


def _not_genuine(
    presented: Presentation, hand: Hand, selected: Selected, kind: RecordKind
) -> Outcome:
    verdict, signed = Verdict.card_not_genuine, Signed(hand.sam, hand.counter)
    return Outcome(verdict, selected, unproved_record(presented, selected, kind, signed, verdict))


def _check_moved(selected: Selected, decision: Decision, debited: Debited) -> None:
    """Raise PurseRefusedError if the card moved another amount, or its counter by other than 1."""
    moved = decision.amount_idr if decision.kind is _LOAD else -decision.amount_idr
    expected, got = (selected.balance + moved, selected.nt + 1), debited[:2]
    if got != expected:
        raise PurseRefusedError(
            f"card: expected balance and counter {expected} after it, got {got}", Sw.wrong_data
        )
