"""The table that readers are judged by: a driver that is wrong in one way fails the case for it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from hil.exchange import Exchange
from hil.issuing import issue
from hil.own_card import own_card_data
from hil.reader import Card, Reader
from hil.reader_conformance import CASES, judge
from hil.readers.model import ModelReader
from scheme.errors import CardGoneError, ReaderError


class Sound(ModelReader):
    """A reader with nothing wrong, on which the others differ in one way each."""

    def __init__(self) -> None:
        super().__init__("", issue("python", own_card_data()))


class Nameless(Sound):
    def __init__(self) -> None:
        super().__init__()
        self.url = "my reader"


class Truncating(Sound):
    def transceive(self, apdu: bytes) -> Exchange:
        exchange = super().transceive(apdu)
        return exchange._replace(response=exchange.response[-2:] * 2)


class Untimed(Sound):
    def transceive(self, apdu: bytes) -> Exchange:
        return super().transceive(apdu)._replace(sent_ns=0)


class AlwaysOn(Sound):
    def field_off(self) -> None:
        """Leave the card its power, and so its session."""


class Judging(Sound):
    def transceive(self, apdu: bytes) -> Exchange:
        exchange = super().transceive(apdu)
        if exchange.response[-2:] == b"\x6d\x00":
            raise ReaderError("the card refused")
        return exchange


class Tiring(Sound):
    def __init__(self) -> None:
        super().__init__()
        self.left = 40

    def transceive(self, apdu: bytes) -> Exchange:
        self.left -= 1
        if not self.left:
            raise CardGoneError("the buffer is full")
        return super().transceive(apdu)


class Eager(Sound):
    def transceive(self, apdu: bytes) -> Exchange:
        self.open()
        return super().transceive(apdu)


class Fragile(Sound):
    def close(self) -> None:
        if not self._opened:
            raise ReaderError("nothing to close")
        super().close()


class Once(Sound):
    def open(self) -> None:
        if self._opened:
            raise ReaderError("it is open already")
        super().open()


class Empty(Sound):
    def transceive(self, apdu: bytes) -> Exchange:
        try:
            return super().transceive(apdu)
        except CardGoneError:
            return Exchange(b"\x6f\x00", 1, 2)


class Grasping(Sound):
    def remove(self) -> None:
        if self._card is None:
            raise ReaderError("there is no card")
        super().remove()


class Warm(Sound):
    def insert(self, card: Card) -> None:
        """Put a card in without taking power from it."""
        self._card = None
        super().insert(card)


class Foreign(Sound):
    def remove(self) -> None:
        raise KeyError("card")


FIXED = issue("python", own_card_data())


class Fixed:
    """A sound reader whose card is soldered in."""

    url = "fixed://"

    def __init__(self) -> None:
        self._inner = ModelReader("", FIXED)

    def open(self) -> None:
        self._inner.open()

    def close(self) -> None:
        self._inner.close()

    def field_off(self) -> None:
        self._inner.field_off()

    def transceive(self, apdu: bytes) -> Exchange:
        return self._inner.transceive(apdu)


def failed(made: Callable[[], Reader]) -> set[int]:
    """Return the numbers of the cases that a reader fails."""
    return {int(r.case.id[-3:]) for r in judge("mine://", lambda _: made()) if r.verdict == "FAIL"}


@pytest.mark.parametrize(
    ("made", "cases"),
    [
        (Sound, set()), (Nameless, {1}), (Truncating, {2}), (Untimed, {3}), (AlwaysOn, {4, 12}),
        (Judging, {5}), (Tiring, {6}), (Eager, {7, 9}), (Fragile, {7, 8, 9}), (Once, {9}),
        (Empty, {10}), (Grasping, {11}), (Foreign, {10, 11}), (Warm, {12}),
    ],
)  # fmt: skip
def test_a_driver_that_is_wrong_in_one_way_fails_the_case_for_it(
    made: Callable[[], Reader], cases: set[int]
) -> None:
    assert failed(made) == cases


def test_what_a_reader_with_a_fixed_card_cannot_do_is_not_assessed() -> None:
    results = judge("mine://", lambda _: Fixed())
    left = [result.case.id for result in results if result.verdict == "NOT ASSESSED"]
    assert left == ["JK1-RDR-010", "JK1-RDR-011", "JK1-RDR-012"]
    assert not [result for result in results if result.verdict == "FAIL"]


def test_every_case_says_why() -> None:
    assert [case.id for case in CASES] == [f"JK1-RDR-{n:03}" for n in range(1, len(CASES) + 1)]
    assert all(case.reason for case in CASES)
