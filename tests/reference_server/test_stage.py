"""Verdicts, in the order of docs/spec/fares.md R15, and the money that accepted taps move."""

from __future__ import annotations

import numpy as np
import pytest

from scheme.batches import NO_PREVIOUS
from scheme.records import TapRecord
from scheme.verdicts import Verdict
from tests.reference_server.office import Office, standing, verdicts
from tests.reference_server.town import (
    CARDS,
    DKI,
    MANDIRI,
    at_s,
    batch,
    parsed,
    refused,
    sender_of,
    single,
    tap,
    terminal,
    with_tac,
)

ANN, BEN, CIS = CARDS
IN, OUT = "lebak bulus in", "blok m out"


def changed(record: TapRecord, **fields: int | bytes) -> TapRecord:
    """Return a record with other fields and the TAC it had."""
    return TapRecord.of(**(record.fields() | fields))


GOOD = tap(ANN, 1, IN, "07:00")

RECORDS = {
    "accepted": (GOOD, Verdict.accepted),
    "another layout version": (changed(GOOD, version=2), Verdict.record_malformed),
    "an unknown kind": (changed(GOOD, kind=9), Verdict.record_malformed),
    "a refund": (with_tac(changed(GOOD, kind=5)), Verdict.record_malformed),
    "a refund at a gate": (with_tac(changed(GOOD, kind=6)), Verdict.record_malformed),
    "a refund of parking": (with_tac(changed(GOOD, kind=7)), Verdict.record_malformed),
    "a thousand milliseconds": (changed(GOOD, ms=1_000), Verdict.record_malformed),
    "a card number without its check digit": (
        changed(GOOD, card=ANN + 1),
        Verdict.record_malformed,
    ),
    "a refused tap that took money": (
        changed(GOOD, refusal=8, amount=5, tac=bytes(8)),
        Verdict.record_malformed,
    ),
    "torn, but not refused": (changed(GOOD, flags=2), Verdict.record_malformed),
    "an unknown recording terminal": (
        changed(GOOD, recorder=terminal("stranger")),
        Verdict.device_unknown,
    ),
    "a terminal of another sender": (
        changed(GOOD, recorder=terminal("shop")),
        Verdict.device_unknown,
    ),
    "refused by the device": (refused(ANN, 0, IN, "07:00", Verdict.card_blocked), 2),
    "torn": (refused(ANN, 0, IN, "07:00", Verdict.tap_was_torn), Verdict.tap_was_torn),
    "an unknown key version": (
        with_tac(changed(GOOD, key_version=9)),
        Verdict.key_version_unknown,
    ),
    "another issuer's key": (
        with_tac(changed(GOOD, issuer=MANDIRI)),
        Verdict.tac_does_not_match,
    ),
    "a bank without keys": (changed(GOOD, issuer=1057), Verdict.key_version_unknown),
    "a bit of the TAC flipped": (
        changed(GOOD, tac=bytes([GOOD.data[76] ^ 1]) + GOOD.data[77:84]),
        Verdict.tac_does_not_match,
    ),
    "an amount raised after the card proved it": (
        changed(GOOD, amount=500),
        Verdict.tac_does_not_match,
    ),
    "a load that fills the purse to its limit": (
        tap(ANN, 1, "top-up", "07:00", 500, balance=10_000_000),
        Verdict.accepted,
    ),
    "a load that overfills the purse": (
        tap(ANN, 1, "top-up", "07:00", 500, balance=10_000_001),
        Verdict.amount_not_allowed,
    ),
    "a load at a gate": (with_tac(changed(GOOD, kind=4, amount=500)), Verdict.amount_not_allowed),
}


@pytest.mark.parametrize("name", RECORDS)
def test_the_first_rule_that_holds_gives_the_verdict(office: Office, name: str) -> None:
    record, verdict = RECORDS[name]
    sender = sender_of("top-up") if record.fields()["recorder"] == terminal("top-up") else None
    office.upload(batch(sender or sender_of(IN), 1, [record]))
    pipeline = office.work()
    (taps,) = pipeline.books.taps()
    assert taps.verdict.tolist() == [verdict]
    moved = record.fields()["amount"] if verdict is Verdict.accepted else 0
    assert sum(standing(pipeline).values()) == moved


def test_what_clearing_refuses_is_an_exception_and_what_a_device_refuses_is_none(
    office: Office,
) -> None:
    forged, blocked = RECORDS["a bit of the TAC flipped"][0], RECORDS["refused by the device"][0]
    office.upload(batch(sender_of(IN), 1, [forged, blocked]))
    reasons = [row[3] for row in office.work().books.exceptions(10)]
    assert reasons == ["tac_does_not_match"]


