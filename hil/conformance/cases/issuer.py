"""Cases of block, entitlement and personalisation: docs/spec/card.md §5.9, §5.11, §9."""

from __future__ import annotations

from hil.conformance.case import Play, Told, cases, in_session, raw, refusals
from hil.conformance.given import NT, PURSE_ALONE, plain
from hil.conformance.judging import Answer, done, equal, refused
from hil.conformance.terminal import (
    ADMIN,
    ANY_MAC,
    CREDIT,
    DEBIT,
    IDENTITY,
    Terminal,
)
from hil.conformance.value import debited, proved
from scheme.status import Sw

AMOUNT = 2_500
BLOCKED = plain(status=5)


def _blocked(reason: int) -> Play:
    """BLOCK: SELECT and INIT say the reason, NT and balance stay."""

    def play(terminal: Terminal) -> None:
        was = terminal.look()
        terminal.open(DEBIT)
        told = terminal.proved(0x4E, terminal.block(reason), 12)
        equal("NT", NT, int.from_bytes(told, "big"))
        refused(terminal.debit(), Sw.wrong_state)
        refused(terminal.init(DEBIT), Sw.wrong_state)
        equal("what SELECT says", was._replace(status=reason), terminal.look())
        terminal.open(DEBIT, AMOUNT)
        refused(terminal.debit(), Sw.card_blocked)

    return play


def _blocked_again(terminal: Terminal) -> None:
    terminal.open(DEBIT)
    terminal.proved(0x4E, terminal.block(9), 12)
    equal("status", 9, terminal.look().status)


def _unblocked(terminal: Terminal) -> None:
    was = terminal.look()
    terminal.open(ADMIN)
    told = terminal.proved(0x4E, terminal.unblock(), 12)
    equal("NT", NT, int.from_bytes(told, "big"))
    equal("what SELECT says", was._replace(status=0), terminal.look())
    debited(terminal, AMOUNT)


def _proof_of_blocked(terminal: Terminal) -> None:
    """A card that is blocked can still prove its last transaction."""
    moved = debited(terminal, AMOUNT)
    terminal.open(DEBIT)
    terminal.proved(0x4E, terminal.block(1), 12)
    equal("TAC", moved.tac, proved(terminal, moved.nt)[26:])


def _entitled(group: int, expiry: int) -> Play:
    def play(terminal: Terminal) -> None:
        was = terminal.look()
        terminal.open(ADMIN)
        told = terminal.proved(0x54, terminal.put_entitlement(group, expiry), 12)
        equal("NT", NT, int.from_bytes(told, "big"))
        after = was._replace(group=group, group_expiry=expiry)
        equal("what SELECT says", after, terminal.look())
        terminal.open(DEBIT)

    return play


def _store(p1: int, p2: int, size: int) -> Told:
    return lambda terminal: terminal.tell(0xE2, p1, p2, bytes(size))


def _store_identity(terminal: Terminal) -> None:
    done(terminal.select(IDENTITY), 1)
    for p1, p2, size in ((0, 1, 54), (0x80, 2, 35), (0, 1, 3)):
        refused(terminal.tell(0xE2, p1, p2, bytes(size)), Sw.wrong_state)
    done(terminal.select(IDENTITY), 1)


def _store_cold(terminal: Terminal) -> Answer:
    terminal.power_off()
    return terminal.tell(0xE2, 0x80, 1, bytes(63))


def _not_issued(terminal: Terminal) -> None:
    """An identity that was never issued answers nothing, and the purse beside it everything."""
    refused(terminal.select(IDENTITY), Sw.wrong_state)
    refused(terminal.tell(0x30, 0, 0, bytes(10)), Sw.wrong_state)
    refused(terminal.tell(0x32, 9, 9), Sw.wrong_state)
    refused(terminal.select(IDENTITY[:5]), Sw.application_unknown)
    refused(terminal.tell(0x02), Sw.instruction_unknown)
    terminal.power_off()
    debited(terminal, AMOUNT)


def _issued_late(terminal: Terminal) -> None:
    """An identity takes its blocks in any order, and then none."""
    refused(terminal.select(IDENTITY), Sw.wrong_state)
    person, row = bytes(range(54)), b"\x0f\xa1\x01" + bytes(32)
    refused(terminal.tell(0xE2, 0x40, 1, person), Sw.wrong_parameters)
    refused(terminal.tell(0xE2, 0, 10, row), Sw.wrong_parameters)
    refused(terminal.tell(0xE2, 0, 1, row), Sw.wrong_length)
    refused(terminal.tell(0xE2, 0x80, 2, row), Sw.wrong_state)
    done(terminal.tell(0xE2, 0, 3, row), 0)
    refused(terminal.select(IDENTITY), Sw.wrong_state)
    terminal.power_off()
    refused(terminal.select(IDENTITY), Sw.wrong_state)
    done(terminal.tell(0xE2, 0x80, 1, person), 0)
    refused(terminal.tell(0xE2, 0, 2, row), Sw.wrong_state)
    equal("what SELECT says", b"\x01", done(terminal.select(IDENTITY), 1))


