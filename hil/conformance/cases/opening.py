"""Cases of INIT: docs/spec/card.md §5.2."""

from __future__ import annotations

import struct
from collections.abc import Callable

from hil.conformance.case import Play, cases, refusals
from hil.conformance.given import BALANCE, LIMIT, NT, NT_MAX, ROUTINE, plain
from hil.conformance.judging import Answer, Wrong, done, equal, refused
from hil.conformance.terminal import ADMIN, CANCEL, CREDIT, DEBIT, PROOF, Terminal
from scheme.status import Sw

Told = Callable[[Terminal], Answer]
MODES = (DEBIT, CREDIT, PROOF, ADMIN)
BLOCKED = plain(status=5)
FULL = plain(balance=LIMIT)
OLD = plain(nt=NT_MAX)


def _init(mode: int, amount: int = 0, purse: int = 1) -> Told:
    def told(terminal: Terminal) -> Answer:
        return terminal.init(mode, amount, purse)

    return told


def _raw(mode: int, purse: int, size: int) -> Told:
    return lambda terminal: terminal.tell(0x40, mode, purse, bytes(size))


def _s1(mode: int, purse: int = 1, amount: int = 0, balance: int = BALANCE) -> Play:
    """S1 holds (the terminal looks), and INIT says counter, balance, status and key version."""

    def play(terminal: Terminal) -> None:
        terminal.look()
        said = done(terminal.init(mode, amount, purse), 26)
        equal("NT, balance, status, key version", (NT, balance, 0, 1), _repeated(said))

    return play


def _repeated(said: bytes) -> tuple[int, ...]:
    return struct.unpack(">IIBB", said[8:18])


def _writes_nothing(terminal: Terminal) -> None:
    was = terminal.look()
    for mode in MODES:
        done(terminal.init(mode, 1_000), 26)
        terminal.power_off()
        equal("what SELECT says", was, terminal.look())


def _fresh(terminal: Terminal) -> None:
    terminal.look()
    challenges = {done(terminal.init(DEBIT), 26)[:8] for _ in range(50)}
    terminal.power_off()
    terminal.look()
    challenges |= {done(terminal.init(DEBIT), 26)[:8] for _ in range(50)}
    equal("challenges that differ", 100, len(challenges))


def _again(terminal: Terminal) -> None:
    """The second INIT counts: an order under the first session's key is no order."""
    terminal.open(DEBIT, 2_500)
    first = terminal.opened
    done(terminal.init(DEBIT, 1), 26)
    second, terminal.session = terminal.session, first
    refused(terminal.debit(), Sw.wrong_mac)
    terminal.session = second
    terminal.open(DEBIT, 2_500)
    terminal.proved(0x42, terminal.debit(), 24)


def _failed_again(terminal: Terminal) -> None:
    terminal.open(DEBIT, 2_500)
    first = terminal.opened
    refused(terminal.init(DEBIT, BALANCE + 1), Sw.balance_too_low)
    terminal.session = first
    refused(terminal.debit(), Sw.wrong_state)


def _blocked(terminal: Terminal) -> None:
    for mode in MODES:
        terminal.look()
        said = done(terminal.init(mode), 26)
        equal("status", 5, _repeated(said)[2])


def _exactly(mode: int, amount: int) -> Play:
    return lambda terminal: terminal.open(mode, amount)


def _no_mode(terminal: Terminal) -> None:
    terminal.look()
    for mode in range(256):
        if mode not in (DEBIT, CREDIT, CANCEL, PROOF, ADMIN):
            refused(terminal.tell(0x40, mode, 1, bytes(20)), Sw.wrong_parameters)


def _no_purse(terminal: Terminal) -> None:
    terminal.look()
    for purse in (0, *range(4, 256)):
        refused(terminal.tell(0x40, DEBIT, purse, bytes(20)), Sw.wrong_parameters)


def _other_selected(terminal: Terminal) -> None:
    """S1 is over what SELECT said, so a changed answer would not be believed."""
    said = done(terminal.select(), 63)
    terminal.believe(said[:-1] + b"\xff")
    try:
        terminal.init(DEBIT)
    except Wrong:
        return
    raise Wrong("an S1 that does not fit another parking state", "one that does")