def test_accepted_taps_move_value_by_the_service_of_their_terminal(office: Office) -> None:
    day = [
        (IN, 0), (OUT, 8_000), ("shop", 25_001), ("levy", 3_000), ("top-up", 50_000),
        ("registry", 0),
    ]  # fmt: skip
    for nt, (where, amount) in enumerate(day, 1):
        record = tap(BEN, nt, where, f"07:{nt:02d}", amount, nt)
        office.upload(single(sender_of(where), nt, record))
    assert standing(office.work()) == {
        (f"purse:{MANDIRI}", "hold:journey", "fare_hold"): 8_000,
        (f"purse:{MANDIRI}", "revenue:2063", "purchase"): 25_001,
        ("revenue:2063", "revenue:6015", "fee"): 175,
        (f"purse:{MANDIRI}", "revenue:3012", "bill"): 3_000,
        ("funding:4010", f"purse:{MANDIRI}", "load"): 50_000,
    }


SHOPPED = tap(ANN, 1, "shop", "08:00:05", 9_000, 5)
COPIED = changed(SHOPPED, sequence=6)
FORKED = tap(ANN, 1, "shop", "08:00:04", 4_000, 7)


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 2, 0)])
@pytest.mark.parametrize("together", [True, False])
def test_of_two_taps_with_one_counter_the_lower_stands_whichever_came_first(
    office: Office, order: tuple[int, ...], together: bool
) -> None:
    records = [[SHOPPED, COPIED, FORKED][i] for i in order]
    sender = sender_of("shop")
    if together:
        office.upload(batch(sender, 1, records))
        pipeline = office.work()
    else:
        for i, record in enumerate(records, 1):
            office.upload(batch(sender, i, [record]))
            pipeline = office.work()
    found: dict[int, int] = {}
    for taps in pipeline.books.taps():
        found |= dict(zip(taps.records["sequence"].tolist(), taps.verdict.tolist(), strict=True))
    seen = Verdict.counter_already_seen
    assert found == {5: seen, 6: seen, 7: Verdict.accepted}
    assert standing(pipeline)[f"purse:{DKI}", "revenue:2063", "purchase"] == 4_000
    assert pipeline.verdicts[Verdict.accepted] == 1
    assert pipeline.verdicts[seen] == 2


def test_a_listed_card_is_refused_where_the_device_held_the_list_or_after_a_day(
    office: Office,
) -> None:
    listed = np.array([ANN, CIS], "<u8").tobytes()
    published_ms = (at_s("07:30") - 86_400) * 1_000
    office.call("hotlist", 3, published_ms.to_bytes(8, "big") + listed)
    office.upload(
        batch(
            sender_of("shop"),
            1,
            [
                tap(ANN, 1, "shop", "07:20", 100, 1, hotlist=2),
                tap(ANN, 2, "shop", "07:21", 100, 2, hotlist=3),
                tap(CIS, 1, "shop", "07:30", 100, 3, hotlist=2),
                tap(CIS, 2, "shop", "07:30:01", 100, 4, hotlist=2),
                tap(BEN, 1, "shop", "07:31", 100, 5, hotlist=3),
            ],
        )
    )
    hot = Verdict.card_hotlisted_before_tap
    assert verdicts(office.work()) == [(0, 1, 0), (0, 2, hot), (1, 1, 0), (2, 1, 0), (2, 2, hot)]


def test_a_tap_is_too_late_after_more_than_thirty_day_closes(office: Office) -> None:
    old, older = tap(ANN, 2, "shop", "08:00", 100, 1), tap(ANN, 1, "shop", "01:00", 100, 2)
    day = 20_514
    for passed in range(30):
        office.close_day(day + 1 + passed)
    office.upload(batch(sender_of("shop"), 1, [old]))
    office.close_day(day)  # a day of its own is no close since
    office.upload(batch(sender_of("shop"), 2, [older], parsed_digest(old)))
    assert verdicts(office.work()) == [(0, 1, Verdict.too_late), (0, 2, Verdict.accepted)]


def parsed_digest(record: TapRecord) -> bytes:
    """Return the digest of the first batch that holds this record alone."""
    return parsed(batch(sender_of("shop"), 1, [record])).digest


def test_a_link_is_checked_when_the_gap_closes_and_a_wrong_one_is_an_exception(
    office: Office,
) -> None:
    sender = sender_of("shop")
    first = batch(sender, 1, [tap(ANN, 1, "shop", "08:00", 100, 1)])
    second = batch(sender, 2, [tap(ANN, 2, "shop", "08:01", 100, 2)], parsed(first).digest)
    third = batch(sender, 3, [tap(ANN, 3, "shop", "08:02", 100, 3)], NO_PREVIOUS)
    office.upload(second, third)
    assert [row[3] for row in office.work().books.exceptions(9)] == ["previous-digest-differs"]
    office.upload(first)
    assert len(office.work().books.exceptions(9)) == 1
