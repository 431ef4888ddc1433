"""A debit tap between two readers, and the AES-CMACs that it cannot do without."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

from hil.exchange import Timed, conduct
from hil.own_card import OWN_IMAGE, OWN_SEED
from hil.reader import Reader, held, open_reader
from scheme.cryptograms import Keyed
from scheme.decision import Decision
from scheme.dialogue import present
from scheme.keys import Role, TestKeys
from scheme.presentation import Presentation
from scheme.records import RecordKind
from scheme.sam import IssuerKeys, May
from scheme.sam_personalisation import SamData
from scheme.verdicts import Verdict

SAM, TERMINAL = 50_000_018, 18
PRESENTED = Presentation(TERMINAL, 101, 1_775_000_000_250, 1, 1, 1, b"trace-000001")
# Rp 0, so that a card lasts as long as it is wanted; every byte and every MAC is as of Rp 3,500.
DECISION = Decision(Verdict.accepted, 0, RecordKind.debit, b"")


class Call(NamedTuple):
    """One CMAC: its key and its message."""

    key: bytes
    message: bytes


def open_sam() -> Reader:
    """Return a model reader with a SAM that takes debits from the own card."""
    keys, issuer = TestKeys(OWN_SEED), OWN_IMAGE.issuer
    masters = {IssuerKeys(issuer, Role.debit, 1): keys.issuer_master(issuer, Role.debit)}
    reader = held(open_reader("model://empty"))
    data = SamData(SAM, TERMINAL, May.debit, masters, keys.sam_receipt_key(SAM))
    reader.insert(reader.issue(data))
    return reader


def tap(card: Reader, sam: Reader) -> list[Timed]:
    """Take Rp 0 off the card in a reader; return the exchanges with card and SAM."""
    outcome, exchanges = conduct(present(PRESENTED, lambda _: DECISION), card, sam)
    assert outcome.verdict is Verdict.accepted, outcome.verdict
    return exchanges


def cmacs_of_a_tap() -> list[Call]:
    """Return every CMAC that one tap computes, on the card and in the SAM together."""
    with _recorded() as calls:
        card, sam = open_reader("model://"), open_sam()
        tap(card, sam)
        calls.clear()
        tap(card, sam)
    return list(calls)


@contextmanager
def _recorded() -> Iterator[list[Call]]:
    """Have every `Keyed` made and used meanwhile tell its key and its messages."""
    calls: list[Call] = []
    keys: dict[int, bytes] = {}
    made, whole, short = Keyed.__init__, Keyed.cmac, Keyed.mac

    def init(self: Keyed, key: bytes) -> None:
        made(self, key)
        keys[id(self)] = key

    def cmac(self: Keyed, message: bytes) -> bytes:
        calls.append(Call(keys[id(self)], message))
        return whole(self, message)

    def mac(self: Keyed, message: bytes) -> bytes:
        calls.append(Call(keys[id(self)], message))
        return short(self, message)

    names = {"__init__": init, "cmac": cmac, "mac": mac}
    for name, method in names.items():
        setattr(Keyed, name, method)
    try:
        yield calls
    finally:
        for name, method in zip(names, (made, whole, short), strict=True):
            setattr(Keyed, name, method)
