"""Cases of the restricted purses: docs/spec/card.md §6."""

from __future__ import annotations

import struct
from collections.abc import Callable

from hil.conformance.case import Play, cases, refusals
from hil.conformance.given import (
    BALANCE,
    EIGHT_CATEGORIES,
    NO_AID,
    NT,
    NT_MAX,
    PERIODIC,
    PERIODIC_CATEGORIES,
    ROUTINE,
    ROUTINE_CATEGORIES,
    ROUTINE_LIMIT,
    plain,
)
from hil.conformance.judging import Answer, done, equal, refused
from hil.conformance.terminal import (
    ANY_MAC,
    CATEGORY,
    CREDIT,
    DEBIT,
    OPERATOR,
    PLAIN_ORDER,
    PROOF,
    SAM,
    TERMINAL,
    Moved,
    Terminal,
)
from hil.conformance.value import (
    cancelled,
    debited,
    debited_aid,
    entry,
    loaded,
    proved,
    reserved,
)
from scheme.status import Sw

AMOUNT, ROUTINE_PURSE, PERIODIC_PURSE = 2_500, 2, 3
BLOCKED, OLD = plain(status=1), plain(nt=NT_MAX)
LOGGED, PART = struct.Struct(">IBBBBIIIHIII"), struct.Struct(">BBHQIBBHIIIIII32s")
MERCHANT = struct.pack(">HH", OPERATOR, CATEGORY)


def _held(terminal: Terminal, purse: int) -> int:
    """Return what INIT says that a purse holds."""
    terminal.look()
    return int.from_bytes(done(terminal.init(DEBIT, 0, purse), 26)[12:16], "big")


def _whole(purse: int, held: int, category: int) -> Play:
    """A debit of a restricted purse: it alone is less, and NT, flag and log are the card's."""

    def play(terminal: Terminal) -> None:
        was = terminal.look()
        moved = debited_aid(terminal, purse, held, AMOUNT, category)
        equal("what SELECT says", was._replace(nt=NT + 1, flags=1), terminal.look())
        equal("its balance", held - AMOUNT, _held(terminal, purse))
        other, there = (3, PERIODIC) if purse == ROUTINE_PURSE else (2, ROUTINE)
        equal("the other's balance", there, _held(terminal, other))
        stored = proved(terminal, moved.nt)
        equal("kind, purse, TAC", (1, purse, moved.tac), (stored[1], stored[2], stored[26:]))
        told = entry(terminal, 1)
        equal("balance in the log", moved.balance, int.from_bytes(told[30:34], "big"))

    return play


def _rebuilt(purse: int, value: Callable[[Terminal], Moved]) -> Play:
    """At another gate, behind a PROOF that lacks the balance: a record from log and SELECT."""

    def play(terminal: Terminal) -> None:
        value(terminal)
        terminal.power_off()
        stored = proved(terminal, terminal.look().nt, at=TERMINAL + 5, sam=SAM + 5)
        done(terminal.init(PROOF, terminal=TERMINAL + 5, sam=SAM + 5), 26)
        told = entry(terminal, 1)
        equal("stored part and TAC", stored, told[4:30] + told[34:])
        said = terminal.look()
        nt, version, kind, of, keys, amount, at_s, first, place, sam, counter, held = LOGGED.unpack(
            told[:34]
        )
        equal("NT and purse", (said.nt, purse), (nt, of))
        parts = [
            PART.pack(
                version, kind, said.issuer, said.card, nt, of, keys, place, amount, balance, at_s,
                first, sam, counter, bytes(32),
            )
            for balance in (held, said.balance)
        ]  # fmt: skip
        tacs = [terminal.tac_of(part, said, keys) == told[34:] for part in parts]
        equal("TAC with the log's balance, and with SELECT's", [True, False], tacs)

    return play


