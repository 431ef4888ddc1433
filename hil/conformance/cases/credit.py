"""Cases of CREDIT in one and two phases, and of CANCEL: docs/spec/card.md §5.4, §5.5."""

from __future__ import annotations

from collections.abc import Callable

from hil.conformance.case import Play, cases, refusals
from hil.conformance.given import BALANCE, LIMIT, NT, NT_MAX, PARKING, TRANSIT, plain
from hil.conformance.judging import Answer, done, equal, refused
from hil.conformance.terminal import (
    ADMIN,
    ANY_MAC,
    CANCEL,
    CREDIT,
    DEBIT,
    PLAIN_ORDER,
    PROOF,
    TERMINAL,
    Terminal,
)
from hil.conformance.value import cancelled, debited, loaded, proved, reserved
from scheme.status import Sw

AMOUNT = 50_000
BLOCKED, OLD = plain(status=1), plain(nt=NT_MAX)
NEW_TRANSIT, NEW_PARKING = bytes(range(0x80, 0x9D)), bytes(range(0xA0, 0xA7))
STATES = {0: b"", 1: NEW_TRANSIT, 2: NEW_PARKING}
RESTORED = {0: b"", 1: TRANSIT, 2: PARKING}


def _one_phase(amount: int) -> Play:
    def play(terminal: Terminal) -> None:
        was = terminal.look()
        loaded(terminal, amount)
        after = was._replace(nt=NT + 1, balance=BALANCE + amount, flags=1)
        equal("what SELECT says", after, terminal.look())

    return play


def _two_phases(terminal: Terminal) -> None:
    was = terminal.look()
    reserved(terminal, AMOUNT)
    equal("what SELECT says once reserved", was._replace(flags=2), terminal.look())
    loaded(terminal, AMOUNT, phase=2)
    after = was._replace(nt=NT + 1, balance=BALANCE + AMOUNT, flags=1)
    equal("what SELECT says once committed", after, terminal.look())


def _kept(terminal: Terminal) -> None:
    """A reservation stands through power-off and debits, until it is committed."""
    reserved(terminal, AMOUNT)
    terminal.power_off()
    debited(terminal, 2_500)
    equal("flags", 3, terminal.look().flags)
    loaded(terminal, AMOUNT, phase=2)
    equal("balance", BALANCE + AMOUNT - 2_500, terminal.look().balance)


def _ends(terminal: Terminal) -> None:
    """A reserve is a write: session and SELECT are over."""
    reserved(terminal, AMOUNT)
    refused(terminal.credit(1), Sw.wrong_state)
    refused(terminal.init(CREDIT, AMOUNT), Sw.wrong_state)


def _replaced(terminal: Terminal) -> None:
    """The last reservation counts."""
    reserved(terminal, AMOUNT)
    reserved(terminal, AMOUNT + 1)
    terminal.open(CREDIT, AMOUNT)
    refused(terminal.credit(2), Sw.reference_unknown)
    loaded(terminal, AMOUNT + 1, phase=2)


def _no_trace(terminal: Terminal) -> None:
    """A reserve makes no proof and no log entry, and leaves the flag of the debit before it."""
    first = debited(terminal, 2_500)
    stored = proved(terminal, first.nt)
    reserved(terminal, AMOUNT)
    equal("flags", 3, terminal.look().flags)
    equal("the proof", stored, proved(terminal, first.nt))
    refused(terminal.read_log(2), Sw.proof_unknown)


def _committed_twice(terminal: Terminal) -> None:
    reserved(terminal, AMOUNT)
    loaded(terminal, AMOUNT, phase=2)
    terminal.open(CREDIT, AMOUNT)
    was = terminal.look()
    terminal.open(CREDIT, AMOUNT)
    refused(terminal.credit(2), Sw.reference_unknown)
    equal("what SELECT says", was, terminal.look())


def _commit_of(amount: int, purse: int) -> Play:
    """A commit of something else than was reserved moves nothing, and leaves the reservation."""

    def play(terminal: Terminal) -> None:
        reserved(terminal, AMOUNT)
        was = terminal.look()
        terminal.open(CREDIT, amount, purse)
        refused(terminal.credit(2), Sw.reference_unknown)
        equal("what SELECT says", was, terminal.look())
        loaded(terminal, AMOUNT, phase=2)

    return play


