"""Talking to a SAM in tests: an order of every kind, for a card worked out by hand."""

from __future__ import annotations

from scheme.apdu import Command, Ins, challenge_command, parse_response
from scheme.keys import Role
from scheme.sam import IssuerKeys, May, Sam
from scheme.sam_personalisation import SamData, make_sam
from tests.cards import CARD, EVERYTHING, ISSUER, KEYS, SAM, TERMINAL, counting
from tests.scheme import by_hand

BODY = (1_775_000_000).to_bytes(4, "big") + (101).to_bytes(2, "big")
BODIES = {
    (0x00, 0): b"",
    (0x42, 0): BODY,
    (0x42, 1): BODY + bytes(range(29)),
    (0x42, 2): BODY + bytes(range(7)),
    (0x44, 0): BODY,
    (0x44, 1): BODY,
    (0x44, 2): BODY,
    (0x46, 0): BODY,
    (0x48, 0): bytes(4),
    (0x4C, 0): b"",
    (0x4E, 1): b"\x03",
}
MODES = {0x00: 1, 0x42: 1, 0x44: 2, 0x46: 3, 0x48: 4, 0x4C: 4, 0x4E: 1}


def tell(module: Sam, command: Command | bytes) -> tuple[int, bytes]:
    """Return status word and data of a SAM's answer."""
    apdu = command if isinstance(command, bytes) else command.encode()
    response = parse_response(module.answer(apdu))
    return response.sw, response.data


def issued(may: May = EVERYTHING, **more: int) -> Sam:
    """Return a SAM issued as its data say, with a receipt key."""
    masters = {
        IssuerKeys(ISSUER, role, 1): KEYS.issuer_master(ISSUER, role)
        for role in (Role.debit, Role.load)
    }
    data = SamData(SAM, TERMINAL, may, masters, KEYS.sam_receipt_key(SAM), **more)
    return make_sam(data, counting(500_000))


def speak(
    module: Sam,
    mode: int = 1,
    purse_number: int = 1,
    amount: int = 0,
    *,
    terminal: int = TERMINAL,
    issuer: int = ISSUER,
) -> by_hand.Spoken:
    """Return what a card worked out by hand says to a fresh challenge of a SAM."""
    challenge = tell(module, challenge_command())[1][:8]
    masters = {role: KEYS.issuer_master(issuer, Role(role)) for role in (1, 2)}
    card = by_hand.Speaker(CARD, issuer, masters)
    return card.speak(challenge, mode, purse_number, amount, terminal, SAM)


def ask(
    module: Sam, ins: int, p2: int = 0, purse_number: int = 1, amount: int = 0
) -> tuple[int, bytes, by_hand.Spoken]:
    """Have a SAM sign for a genuine card; return its answer and what the card said."""
    spoken = speak(module, MODES[ins], purse_number, amount)
    data = spoken.proven + BODIES[ins, p2]
    command = Command(0x80, Ins.authenticate, ins, (purse_number - 1) << 4 | p2, data)
    return *tell(module, command), spoken