CASES = [
    *cases(
        "BLK",
        (1, 1, "BLOCK with reason 1", "the status is the reason, and no value moves any more",
         _blocked(1)),
        (2, 1, "BLOCK with reason 255", "any reason but 0 blocks", _blocked(255)),
        (3, 1, "PROOF of a card blocked since", "a block takes nobody's proof away",
         _proof_of_blocked),
    ),
    *cases(
        "BLK",
        (4, 1, "BLOCK of a blocked card", "the last reason stands", _blocked_again),
        (5, 2, "UNBLOCK", "the issuer alone unblocks; the card debits again", _unblocked),
        given=BLOCKED,
    ),
    *refusals(
        "BLK",
        (6, 4, Sw.wrong_data, "BLOCK with reason 0", "0 means active",
         in_session(DEBIT, lambda t: t.block(0))),
        (7, 4, Sw.wrong_mac, "BLOCK with reason 0 and a wrong MAC",
         "the MAC stands before the reason", in_session(DEBIT, raw(0x4E, 0, 1, 9))),
        (8, 4, Sw.wrong_mac, "BLOCK with a MAC of zeros",
         "only a SAM of the issuer's cards blocks one",
         in_session(DEBIT, lambda t: t.order(0x4E, 1, b"\x01", s2=ANY_MAC))),
        (9, 3, Sw.wrong_state, "BLOCK in a session in mode credit",
         "a session serves its own command", in_session(CREDIT, lambda t: t.block(1))),
        (10, 3, Sw.wrong_state, "BLOCK in a session in mode admin",
         "a session serves its own command", in_session(ADMIN, lambda t: t.block(1))),
        (11, 3, Sw.wrong_state, "UNBLOCK in a session in mode debit", "no terminal unblocks a card",
         in_session(DEBIT, lambda t: t.unblock())),
        (12, 3, Sw.wrong_state, "UNBLOCK in a session in mode credit",
         "no terminal unblocks a card", in_session(CREDIT, lambda t: t.unblock())),
        (13, 4, Sw.wrong_mac, "UNBLOCK with a MAC of zeros", "the issuer alone unblocks",
         in_session(ADMIN, raw(0x4E, 0, 2, 8))),
        (14, 4, Sw.wrong_parameters, "4E with P2 00", "P2 is 01 or 02",
         in_session(DEBIT, raw(0x4E, 0, 0, 9))),
        (15, 4, Sw.wrong_parameters, "4E with P1 01", "P1 is 00",
         in_session(DEBIT, raw(0x4E, 1, 1, 9))),
        (16, 4, Sw.wrong_length, "UNBLOCK with a reason", "UNBLOCK has S2 alone",
         in_session(ADMIN, raw(0x4E, 0, 2, 9))),
        (17, 4, Sw.wrong_length, "BLOCK without a reason", "BLOCK has a reason",
         in_session(DEBIT, raw(0x4E, 0, 1, 8))),
        (18, 4, Sw.wrong_parameters, "UNBLOCK with P1 01", "P1 is 00",
         in_session(ADMIN, raw(0x4E, 1, 2, 8))),
        given=BLOCKED,
    ),
    *cases(
        "ENT",
        (1, 1, "PUT ENTITLEMENT of group 7", "SELECT says group and expiry, which S1 then covers",
         _entitled(7, 21_000)),
        (2, 1, "PUT ENTITLEMENT of group 15", "there are fifteen free groups",
         _entitled(15, 0xFFFF)),
        (3, 1, "PUT ENTITLEMENT of group 0", "an entitlement can be taken away", _entitled(0, 0)),
    ),
    *refusals(
        "ENT",
        (4, 2, Sw.wrong_data, "PUT ENTITLEMENT of group 16", "there are fifteen free groups",
         in_session(ADMIN, lambda t: t.put_entitlement(16, 1))),
        (5, 2, Sw.wrong_data, "PUT ENTITLEMENT of group 255", "there are fifteen free groups",
         in_session(ADMIN, lambda t: t.put_entitlement(255, 1))),
        (6, 2, Sw.wrong_mac, "PUT ENTITLEMENT of group 16 with a wrong MAC",
         "the MAC stands before the group",
         in_session(ADMIN, lambda t: t.order(0x54, 0, b"\x10\0\0", s2=ANY_MAC))),
        (7, 2, Sw.wrong_state, "PUT ENTITLEMENT in a session in mode debit",
         "no terminal grants an entitlement", in_session(DEBIT, lambda t: t.put_entitlement(1, 1))),
        (8, 2, Sw.wrong_state, "PUT ENTITLEMENT in a session in mode credit",
         "no terminal grants an entitlement",
         in_session(CREDIT, lambda t: t.put_entitlement(1, 1))),
        (9, 2, Sw.wrong_length, "PUT ENTITLEMENT without expiry", "an entitlement ends on a day",
         in_session(ADMIN, raw(0x54, 0, 0, 9))),
    ),
    *refusals(
        "PER",
        (1, 1, Sw.wrong_state, "STORE DATA to a purse", "a card that is issued is not issued again",
         _store(0, 1, 63)),
        (2, 1, Sw.wrong_state, "the last STORE DATA to a purse",
         "a card that is issued is not issued again", _store(0x80, 2, 64)),
        (3, 1, Sw.wrong_state, "STORE DATA to a purse with no block's length",
         "it is over before its length", _store(0, 3, 1)),
        (4, 1, Sw.wrong_state, "STORE DATA behind power-on",
         "a card that is issued is not issued again", _store_cold),
    ),
    *cases(
        "PER",
        (5, 1, "STORE DATA to an identity", "an identity that is issued is not issued again",
         _store_identity),
    ),
    *cases(
        "PER",
        (6, 2, "SELECT of an identity that was never issued", "what is not issued answers 6985",
         _not_issued),
        (7, 4, "STORE DATA to an identity that was never issued",
         "block by block, and issued with the last", _issued_late),
        given=PURSE_ALONE,
    ),
]  # fmt: skip
