"""Every kind of card passes every case; a card that is all there is meets only what is safe."""

from __future__ import annotations

import re
import secrets
from contextlib import closing
from functools import partial

import pytest

from hil.conformance.given import KEYS, PLAIN, PLAIN_SAM, plain
from hil.conformance.suite import NEEDS_A_FRESH_CARD, Report, Result, all_cases, run
from hil.exchange import Exchange
from hil.pcscd import VirtualPcsc
from hil.reader import CardHolder, make_reader, open_reader
from hil.readers.model import ModelReader
from scheme.card import Card
from scheme.errors import BadInputError, CardGoneError
from scheme.keys import TestKeys
from scheme.personalisation import CardData, make_card
from scheme.sam import Sam
from scheme.sam_personalisation import make_sam

VIRTUAL = ("model://empty", "java://empty", "vpcd://empty", "vpcd://empty?card=java")


def judged(url: str) -> Report:
    """Run every case behind a URL, each on a fresh card."""
    reader = make_reader(url)
    assert isinstance(reader, CardHolder)
    with closing(reader):
        reader.open()
        return run(reader, lambda data: reader.insert(reader.issue(data)))


def check(report: Report) -> None:
    """Fail with every case that failed."""
    failed = [result for result in report.results if result.verdict == "FAIL"]
    assert [(one.case.id, one.expected, one.got) for one in failed] == []
    assert report.cases == report.passed >= 150
    assert report.not_assessed == 0


@pytest.mark.parametrize("url", VIRTUAL)
def test_every_kind_of_card_passes_every_case(url: str) -> None:
    check(judged(url))


@pytest.mark.parametrize("url", ["pcsc://empty", "pcsc://empty?card=java"])
def test_every_kind_of_card_passes_every_case_through_pcscd(url: str, pcscd: VirtualPcsc) -> None:
    check(judged(url))


def test_cases_are_numbered_once_and_say_why() -> None:
    cases = all_cases()
    assert len({case.id for case in cases}) == len(cases)
    for case in cases:
        assert re.fullmatch(r"JK1-CRD-[A-Z]{3,4}-\d{3}", case.id)
        assert case.requirement.split("-")[1] == case.id.split("-")[2], case.id
        assert case.name, case.id
        assert case.reason, case.id


def test_results_are_told_as_they_come() -> None:
    reader = open_reader("model://empty")
    assert isinstance(reader, CardHolder)
    told: list[Result] = []
    report = run(reader, lambda data: reader.insert(reader.issue(data)), told.append)
    assert tuple(told) == report.results


class Kept(ModelReader):
    """A reader that keeps what its card was told."""

    def __init__(self, card: Card | Sam) -> None:
        super().__init__("empty", card)
        self.told: list[bytes] = []
        self.open()

    def transceive(self, apdu: bytes) -> Exchange:
        self.told.append(apdu)
        return super().transceive(apdu)


def card(data: CardData = PLAIN) -> Card:
    """Return a Python card."""
    return make_card(data, partial(secrets.token_bytes, 8))


def test_a_card_that_is_all_there_is_meets_the_safe_cases_alone() -> None:
    report = run(Kept(card(plain(balance=12_345, status=3))), None)
    assert report.failed == 0
    assert 40 <= report.cases == sum(case.anywhere for case in all_cases())
    left = [result for result in report.results if result.verdict == "NOT ASSESSED"]
    assert {result.got for result in left} == {NEEDS_A_FRESH_CARD}
    assert report.cases + report.not_assessed == len(all_cases())


def test_safe_cases_leave_a_card_as_it_was_wrong_macs_included() -> None:
    in_use = card()
    before = in_use.purse.image
    assert run(Kept(in_use), None).failed == 0
    assert in_use.purse.image == before


def test_a_card_under_other_keys_stops_the_suite_with_one_sentence_and_is_asked_once() -> None:
    reader = Kept(card())
    with pytest.raises(BadInputError, match=r"^key domain: this card and these keys do not belong"):
        run(reader, None, masters=TestKeys(99).issuer_master)
    assert [apdu[1] for apdu in reader.told] == [0xA4, 0x40]


def test_a_card_that_is_no_purse_stops_the_suite_before_any_key_is_used() -> None:
    reader = Kept(make_sam(PLAIN_SAM, partial(secrets.token_bytes, 8)))
    with pytest.raises(BadInputError, match="6A82 no application of that AID here"):
        run(reader, None, masters=KEYS.issuer_master)
    assert len(reader.told) == 1


class Radio(Kept):
    """A reader whose card has always the same UID, or none that it would tell."""

    def __init__(self, uid: bytes | None) -> None:
        super().__init__(card())
        self._says = uid

    def uid(self) -> bytes | None:
        return self._says


@pytest.mark.parametrize(
    ("uid", "verdict", "got"),
    [
        (b"\x04\x01\x02\x03", "FAIL", "1"),
        (None, "NOT ASSESSED", "this reader tells no UID"),
    ],
)
def test_a_uid_must_be_random_where_the_reader_tells_one(
    uid: bytes | None, verdict: str, got: str
) -> None:
    reader = Radio(uid)
    report = run(reader, lambda data: reader.insert(reader.issue(data)))
    (told,) = (one for one in report.results if one.case.id == "JK1-CRD-APDU-092")
    assert (told.verdict, told.got) == (verdict, got)


class Mute(Kept):
    """A card that answers DEBIT with these bytes, or with none falls silent."""

    def __init__(self, answer: bytes) -> None:
        super().__init__(card())
        self._says = answer

    def transceive(self, apdu: bytes) -> Exchange:
        exchange = super().transceive(apdu)
        if apdu[1:2] != b"\x42":
            return exchange
        if not self._says:
            raise CardGoneError("the card left the field")
        return Exchange(self._says, 0, 0)


@pytest.mark.parametrize(
    ("answer", "got"),
    [
        (b"", "a card that fell silent"),
        (b"\x90", "1 bytes"),
        (bytes(65) + b"\x90\x00", "65 bytes"),
        (b"\x12\x34", "1234 not a status word"),
    ],
)
def test_what_a_card_may_never_answer_fails_and_is_said(answer: bytes, got: str) -> None:
    reader = Mute(answer)
    report = run(reader, lambda data: reader.insert(reader.issue(data)))
    (told,) = (one for one in report.results if one.case.id == "JK1-CRD-DEB-001")
    assert told.verdict == "FAIL"
    assert got in told.got
