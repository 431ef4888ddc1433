"""Cases of the identity: docs/spec/card.md §8."""

from __future__ import annotations

import secrets
from collections.abc import Callable

from hil.conformance.case import Play, cases
from hil.conformance.given import (
    BANK,
    CARD,
    CLINIC,
    EIGHT_PARTIES,
    GROUP,
    GROUP_EXPIRY,
    IDENTITY_DATA,
    KEYS,
    LIBRARY,
    PHOTO,
    REFERENCE,
    REGION,
    STRANGER,
    plain,
)
from hil.conformance.judging import Answer, Wrong, done, equal, refused
from hil.conformance.terminal import ANY_MAC, IDENTITY, PURSE, Terminal
from scheme.cryptograms import cmac, derive, fixed_input, mac
from scheme.status import Sw

OVER_18, RESIDENT_OF, ENTITLED_TO, PHOTO_DIGEST = 1, 2, 3, 4
VALUES = {
    OVER_18: b"\x01",
    RESIDENT_OF: REGION.to_bytes(2, "big"),
    ENTITLED_TO: bytes((GROUP,)) + GROUP_EXPIRY.to_bytes(2, "big"),
    PHOTO_DIGEST: PHOTO,
}
YOUNG = plain(identity=IDENTITY_DATA._replace(over_18=False))
OTHER_PERSON = plain(identity=IDENTITY_DATA._replace(reference=bytes(range(16, 32))))


class Visit:
    """A relying party at one identity, with its session key once OPEN has been answered."""

    def __init__(self, terminal: Terminal, party: int, select: bool = True) -> None:
        self._terminal = terminal
        if select:
            done(terminal.select(IDENTITY), 1)
        numbers = party.to_bytes(2, "big") + secrets.token_bytes(8)
        told = done(terminal.tell(0x30, 0, 0, numbers), 16)
        context = told[:8] + numbers[2:] + numbers[:2]
        key = KEYS.party_authentication_key(party)
        self.macs = derive(key, fixed_input(b"JK1 identity MAC", context))
        equal("S1", mac(self.macs, b"\x01" + numbers + told[:8]), told[8:])

    def ask(self, ins: int, p1: int = 0) -> Answer:
        """Ask with a right S2."""
        return self._terminal.tell(ins, p1, 0, mac(self.macs, bytes((2, ins, p1))))

    def value(self, ins: int, p1: int, size: int) -> bytes:
        """Return what was asked for, whose S3 must be right."""
        told = done(self.ask(ins, p1), size + 8)
        equal("S3", mac(self.macs, bytes((3, ins, p1)) + told[:-8]), told[-8:])
        return told[:-8]

    def attribute(self, attribute: int) -> bytes:
        """Return an attribute."""
        return self.value(0x32, attribute, len(VALUES[attribute]))

    def pseudonym(self) -> bytes:
        """Return the party's pseudonym of the person."""
        return self.value(0x34, 0, 16)


def _selected(terminal: Terminal) -> None:
    for _ in range(2):
        equal("what SELECT says", b"\x01", done(terminal.select(IDENTITY), 1))


def _same_for_all(terminal: Terminal) -> None:
    """Another person's SELECT says the same: nobody is told apart by it."""
    equal("what SELECT says", b"\x01", done(terminal.select(IDENTITY), 1))


def _granted(party: int, *attributes: int) -> Play:
    """Every attribute of a row in one session."""

    def play(terminal: Terminal) -> None:
        visit = Visit(terminal, party)
        for attribute in attributes:
            equal(f"attribute {attribute}", VALUES[attribute], visit.attribute(attribute))

    return play


def _young(terminal: Terminal) -> None:
    equal("over 18", b"\0", Visit(terminal, LIBRARY).attribute(OVER_18))


def _not_granted(party: int, ins: int, p1: int) -> Play:
    """A right S2 for what the row does not grant; the session is over."""

    def play(terminal: Terminal) -> None:
        visit = Visit(terminal, party)
        refused(visit.ask(ins, p1), Sw.not_allowed)
        refused(visit.ask(ins, p1), Sw.wrong_state)

    return play


def _pseudonyms(terminal: Terminal) -> None:
    """The same at every visit, by the party's own key, and of no use to another."""
    told = [Visit(terminal, party).pseudonym() for party in (BANK, CLINIC, BANK)]
    right = [cmac(KEYS.party_pseudonym_key(party), REFERENCE) for party in (BANK, CLINIC, BANK)]
    equal("pseudonyms", right, told)
    if told[0] == told[1]:
        raise Wrong("different pseudonyms for two parties", "one for both")


