"""Every reader of a program's cards against one table: what it does open, closed and empty."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing

import pytest

from hil.exchange import conduct
from hil.own_card import OWN_IMAGE, OWN_SEED, own_card_data
from hil.reader import CardHolder, make_reader, uid_of
from hil.reader_conformance import CASES, judge
from scheme.apdu import parse_response, parse_selected, select_command
from scheme.dialogue import Outcome, present
from scheme.errors import CardGoneError
from scheme.keys import IDENTITY_AID, PURSE_AID, Role, TestKeys
from scheme.sam import IssuerKeys, May
from scheme.sam_personalisation import SamData
from scheme.status import Sw
from scheme.verdicts import Verdict
from tests.cards import decided, presentation

SELECT = select_command(PURSE_AID).encode()
URLS = (
    "model://", "java://", "vpcd://", "vpcd://?card=java", "pcsc://", "pcsc://?card=java",
    "pn532://", "pn532://?card=java",
)  # fmt: skip
OTHERS = ("fault+model://", "trace+model://?trace=/dev/null")


def holder(url: str) -> CardHolder:
    """Return a reader of a program's cards, not open yet."""
    reader = make_reader(url)
    assert isinstance(reader, CardHolder)
    return reader


@pytest.fixture(params=[*URLS, *OTHERS])
def reader(request: pytest.FixtureRequest) -> Iterator[CardHolder]:
    """Return every kind of reader, open, one after the other."""
    with closing(holder(request.param)) as made:
        made.open()
        yield made


def sw(reader: CardHolder, command: bytes) -> int:
    """Return the status word of the answer to a command."""
    return parse_response(reader.transceive(command).response).sw


def own_sam() -> SamData:
    """Return a SAM that may take debits from own cards."""
    keys, issuer = TestKeys(OWN_SEED), OWN_IMAGE.issuer
    masters = {IssuerKeys(issuer, Role.debit, 1): keys.issuer_master(issuer, Role.debit)}
    return SamData(50_000_018, 18, May.debit, masters, keys.sam_receipt_key(50_000_018))


def debit(card: CardHolder, sam: CardHolder, amount_idr: int) -> Outcome:
    """Take an amount off the card in a reader with the SAM in another."""
    decision = decided(amount_idr=amount_idr)
    outcome, _ = conduct(present(presentation(), lambda _: decision), card, sam)
    return outcome


def test_a_bare_reader_begins_with_a_card_of_its_own(reader: CardHolder) -> None:
    exchange = reader.transceive(SELECT)
    selected = parse_selected(parse_response(exchange.response).data)
    assert (selected.card, selected.balance) == (OWN_IMAGE.card, OWN_IMAGE.balance)
    assert 0 < exchange.sent_ns <= exchange.received_ns
    assert sw(reader, select_command(IDENTITY_AID).encode()) == Sw.ok


def test_a_card_draws_a_uid_each_time_it_gets_power(reader: CardHolder) -> None:
    uids = set()
    for _ in range(3):
        assert sw(reader, SELECT) == Sw.ok
        uid = uid_of(reader)
        assert uid is not None
        assert (len(uid), uid[0], uid) == (4, 8, uid_of(reader))
        uids.add(uid)
        reader.field_off()
    assert len(uids) == 3
    reader.remove()
    with pytest.raises(CardGoneError, match="no card in reader"):
        uid_of(reader)


@pytest.mark.parametrize("url", [*URLS, *OTHERS])
def test_a_reader_passes_every_case_that_readers_of_others_are_judged_by(url: str) -> None:
    results = judge(url)
    assert [result for result in results if result.verdict != "PASS"] == []
    assert len(results) == len(CASES)


@pytest.mark.parametrize("url", [*URLS, "fault+java://", "fault+trace+vpcd://?trace=/dev/null"])
def test_a_card_stays_as_its_taps_left_it_when_another_is_put_in(url: str) -> None:
    with closing(holder(url)) as reader, closing(holder("model://empty")) as module:
        reader.open()
        module.open()
        module.insert(module.issue(own_sam()))
        first, second = (reader.issue(own_card_data()) for _ in range(2))
        told = []
        for card, amount_idr in [(first, 1_000), (second, 20_000), (first, 0), (first, 4_000)]:
            reader.insert(card)
            outcome = debit(reader, module, amount_idr)
            assert outcome.verdict is Verdict.accepted
            reader.insert(card)
            told.append(parse_selected(parse_response(reader.transceive(SELECT).response).data))
        assert [said.balance for said in told] == [99_000, 80_000, 99_000, 95_000]
        assert [said.nt for said in told] == [1, 1, 2, 3]