CASES = [
    *refusals(
        "INI",
        (1, 1, Sw.wrong_parameters, "INIT in mode 0", "there is no such mode", _raw(0, 1, 20)),
        (2, 1, Sw.wrong_parameters, "INIT in mode 5", "mode 5 is not used", _raw(5, 1, 20)),
        (3, 1, Sw.wrong_parameters, "INIT in mode 7", "there is no such mode", _raw(7, 1, 20)),
        (4, 1, Sw.wrong_parameters, "INIT of purse 0", "purses count from 1", _raw(DEBIT, 0, 20)),
        (5, 1, Sw.wrong_parameters, "INIT of purse 4", "there are three purses",
         _raw(DEBIT, 4, 20)),
        (6, 1, Sw.wrong_parameters, "INIT in mode proof of purse 2",
         "the card has one proof, not one a purse", _raw(PROOF, 2, 20)),
        (7, 1, Sw.wrong_parameters, "INIT in mode admin of purse 3",
         "keys and status are the card's", _raw(ADMIN, 3, 20)),
        (8, 9, Sw.wrong_parameters, "INIT in no mode with 3 bytes",
         "P1 and P2 stand before the length", _raw(9, 1, 3)),
        (9, 2, Sw.wrong_length, "INIT with no data", "INIT has 20 bytes", _raw(DEBIT, 1, 0)),
        (10, 2, Sw.wrong_length, "INIT with 19 bytes", "INIT has 20 bytes", _raw(DEBIT, 1, 19)),
        (11, 2, Sw.wrong_length, "INIT with 21 bytes", "INIT has 20 bytes", _raw(DEBIT, 1, 21)),
        (12, 2, Sw.wrong_length, "INIT in mode admin with 19 bytes",
         "INIT has 20 bytes in every mode", _raw(ADMIN, 1, 19)),
        (13, 3, Sw.balance_too_low, "a debit of 2^31",
         "amounts are unsigned: it is more than any balance", _init(DEBIT, 1 << 31)),
        (14, 3, Sw.balance_too_low, "a debit of 2^32 - 1",
         "amounts are unsigned: it is more than any balance", _init(DEBIT, NT_MAX)),
        (15, 4, Sw.limit_exceeded, "a load of 2^31", "amounts are unsigned: it is over any limit",
         _init(CREDIT, 1 << 31)),
        (16, 4, Sw.limit_exceeded, "a load of 2^32 - 1", "the sum may not run over",
         _init(CREDIT, NT_MAX)),
        anywhere=True,
    ),
    *refusals(
        "INI",
        (17, 3, Sw.balance_too_low, "a debit of the balance and Rp 1", "the purse holds less",
         _init(DEBIT, BALANCE + 1)),
        (18, 3, Sw.balance_too_low, "a debit of the routine purse over its own balance",
         "the purse named decides, not the main one", _init(DEBIT, ROUTINE + 1, 2)),
        (19, 4, Sw.limit_exceeded, "a load of the room and Rp 1",
         "the purse may hold its limit and no more", _init(CREDIT, LIMIT - BALANCE + 1)),
        (20, 4, Sw.limit_exceeded, "a load that runs over to Rp 0", "the sum may not run over",
         _init(CREDIT, (1 << 32) - BALANCE)),
        (21, 4, Sw.limit_exceeded, "a load up to 2^32 - 1", "the sum is over any limit",
         _init(CREDIT, (1 << 32) - BALANCE - 1)),
        (22, 11, Sw.reference_unknown, "INIT in mode cancel on a card that has debited nothing",
         "there is nothing to cancel", _init(CANCEL, 0)),
    ),
    *refusals(
        "INI",
        (23, 4, Sw.limit_exceeded, "a load of Rp 1 onto a full purse", "the limit is reached",
         _init(CREDIT, 1)),
        given=FULL,
    ),
    *cases(
        "INI",
        (24, 1, "every mode that is not there", "P1 names a mode of the card", _no_mode),
        (25, 1, "every purse that is not there", "P2 names a purse of the card", _no_purse),
        (26, 5, "INIT in mode debit", "S1 is over all that SELECT and INIT said",
         _s1(DEBIT, amount=2_500)),
        (27, 5, "INIT in mode credit", "S1 is under the load key there", _s1(CREDIT, amount=2_500)),
        (28, 5, "INIT in mode proof", "S1 is under the debit key there", _s1(PROOF)),
        (29, 5, "INIT in mode admin", "S1 is under the admin key there", _s1(ADMIN)),
        (30, 5, "INIT of the routine purse",
         "the balance is that of the purse named, and S1 names it", _s1(DEBIT, 2, balance=ROUTINE)),
        (31, 5, "another answer of SELECT under S1", "S1 covers the states too", _other_selected),
        (32, 6, "INIT in every mode, then power-off",
         "no write before the value command: a torn INIT costs nothing", _writes_nothing),
        (33, 7, "a hundred challenges", "a challenge serves once, power-off or not", _fresh),
        (34, 10, "INIT in a session", "INIT ends the session that was open", _again),
        (35, 10, "an INIT that is refused in a session", "any error ends the session",
         _failed_again),
        (36, 3, "a debit of the whole balance", "the purse holds the amount",
         _exactly(DEBIT, BALANCE)),
        (37, 4, "a load of all the room", "balance and amount together are at most the limit",
         _exactly(CREDIT, LIMIT - BALANCE)),
    ),
    *cases(
        "INI",
        (38, 8, "INIT of a blocked card in every mode", "its status must be proved to be believed",
         _blocked),
        given=BLOCKED,
    ),
    *cases(
        "INI",
        (39, 8, "INIT of a card at its last NT", "it can still be read", _exactly(DEBIT, 0)),
        given=OLD,
    ),
]  # fmt: skip
