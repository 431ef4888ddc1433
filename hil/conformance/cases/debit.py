"""Cases of DEBIT on the main purse: docs/spec/card.md §5.3."""

from __future__ import annotations

from collections.abc import Callable

from hil.conformance.case import Play, cases, refusals
from hil.conformance.given import (
    BALANCE,
    NT,
    NT_MAX,
    PARKING,
    TRANSIT,
    plain,
)
from hil.conformance.judging import Answer, equal, refused
from hil.conformance.terminal import (
    ADMIN,
    ANY_MAC,
    CREDIT,
    DEBIT,
    PLAIN_ORDER,
    PROOF,
    Order,
    Terminal,
    command,
)
from hil.conformance.value import debited
from scheme.status import Sw

AMOUNT = 2_500
NEW_TRANSIT, NEW_PARKING = bytes(range(0x80, 0x9D)), bytes(range(0xA0, 0xA7))
STATES = {0: b"", 1: NEW_TRANSIT, 2: NEW_PARKING}
BLOCKED, OLD, OLD_BLOCKED = plain(status=1), plain(nt=NT_MAX), plain(nt=NT_MAX, status=1)
BEFORE_LAST = plain(nt=NT_MAX - 1)


def _whole(slot: int, amount: int) -> Play:
    """A whole debit: answer, S3, TAC, and what SELECT says afterwards."""

    def play(terminal: Terminal) -> None:
        was = terminal.look()
        debited(terminal, amount, slot, STATES[slot])
        after = was._replace(nt=NT + 1, balance=BALANCE - amount, flags=1)
        if slot == 1:
            after = after._replace(transit=NEW_TRANSIT)
        if slot == 2:
            after = after._replace(parking=NEW_PARKING)
        equal("what SELECT says", after, terminal.look())

    return play


def _many(terminal: Terminal) -> None:
    """Every debit counts one, of Rp 0 too, and takes what it says."""
    for number, amount in enumerate((1, 0, 2_500, 40_000, 0), 1):
        debited(terminal, amount)
        equal("NT", NT + number, terminal.look().nt)
    equal("balance", BALANCE - 42_501, terminal.look().balance)


def _park_and_ride(terminal: Terminal) -> None:
    """Transit and parking state lie apart: setting one leaves the other."""
    debited(terminal, AMOUNT, 1, NEW_TRANSIT)
    debited(terminal, AMOUNT, 2, NEW_PARKING)
    debited(terminal, AMOUNT)
    said = terminal.look()
    equal("states", (NEW_TRANSIT, NEW_PARKING), (said.transit, said.parking))


def _any_state(terminal: Terminal) -> None:
    """The card does not read its states: any bytes will do."""
    for state in (bytes(29), b"\xff" * 29):
        debited(terminal, 0, 1, state)
        equal("transit", state, terminal.look().transit)


def _in(mode: int, *told: Callable[[Terminal], Answer]) -> Callable[[Terminal], Answer]:
    """Commands in a session of a mode, the last of them to be refused."""

    def play(terminal: Terminal) -> Answer:
        terminal.open(mode, AMOUNT if mode in (DEBIT, CREDIT) else 0)
        return [one(terminal) for one in told][-1]

    return play


def _raw(slot: int, size: int) -> Callable[[Terminal], Answer]:
    return lambda terminal: terminal.tell(0x42, 0, slot, bytes(size))


def _debit(terminal: Terminal) -> Answer:
    return terminal.debit()


def _debit_blindly(terminal: Terminal) -> Answer:
    return terminal.tell(0x42, 0, 0, bytes(18))


def _flipped(terminal: Terminal) -> Answer:
    """A right S2 with its last bit the other way round."""
    s2 = terminal.s2(0x42, 0, PLAIN_ORDER.encode())
    return terminal.order(0x42, 0, PLAIN_ORDER.encode(), s2=s2[:-1] + bytes((s2[-1] ^ 1,)))


def _changed(terminal: Terminal) -> Answer:
    """An order whose place is another than the one signed."""
    s2 = terminal.s2(0x42, 0, PLAIN_ORDER.encode())
    return terminal.order(0x42, 0, Order(place=102).encode(), s2=s2)


def _other_state(terminal: Terminal) -> Answer:
    """A state that is another than the one signed."""
    order = PLAIN_ORDER.encode()
    s2 = terminal.s2(0x42, 1, order + NEW_TRANSIT)
    return terminal.order(0x42, 1, order + TRANSIT, s2=s2)


def _other_slot(terminal: Terminal) -> Answer:
    """S2 for slot 0, sent with the state of slot 2 behind it."""
    order = PLAIN_ORDER.encode()
    return terminal.order(0x42, 2, order + PARKING, s2=terminal.s2(0x42, 0, order + PARKING))


