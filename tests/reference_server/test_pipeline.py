"""Day close, late taps, gaps, order of arrival, and books made again from `raw`."""

from __future__ import annotations

import random
from collections.abc import Iterator
from itertools import pairwise

import pytest

from reference_server.settlement import net_positions
from scheme.records import TapRecord
from scheme.verdicts import Verdict
from tests.reference_server.office import Office, standing, verdicts
from tests.reference_server.town import (
    CARDS,
    DAY,
    DKI,
    MANDIRI,
    MRT_JAKARTA,
    at_s,
    batch,
    refused,
    sender_of,
    single,
    tap,
    tariff,
)

ANN, BEN, CIS = CARDS
IN, OUT, BACK = "lebak bulus in", "blok m out", "blok m in"


def in_batches_of_one(records: list[tuple[str, TapRecord]]) -> list[bytes]:
    """Return each record in a batch of its own, numbered by sender."""
    numbers: dict[int, int] = {}
    sealed = []
    for where, record in records:
        sender = sender_of(where)
        numbers[sender] = numbers.get(sender, 0) + 1
        sealed.append(single(sender, numbers[sender], record))
    return sealed


FORGED = tap(CIS, 2, OUT, "08:00", 8_000, 22)
# One morning: a ride, an entry without exit paid at the next one, a stay, shopping, a counter used
# twice, a forged exit that leaves a gap, a torn exit that nobody recovered.
MORNING = [
    (IN, tap(ANN, 1, IN, "07:00", 0, 1)),
    (OUT, tap(ANN, 2, OUT, "07:30", 9_000, 1)),  # a stale tariff took 1,000 too much
    ("shop", tap(ANN, 3, "shop", "08:00", 20_000, 1)),
    ("shop", tap(ANN, 3, "shop", "07:59", 30_000, 9)),
    (IN, tap(BEN, 1, IN, "07:05", 0, 2)),
    (BACK, tap(BEN, 2, BACK, "08:05", 14_000, 1)),
    ("meter", tap(BEN, 3, "meter", "08:10", 0, 1)),
    ("meter", tap(BEN, 4, "meter", "09:40", 10_000, 2)),
    (IN, tap(CIS, 1, IN, "07:40", 0, 3)),
    (OUT, TapRecord.of(**(FORGED.fields() | {"amount": 7_000}))),
    (IN, tap(CIS, 3, IN, "09:00", 0, 4)),
    (OUT, refused(CIS, 3, OUT, "09:20", Verdict.tap_was_torn, 2)),
    (OUT, tap(CIS, 4, OUT, "09:30", 8_000, 3)),
]
FILLER = (OUT, TapRecord.of(**(FORGED.fields() | {"sequence": 4})))


def hash_after(office: Office, uploads: list[bytes], close_at: int) -> str:
    """Return the ledger hash once these uploads came in this order, with the day closed between."""
    office.upload(*uploads[:close_at])
    office.close_day()
    office.work()
    for sealed in uploads[close_at:]:
        office.upload(sealed)
    return office.work().ledger_hash()


def test_a_day_close_prices_journeys_and_nets_to_zero(office: Office) -> None:
    office.upload(*in_batches_of_one(MORNING[:8]))
    office.close_day()
    pipeline = office.work()
    assert standing(pipeline) == {
        (f"purse:{DKI}", "hold:journey", "fare_hold"): 9_000,
        (f"purse:{MANDIRI}", "hold:journey", "fare_hold"): 24_000,
        (f"purse:{DKI}", "revenue:2063", "purchase"): 30_000,
        ("revenue:2063", "revenue:6015", "fee"): 210,
        ("hold:journey", f"revenue:{MRT_JAKARTA}", "fare_share"): 8_000,
        ("hold:journey", f"refund_payable:{DKI}", "refund"): 1_000,
        ("hold:journey", f"revenue:{MRT_JAKARTA}", "unsettled"): 14_000,
        ("hold:journey", "revenue:2048", "parking"): 10_000,
        ("revenue:2048", "revenue:5017", "share"): 3_000,
    }
    (close,) = pipeline.books.closes()
    positions = dict(net_positions(pipeline.books, close.window))
    assert positions[DKI] == -39_000 + 1_000
    assert sum(positions.values()) == 0
    assert close.ledger_hash == pipeline.ledger_hash()


def test_what_waits_in_a_gap_rests_in_hold_until_the_gap_is_filled(office: Office) -> None:
    office.upload(*in_batches_of_one(MORNING[8:]))
    office.close_day()
    rested = standing(office.work())
    assert rested == {(f"purse:{DKI}", "hold:journey", "fare_hold"): 8_000}
    office.upload(*in_batches_of_one([*MORNING[8:], FILLER])[-1:])
    filled = standing(office.work())
    # Lebak Bulus to Blok M twice; the torn exit gave way to the one that the card wrote.
    assert filled["hold:journey", f"revenue:{MRT_JAKARTA}", "fare_share"] == 16_000
    assert filled[f"purse:{DKI}", "hold:journey", "fare_hold"] == 16_000