def _one_phase_keeps(terminal: Terminal) -> None:
    """A load in one phase is none of the reservation's business."""
    reserved(terminal, AMOUNT)
    loaded(terminal, 1_000)
    equal("flags", 3, terminal.look().flags)
    loaded(terminal, AMOUNT, phase=2)


def _in(mode: int, told: Callable[[Terminal], Answer]) -> Callable[[Terminal], Answer]:
    def play(terminal: Terminal) -> Answer:
        terminal.open(mode, AMOUNT if mode in (DEBIT, CREDIT) else 0)
        return told(terminal)

    return play


def _raw(ins: int, p2: int, size: int, p1: int = 0) -> Callable[[Terminal], Answer]:
    return lambda terminal: terminal.tell(ins, p1, p2, bytes(size))


def _signed_for(ins: int, p2: int, sent_ins: int, sent_p2: int) -> Callable[[Terminal], Answer]:
    """An order signed for one command or phase and sent as another."""

    def play(terminal: Terminal) -> Answer:
        order = PLAIN_ORDER.encode()
        return terminal.order(sent_ins, sent_p2, order, s2=terminal.s2(ins, p2, order))

    return play


def _credit(phase: int) -> Callable[[Terminal], Answer]:
    return lambda terminal: terminal.credit(phase)


def _cancels(slot: int, amount: int) -> Play:
    """A debit and its cancel: balance and state as before, NT two further."""

    def play(terminal: Terminal) -> None:
        was = terminal.look()
        debited(terminal, amount, slot, STATES[slot])
        cancelled(terminal, amount, slot, RESTORED[slot])
        equal("what SELECT says", was._replace(nt=NT + 2, flags=1), terminal.look())

    return play


def _cancel_is_proved(terminal: Terminal) -> None:
    debited(terminal, 2_500, 1, NEW_TRANSIT)
    moved = cancelled(terminal, 2_500, 1, TRANSIT)
    stored = proved(terminal, moved.nt)
    equal("kind and TAC", (6, moved.tac), (stored[1], stored[26:]))


def _after_power(terminal: Terminal) -> None:
    """The state of before is kept without power."""
    debited(terminal, 2_500, 2, NEW_PARKING)
    terminal.power_off()
    cancelled(terminal, 2_500, 2, PARKING)
    equal("parking", PARKING, terminal.look().parking)


def _only_the_last(terminal: Terminal) -> None:
    debited(terminal, 2_500)
    debited(terminal, 3_500)
    terminal.look()
    refused(terminal.init(CANCEL, 2_500), Sw.reference_unknown)


def _nothing_left(*first: Callable[[Terminal], object]) -> Play:
    """INIT in mode cancel after something that is no debit of that amount there."""

    def play(terminal: Terminal) -> None:
        for one in first:
            one(terminal)
        was = terminal.look()
        refused(terminal.init(CANCEL, 2_500), Sw.reference_unknown)
        equal("what SELECT says", was, terminal.look())

    return play


def _not_of(amount: int = 2_500, purse: int = 1, at: int = TERMINAL) -> Play:
    """INIT in mode cancel with one thing other than the debit had."""

    def play(terminal: Terminal) -> None:
        debited(terminal, 2_500)
        was = terminal.look()
        refused(terminal.init(CANCEL, amount, purse, at), Sw.reference_unknown)
        equal("what SELECT says", was, terminal.look())
        done(terminal.init(CANCEL, 2_500), 26)

    return play


def _cancelling(told: Callable[[Terminal], Answer], sw: Sw) -> Play:
    """A CANCEL that must be refused, behind a debit that can be cancelled."""

    def play(terminal: Terminal) -> None:
        debited(terminal, 2_500)
        was = terminal.look()
        terminal.open(CANCEL, 2_500)
        refused(told(terminal), sw)
        equal("what SELECT says", was, terminal.look())

    return play


def _blocked_cancel(terminal: Terminal) -> None:
    debited(terminal, 2_500)
    terminal.open(DEBIT)
    terminal.proved(0x4E, terminal.block(9), 12)
    was = terminal.look()
    terminal.open(CANCEL, 2_500)
    refused(terminal.cancel(), Sw.card_blocked)
    equal("what SELECT says", was, terminal.look())


