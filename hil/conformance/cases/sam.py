"""Cases of what a SAM signs, and for whom: docs/spec/card.md §7."""

from __future__ import annotations

import struct
from collections.abc import Callable

from hil.conformance.case import Play, cases, raw
from hil.conformance.given import (
    CATEGORY,
    CEILING,
    NT,
    NT_MAX,
    OPERATOR,
    OTHER_ISSUER,
    PLAIN_SAM,
    SAM_COUNTER,
    SAM_NUMBER,
    SAM_TERMINAL,
    SIXTEEN_SETS,
    sam,
)
from hil.conformance.judging import done, equal, refused
from hil.conformance.module import AMOUNT, WHEN, Module, owes, untouched
from hil.conformance.terminal import (
    DEBIT,
    PURSE,
    SAM_AID,
    Terminal,
)
from scheme.sam import May
from scheme.status import Sw

STATES = {0: b"", 1: bytes(range(0x80, 0x9D)), 2: bytes(range(0xA0, 0xA7))}
AT_THE_END, BEFORE_THE_END = sam(counter=NT_MAX), sam(ceiling_idr=0, counter=NT_MAX - 1)


def _signs(ins: int, p2: int, body: bytes, given: bytes) -> Play:
    """An order signed: S2 right, the counter one further if value moves."""

    def play(terminal: Terminal) -> None:
        module = Module(terminal)
        size = len(given) + 8
        equal("counter and merchant", given, module.signed(ins, p2, body, size))
        moves = ins in (0x42, 0x44, 0x46)
        said = done(terminal.select(SAM_AID), 21)
        equal("counter", SAM_COUNTER + moves, int.from_bytes(said[9:13], "big"))

    return play


NEXT = (SAM_COUNTER + 1).to_bytes(4, "big")
MERCHANT = struct.pack(">HH", OPERATOR, CATEGORY)


def _selected(terminal: Terminal) -> None:
    told = done(terminal.select(SAM_AID), 21)
    right = struct.pack(">BIIIII", 1, SAM_NUMBER, SAM_TERMINAL, SAM_COUNTER, 0, CEILING)
    equal("what SELECT says", right, told)


def _s1_alone(terminal: Terminal) -> None:
    module = Module(terminal)
    told = done(module.ask(0), 4)
    equal("counter", SAM_COUNTER, int.from_bytes(told, "big"))
    refused(terminal.tell(0x24, 0x42, 0, module.did(0x42, bytes(16))), Sw.wrong_state)


def _fresh(terminal: Terminal) -> None:
    module = Module(terminal)
    equal("challenges that differ", 50, len({module.challenge() for _ in range(50)}))


def _not_allowed(ins: int, p2: int, body: bytes) -> Play:
    """An order that this SAM may not sign: 6982, nothing counted, the challenge gone."""

    def play(terminal: Terminal) -> None:
        module = Module(terminal)
        refused(module.ask(ins, p2, body), Sw.not_allowed)
        said = done(terminal.select(SAM_AID), 21)
        equal("counter", SAM_COUNTER, int.from_bytes(said[9:13], "big"))

    return play


def _refuses(sw: Sw, ins: int, p2: int, body: bytes, **card: int) -> Play:
    def play(terminal: Terminal) -> None:
        refused(Module(terminal).ask(ins, p2, body, **card), sw)
        said = done(terminal.select(SAM_AID), 21)
        equal("counter", SAM_COUNTER, int.from_bytes(said[9:13], "big"))

    return play


def _changed(at: int) -> Play:
    """A byte of what the card said is another by the time the SAM sees it."""

    def play(terminal: Terminal) -> None:
        module = Module(terminal)
        shown = bytearray(module.shown(DEBIT, module.challenge()))
        shown[at] ^= 1
        refused(terminal.tell(0x22, 0x42, 0, bytes(shown) + WHEN), Sw.wrong_mac)
        refused(terminal.tell(0x22, 0x42, 0, bytes(shown) + WHEN), Sw.wrong_state)

    return play


def _once(terminal: Terminal) -> None:
    """A challenge serves once, after a success too."""
    module = Module(terminal)
    shown = module.shown(DEBIT, module.challenge())
    done(terminal.tell(0x22, 0x42, 0, shown + WHEN), 12)
    refused(terminal.tell(0x22, 0x42, 0, shown + WHEN), Sw.wrong_state)