def _other_instruction(terminal: Terminal) -> Answer:
    """S2 for CREDIT, sent with DEBIT."""
    order = PLAIN_ORDER.encode()
    return terminal.order(0x42, 0, order, s2=terminal.s2(0x44, 0, order))


def _replayed(terminal: Terminal) -> None:
    """All that a card was told of a debit, told again, moves nothing."""
    terminal.told.clear()
    debited(terminal, AMOUNT)
    tape = tuple(terminal.told)
    after = terminal.look()
    terminal.power_off()
    answers = [terminal.send(apdu) for apdu in tape]
    equal("status words", [Sw.ok, Sw.ok, Sw.wrong_mac], [answer.sw for answer in answers])
    equal("what SELECT says", after, terminal.look())


def _twice(terminal: Terminal) -> None:
    debited(terminal, AMOUNT)
    after = NT + 1, BALANCE - AMOUNT
    refused(terminal.debit(), Sw.wrong_state)
    refused(terminal.init(DEBIT), Sw.wrong_state)
    said = terminal.look()
    equal("NT and balance", after, (said.nt, said.balance))


def _reordered(terminal: Terminal) -> None:
    """INIT, SELECT, DEBIT instead of SELECT, INIT, DEBIT."""
    was = terminal.look()
    terminal.open(DEBIT, AMOUNT)
    signed = command(0x42, 0, 0, PLAIN_ORDER.encode() + terminal.s2(0x42, 0, PLAIN_ORDER.encode()))
    equal("what SELECT says", was, terminal.look())
    refused(terminal.send(signed), Sw.wrong_state)
    equal("what SELECT says", was, terminal.look())


def _spent(terminal: Terminal) -> None:
    """After 6988 the right S2 comes too late."""
    was = terminal.look()
    terminal.open(DEBIT, AMOUNT)
    refused(_flipped(terminal), Sw.wrong_mac)
    refused(terminal.debit(), Sw.wrong_state)
    equal("what SELECT says", was, terminal.look())


def _last_nt(terminal: Terminal) -> None:
    """The last NT can be reached, and is the end."""
    debited(terminal, AMOUNT)
    said = terminal.look()
    equal("NT", NT_MAX, said.nt)
    terminal.open(DEBIT, AMOUNT)
    refused(terminal.debit(), Sw.counter_exhausted)
    equal("what SELECT says", said, terminal.look())


def _every_byte(terminal: Terminal) -> None:
    """Every byte of a signed DEBIT, changed: never done, nothing moves."""
    was = terminal.look()
    order = PLAIN_ORDER.encode() + NEW_PARKING
    for at in range(len(order)):
        if at == 10:  # fifteen wrong MACs in a row would stop the card: a debit forgives them
            debited(terminal, 0)
            was = terminal.look()
        terminal.open(DEBIT, AMOUNT)
        changed = order[:at] + bytes((order[at] ^ 0x80,)) + order[at + 1 :]
        s2 = terminal.s2(0x42, 2, order)
        refused(terminal.order(0x42, 2, changed, s2=s2), Sw.wrong_mac)
        equal("what SELECT says", was, terminal.look())


def _overspent(terminal: Terminal) -> None:
    """A purse is emptied to Rp 0, and then holds nothing for the next."""
    debited(terminal, BALANCE)
    equal("balance", 0, terminal.look().balance)
    refused(terminal.init(DEBIT, 1), Sw.balance_too_low)
    debited(terminal, 0)
    equal("balance", 0, terminal.look().balance)


def _largest_fields(terminal: Terminal) -> None:
    """Place, second, counters and terminal go into the record, whatever they are."""
    most = Order(0xFFFF_FFFF, 0xFFFF, 0xFFFF_FFFF)
    debited(terminal, AMOUNT, told=most, at=0xFFFF_FFFF)
    debited(terminal, AMOUNT, told=Order(0, 0, 0), at=0)


