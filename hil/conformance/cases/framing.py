"""Cases of framing, order of checks and SELECT: docs/spec/card.md §1, §2, §5.1."""

from __future__ import annotations

from functools import partial

from hil.conformance.case import Told, cases, refusals
from hil.conformance.given import (
    BALANCE,
    CARD,
    ISSUER,
    NT,
    PARKING,
    TRANSIT,
)
from hil.conformance.judging import Answer, Wrong, done, equal, refused
from hil.conformance.terminal import (
    ANY_MAC,
    CREDIT,
    DEBIT,
    IDENTITY,
    PROOF,
    PURSE,
    SAID,
    SAM_AID,
    Said,
    Terminal,
    command,
)
from scheme.status import Sw

INIT = command(0x40, DEBIT, 1, bytes(20))
SELECT = command(0xA4, 4, 0, PURSE, cla=0)
PURSE_INSTRUCTIONS = (0x40, 0x42, 0x44, 0x46, 0x48, 0x4A, 0x4C, 0x4E, 0x52, 0x54)
LENGTHS = {
    "INIT": (0x40, DEBIT, 1, 20),
    "DEBIT": (0x42, 0, 0, 18),
    "CREDIT": (0x44, 0, 0, 18),
    "CANCEL": (0x46, 0, 0, 18),
    "PROOF": (0x48, 0, 0, 12),
    "CONFIRM": (0x4A, 0, 0, 8),
    "READ LOG": (0x4C, 1, 0, 8),
    "BLOCK": (0x4E, 0, 1, 9),
    "UNBLOCK": (0x4E, 0, 2, 8),
    "PUT KEY": (0x52, 0, 0, 73),
    "PUT ENTITLEMENT": (0x54, 0, 0, 11),
}


def _sent(apdu: bytes, terminal: Terminal) -> Answer:
    return terminal.send(apdu)


def _cut_in_session(apdu: bytes, terminal: Terminal) -> None:
    """Send what is no APDU in the middle of a debit, which must not be hurt by it."""
    terminal.open(DEBIT, 2_500)
    refused(terminal.send(apdu), Sw.wrong_length)
    terminal.proved(0x42, terminal.debit(), 24)


def _with_le(apdu: bytes, size: int, terminal: Terminal) -> None:
    terminal.look()
    done(terminal.send(apdu + b"\0"), size)


def _le_in_debit(terminal: Terminal) -> None:
    terminal.open(DEBIT, 2_500)
    order = bytes(10)
    signed = command(0x42, 0, 0, order + terminal.s2(0x42, 0, order))
    terminal.proved(0x42, terminal.send(signed + b"\0"), 24)


def _any_class_but_its_own(terminal: Terminal) -> None:
    """Every class but 00 and 80 is refused, whatever the instruction."""
    terminal.look()
    for cla in range(256):
        if cla not in (0x00, 0x80):
            for ins in (0x40, 0xA4):
                refused(terminal.tell(ins, DEBIT, 1, bytes(20), cla), Sw.class_unknown)


def _any_instruction_but_its_own(terminal: Terminal) -> None:
    terminal.look()
    known = {*PURSE_INSTRUCTIONS, 0xE2}
    for ins in range(256):
        if ins not in known:
            refused(terminal.tell(ins), Sw.instruction_unknown)


def _class_of_select(terminal: Terminal) -> None:
    terminal.look()
    for ins in (*PURSE_INSTRUCTIONS, 0xE2):
        refused(terminal.tell(ins, DEBIT, 1, bytes(20), cla=0), Sw.instruction_unknown)


def _before_select(terminal: Terminal) -> None:
    """After power-on, no command but SELECT is answered, whatever else is wrong with it."""
    for ins in PURSE_INSTRUCTIONS:
        if ins != 0x4A:  # CONFIRM looks for its own session, behind P1 P2 and length
            refused(terminal.tell(ins, 0xFF, 0xFF, bytes(3)), Sw.wrong_state)