def _old_challenge(terminal: Terminal) -> None:
    module = Module(terminal)
    shown = module.shown(DEBIT, module.challenge())
    module.challenge()
    refused(terminal.tell(0x22, 0x42, 0, shown + WHEN), Sw.wrong_data)


def _version_2(terminal: Terminal) -> None:
    """Two versions side by side, so that cards can be rotated one by one."""
    module = Module(terminal)
    module.signed(0x42, 0, WHEN, 12, version=2)
    module.signed(0x42, 0, WHEN, 12, version=1)


def _last(terminal: Terminal) -> None:
    module = Module(terminal)
    equal("counter", NT_MAX.to_bytes(4, "big"), module.signed(0x42, 0, WHEN, 12))
    refused(module.ask(0x42, 0, WHEN), Sw.counter_exhausted)


def _exhausted(terminal: Terminal) -> None:
    module = Module(terminal)
    for ins in (0x42, 0x44, 0x46):
        refused(module.ask(ins, 0, WHEN), Sw.counter_exhausted)
    module.signed(0x48, 0, bytes(4), 8)


def _forgets(leave: Callable[[Terminal], object]) -> Play:
    """Challenge and order are gone; what is counted stays."""

    def play(terminal: Terminal) -> None:
        module = Module(terminal)
        shown = module.shown(DEBIT, module.challenge())
        leave(terminal)
        refused(terminal.tell(0x22, 0x42, 0, shown + WHEN), Sw.wrong_state)
        module.signed(0x42, 0, WHEN, 12)
        leave(terminal)
        refused(terminal.tell(0x24, 0x42, 0, module.did(0x42, bytes(16))), Sw.wrong_state)
        equal("unacknowledged", AMOUNT, owes(terminal))

    return play


def _cut(terminal: Terminal) -> None:
    """What is no APDU between CHALLENGE and AUTHENTICATE reaches no application."""
    module = Module(terminal)
    shown = module.shown(DEBIT, module.challenge())
    refused(terminal.send(b"\x80\x22\x42"), Sw.wrong_length)
    done(terminal.tell(0x22, 0x42, 0, shown + WHEN), 12)
    refused(terminal.send(b"\x80\x24\x42\x00\x10\x00"), Sw.wrong_length)
    done(terminal.tell(0x24, 0x42, 0, module.did(0x42, bytes(16))), 0)


