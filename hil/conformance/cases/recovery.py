"""Cases of PROOF, CONFIRM, READ LOG and of taps that break off.

Sources: docs/spec/card.md §5.6 to §5.8, §12.
"""

from __future__ import annotations

import struct
from collections.abc import Callable

from hil.conformance.case import Play, cases, refusals
from hil.conformance.given import BALANCE, NT, TRANSIT
from hil.conformance.judging import Answer, done, equal, refused
from hil.conformance.terminal import (
    ADMIN,
    ANY_MAC,
    CANCEL,
    DEBIT,
    PLAIN_ORDER,
    PROOF,
    SAM,
    TERMINAL,
    Moved,
    Order,
    Terminal,
    card_part,
)
from hil.conformance.value import cancelled, debited, entry, loaded, proved, reserved
from scheme.cryptograms import mac
from scheme.status import Sw

AMOUNT = 2_500
NEW_TRANSIT, NEW_PARKING = bytes(range(0x80, 0x9D)), bytes(range(0xA0, 0xA7))
STORED = struct.Struct(">BBBBIIIHII")


def _rebuilt(terminal: Terminal) -> None:
    """From PROOF and SELECT alone, at another gate, the record's card part and its TAC."""
    debited(terminal, AMOUNT, 1, NEW_TRANSIT)
    terminal.power_off()
    stored = proved(terminal, NT + 1, at=TERMINAL + 5, sam=SAM + 5)
    said = terminal.look()
    fields = STORED.unpack(stored[:26])
    version, kind, purse, keys, amount, at_s, first, place, sam, counter = fields
    part = struct.pack(
        ">BBHQIBBHIIIIII32s",
        version, kind, said.issuer, said.card, said.nt, purse, keys, place, amount, said.balance,
        at_s, first, sam, counter, said.transit,
    )  # fmt: skip
    equal("terminal and SAM of the first gate", (TERMINAL, SAM), (first, sam))
    equal("TAC", terminal.tac_of(part, said, keys), stored[26:])


def _idempotent(terminal: Terminal) -> None:
    """In one session, in the next and after power-off: the same answer, and nothing is written."""
    moved = debited(terminal, AMOUNT, 2, NEW_PARKING)
    was = terminal.look()
    first = proved(terminal, moved.nt)
    for _ in range(3):
        equal("PROOF", first, terminal.proved(0x48, terminal.prove(moved.nt), 46)[4:])
    terminal.power_off()
    equal("PROOF", first, proved(terminal, moved.nt))
    equal("what SELECT says", was, terminal.look())


def _of_kind(kind: int, value: Callable[[Terminal], Moved]) -> Play:
    def play(terminal: Terminal) -> None:
        moved = value(terminal)
        stored = proved(terminal, moved.nt)
        fields = STORED.unpack(stored[:26])
        told = (1, kind, 1, 1, AMOUNT, PLAIN_ORDER.at_s, TERMINAL, PLAIN_ORDER.place, SAM)
        equal("what was stored", (*told, PLAIN_ORDER.counter), fields)
        equal("TAC", moved.tac, stored[26:])

    return play


def _proof_of(nt: int, first: bool = True) -> Play:
    """PROOF of a counter that is not the last transaction's."""

    def play(terminal: Terminal) -> None:
        if first:
            debited(terminal, AMOUNT)
        was = terminal.look()
        terminal.open(PROOF)
        refused(terminal.prove(nt), Sw.proof_unknown)
        refused(terminal.prove(was.nt), Sw.wrong_state)
        equal("what SELECT says", was, terminal.look())

    return play


def _in(mode: int, told: Callable[[Terminal], Answer]) -> Play:
    """A command that must be told in another mode, on a card that has something to tell."""

    def play(terminal: Terminal) -> None:
        debited(terminal, AMOUNT)
        was = terminal.look()
        terminal.open(mode, AMOUNT if mode == CANCEL else 0)
        refused(told(terminal), Sw.wrong_state)
        equal("what SELECT says", was, terminal.look())

    return play


def _proving(told: Callable[[Terminal], Answer]) -> Callable[[Terminal], Answer]:
    def play(terminal: Terminal) -> Answer:
        terminal.open(PROOF)
        return told(terminal)

    return play


def _confirmed(value: Callable[[Terminal], Moved]) -> Play:
    def play(terminal: Terminal) -> None:
        moved = value(terminal)
        done(terminal.confirm(moved.nt), 0)
        said = terminal.look()
        equal("flags and NT", (0, moved.nt), (said.flags, said.nt))

    return play