def _error_ends_session(terminal: Terminal) -> None:
    terminal.open(DEBIT, 2_500)
    refused(terminal.tell(0x02), Sw.instruction_unknown)
    refused(terminal.debit(), Sw.wrong_state)
    done(terminal.init(DEBIT, 2_500), 26)
    terminal.proved(0x42, terminal.debit(), 24)


def _says(terminal: Terminal) -> None:
    expected = Said(CARD, ISSUER, 1, 0, 1, 3, 20_700, 40_000, NT, BALANCE, 0, TRANSIT, PARKING)
    equal("what SELECT says", expected, terminal.look())


def _says_twice(terminal: Terminal) -> None:
    first, second = done(terminal.select(), SAID.size), done(terminal.select(), SAID.size)
    equal("the second SELECT", first, second)


def _longer(terminal: Terminal) -> None:
    """An AID with a byte behind it, and one cut short, name no application."""
    for aid in (PURSE + b"\0", PURSE[:-1], PURSE[:1], b"", SAM_AID):
        terminal.look()
        refused(terminal.select(aid), Sw.application_unknown)


def _wrong_select(apdu: bytes, sw: Sw, terminal: Terminal) -> None:
    """A SELECT that fails leaves nothing selected."""
    terminal.open(DEBIT)
    refused(terminal.send(apdu), sw)
    refused(terminal.debit(), Sw.wrong_state)
    refused(terminal.init(DEBIT), Sw.wrong_state)
    terminal.look()


def _left(terminal: Terminal) -> None:
    """Selecting the identity makes the purse forget; selecting the purse does not bring it back."""
    terminal.open(DEBIT, 2_500)
    done(terminal.select(IDENTITY), 1)
    refused(terminal.debit(), Sw.instruction_unknown)
    terminal.look()
    refused(terminal.debit(), Sw.wrong_state)


def _power(terminal: Terminal) -> None:
    terminal.open(DEBIT, 2_500)
    terminal.power_off()
    refused(terminal.debit(), Sw.wrong_state)
    refused(terminal.init(DEBIT), Sw.wrong_state)


def _purse_is_default(terminal: Terminal) -> None:
    done(terminal.select(IDENTITY), 1)
    terminal.power_off()
    refused(terminal.tell(0x40, DEBIT, 1, bytes(20)), Sw.wrong_state)
    refused(terminal.tell(0x30, 0, 0, bytes(10)), Sw.instruction_unknown)


def _length_of(name: str, changed: int, terminal: Terminal) -> None:
    """A wrong length stands before the session: the same with one open and with none."""
    ins, p1, p2, size = LENGTHS[name]
    was = terminal.look()
    refused(terminal.tell(ins, p1, p2, bytes(size + changed)), Sw.wrong_length)
    terminal.open(DEBIT)
    refused(terminal.tell(ins, p1, p2, bytes(size + changed)), Sw.wrong_length)
    equal("what SELECT says", was, terminal.look())


def _stateless(name: str, terminal: Terminal) -> Answer:
    ins, p1, p2, size = LENGTHS[name]
    return terminal.tell(ins, p1, p2, bytes(size))


def _parameters(terminal: Terminal) -> None:
    """P1 and P2 stand before the length."""
    wrong = [
        (0x40, 0, 1), (0x42, 1, 0), (0x42, 0, 3), (0x44, 1, 0), (0x44, 0, 3), (0x46, 1, 0),
        (0x46, 0, 1), (0x48, 1, 0), (0x48, 0, 1), (0x4A, 1, 0), (0x4A, 0, 1), (0x4C, 0, 0),
        (0x4C, 11, 0), (0x4C, 1, 1), (0x4E, 1, 1), (0x4E, 0, 0), (0x4E, 0, 3), (0x52, 1, 0),
        (0x52, 0, 1), (0x54, 1, 0), (0x54, 0, 1),
    ]  # fmt: skip
    for ins, p1, p2 in wrong:
        terminal.look()
        answer = terminal.tell(ins, p1, p2, bytes(1))
        if answer != Answer(b"", Sw.wrong_parameters):
            raise Wrong(f"6A86 for {ins:02X} {p1:02X} {p2:02X}", f"{answer.sw:04X}")


