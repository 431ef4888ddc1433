"""Cases of what a SAM confirms and may order: docs/spec/card.md §7, CONFIRM, ceiling, RESTORE."""

from __future__ import annotations

import struct

from hil.conformance.case import Play, cases, raw
from hil.conformance.given import CEILING, KEYS, NT, NT_MAX, PLAIN_SAM, SAM_COUNTER, SAM_NUMBER, sam
from hil.conformance.judging import done, equal, refused
from hil.conformance.module import WHEN, Module, owes, untouched
from hil.conformance.terminal import DEBIT, SAM_AID, Terminal
from scheme.cryptograms import mac
from scheme.status import Sw

NO_CEILING = sam(ceiling_idr=0)


def _confirms(ins: int, p2: int, body: bytes, answer: bytes) -> Play:
    def play(terminal: Terminal) -> None:
        module = Module(terminal)
        done(module.ask(ins, p2, body), 12 if ins in (0x42, 0x44, 0x46) else 8)
        done(terminal.tell(0x24, ins, 0, module.did(ins, answer)), 0)
        if ins != 0x4C:
            again = terminal.tell(0x24, ins, 0, module.did(ins, answer))
            refused(again, Sw.wrong_state)

    return play


def _ten_records(terminal: Terminal) -> None:
    """One MAC, and every record of the session confirmed."""
    module = Module(terminal)
    done(module.ask(0x4C), 8)
    for record in range(10):
        done(terminal.tell(0x24, 0x4C, 0, module.did(0x4C, bytes((record,)) * 42)), 0)


def _heard(ins: int) -> Play:
    """P2 01: the SAM gives S4 over the NT that the card answered."""

    def play(terminal: Terminal) -> None:
        module = Module(terminal)
        done(module.ask(ins, 0, WHEN), 12)
        answer = struct.pack(">II8s", 97_500, NT + 1, bytes(8))
        told = done(terminal.tell(0x24, ins, 1, module.did(ins, answer)), 8)
        s4 = mac(module.macs, b"\x04\x4a\0" + (NT + 1).to_bytes(4, "big"))
        equal("S4", s4, told)

    return play


def _misconfirmed(sw: Sw, ins: int, p2: int, answer: bytes) -> Play:
    """A CONFIRM that is refused ends the order."""

    def play(terminal: Terminal) -> None:
        module = Module(terminal)
        done(module.ask(0x42, 0, WHEN), 12)
        refused(terminal.tell(0x24, ins, p2, answer), sw)
        again = terminal.tell(0x24, 0x42, 0, module.did(0x42, bytes(16)))
        refused(again, Sw.wrong_state)

    return play


def _receipt(number: int, amount: int) -> bytes:
    key = KEYS.sam_receipt_key(SAM_NUMBER)
    numbers = struct.pack(">III", SAM_NUMBER, number, amount)
    return numbers[4:] + mac(key, b"JK1 receipt" + numbers)


def _ceiling(terminal: Terminal) -> None:
    """Up to the ceiling, not Rp 1 further; a receipt gives room again."""
    module = Module(terminal)
    module.signed(0x42, 0, WHEN, 12, amount=CEILING - 1)
    equal("unacknowledged", CEILING - 1, owes(terminal))
    refused(module.ask(0x42, 0, WHEN, amount=2), Sw.ceiling_reached)
    module.signed(0x44, 0, WHEN, 12, amount=1)
    refused(module.ask(0x42, 0, WHEN, amount=1), Sw.ceiling_reached)
    module.signed(0x42, 0, WHEN, 12, amount=0)
    equal("unacknowledged", CEILING, owes(terminal))
    left = done(terminal.tell(0x26, 0, 0, _receipt(1, CEILING - 10)), 4)
    equal("unacknowledged", 10, int.from_bytes(left, "big"))
    module.signed(0x42, 0, WHEN, 12, amount=CEILING - 10)
    told = done(terminal.select(SAM_AID), 21)
    equal("counter", SAM_COUNTER + 4, int.from_bytes(told[9:13], "big"))


def _huge(terminal: Terminal) -> None:
    """2^32 - 1 is over the ceiling: the sum may not run over."""
    module = Module(terminal)
    module.signed(0x42, 0, WHEN, 12, amount=10)
    for amount in (NT_MAX, 1 << 31, NT_MAX - 9):
        refused(module.ask(0x42, 0, WHEN, amount=amount), Sw.ceiling_reached)
    equal("unacknowledged", 10, owes(terminal))


def _owes_nothing(ins: int, p2: int) -> Play:
    def play(terminal: Terminal) -> None:
        module = Module(terminal)
        module.signed(ins, p2, WHEN, 12, amount=CEILING + 1)
        equal("unacknowledged", 0, owes(terminal))

    return play


def _unlimited(terminal: Terminal) -> None:
    module = Module(terminal)
    for _ in range(3):
        module.signed(0x42, 0, WHEN, 12, amount=NT_MAX)
    equal("unacknowledged", 0, owes(terminal))
    refused(terminal.tell(0x26, 0, 0, _receipt(1, 1)), Sw.wrong_data)


def _ceiling_after_s1(terminal: Terminal) -> None:
    module = Module(terminal)
    shown = bytearray(module.shown(DEBIT, module.challenge(), amount=CEILING + 1))
    shown[-1] ^= 1
    refused(terminal.tell(0x22, 0x42, 0, bytes(shown) + WHEN), Sw.wrong_mac)