def _unconfirmed(terminal: Terminal) -> None:
    debited(terminal, AMOUNT)
    equal("flags", 1, terminal.look().flags)
    terminal.power_off()
    equal("flags after power-off", 1, terminal.look().flags)
    moved = debited(terminal, AMOUNT)
    done(terminal.confirm(moved.nt), 0)
    equal("flags", 0, terminal.look().flags)


def _too_late(between: Callable[[Terminal], object]) -> Play:
    """CONFIRM that does not stand right behind its value command."""

    def play(terminal: Terminal) -> None:
        moved = debited(terminal, AMOUNT)
        session = terminal.opened
        between(terminal)
        terminal.session = session
        refused(terminal.confirm(moved.nt), Sw.wrong_state)
        equal("flags", 1, terminal.look().flags)

    return play


def _wrong_s4(message: bytes) -> Play:
    def play(terminal: Terminal) -> None:
        debited(terminal, AMOUNT)
        s4 = mac(terminal.opened.macs, message) if message else ANY_MAC
        refused(terminal.tell(0x4A, 0, 0, s4), Sw.wrong_mac)
        equal("flags", 1, terminal.look().flags)

    return play


def _confirm_reserve(terminal: Terminal) -> None:
    reserved(terminal, AMOUNT)
    refused(terminal.confirm(NT), Sw.wrong_state)
    equal("flags", 2, terminal.look().flags)


def _confirm_keeps_reservation(terminal: Terminal) -> None:
    reserved(terminal, AMOUNT)
    moved = debited(terminal, 1)
    done(terminal.confirm(moved.nt), 0)
    equal("flags", 2, terminal.look().flags)


def _confirm_early(terminal: Terminal) -> Answer:
    terminal.open(DEBIT, AMOUNT)
    return terminal.confirm(NT)


def _confirm_twice(terminal: Terminal) -> None:
    moved = debited(terminal, AMOUNT)
    done(terminal.confirm(moved.nt), 0)
    refused(terminal.confirm(moved.nt), Sw.wrong_state)
    equal("flags", 0, terminal.look().flags)


def _misconfirmed(p2: int, size: int, sw: Sw) -> Play:
    def play(terminal: Terminal) -> None:
        debited(terminal, AMOUNT)
        refused(terminal.tell(0x4A, 0, p2, bytes(size)), sw)
        equal("flags", 1, terminal.look().flags)

    return play


def _entries(count: int) -> Play:
    """As many debits as that: the last ten can be read, the latest first, and no more."""

    def play(terminal: Terminal) -> None:
        made = [debited(terminal, number, told=Order(place=number)) for number in range(count)]
        terminal.open(PROOF)
        for record, moved in enumerate(reversed(made[-10:]), 1):
            told = entry(terminal, record)
            nt, *stored, balance, tac = struct.unpack(">IBBBBIIIHIII8s", told)
            equal("NT, balance, TAC", (moved.nt, moved.balance, moved.tac), (nt, balance, tac))
            equal("amount and place", (moved.nt - NT - 1,) * 2, (stored[4], stored[7]))
        if count < 10:
            refused(terminal.read_log(count + 1), Sw.proof_unknown)

    return play


def _every_kind_logged(terminal: Terminal) -> None:
    made = [
        debited(terminal, AMOUNT, 1, NEW_TRANSIT),
        cancelled(terminal, AMOUNT, 1, TRANSIT),
        loaded(terminal, 1_000),
        debited(terminal, AMOUNT, 2, NEW_PARKING),
    ]
    terminal.open(PROOF)
    told = [entry(terminal, record) for record in (4, 3, 2, 1)]
    equal("TACs", [moved.tac for moved in made], [one[34:] for one in told])
    equal("kinds", [2, 6, 4, 3], [one[5] for one in told])


def _unasked(terminal: Terminal) -> None:
    debited(terminal, AMOUNT)
    terminal.look()
    refused(terminal.tell(0x4C, 1, 0, ANY_MAC), Sw.wrong_state)


def _same_as_proof(terminal: Terminal) -> None:
    """Record 1 and PROOF tell the same transaction, in one session."""
    moved = debited(terminal, AMOUNT)
    stored = proved(terminal, moved.nt)
    told = entry(terminal, 1)
    equal("stored part and TAC", stored, told[4:30] + told[34:])
    equal("balance", BALANCE - AMOUNT, int.from_bytes(told[30:34], "big"))
    equal("PROOF behind it", stored, terminal.proved(0x48, terminal.prove(moved.nt), 46)[4:])