def _s2_after_state(terminal: Terminal) -> Answer:
    terminal.open(PROOF)
    return terminal.tell(0x42, 0, 0, bytes(10) + ANY_MAC)


def _selected_between(mode: int, told: Told) -> Told:
    def play(terminal: Terminal) -> Answer:
        terminal.open(mode, 2_500)
        terminal.look()
        return told(terminal)

    return play


CASES = [
    *refusals(
        "APDU",
        (1, 1, Sw.wrong_length, "a class and an instruction alone",
         "no short APDU has fewer than 4 bytes", partial(_sent, INIT[:2])),
        (2, 1, Sw.wrong_length, "a head of 3 bytes", "no short APDU has fewer than 4 bytes",
         partial(_sent, INIT[:3])),
        (3, 1, Sw.wrong_length, "a command cut short by one byte",
         "Lc must fit the bytes there are", partial(_sent, INIT[:-1])),
        (4, 1, Sw.wrong_length, "a command with two bytes behind it",
         "only one Le byte may follow the data", partial(_sent, INIT + b"\0\0")),
        (5, 1, Sw.wrong_length, "Lc of 0 with bytes behind it",
         "extended length is not spoken here", partial(_sent, b"\x80\x40\x01\x01\0" + bytes(20))),
        (6, 1, Sw.wrong_length, "an extended APDU", "extended length is not spoken here",
         partial(_sent, b"\x80\x40\x01\x01\0\0\x14" + bytes(20))),
        (7, 1, Sw.wrong_length, "SELECT cut short", "framing stands before the class",
         partial(_sent, SELECT[:-1])),
        (8, 1, Sw.wrong_length, "an unknown class cut short", "framing stands before the class",
         partial(_sent, b"\x90\x40\x01\x01\x14" + bytes(19))),
        (9, 3, Sw.class_unknown, "class 90", "class 80 alone, but for SELECT",
         lambda t: t.tell(0x40, DEBIT, 1, bytes(20), cla=0x90)),
        (10, 3, Sw.class_unknown, "an unknown instruction in an unknown class",
         "the class stands before the instruction", lambda t: t.tell(0x02, cla=0x90)),
        (11, 3, Sw.class_unknown, "A4 in an unknown class", "SELECT has class 00",
         lambda t: t.tell(0xA4, 4, 0, PURSE, cla=0x10)),
        (12, 4, Sw.instruction_unknown, "instruction 02", "there is no such instruction",
         lambda t: t.tell(0x02)),
        (13, 4, Sw.instruction_unknown, "A4 in class 80", "SELECT has class 00",
         lambda t: t.tell(0xA4, 4, 0, PURSE)),
        (14, 4, Sw.instruction_unknown, "an instruction of the SAM", "a purse is no SAM",
         lambda t: t.tell(0x20)),
        (15, 4, Sw.instruction_unknown, "an instruction of the identity", "the purse is current",
         lambda t: t.tell(0x30, 0, 0, bytes(10))),
        (16, 4, Sw.instruction_unknown, "GET RESPONSE", "no answer is chained",
         lambda t: t.tell(0xC0, cla=0)),
        (17, 4, Sw.instruction_unknown, "80 50, of GlobalPlatform",
         "personalisation's instructions are no purse's", lambda t: t.tell(0x50, 0, 0, bytes(8))),
        anywhere=True,
    ),
    *refusals(
        "APDU",
        (18, 5, Sw.wrong_state, "DEBIT with a wrong MAC in a session in mode proof",
         "the session stands before the MAC, so that it is not counted", _s2_after_state),
    ),
    *cases(
        "APDU",
        (19, 3, "every class but 00 and 80",
         "a class that is not there is 6E00, whatever the instruction", _any_class_but_its_own),
        (20, 4, "every instruction that is not the purse's",
         "an instruction that is not there is 6D00", _any_instruction_but_its_own),
        (21, 4, "every instruction of the purse in class 00", "only SELECT has class 00",
         _class_of_select),
        (22, 5, "every instruction before SELECT", "nothing is told to who has not selected",
         _before_select),
        (23, 5, "wrong P1 P2 with a wrong length, every instruction",
         "P1 and P2 stand before the length", _parameters),
        (24, 8, "an unknown instruction in a session",
         "any error ends the session and leaves the SELECT", _error_ends_session),
        (25, 1, "a DEBIT cut short in a session", "what is no APDU reaches no application",
         partial(_cut_in_session, command(0x42, 0, 0, bytes(18))[:-1])),
        (26, 1, "two bytes in a session", "what is no APDU reaches no application",
         partial(_cut_in_session, b"\x80\x42")),
        (27, 2, "SELECT with Le", "Le is taken and ignored", partial(_with_le, SELECT, 63)),
        (28, 2, "INIT with Le", "Le is taken and ignored", partial(_with_le, INIT, 26)),
        (29, 2, "DEBIT with Le", "Le is no part of what is signed", _le_in_debit),
    ),
    *(
        case
        for number, (name, changed) in enumerate(
            ((name, changed) for name in LENGTHS for changed in (-1, 1)), 40
        )
        for case in cases(
            "APDU",
            (number, 5, f"{name} one byte {'short' if changed < 0 else 'long'}",
             "its length is fixed, and stands before the session",
             partial(_length_of, name, changed)),
        )
    ),
    *refusals(
        "APDU",
        *(
            (number, 5, Sw.wrong_state, f"{name} without a session",
             "it needs the session of its mode", partial(_stateless, name))
            for number, name in enumerate(tuple(LENGTHS)[1:], 70)
        ),
        anywhere=True,
    ),
    *refusals(
        "SEL",
        (1, 3, Sw.wrong_parameters, "SELECT with P1 00", "SELECT is by name",
         lambda t: t.tell(0xA4, 0, 0, PURSE, cla=0)),
        (2, 3, Sw.wrong_parameters, "SELECT with P2 0C", "SELECT always answers",
         lambda t: t.tell(0xA4, 4, 0x0C, PURSE, cla=0)),
        (3, 2, Sw.application_unknown, "SELECT of an AID that is not here",
         "there is no such application", lambda t: t.select(b"\xf0JKT2\0")),
        (4, 3, Sw.wrong_parameters, "SELECT of an AID that is not here with P1 00",
         "P1 and P2 stand before the AID", lambda t: t.tell(0xA4, 0, 0, b"\xf0", cla=0)),
        anywhere=True,
    ),
    *cases(
        "SEL",
        (5, 1, "SELECT", "63 bytes in a fixed layout, as personalised", _says),
        (6, 1, "SELECT twice", "SELECT changes nothing", _says_twice),
        (7, 2, "SELECT of AIDs that are nearly the purse's",
         "the whole AID is compared: no partial match", _longer),
        (8, 4, "a SELECT with P1 00 in a session", "a SELECT that fails leaves nothing selected",
         partial(_wrong_select, command(0xA4, 0, 0, PURSE, cla=0), Sw.wrong_parameters)),
        (9, 4, "a SELECT of another AID in a session",
         "a SELECT that fails leaves nothing selected",
         partial(_wrong_select, command(0xA4, 4, 0, b"\xf0J", cla=0), Sw.application_unknown)),
        (10, 5, "SELECT of the identity in a session of the purse",
         "the application that is left forgets", _left),
        (11, 6, "power-off in a session", "what a session needs is not kept without power", _power),
        (12, 6, "power-off with the identity current", "the purse is the default application",
         _purse_is_default),
    ),
    *refusals(
        "SEL",
        (13, 4, Sw.wrong_state, "SELECT in a session, then DEBIT", "SELECT ends the session",
         _selected_between(DEBIT, Terminal.debit)),
        (14, 4, Sw.wrong_state, "SELECT in a load session, then CREDIT", "SELECT ends the session",
         _selected_between(CREDIT, Terminal.credit)),
    ),
]  # fmt: skip