def _receipts(*rows: tuple[int, int, Sw]) -> Play:
    """Receipts (number, amount) in turn, on a SAM that owes Rp 1,000; and their status words."""

    def play(terminal: Terminal) -> None:
        Module(terminal).signed(0x42, 0, WHEN, 12, amount=1_000)
        for number, amount, sw in rows:
            owed = owes(terminal)
            answer = terminal.tell(0x26, 0, 0, _receipt(number, amount))
            equal("status word", f"{sw:04X}", f"{answer.sw:04X}")
            taken = amount if sw == Sw.ok else 0
            equal("unacknowledged", owed - taken, owes(terminal))

    return play


def _forged(change: int) -> Play:
    def play(terminal: Terminal) -> None:
        Module(terminal).signed(0x42, 0, WHEN, 12, amount=1_000)
        receipt = bytearray(_receipt(1, 500))
        receipt[change] ^= 1
        refused(terminal.tell(0x26, 0, 0, bytes(receipt)), Sw.wrong_mac)
        equal("unacknowledged", 1_000, owes(terminal))

    return play


CASES = [
    *cases(
        "SAM",
        (48, 8, "CONFIRM of a DEBIT", "S3 is checked once", _confirms(0x42, 0, WHEN, bytes(16))),
        (49, 8, "CONFIRM of a PROOF", "S3 is checked once",
         _confirms(0x48, 0, bytes(4), bytes(38))),
        (50, 8, "CONFIRM of a BLOCK", "S3 is checked once", _confirms(0x4E, 1, b"\x01", bytes(4))),
        (51, 8, "CONFIRM of ten log records", "an order for READ LOG serves its whole session",
         _ten_records),
        (52, 8, "CONFIRM of a DEBIT with S4", "S4 is over the NT that the card answered",
         _heard(0x42)),
        (53, 8, "CONFIRM of a CREDIT with S4", "S4 is over the NT that the card answered",
         _heard(0x44)),
        (54, 8, "CONFIRM of a CANCEL with S4", "S4 is over the NT that the card answered",
         _heard(0x46)),
        (55, 8, "CONFIRM with a wrong S3", "the card did not do it, or it was not this card",
         _misconfirmed(Sw.wrong_mac, 0x42, 0, bytes(24))),
        (56, 8, "CONFIRM with S4 and a wrong S3", "no S4 without a right S3",
         _misconfirmed(Sw.wrong_mac, 0x42, 1, bytes(24))),
        (57, 8, "CONFIRM of a PROOF with S4", "only value commands are confirmed",
         _misconfirmed(Sw.wrong_parameters, 0x48, 1, bytes(46))),
        (58, 8, "CONFIRM of INIT", "S3 is of an order",
         _misconfirmed(Sw.wrong_parameters, 0x40, 0, bytes(26))),
        (59, 8, "CONFIRM of a bare MAC", "there is no answer in it",
         _misconfirmed(Sw.wrong_length, 0x42, 0, bytes(8))),
        (60, 8, "CONFIRM with S4 of an answer of 23 bytes", "a value command answers 24",
         _misconfirmed(Sw.wrong_length, 0x42, 1, bytes(23))),
        (61, 8, "CONFIRM with nothing ordered", "an order comes first",
         untouched(Sw.wrong_state, raw(0x24, 0x42, 0, 24))),
        (62, 9, "orders up to the ceiling, and a receipt",
         "no SAM that is stolen orders more than its ceiling", _ceiling),
        (63, 9, "orders of 2^31 and 2^32 - 1", "the sum may not run over", _huge),
        (64, 9, "a reserve over the ceiling", "a reserve moves nothing", _owes_nothing(0x44, 1)),
        (65, 9, "a CANCEL over the ceiling", "a cancel gives back", _owes_nothing(0x46, 0)),
        (66, 9, "a wrong S1 over the ceiling", "S1 stands before the ceiling", _ceiling_after_s1),
        (67, 10, "two receipts", "each is taken off", _receipts((1, 400, Sw.ok), (2, 600, Sw.ok))),
        (68, 10, "a receipt twice", "a receipt serves once",
         _receipts((5, 400, Sw.ok), (5, 400, Sw.wrong_state))),
        (69, 10, "an older receipt", "numbers rise",
         _receipts((5, 400, Sw.ok), (4, 100, Sw.wrong_state))),
        (70, 10, "a receipt over what is owed", "more than is owed was never ordered",
         _receipts((1, 1_001, Sw.wrong_data), (1, 1_000, Sw.ok))),
        (71, 10, "an old receipt over what is owed", "the number stands before the amount",
         _receipts((5, 400, Sw.ok), (5, 4_000, Sw.wrong_state))),
        (72, 10, "a receipt with number 0", "numbers count from 1",
         _receipts((0, 100, Sw.wrong_state))),
        (73, 10, "a receipt with another amount than signed",
         "the MAC is the server's, over the amount", _forged(7)),
        (74, 10, "a receipt with another number than signed",
         "the MAC is the server's, over the number", _forged(0)),
        (75, 10, "a receipt with its MAC changed", "all 64 bits are compared", _forged(15)),
        (76, 10, "RESTORE one byte short", "a receipt has 16 bytes",
         untouched(Sw.wrong_length, raw(0x26, 0, 0, 15))),
        (77, 10, "RESTORE with P1 01", "P1 and P2 are 00",
         untouched(Sw.wrong_parameters, raw(0x26, 1, 0, 16))),
        given=PLAIN_SAM,
    ),
    *cases(
        "SAM",
        (82, 9, "orders of a SAM without a ceiling",
         "nothing is added up where there is no ceiling", _unlimited),
        given=NO_CEILING,
    ),
]  # fmt: skip
