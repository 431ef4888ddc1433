"""The conformance suite passes on the Python purse, and broken cards fail the case that guards."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from hil.conformance import Result, check_purse
from hil.reader import CardHolder, open_reader
from hil.readers.model import OWN_SEED, own_card
from scheme.apdu import Ins, parse_command
from scheme.keys import TestKeys
from scheme.purse import Purse


def check(make: Callable[[], Purse]) -> list[Result]:
    reader = open_reader("model://empty")
    assert isinstance(reader, CardHolder)
    return check_purse(reader, lambda: reader.insert(make()), TestKeys(OWN_SEED))


def test_the_python_purse_passes_every_case() -> None:
    results = check(own_card)
    assert [result for result in results if not result.passed] == []
    assert len(results) >= 40
    assert len({result.name for result in results}) == len(results)


class WritesInInit(Purse):
    """A card that counts a transaction before anything was ordered."""

    def answer(self, apdu: bytes) -> bytes:
        answer = super().answer(apdu)
        if apdu[1:2] == bytes((Ins.init,)):
            self.image = self.image._replace(nt=self.image.nt + 1)
        return answer


class WantsNoSession(Purse):
    """A card that says of any DEBIT that it was done."""

    def answer(self, apdu: bytes) -> bytes:
        command = parse_command(apdu)
        if command is not None and command.ins == Ins.debit and len(command.data) == 18:
            return b"\x90\0"
        return super().answer(apdu)


class ForgetsNothing(Purse):
    """A card that keeps its session over SELECT."""

    def answer(self, apdu: bytes) -> bytes:
        kept = self._session
        answer = super().answer(apdu)
        if apdu[1:2] == bytes((Ins.select,)) and kept is not None:
            self._session = kept
        return answer


class ProvesTheOldOne(Purse):
    """A card whose last transaction has any counter that it is asked for."""

    def _prove(self, command):  # type: ignore[no-untyped-def]
        kept = self.image
        self.image = kept._replace(
            nt=int.from_bytes(command.data[:4], "big"), proof=kept.proof or bytes(34)
        )
        try:
            return super()._prove(command)
        finally:
            self.image = kept


@pytest.mark.parametrize(
    ("broken", "case"),
    [
        (WritesInInit, "DEBIT with a wrong MAC"),
        (WantsNoSession, "DEBIT without INIT"),
        (ForgetsNothing, "a session after SELECT"),
        (ProvesTheOldOne, "PROOF of another counter"),
    ],
)
def test_a_broken_card_fails_the_case_that_guards_it(broken: type[Purse], case: str) -> None:
    def make() -> Purse:
        good = own_card()
        return broken(good.image, good._keys, good._challenge, good._limits)

    failed = [result.name for result in check(make) if not result.passed]
    assert case in failed