def _other_person(terminal: Terminal) -> None:
    told = Visit(terminal, BANK).pseudonym()
    right = cmac(KEYS.party_pseudonym_key(BANK), bytes(range(16, 32)))
    equal("the pseudonym of another person", right, told)


def _stays_open(terminal: Terminal) -> None:
    visit = Visit(terminal, BANK)
    for _ in range(3):
        visit.attribute(OVER_18)
        visit.pseudonym()


def _not_selected(terminal: Terminal) -> None:
    """A SELECT that fails leaves the identity current and not selected."""
    done(terminal.select(IDENTITY), 1)
    refused(terminal.select(IDENTITY[:-1]), Sw.application_unknown)
    refused(terminal.tell(0x30, 0, 0, bytes(10)), Sw.wrong_state)


def _told(sw: Sw, ins: int, p1: int, p2: int, size: int) -> Play:
    """A command in an open session, and the session is over."""

    def play(terminal: Terminal) -> None:
        visit = Visit(terminal, BANK)
        refused(terminal.tell(ins, p1, p2, bytes(size)), sw)
        refused(visit.ask(0x32, OVER_18), Sw.wrong_state)

    return play


def _unopened(sw: Sw, ins: int, p1: int, size: int, select: bool = True) -> Play:
    def play(terminal: Terminal) -> None:
        if select:
            done(terminal.select(IDENTITY), 1)
        refused(terminal.tell(ins, p1, 0, bytes(size)), sw)

    return play


def _stranger(party: int) -> Play:
    def play(terminal: Terminal) -> None:
        done(terminal.select(IDENTITY), 1)
        asked = party.to_bytes(2, "big") + bytes(8)
        told = done(terminal.tell(0x30, 0, 0, asked), 16)
        context = told[:8] + asked[2:] + asked[:2]
        for key in (KEYS.party_authentication_key(party), bytes(16)):
            macs = derive(key, fixed_input(b"JK1 identity MAC", context))
            if mac(macs, b"\x01" + asked + told[:8]) == told[8:]:
                raise Wrong("an S1 under a key that nobody has", "one under a known key")
        refused(terminal.tell(0x32, OVER_18, 0, ANY_MAC), Sw.wrong_mac)

    return play


def _wrong_for(ins: int, p1: int, made_ins: int, made_p1: int) -> Play:
    """A MAC for one thing told for another."""

    def play(terminal: Terminal) -> None:
        visit = Visit(terminal, BANK)
        made = mac(visit.macs, bytes((2, made_ins, made_p1)))
        refused(terminal.tell(ins, p1, 0, made), Sw.wrong_mac)

    return play


def _another_partys(terminal: Terminal) -> None:
    """A party with a right to less opens under another's number: it has not that one's key."""
    done(terminal.select(IDENTITY), 1)
    numbers = BANK.to_bytes(2, "big") + bytes(8)
    told = done(terminal.tell(0x30, 0, 0, numbers), 16)
    context = told[:8] + numbers[2:] + numbers[:2]
    macs = derive(KEYS.party_authentication_key(LIBRARY), fixed_input(b"JK1 identity MAC", context))
    refused(terminal.tell(0x34, 0, 0, mac(macs, b"\x02\x34\0")), Sw.wrong_mac)


def _class(terminal: Terminal) -> None:
    visit = Visit(terminal, BANK)
    refused(terminal.tell(0x32, OVER_18, 0, ANY_MAC, cla=0x90), Sw.class_unknown)
    refused(visit.ask(0x32, OVER_18), Sw.wrong_state)


def _cut(terminal: Terminal) -> None:
    """What is no APDU in the middle of a visit reaches no application."""
    visit = Visit(terminal, BANK)
    refused(terminal.send(b"\x80\x32\x01\x00\x08\x00"), Sw.wrong_length)
    visit.attribute(OVER_18)


def _misselected(terminal: Terminal) -> None:
    visit = Visit(terminal, BANK)
    refused(terminal.tell(0xA4, 0, 0, IDENTITY, cla=0), Sw.wrong_parameters)
    refused(visit.ask(0x32, OVER_18), Sw.wrong_state)


def _every_row(terminal: Terminal) -> None:
    for party in range(BANK, BANK + 8):
        Visit(terminal, party).attribute(OVER_18)
    _stranger(BANK + 8)(terminal)