CASES = [
    *cases(
        "SAM",
        (1, 1, "SELECT of the SAM", "21 bytes in a fixed layout, as personalised", _selected),
        (2, 2, "fifty challenges", "a challenge serves once", _fresh),
        (3, 3, "AUTHENTICATE without an order", "S1 is checked and nothing counted", _s1_alone),
        (4, 3, "an order for DEBIT", "counter and S2, over slot, second, place and counter",
         _signs(0x42, 0, WHEN, NEXT)),
        (5, 3, "an order for DEBIT with transit state", "S2 is over the state",
         _signs(0x42, 1, WHEN + STATES[1], NEXT)),
        (6, 3, "an order for DEBIT with parking state", "S2 is over the state",
         _signs(0x42, 2, WHEN + STATES[2], NEXT)),
        (7, 4, "an order for DEBIT of the routine purse", "operator and category are the SAM's own",
         _signs(0x42, 0x10, WHEN, NEXT + MERCHANT)),
        (8, 4, "an order for DEBIT of the periodic purse",
         "operator and category are the SAM's own", _signs(0x42, 0x20, WHEN, NEXT + MERCHANT)),
        (9, 3, "an order for CREDIT", "a load SAM signs loads", _signs(0x44, 0, WHEN, NEXT)),
        (10, 3, "an order for a reserve", "S2 is over the phase", _signs(0x44, 1, WHEN, NEXT)),
        (11, 3, "an order for a commit of the routine purse", "S1 names the purse",
         _signs(0x44, 0x12, WHEN, NEXT)),
        (12, 3, "an order for CANCEL", "counter and S2 in mode cancel",
         _signs(0x46, 0, WHEN, NEXT)),
        (13, 3, "an order for PROOF", "S2 over the NT; no value, no counter",
         _signs(0x48, 0, NT.to_bytes(4, "big"), b"")),
        (14, 3, "an order for READ LOG", "S2; no value, no counter", _signs(0x4C, 0, b"", b"")),
        (15, 3, "an order for BLOCK", "S2 over the reason; no value, no counter",
         _signs(0x4E, 1, b"\x09", b"")),
        (16, 3, "cards of two key versions in turn",
         "a SAM holds versions side by side while cards are rotated", _version_2),
        (17, 6, "the status of the card changed", "S1 is over all that SELECT said", _changed(11)),
        (18, 6, "the parking state of the card changed", "S1 is over all that SELECT said",
         _changed(62)),
        (19, 6, "the amount of INIT changed", "S1 is over INIT's data", _changed(66)),
        (20, 6, "the balance in INIT's answer changed", "S1 is over INIT's answer", _changed(98)),
        (21, 6, "S1 changed", "all 64 bits are compared", _changed(108)),
        (22, 2, "one challenge used twice", "a challenge serves once, a success included", _once),
        (23, 2, "a card that answered an older challenge", "the last challenge counts",
         _old_challenge),
        (24, 6, "a card at another terminal", "a SAM is for one terminal",
         _refuses(Sw.wrong_data, 0x42, 0, WHEN, terminal=SAM_TERMINAL + 1)),
        (25, 6, "a card that was told another SAM", "INIT must name this SAM",
         _refuses(Sw.wrong_data, 0x42, 0, WHEN, number=SAM_NUMBER + 1)),
        (26, 6, "a card of an issuer that is not here", "one key set per issuer",
         _refuses(Sw.keys_unknown, 0x42, 0, WHEN, issuer=OTHER_ISSUER)),
        (27, 6, "a card of a key version that is not here", "one key set per version",
         _refuses(Sw.keys_unknown, 0x42, 0, WHEN, version=3)),
        (28, 6, "a load of a card whose load keys are not here", "one key set per role",
         _refuses(Sw.keys_unknown, 0x44, 0, WHEN, version=2)),
        (29, 7, "AUTHENTICATE without a challenge", "CHALLENGE comes first",
         untouched(Sw.wrong_state, raw(0x22, 0x42, 0, 115))),
        (30, 7, "AUTHENTICATE of an instruction that is not signed", "P1 is in the table",
         untouched(Sw.wrong_parameters, raw(0x22, 0x40, 0, 115))),
        (31, 7, "AUTHENTICATE of PUT KEY", "no SAM signs for the issuer",
         untouched(Sw.wrong_parameters, raw(0x22, 0x52, 0, 115))),
        (32, 7, "AUTHENTICATE of UNBLOCK", "no SAM signs for the issuer",
         untouched(Sw.wrong_parameters, raw(0x22, 0x4E, 2, 109))),
        (33, 7, "AUTHENTICATE of DEBIT to slot 3", "there are slots 0, 1 and 2",
         untouched(Sw.wrong_parameters, raw(0x22, 0x42, 3, 115))),
        (34, 7, "AUTHENTICATE of CREDIT in phase 3", "there are phases 0, 1 and 2",
         untouched(Sw.wrong_parameters, raw(0x22, 0x44, 3, 115))),
        (35, 7, "AUTHENTICATE of DEBIT of purse 4", "there are three purses",
         untouched(Sw.wrong_parameters, raw(0x22, 0x42, 0x30, 115))),
        (36, 7, "AUTHENTICATE of PROOF of purse 2", "the card has one proof, not one a purse",
         untouched(Sw.wrong_parameters, raw(0x22, 0x48, 0x10, 113))),
        (37, 7, "AUTHENTICATE of a restricted purse with transit state", "aid carries no journey",
         untouched(Sw.wrong_parameters, raw(0x22, 0x42, 0x11, 144))),
        (38, 7, "AUTHENTICATE one byte short", "the body's length is fixed",
         untouched(Sw.wrong_length, raw(0x22, 0x42, 0, 114))),
        (39, 7, "AUTHENTICATE of slot 1 without state", "the slot says how long the state is",
         untouched(Sw.wrong_length, raw(0x22, 0x42, 1, 115))),
        (40, 7, "AUTHENTICATE of PROOF with a body of 6", "PROOF has an NT",
         untouched(Sw.wrong_length, raw(0x22, 0x48, 0, 115))),
        (41, 7, "CHALLENGE with data", "CHALLENGE has none",
         untouched(Sw.wrong_length, raw(0x20, 0, 0, 1))),
        (42, 7, "CHALLENGE with P1 01", "P1 and P2 are 00",
         untouched(Sw.wrong_parameters, raw(0x20, 1, 0, 0))),
        (43, 7, "class 90", "class 80 alone, but for SELECT",
         untouched(Sw.class_unknown, lambda t: t.tell(0x20, cla=0x90))),
        (44, 7, "INIT", "a SAM is no purse",
         untouched(Sw.instruction_unknown, raw(0x40, 1, 1, 20))),
        (45, 7, "CHALLENGE in class 00", "only SELECT has class 00",
         untouched(Sw.instruction_unknown, lambda t: t.tell(0x20, cla=0))),
        (46, 7, "SELECT of the purse", "a SAM is no card",
         untouched(Sw.application_unknown, lambda t: t.select(PURSE))),
        (47, 7, "SELECT with P2 0C", "SELECT always answers",
         untouched(Sw.wrong_parameters, lambda t: t.tell(0xA4, 4, 12, SAM_AID, cla=0))),
        (78, 11, "power-off between CHALLENGE and AUTHENTICATE",
         "what a session needs is not kept without power", _forgets(lambda t: t.power_off())),
        (79, 11, "SELECT between CHALLENGE and AUTHENTICATE", "SELECT ends it",
         _forgets(lambda t: t.select(SAM_AID))),
        (80, 11, "an error between CHALLENGE and AUTHENTICATE", "any error ends it",
         _forgets(lambda t: t.tell(2))),
        (81, 12, "STORE DATA to a SAM", "a SAM that is issued is not issued again",
         untouched(Sw.wrong_state, raw(0xE2, 0, 1, 37))),
        given=PLAIN_SAM,
    ),
    *cases(
        "SAM",
        (98, 13, "commands cut short between the commands of a tap",
         "what is no APDU leaves challenge and order", _cut),
        given=PLAIN_SAM,
    ),
    *cases(
        "SAM",
        (99, 6, "a card of the last of sixteen issuers", "a SAM holds up to sixteen key sets",
         _signs(0x42, 0, WHEN, NEXT)),
        given=SIXTEEN_SETS,
    ),
    *cases(
        "SAM",
        (83, 3, "orders at the last counter", "no counter is used twice", _exhausted),
        given=AT_THE_END,
    ),
    *cases(
        "SAM",
        (84, 3, "the last counter of all", "a counter may reach 2^32 - 1 and no more", _last),
        given=BEFORE_THE_END,
    ),
    *cases(
        "SAM",
        (85, 5, "a parking SAM asked for transit state", "parking sets no journey",
         _not_allowed(0x42, 1, WHEN + STATES[1])),
        (86, 5, "a parking SAM asked for a load", "a debit SAM does not load",
         _not_allowed(0x44, 0, WHEN)),
        (87, 5, "a parking SAM asked for a debit without state", "it may sign parking alone",
         _not_allowed(0x42, 0, WHEN)),
        (88, 5, "a parking SAM asked for a cancel", "who may debit may cancel",
         _signs(0x46, 0, WHEN, NEXT)),
        given=sam(May.parking),
    ),
    *cases(
        "SAM",
        (89, 5, "a transit SAM asked for parking state", "transit sets no stay",
         _not_allowed(0x42, 2, WHEN + STATES[2])),
        (90, 5, "a transit SAM asked for a restricted purse", "aid is not for rides",
         _not_allowed(0x42, 0x10, WHEN)),
        given=sam(May.transit),
    ),
    *cases(
        "SAM",
        (91, 5, "a till's SAM asked for transit state", "a till sets no journey",
         _not_allowed(0x42, 1, WHEN + STATES[1])),
        (92, 5, "a till's SAM asked for parking state", "a till sets no stay",
         _not_allowed(0x42, 2, WHEN + STATES[2])),
        (93, 5, "a till's SAM asked for a reserve", "a debit SAM does not load",
         _not_allowed(0x44, 1, WHEN)),
        given=sam(May.debit),
    ),
    *cases(
        "SAM",
        (94, 5, "a load SAM asked for a debit", "a load SAM does not debit",
         _not_allowed(0x42, 0, WHEN)),
        (95, 5, "a load SAM asked for a cancel", "who may not debit may not cancel",
         _not_allowed(0x46, 0, WHEN)),
        (96, 5, "a load SAM asked for a block", "who may not debit may not block",
         _not_allowed(0x4E, 1, b"\x01")),
        (97, 5, "a load SAM asked for PROOF", "any SAM may have a card prove itself",
         _signs(0x48, 0, NT.to_bytes(4, "big"), b"")),
        given=sam(May.load),
    ),
]  # fmt: skip