def _all_of_it(terminal: Terminal) -> None:
    debited_aid(terminal, ROUTINE_PURSE, ROUTINE, ROUTINE)
    terminal.look()
    refused(terminal.init(DEBIT, 1, ROUTINE_PURSE), Sw.balance_too_low)


def _main_is_apart(terminal: Terminal) -> None:
    debited(terminal, BALANCE)
    equal("routine", ROUTINE, _held(terminal, ROUTINE_PURSE))
    debited_aid(terminal, ROUTINE_PURSE, ROUTINE, AMOUNT)


def _load(terminal: Terminal) -> None:
    loaded(terminal, ROUTINE_LIMIT - ROUTINE, purse=ROUTINE_PURSE, held=ROUTINE)
    equal("routine", ROUTINE_LIMIT, _held(terminal, ROUTINE_PURSE))
    equal("balance of the main purse", BALANCE, terminal.look().balance)
    refused(terminal.init(CREDIT, 1, ROUTINE_PURSE), Sw.limit_exceeded)


def _load_in_phases(terminal: Terminal) -> None:
    reserved(terminal, AMOUNT, PERIODIC_PURSE)
    loaded(terminal, AMOUNT, 2, PERIODIC_PURSE, PERIODIC)
    equal("periodic", PERIODIC + AMOUNT, _held(terminal, PERIODIC_PURSE))


def _cancel(terminal: Terminal) -> None:
    was = terminal.look()
    debited_aid(terminal, ROUTINE_PURSE, ROUTINE, AMOUNT)
    cancelled(terminal, AMOUNT, purse=ROUTINE_PURSE, held=ROUTINE - AMOUNT)
    equal("routine", ROUTINE, _held(terminal, ROUTINE_PURSE))
    equal("what SELECT says", was._replace(nt=NT + 2, flags=1), terminal.look())


def _in_purse(
    told: Callable[[Terminal], Answer], purse: int = ROUTINE_PURSE
) -> Callable[[Terminal], Answer]:
    def play(terminal: Terminal) -> Answer:
        terminal.open(DEBIT, AMOUNT, purse)
        return told(terminal)

    return play


def _category(category: int) -> Callable[[Terminal], Answer]:
    return lambda terminal: terminal.debit_aid(category)


def _raw(p2: int, size: int) -> Callable[[Terminal], Answer]:
    return lambda terminal: terminal.tell(0x42, 0, p2, bytes(size))


def _told_other(at: int) -> Callable[[Terminal], Answer]:
    """Operator or category changed behind the SAM's back."""

    def play(terminal: Terminal) -> Answer:
        order = PLAIN_ORDER.encode() + MERCHANT
        changed = order[:at] + bytes((order[at] ^ 1,)) + order[at + 1 :]
        return terminal.order(0x42, 0, changed, s2=terminal.s2(0x42, 0, order))

    return play