def _never_locked(terminal: Terminal) -> None:
    """Any number of wrong MACs, and the identity is as good as before."""
    for _ in range(40):
        Visit(terminal, BANK)
        refused(terminal.tell(0x32, OVER_18, 0, ANY_MAC), Sw.wrong_mac)
    Visit(terminal, BANK).attribute(OVER_18)
    terminal.open(1)


def _replayed(terminal: Terminal) -> None:
    visit = Visit(terminal, BANK)
    visit.attribute(OVER_18)
    tape = terminal.told[-2:]
    done(terminal.send(tape[0]), 16)
    refused(terminal.send(tape[1]), Sw.wrong_mac)


def _forgets(leave: Callable[[Terminal], object]) -> Play:
    def play(terminal: Terminal) -> None:
        visit = Visit(terminal, BANK)
        leave(terminal)
        done(terminal.select(IDENTITY), 1)
        refused(visit.ask(0x32, OVER_18), Sw.wrong_state)

    return play


def _any_phone(terminal: Terminal) -> None:
    """Every instruction in both classes, without a key: nothing of the holder comes out."""
    secrets_held = [REFERENCE, PHOTO, REGION.to_bytes(2, "big"), CARD.to_bytes(8, "big")]
    done(terminal.select(IDENTITY), 1)
    for ins in range(256):
        for p1, data in ((0, b""), (1, ANY_MAC), (0, BANK.to_bytes(2, "big") + bytes(8))):
            if ins == 0xA4:
                continue
            answer = terminal.tell(ins, p1, 0, data)
            if answer.sw == Sw.ok and ins != 0x30:
                raise Wrong("nothing for who has no key", f"9000 to {ins:02X}")
            if any(held in answer.data for held in secrets_held[:2]):
                raise Wrong("nothing of the holder", f"some of it to {ins:02X}")


def _fresh(terminal: Terminal) -> None:
    done(terminal.select(IDENTITY), 1)
    asked = BANK.to_bytes(2, "big") + bytes(8)
    told = {done(terminal.tell(0x30, 0, 0, asked), 16)[:8] for _ in range(50)}
    equal("challenges that differ", 50, len(told))