def test_late_taps_are_priced_again_and_only_the_difference_is_posted(office: Office) -> None:
    uploads = in_batches_of_one(MORNING)
    office.upload(*uploads[:1], *uploads[2:])
    office.close_day()
    office.work()
    office.upload(uploads[1])
    books = office.work().books
    late = [p for p in books.postings().tolist() if p[0] > 1 and p[2] == ANN]
    assert sorted(p[6] for p in late) == [1_000, 8_000]
    positions = {who: idr for who, idr in books.net_of_window(2) if idr}
    assert positions == {DKI: 1_000 - 9_000, MRT_JAKARTA: 8_000}


@pytest.fixture(scope="module")
def hash_in_order(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The ledger hash of the morning as it happened, closed when all was in."""
    office = Office(tmp_path_factory.mktemp("in_order"))
    office.enrol()
    uploads = in_batches_of_one([*MORNING, FILLER])
    yield hash_after(office, uploads, len(uploads))
    office.close()


@pytest.mark.parametrize("seed", range(6))
def test_the_ledger_hash_is_the_same_for_every_order_of_arrival(
    office: Office, hash_in_order: str, seed: int
) -> None:
    uploads = in_batches_of_one([*MORNING, FILLER])
    chance = random.Random(seed)
    chance.shuffle(uploads)
    assert hash_after(office, uploads, chance.randrange(len(uploads) + 1)) == hash_in_order


def test_books_thrown_away_are_made_again_from_raw(office: Office) -> None:
    before = hash_after(office, in_batches_of_one(MORNING), 6)
    assert office.pipeline is not None
    told = verdicts(office.pipeline), standing(office.pipeline)
    again = office.rebuild()
    assert (again.ledger_hash(), verdicts(again), standing(again)) == (before, *told)


def test_the_books_are_the_same_however_the_uploads_are_cut_into_chunks(office: Office) -> None:
    whole = hash_after(office, in_batches_of_one(MORNING), 6)
    office.limits = type(office.limits)(chunk_bytes_max=1)
    assert office.rebuild().ledger_hash() == whole


def test_windows_follow_each_other_and_a_repeated_close_of_a_day_nets_what_came_since(
    office: Office,
) -> None:
    uploads = in_batches_of_one(MORNING)
    office.upload(*uploads[:2])
    office.close_day()
    office.upload(uploads[2])
    office.close_day()
    books = office.work().books
    first, second = books.closes()
    assert (first.window, second.window) == (1, 2)
    assert first.operating_day == second.operating_day == DAY
    assert dict(net_positions(books, 2)) == {DKI: -20_000, 2063: 19_860, 6015: 140}
    assert {(day, who): idr for day, who, idr in books.positions()}[DAY, 2063] == 19_860


def test_a_journey_open_at_a_close_before_the_days_end_is_closed_by_the_next(
    office: Office,
) -> None:
    office.upload(*in_batches_of_one(MORNING[:2]))
    office.close_day(at_ms=at_s("07:45") * 1_000)
    assert set(standing(office.work())) == {(f"purse:{DKI}", "hold:journey", "fare_hold")}
    office.close_day()
    closed = standing(office.work())
    assert closed["hold:journey", f"revenue:{MRT_JAKARTA}", "fare_share"] == 8_000


def test_every_window_is_followed_by_the_next(office: Office) -> None:
    for _ in range(3):
        office.close_day()
    windows = [close.window for close in office.work().books.closes()]
    assert all(after == before + 1 for before, after in pairwise(windows))


def test_a_batch_of_several_is_cleared_like_its_records_one_by_one(office: Office) -> None:
    own = [record for where, record in MORNING if sender_of(where) == sender_of(OUT)]
    office.upload(batch(sender_of(OUT), 1, own))
    assert len(verdicts(office.work())) == len(own)


def test_a_newer_tariff_prices_again_what_an_older_one_priced(office: Office) -> None:
    office.upload(*in_batches_of_one(MORNING[:2]))
    office.close_day()
    office.work()
    office.call("tariff", 2, tariff().replace(b"[101,106,8000]", b"[101,106,7000]"))
    stands = standing(office.work())
    assert stands["hold:journey", f"revenue:{MRT_JAKARTA}", "fare_share"] == 7_000
    assert stands["hold:journey", f"refund_payable:{DKI}", "refund"] == 2_000