CASES = [
    *cases(
        "PUR",
        (1, 1, "a debit of the routine purse", "its own balance is less, all else is the card's",
         _whole(2, ROUTINE, ROUTINE_CATEGORIES[0])),
        (2, 1, "a debit of the routine purse in its last category",
         "every category of the list will do", _whole(2, ROUTINE, ROUTINE_CATEGORIES[-1])),
        (3, 1, "a debit of the periodic purse", "its own balance is less, all else is the card's",
         _whole(3, PERIODIC, PERIODIC_CATEGORIES[0])),
        (4, 1, "a debit of all that the routine purse holds",
         "a purse holds what it holds, and no more", _all_of_it),
        (5, 1, "a debit of all that the main purse holds", "the purses lie apart", _main_is_apart),
        (6, 4, "a load of the routine purse up to its limit", "every purse has a limit of its own",
         _load),
        (7, 4, "a load of the periodic purse in two phases", "a reservation names its purse",
         _load_in_phases),
        (8, 5, "a debit of the routine purse and its cancel",
         "the rupiah go back where they came from", _cancel),
    ),
    *cases(
        "PRF",
        (18, 5, "a record of the routine purse rebuilt at another gate",
         "the log tells the balance that SELECT does not",
         _rebuilt(2, lambda t: debited_aid(t, ROUTINE_PURSE, ROUTINE, AMOUNT))),
        (19, 5, "a record of a load of the periodic purse rebuilt at another gate",
         "the log tells the balance that SELECT does not",
         _rebuilt(3, lambda t: loaded(t, AMOUNT, purse=PERIODIC_PURSE, held=PERIODIC))),
    ),
    *refusals(
        "PUR",
        (9, 2, Sw.category_refused, "the routine purse in a category of the periodic one",
         "each purse has a list of its own", _in_purse(_category(PERIODIC_CATEGORIES[0]))),
        (10, 2, Sw.category_refused, "the periodic purse in a category of the routine one",
         "each purse has a list of its own", _in_purse(_category(ROUTINE_CATEGORIES[0]), 3)),
        (11, 2, Sw.category_refused, "the routine purse in category 0",
         "0 marks an unused place of the list", _in_purse(_category(0))),
        (12, 2, Sw.category_refused, "the routine purse in a category one beside",
         "the whole number is compared", _in_purse(_category(CATEGORY + 1))),
        (13, 2, Sw.category_refused, "the routine purse in a category with the same low byte",
         "the whole number is compared", _in_purse(_category(CATEGORY ^ 0x0100))),
        (14, 2, Sw.wrong_mac, "the routine purse in a wrong category with a wrong MAC",
         "the MAC stands before the category", _in_purse(_raw(0, 22))),
        (15, 3, Sw.wrong_mac, "the routine purse with another operator than signed",
         "operator and category are the SAM's, under S2", _in_purse(_told_other(11))),
        (16, 3, Sw.wrong_mac, "the routine purse with another category than signed",
         "operator and category are the SAM's, under S2", _in_purse(_told_other(13))),
        (17, 3, Sw.wrong_parameters, "the routine purse with a transit state",
         "aid carries no journey", _in_purse(_raw(1, 47))),
        (18, 3, Sw.wrong_parameters, "the periodic purse with a parking state",
         "aid carries no stay", _in_purse(_raw(2, 25), 3)),
        (19, 3, Sw.wrong_length, "the routine purse without operator and category",
         "the terminal may not leave them out", _in_purse(_raw(0, 18))),
        (20, 3, Sw.wrong_length, "the routine purse without its category",
         "the terminal may not leave it out", _in_purse(_raw(0, 20))),
        (21, 3, Sw.wrong_mac, "the routine purse with the order of the main one",
         "S2 is over all of the order",
         _in_purse(lambda t: t.order(0x42, 0, bytes(14), s2=ANY_MAC))),
    ),
    *refusals(
        "PUR",
        (22, 2, Sw.card_blocked, "a wrong category on a blocked card",
         "the status stands before the category", _in_purse(_category(1))),
        given=BLOCKED,
    ),
    *refusals(
        "PUR",
        (23, 2, Sw.counter_exhausted, "a wrong category at the last NT",
         "the NT stands before the category", _in_purse(_category(1))),
        given=OLD,
    ),
    *cases(
        "PUR",
        (26, 2, "a debit in the last of eight categories", "a list has up to eight",
         _whole(2, ROUTINE, CATEGORY)),
        given=EIGHT_CATEGORIES,
    ),
    *refusals(
        "PUR",
        (24, 6, Sw.wrong_parameters, "INIT of the routine purse on a card without one",
         "a purse whose limit is 0 is not there", lambda t: t.init(DEBIT, 0, 2)),
        (25, 6, Sw.wrong_parameters, "a load of the periodic purse on a card without one",
         "a purse whose limit is 0 is not there", lambda t: t.init(CREDIT, 1, 3)),
        given=NO_AID,
    ),
]  # fmt: skip