CASES = [
    *cases(
        "IDN",
        (1, 1, "SELECT of the identity, twice", "it says that a card is there, and nothing else",
         _selected),
        (2, 2, "OPEN by a party and all that its row grants",
         "the card proves itself, and tells what the row allows",
         _granted(BANK, OVER_18, RESIDENT_OF, PHOTO_DIGEST)),
        (3, 2, "OPEN by a party with another row", "every party has a row of its own",
         _granted(CLINIC, ENTITLED_TO)),
        (4, 2, "OPEN by a party with one right", "every party has a row of its own",
         _granted(LIBRARY, OVER_18)),
        (5, 4, "READ ATTRIBUTE of the region without the right",
         "the row decides, behind a right MAC too", _not_granted(LIBRARY, 0x32, RESIDENT_OF)),
        (6, 4, "READ ATTRIBUTE of the photo digest without the right",
         "the row decides, behind a right MAC too", _not_granted(CLINIC, 0x32, PHOTO_DIGEST)),
        (7, 4, "READ ATTRIBUTE of the entitlement without the right",
         "the row decides, behind a right MAC too", _not_granted(BANK, 0x32, ENTITLED_TO)),
        (8, 4, "READ ATTRIBUTE of the age without the right",
         "the row decides, behind a right MAC too", _not_granted(CLINIC, 0x32, OVER_18)),
        (9, 4, "PSEUDONYM without the right", "the row decides, behind a right MAC too",
         _not_granted(LIBRARY, 0x34, 0)),
        (10, 5, "PSEUDONYM for two parties", "no two parties can put their lists together",
         _pseudonyms),
        (11, 2, "six answers in one session", "a session stays open after a success", _stays_open),
        (12, 3, "OPEN by a party without a row", "nobody learns which parties a card knows",
         _stranger(STRANGER)),
        (13, 3, "OPEN by party 0", "parties count from 1: an empty row is nobody's", _stranger(0)),
        (14, 6, "every instruction without a key",
         "any phone may see that a card is there, and nothing else", _any_phone),
        (15, 7, "OPEN with P2 01", "P1 and P2 are 00", _told(Sw.wrong_parameters, 0x30, 0, 1, 10)),
        (16, 7, "OPEN with 9 bytes", "party and RT are 10 bytes",
         _told(Sw.wrong_length, 0x30, 0, 0, 9)),
        (17, 7, "READ ATTRIBUTE 0", "attributes count from 1",
         _told(Sw.wrong_parameters, 0x32, 0, 0, 8)),
        (18, 7, "READ ATTRIBUTE 5", "there are four attributes",
         _told(Sw.wrong_parameters, 0x32, 5, 0, 8)),
        (19, 7, "READ ATTRIBUTE with P2 01", "P2 is 00", _told(Sw.wrong_parameters, 0x32, 1, 1, 8)),
        (20, 7, "READ ATTRIBUTE without a MAC", "S2 has 8 bytes",
         _told(Sw.wrong_length, 0x32, 1, 0, 0)),
        (21, 7, "PSEUDONYM with P1 01", "P1 and P2 are 00",
         _told(Sw.wrong_parameters, 0x34, 1, 0, 8)),
        (22, 7, "PSEUDONYM with 9 bytes", "S2 has 8 bytes", _told(Sw.wrong_length, 0x34, 0, 0, 9)),
        (23, 7, "READ ATTRIBUTE with a MAC of zeros", "S2 is the party's",
         _told(Sw.wrong_mac, 0x32, 1, 0, 8)),
        (24, 7, "PSEUDONYM with a MAC of zeros", "S2 is the party's",
         _told(Sw.wrong_mac, 0x34, 0, 0, 8)),
        (25, 7, "READ ATTRIBUTE 3 with a MAC of zeros, not granted",
         "the MAC stands before the rights", _told(Sw.wrong_mac, 0x32, ENTITLED_TO, 0, 8)),
        (26, 7, "the MAC for one attribute told for another", "S2 is over the attribute",
         _wrong_for(0x32, RESIDENT_OF, 0x32, OVER_18)),
        (27, 7, "the MAC for an attribute told for the pseudonym", "S2 is over the instruction",
         _wrong_for(0x34, 0, 0x32, OVER_18)),
        (28, 7, "READ ATTRIBUTE without OPEN", "nobody asks without having opened",
         _unopened(Sw.wrong_state, 0x32, 1, 8)),
        (29, 7, "PSEUDONYM without OPEN", "nobody asks without having opened",
         _unopened(Sw.wrong_state, 0x34, 0, 8)),
        (30, 7, "OPEN without SELECT", "the purse is current after power-on",
         _unopened(Sw.instruction_unknown, 0x30, 0, 10, select=False)),
        (41, 7, "OPEN behind a SELECT that failed", "nothing is told to who has not selected",
         _not_selected),
        (31, 7, "a command of the purse", "the identity is no purse",
         _unopened(Sw.instruction_unknown, 0x40, 1, 20)),
        (32, 4, "OPEN with another party's key", "a party is known by its key", _another_partys),
        (33, 8, "forty wrong MACs", "no phone can use up an identity, nor lock the purse beside it",
         _never_locked),
        (34, 9, "a whole visit told again", "a fresh challenge makes every old S2 worthless",
         _replayed),
        (35, 9, "fifty challenges", "a challenge serves once", _fresh),
        (36, 9, "the purse selected in a session of the identity",
         "the application that is left forgets", _forgets(lambda t: t.select(PURSE))),
        (37, 9, "power-off in a session of the identity",
         "what a session needs is not kept without power", _forgets(lambda t: t.power_off())),
    ),
    *cases(
        "IDN",
        (42, 7, "class 90 in a visit", "class 80 alone, but for SELECT", _class),
        (43, 7, "an instruction that is not there in a visit", "there is no such instruction",
         _told(Sw.instruction_unknown, 0x36, 0, 0, 8)),
        (44, 9, "SELECT with P1 00 in a visit", "a SELECT that fails leaves nothing selected",
         _misselected),
        (45, 10, "a command cut short in a visit", "what is no APDU reaches no application", _cut),
    ),
    *cases(
        "IDN",
        (46, 2, "OPEN by eight parties", "a card has up to eight rows", _every_row),
        given=EIGHT_PARTIES,
    ),
    *cases(
        "IDN",
        (38, 2, "READ ATTRIBUTE of a young holder's age", "0 is an answer, not a refusal", _young),
        given=YOUNG,
    ),
    *cases(
        "IDN",
        (39, 5, "PSEUDONYM of another person", "a pseudonym is of one person", _other_person),
        (40, 1, "SELECT of another person's identity", "all cards say the same", _same_for_all),
        given=OTHER_PERSON,
    ),
]  # fmt: skip
