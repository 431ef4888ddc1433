"""Cards, SAMs and a driver of dialogues for tests: real ones, with countable challenges."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

from scheme.apdu import Command, Response, parse_response
from scheme.decision import Decision
from scheme.dialogue import Device, Dialogue, Outcome
from scheme.image import CardKeys, Image, Limits
from scheme.keys import Role, TestKeys
from scheme.presentation import Presentation
from scheme.purse import Purse
from scheme.records import RecordKind
from scheme.sam import IssuerKeys, May, Sam
from scheme.verdicts import Verdict

KEYS = TestKeys(7)
ISSUER = 1016
CARD = 9810160000000010
TERMINAL = 18
SAM = 50_000_018
AT_MS = 1_775_000_000_250
LIMIT_IDR = 2_000_000
EVERYTHING = May.debit | May.transit | May.parking | May.load


def counting(start: int = 1) -> Callable[[], bytes]:
    """Return a source of challenges that only counts."""
    numbers = itertools.count(start)
    return lambda: next(numbers).to_bytes(8, "big")


def image(**changes: Any) -> Image:
    """Return a plain card's image with the changes named."""
    plain = Image(CARD, ISSUER, 1, 0, 1, 0, 0, 30_000, 5, 100_000)
    return plain._replace(**changes)


def purse(limit_idr: int = LIMIT_IDR, **changes: Any) -> Purse:
    """Return a card with its issuer's keys on it."""
    held = image(**changes)
    issuer = held.issuer
    keys = CardKeys.of(lambda role: KEYS.issuer_master(issuer, role), held.card, issuer, 1)
    return Purse(held, keys, counting(1_000), Limits(limit_idr))


def sam(may: May = EVERYTHING, terminal: int = TERMINAL, number: int = SAM) -> Sam:
    """Return a SAM that holds the issuer's debit and load keys."""
    masters = {
        IssuerKeys(ISSUER, role, 1): KEYS.issuer_master(ISSUER, role)
        for role in (Role.debit, Role.load)
    }
    return Sam(number, terminal, masters, may, counting(500_000))


def decided(
    verdict: Verdict = Verdict.accepted,
    amount_idr: int = 3_500,
    kind: RecordKind = RecordKind.debit,
    state: bytes = b"",
) -> Decision:
    """Return a decision made by hand."""
    return Decision(verdict, amount_idr, kind, state)


def presentation(**changes: Any) -> Presentation:
    """Return a plain presentation with the changes named."""
    plain = Presentation(TERMINAL, 101, AT_MS, 3, 4, 9, b"trace-000001")
    return plain._replace(**changes)


def run(
    dialogue: Dialogue,
    card: Purse,
    module: Sam,
    swallow: tuple[int, ...] = (),
    lost: tuple[int, ...] = (),
) -> tuple[Outcome, list[tuple[Device, Command, Response | None]]]:
    """Drive a dialogue and return its outcome and its log.

    Args:
        swallow: Which card exchanges, from 0, the card answers without being heard.
        lost: Which card exchanges never reach the card.
    """
    log: list[tuple[Device, Command, Response | None]] = []
    answer: Response | None = None
    exchanged = 0
    while True:
        try:
            device, command = dialogue.send(answer)
        except StopIteration as end:
            card.reset()
            return end.value, log
        if device is Device.sam:
            answer = parse_response(module.answer(command.encode()))
        else:
            heard = None if exchanged in lost else parse_response(card.answer(command.encode()))
            answer = None if exchanged in swallow else heard
            exchanged += 1
        log.append((device, command, answer))