def _last_cancel(terminal: Terminal) -> None:
    """The debit took the last NT: there is none left to cancel it with."""
    debited(terminal, 2_500)
    terminal.open(CANCEL, 2_500)
    refused(terminal.cancel(), Sw.counter_exhausted)
    equal("NT", NT_MAX, terminal.look().nt)


def _cancel(terminal: Terminal) -> Answer:
    return terminal.cancel()


CASES = [
    *cases(
        "CRE",
        (1, 1, "a load in one phase", "NT + 1, the balance more, S3 and TAC right",
         _one_phase(AMOUNT)),
        (2, 1, "a load of Rp 0", "a load of Rp 0 counts like any other", _one_phase(0)),
        (3, 4, "a load up to the limit", "the purse may hold its limit",
         _one_phase(LIMIT - BALANCE)),
        (4, 2, "a load in two phases", "reserve moves nothing, commit moves all", _two_phases),
        (5, 2, "reserve, power-off, a debit, commit", "a reservation stands until it is committed",
         _kept),
        (6, 2, "two reserves, then a commit of the first", "the last reservation counts",
         _replaced),
        (7, 2, "a reserve behind a debit",
         "reserve makes no proof, no log entry, no unconfirmed value", _no_trace),
        (28, 2, "CREDIT and INIT behind a reserve", "a write ends session and SELECT", _ends),
        (8, 3, "two commits of one reservation", "a reservation is spent by its commit",
         _committed_twice),
        (9, 3, "a commit of another amount than reserved", "commit is of exactly what was reserved",
         _commit_of(AMOUNT - 1, 1)),
        (10, 3, "a commit on another purse than reserved", "commit is of exactly what was reserved",
         _commit_of(AMOUNT, 2)),
        (11, 2, "a load in one phase with a load reserved", "it leaves the reservation",
         _one_phase_keeps),
    ),
    *refusals(
        "CRE",
        (12, 3, Sw.reference_unknown, "a commit with nothing reserved",
         "there is nothing to commit", _in(CREDIT, _credit(2))),
        (13, 5, Sw.wrong_parameters, "CREDIT in phase 3", "there are phases 0, 1 and 2",
         _in(CREDIT, _raw(0x44, 3, 18))),
        (14, 5, Sw.wrong_parameters, "CREDIT with P1 01", "P1 is 00",
         _in(CREDIT, _raw(0x44, 0, 18, 1))),
        (15, 5, Sw.wrong_length, "CREDIT with a transit state", "a load carries no state",
         _in(CREDIT, _raw(0x44, 1, 47))),
        (16, 5, Sw.wrong_state, "CREDIT in a session in mode debit", "a debit SAM cannot load",
         _in(DEBIT, _credit(0))),
        (17, 5, Sw.wrong_state, "CREDIT in a session in mode proof", "a debit SAM cannot load",
         _in(PROOF, _credit(0))),
        (18, 5, Sw.wrong_state, "CREDIT in a session in mode admin",
         "a session serves its own command", _in(ADMIN, _credit(0))),
        (19, 5, Sw.wrong_mac, "CREDIT with a MAC of zeros", "the MAC is the load SAM's",
         _in(CREDIT, lambda t: t.order(0x44, 0, bytes(10), s2=ANY_MAC))),
        (20, 5, Sw.wrong_mac, "CREDIT with the S2 of a DEBIT", "S2 is over the instruction",
         _in(CREDIT, _signed_for(0x42, 0, 0x44, 0))),
        (21, 5, Sw.wrong_mac, "a reserve sent as a load", "S2 is over the phase",
         _in(CREDIT, _signed_for(0x44, 1, 0x44, 0))),
        (22, 5, Sw.wrong_mac, "a commit sent as a load", "S2 is over the phase",
         _in(CREDIT, _signed_for(0x44, 2, 0x44, 0))),
    ),
    *refusals(
        "CRE",
        (23, 6, Sw.card_blocked, "CREDIT of a blocked card", "a blocked card moves no value",
         _in(CREDIT, _credit(0))),
        (24, 6, Sw.card_blocked, "a reserve on a blocked card", "a blocked card moves no value",
         _in(CREDIT, _credit(1))),
        (25, 6, Sw.card_blocked, "a commit with nothing reserved on a blocked card",
         "the status stands before the reservation", _in(CREDIT, _credit(2))),
        given=BLOCKED,
    ),
    *refusals(
        "CRE",
        (26, 6, Sw.counter_exhausted, "CREDIT at the last NT", "no NT is used twice",
         _in(CREDIT, _credit(0))),
        (27, 6, Sw.counter_exhausted, "a commit with nothing reserved at the last NT",
         "the NT stands before the reservation", _in(CREDIT, _credit(2))),
        given=OLD,
    ),
    *cases(
        "CAN",
        (1, 1, "a debit and its cancel",
         "the rupiah are back, NT counts on, kind and TAC are its own", _cancels(0, 2_500)),
        (2, 2, "a debit with transit state and its cancel", "the state of before is back",
         _cancels(1, 2_500)),
        (3, 2, "a debit with parking state and its cancel", "the state of before is back",
         _cancels(2, 2_500)),
        (4, 1, "a debit of Rp 0 and its cancel", "a tap of Rp 0 can be cancelled for its state",
         _cancels(1, 0)),
        (5, 1, "a debit of the whole balance and its cancel", "all of it is back",
         _cancels(0, BALANCE)),
        (6, 1, "PROOF of a cancel", "a cancel is proved like any value transaction",
         _cancel_is_proved),
        (7, 2, "a debit, power-off, its cancel", "the state of before is kept without power",
         _after_power),
        (8, 3, "the cancel of the debit before the last", "the last debit alone can be cancelled",
         _only_the_last),
        (9, 3, "a cancel of another amount", "amount, terminal and purse are the debit's",
         _not_of(amount=2_499)),
        (10, 3, "a cancel at another terminal", "amount, terminal and purse are the debit's",
         _not_of(at=TERMINAL + 1)),
        (11, 3, "a cancel on another purse", "amount, terminal and purse are the debit's",
         _not_of(purse=2)),
        (12, 4, "a second cancel", "what is back is not given back again",
         _nothing_left(lambda t: debited(t, 2_500), lambda t: cancelled(t, 2_500))),
        (13, 3, "a cancel of a load", "a load is no debit",
         _nothing_left(lambda t: loaded(t, 2_500))),
        (14, 5, "CANCEL with P1 01", "P1 and P2 are 00",
         _cancelling(_raw(0x46, 0, 18, 1), Sw.wrong_parameters)),
        (15, 5, "CANCEL with a state", "the card itself knows the state of before",
         _cancelling(_raw(0x46, 0, 47), Sw.wrong_length)),
        (16, 5, "CREDIT in a session in mode cancel", "a session serves its own command",
         _cancelling(_credit(0), Sw.wrong_state)),
        (17, 5, "DEBIT in a session in mode cancel", "a session serves its own command",
         _cancelling(lambda t: t.debit(), Sw.wrong_state)),
        (18, 5, "CANCEL with a MAC of zeros", "the MAC is the SAM's",
         _cancelling(lambda t: t.order(0x46, 0, bytes(10), s2=ANY_MAC), Sw.wrong_mac)),
        (19, 5, "CANCEL with the S2 of a DEBIT", "S2 is over the instruction",
         _cancelling(_signed_for(0x42, 0, 0x46, 0), Sw.wrong_mac)),
        (20, 6, "CANCEL of a card blocked since", "a blocked card moves no value", _blocked_cancel),
    ),
    *refusals(
        "CAN",
        (21, 5, Sw.wrong_state, "CANCEL in a session in mode debit",
         "a session serves its own command", _in(DEBIT, _cancel)),
        (22, 5, Sw.wrong_state, "CANCEL in a session in mode credit",
         "a session serves its own command", _in(CREDIT, _cancel)),
    ),
    *cases(
        "CAN",
        (23, 6, "the cancel of a debit that took the last NT", "no NT is used twice", _last_cancel),
        given=plain(nt=NT_MAX - 1),
    ),
]  # fmt: skip