def _torn_before(terminal: Terminal) -> None:
    """Power goes after INIT: nothing was taken, and a new tap is made."""
    was = terminal.look()
    terminal.open(DEBIT, AMOUNT)
    terminal.power_off()
    equal("what SELECT says", was, terminal.look())
    debited(terminal, AMOUNT)


def _torn_after(terminal: Terminal) -> None:
    """The answer of DEBIT is not heard: the second tap proves the first and takes nothing."""
    was = terminal.look()
    terminal.open(DEBIT, AMOUNT)
    terminal.debit(1, NEW_TRANSIT)
    first = terminal.opened
    terminal.power_off()
    said = terminal.look()
    equal("NT", was.nt + 1, said.nt)
    stored = proved(terminal, said.nt)
    moved = Moved(was.balance - AMOUNT, said.nt, stored[26:])
    part = card_part(was, first, 2, moved, PLAIN_ORDER, NEW_TRANSIT)
    equal("TAC", terminal.tac_of(part, was, 1), moved.tac)
    equal("what SELECT says", said, terminal.look())
    equal("balance and state", (BALANCE - AMOUNT, NEW_TRANSIT), (said.balance, said.transit))


def _debit(terminal: Terminal) -> Moved:
    return debited(terminal, AMOUNT)


CASES = [
    *cases(
        "PRF",
        (1, 1, "a record rebuilt at another gate",
         "PROOF and SELECT give the whole card part, and the first TAC holds", _rebuilt),
        (2, 2, "PROOF five times", "PROOF is idempotent and writes nothing", _idempotent),
        (3, 1, "PROOF of a debit without state", "the stored part is the record's",
         _of_kind(1, _debit)),
        (4, 1, "PROOF of a debit with transit state", "the stored part is the record's",
         _of_kind(2, lambda t: debited(t, AMOUNT, 1, NEW_TRANSIT))),
        (5, 1, "PROOF of a debit with parking state", "the stored part is the record's",
         _of_kind(3, lambda t: debited(t, AMOUNT, 2, NEW_PARKING))),
        (6, 1, "PROOF of a load", "the stored part is the record's",
         _of_kind(4, lambda t: loaded(t, AMOUNT))),
        (7, 3, "PROOF of the NT before", "the card proves its last transaction alone",
         _proof_of(NT)),
        (8, 3, "PROOF of the NT to come", "the card proves its last transaction alone",
         _proof_of(NT + 2)),
        (9, 3, "PROOF of NT 2^32 - 1", "the card proves its last transaction alone",
         _proof_of(0xFFFF_FFFF)),
        (10, 3, "PROOF on a card that has moved nothing",
         "there is no transaction to prove, whatever NT it was issued with",
         _proof_of(NT, first=False)),
        (11, 4, "PROOF in a session in mode debit", "a session serves its own command",
         _in(DEBIT, lambda t: t.prove(NT + 1))),
        (12, 4, "PROOF in a session in mode cancel", "a session serves its own command",
         _in(CANCEL, lambda t: t.prove(NT + 1))),
        (13, 4, "PROOF in a session in mode admin", "a session serves its own command",
         _in(ADMIN, lambda t: t.prove(NT + 1))),
    ),
    *refusals(
        "PRF",
        (14, 4, Sw.wrong_mac, "PROOF with a MAC of zeros",
         "a card's last transaction is not told to anybody",
         _proving(lambda t: t.order(0x48, 0, NT.to_bytes(4, "big"), s2=ANY_MAC))),
        (15, 4, Sw.wrong_mac, "PROOF of an unknown NT with a wrong MAC",
         "the MAC stands before the NT",
         _proving(lambda t: t.order(0x48, 0, bytes(4), s2=ANY_MAC))),
        (16, 4, Sw.wrong_parameters, "PROOF with P1 01", "P1 and P2 are 00",
         _proving(lambda t: t.tell(0x48, 1, 0, bytes(12)))),
        (17, 4, Sw.wrong_length, "PROOF without NT", "NT and S2 are 12 bytes",
         _proving(lambda t: t.tell(0x48, 0, 0, bytes(8)))),
    ),
    *cases(
        "CNF",
        (1, 1, "a debit confirmed", "the flag says that the answer was heard", _confirmed(_debit)),
        (2, 1, "a load confirmed", "every value transaction can be confirmed",
         _confirmed(lambda t: loaded(t, AMOUNT))),
        (3, 1, "a cancel confirmed", "every value transaction can be confirmed",
         _confirmed(lambda t: (debited(t, AMOUNT), cancelled(t, AMOUNT))[1])),
        (4, 2, "a debit not confirmed", "the flag stands until a later transaction is confirmed",
         _unconfirmed),
        (5, 3, "CONFIRM behind SELECT", "CONFIRM stands right behind its command",
         _too_late(lambda t: t.look())),
        (6, 3, "CONFIRM behind power-off", "CONFIRM stands right behind its command",
         _too_late(lambda t: t.power_off())),
        (7, 3, "CONFIRM behind an INIT that was refused", "CONFIRM stands right behind its command",
         _too_late(lambda t: t.init(DEBIT))),
        (8, 3, "CONFIRM behind an unknown instruction", "CONFIRM stands right behind its command",
         _too_late(lambda t: t.tell(2))),
        (9, 3, "CONFIRM twice", "a session is confirmed once",
         _confirm_twice),
        (10, 3, "CONFIRM of a reserve", "a reserve moved nothing that could be confirmed",
         _confirm_reserve),
        (11, 1, "CONFIRM with a load reserved", "the reservation's flag is another one",
         _confirm_keeps_reservation),
        (12, 4, "CONFIRM with a MAC of zeros", "S4 is the SAM's", _wrong_s4(b"")),
        (13, 4, "CONFIRM of another NT", "S4 is over the NT",
         _wrong_s4(b"\x04\x4a\0" + NT.to_bytes(4, "big"))),
        (14, 4, "CONFIRM with the MAC of an order", "no step's MAC stands for another's",
         _wrong_s4(b"\x02\x4a\0" + (NT + 1).to_bytes(4, "big"))),
        (15, 4, "CONFIRM with P2 01", "P1 and P2 are 00", _misconfirmed(1, 8, Sw.wrong_parameters)),
        (16, 4, "CONFIRM with 4 bytes", "S4 has 8 bytes", _misconfirmed(0, 4, Sw.wrong_length)),
    ),
    *refusals(
        "CNF",
        (17, 3, Sw.wrong_state, "CONFIRM in a session of INIT", "nothing was moved yet",
         _confirm_early),
    ),
    *cases(
        "LOG",
        (1, 1, "three transactions read", "the log holds what there was, the latest first",
         _entries(3)),
        (2, 1, "ten transactions read", "the log holds ten", _entries(10)),
        (3, 1, "thirteen transactions read", "the log is a ring: the oldest give way",
         _entries(13)),
        (4, 2, "every kind in the log", "debits, loads and cancels are entries, each with its TAC",
         _every_kind_logged),
        (5, 2, "record 1 and PROOF in one session",
         "both tell the last transaction, and leave the session open", _same_as_proof),
        (6, 3, "READ LOG in a session in mode debit", "the log is read in mode proof alone",
         _in(DEBIT, lambda t: t.read_log(1))),
        (7, 3, "READ LOG in a session in mode admin", "the log is read in mode proof alone",
         _in(ADMIN, lambda t: t.read_log(1))),
        (8, 3, "READ LOG without a session", "the log is not told to any phone",
         _unasked),
    ),
    *refusals(
        "LOG",
        (9, 4, Sw.wrong_mac, "READ LOG with a MAC of zeros",
         "the log is told to a SAM of the issuer's cards",
         _proving(lambda t: t.order(0x4C, 0, b"", 1, ANY_MAC))),
        (10, 4, Sw.wrong_parameters, "READ LOG of record 0", "records count from 1",
         _proving(lambda t: t.read_log(0))),
        (11, 4, Sw.wrong_parameters, "READ LOG of record 11", "the ring has ten",
         _proving(lambda t: t.read_log(11))),
        (12, 4, Sw.wrong_parameters, "READ LOG with P2 01", "P2 is 00",
         _proving(lambda t: t.tell(0x4C, 1, 1, bytes(8)))),
        (13, 4, Sw.proof_unknown, "READ LOG of an empty log", "there is no such record yet",
         _proving(lambda t: t.read_log(1))),
        (14, 4, Sw.wrong_mac, "READ LOG of an empty log with a wrong MAC",
         "the MAC stands before the record", _proving(lambda t: t.order(0x4C, 0, b"", 1, ANY_MAC))),
    ),
    *cases(
        "TEAR",
        (1, 1, "power-off between INIT and DEBIT", "nothing is written before the value command",
         _torn_before),
        (2, 2, "power-off before the answer of DEBIT is heard",
         "the second tap proves the first debit and takes nothing", _torn_after),
    ),
]  # fmt: skip