CASES = [
    *cases(
        "DEB",
        (1, 1, "a whole debit without state", "NT + 1, the balance less, S3 and TAC right",
         _whole(0, AMOUNT)),
        (2, 1, "a whole debit with transit state", "state, balance and NT change together",
         _whole(1, AMOUNT)),
        (3, 1, "a whole debit with parking state", "state, balance and NT change together",
         _whole(2, AMOUNT)),
        (4, 7, "a debit of Rp 0 with transit state", "a tap of Rp 0 counts like any other",
         _whole(1, 0)),
        (5, 7, "a debit of the whole balance", "the purse holds the amount", _whole(0, BALANCE)),
        (6, 1, "five debits", "each counts one and takes what it says", _many),
        (7, 10, "transit, parking and a till in turn", "people park and ride: the states lie apart",
         _park_and_ride),
        (8, 10, "states of all zeros and all ones", "the card does not read its states",
         _any_state),
        (9, 8, "a whole debit told again", "a fresh challenge makes every old order worthless",
         _replayed),
        (10, 9, "DEBIT and INIT behind a DEBIT", "a write ends session and SELECT", _twice),
        (11, 8, "SELECT between INIT and DEBIT", "SELECT ends the session", _reordered),
        (12, 4, "the right DEBIT behind a wrong one", "a wrong MAC ends the session", _spent),
        (13, 4, "every byte of order and state changed in turn", "S2 is over all of them",
         _every_byte),
        (14, 7, "a purse emptied, then used", "a debit never takes what is not there", _overspent),
        (15, 1, "the largest and the smallest fields", "the TAC covers them as they were told",
         _largest_fields),
    ),
    *cases(
        "DEB",
        (16, 6, "the last NT of all", "NT may reach 2^32 - 1 and no more", _last_nt),
        given=BEFORE_LAST,
    ),
    *refusals(
        "DEB",
        (17, 2, Sw.wrong_parameters, "DEBIT to slot 3", "there are slots 0, 1 and 2",
         _in(DEBIT, _raw(3, 18))),
        (18, 2, Sw.wrong_parameters, "DEBIT with P1 01", "P1 is 00",
         _in(DEBIT, lambda t: t.tell(0x42, 1, 0, bytes(18)))),
        (19, 2, Sw.wrong_length, "DEBIT to slot 0 with a parking state",
         "the slot says how long the state is", _in(DEBIT, _raw(0, 25))),
        (20, 2, Sw.wrong_length, "DEBIT to slot 1 without state",
         "the slot says how long the state is", _in(DEBIT, _raw(1, 18))),
        (21, 2, Sw.wrong_length, "DEBIT to slot 1 with a parking state",
         "the slot says how long the state is", _in(DEBIT, _raw(1, 25))),
        (22, 2, Sw.wrong_length, "DEBIT to slot 2 with a transit state",
         "the slot says how long the state is", _in(DEBIT, _raw(2, 47))),
        (23, 2, Sw.wrong_length, "DEBIT of the main purse in the length of a restricted one",
         "the main purse has no category", _in(DEBIT, _raw(0, 22))),
        (24, 2, Sw.wrong_length, "DEBIT without data", "an order has 10 bytes and a MAC",
         _in(DEBIT, _raw(0, 0))),
        (25, 3, Sw.wrong_state, "DEBIT in a session in mode credit",
         "a session serves its own command", _in(CREDIT, _debit)),
        (26, 3, Sw.wrong_state, "DEBIT in a session in mode proof",
         "a session serves its own command", _in(PROOF, _debit)),
        (27, 3, Sw.wrong_state, "DEBIT in a session in mode admin",
         "a session serves its own command", _in(ADMIN, _debit)),
        (28, 4, Sw.wrong_mac, "DEBIT with a MAC of zeros", "the MAC is the SAM's",
         _in(DEBIT, lambda t: t.order(0x42, 0, PLAIN_ORDER.encode(), s2=ANY_MAC))),
        (29, 4, Sw.wrong_mac, "DEBIT with the last bit of S2 changed", "all 64 bits are compared",
         _in(DEBIT, _flipped)),
        (30, 4, Sw.wrong_mac, "DEBIT of another place than signed", "S2 is over the order",
         _in(DEBIT, _changed)),
        (31, 4, Sw.wrong_mac, "DEBIT with another state than signed", "S2 is over the state",
         _in(DEBIT, _other_state)),
        (32, 4, Sw.wrong_mac, "DEBIT to another slot than signed", "S2 is over P2",
         _in(DEBIT, _other_slot)),
        (33, 4, Sw.wrong_mac, "DEBIT with the S2 of a CREDIT", "S2 is over the instruction",
         _in(DEBIT, _other_instruction)),
        (34, 8, Sw.wrong_state, "DEBIT twice with a wrong MAC", "a wrong MAC ends the session",
         _in(DEBIT, _flipped, _debit_blindly)),
    ),
    *refusals(
        "DEB",
        (35, 5, Sw.card_blocked, "DEBIT of a blocked card", "a blocked card moves no value",
         _in(DEBIT, _debit)),
        (36, 5, Sw.wrong_mac, "DEBIT of a blocked card with a wrong MAC",
         "the MAC stands before the status", _in(DEBIT, _flipped)),
        (37, 5, Sw.card_blocked, "DEBIT of a blocked card with state",
         "a blocked card moves no state either", _in(DEBIT, lambda t: t.debit(1, NEW_TRANSIT))),
        given=BLOCKED,
    ),
    *refusals(
        "DEB",
        (38, 6, Sw.counter_exhausted, "DEBIT at the last NT", "no NT is used twice",
         _in(DEBIT, _debit)),
        given=OLD,
    ),
    *refusals(
        "DEB",
        (39, 5, Sw.card_blocked, "DEBIT of a blocked card at the last NT",
         "the status stands before the NT", _in(DEBIT, _debit)),
        given=OLD_BLOCKED,
    ),
]  # fmt: skip
