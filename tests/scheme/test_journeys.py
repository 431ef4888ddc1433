"""The clearing side: postings that should stand, whatever the order, and no rupiah lost."""

from __future__ import annotations

import csv
import datetime as dt
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from scheme.days import business_day, instant_ms
from scheme.journeys import CardPricing, PricingContext, Record, fees_of, price_card
from scheme.linking import ClearedCard, TerminalFacts
from scheme.services import Direction, Service
from sim.tables import DATA
from tests.fare_cases import Row, play, price, tariff

DATE = dt.date(2026, 3, 3)
DAY = business_day(instant_ms(DATE, "12:00") // 1_000)
IN, OUT = Direction.entry, Direction.exit
MRT_IN, MRT_OUT, TJ_IN, TJ_OUT, LOT_IN, LOT_OUT, LRT_IN, LRT_OUT, SHOP = range(1, 10)
TERMINALS = {
    MRT_IN: TerminalFacts(Service.mrt, IN, 2022, 0, 0),
    MRT_OUT: TerminalFacts(Service.mrt, OUT, 2022, 0, 0),
    TJ_IN: TerminalFacts(Service.transjakarta_brt, IN, 2014, 0, 0),
    TJ_OUT: TerminalFacts(Service.transjakarta_brt, OUT, 2014, 0, 0),
    LOT_IN: TerminalFacts(Service.parking_lot, IN, 2055, 0, 1),
    LOT_OUT: TerminalFacts(Service.parking_lot, OUT, 2055, 0, 1),
    LRT_IN: TerminalFacts(Service.lrt, IN, 2030, 0, 0),
    LRT_OUT: TerminalFacts(Service.lrt, OUT, 2030, 0, 0),
    SHOP: TerminalFacts(Service.shop, 0, 2063, 0, 0),
}
FEES = {int(Service.parking_lot): [(5017, 3_000, "share")]}
CONTEXT = PricingContext(tariff("jakarta-2026"), TERMINALS, FEES)
CARD = ClearedCard(9810240000000018, 1024, 0, 0, 40)
FREE = CARD._replace(issuer=1016, group=3, group_expiry=30_000)
KEY = "1024:9810240000000018:"


def at(clock: str, days: int = 0) -> int:
    """Return a second of 3 March 2026, or of a day after."""
    return instant_ms(DATE + dt.timedelta(days=days), clock) // 1_000


CLOSE = at("03:00:00", 1)


def tap(nt: int, terminal: int, place: int, clock: str, idr: int = 0, torn: int = 0) -> Record:
    """Return a record as clearing sees it."""
    return (nt, torn, at(clock), terminal, place, idr)


def postings(priced: CardPricing) -> list[tuple[str, ...]]:
    """Return postings as text, shortened to what a case is about."""
    return [
        (key.replace(KEY, ""), debit, credit, code, str(idr))
        for key, debit, credit, code, _, idr in priced.postings
    ]


INTEGRATED = [
    tap(41, LRT_IN, 201, "07:00:00"),
    tap(42, LRT_OUT, 206, "07:20:00", 5_000),
    tap(43, TJ_IN, 1001, "07:40:00"),
    tap(44, TJ_OUT, 1002, "07:50:00"),
]


def test_integrated_journey_posts_shares_subsidy_and_refund() -> None:
    priced = price_card(INTEGRATED, CARD, CONTEXT, CLOSE)
    assert postings(priced) == [
        ("journey:41", "hold:journey", "refund_payable:1024", "refund", "1000"),
        ("journey:41", "hold:journey", "revenue:2030", "fare_share", "2353"),
        ("journey:41", "subsidy:integrated", "revenue:2030", "integration", "2647"),
        ("journey:41", "hold:journey", "revenue:2014", "fare_share", "1647"),
        ("journey:41", "subsidy:integrated", "revenue:2014", "integration", "1853"),
    ]
    assert {p[4] for p in priced.postings} == {DAY}
    assert priced.keys == [f"journey:{KEY}41"] * 4


def test_free_journey_is_paid_by_its_group_and_refunds_it() -> None:
    free = [(nt, torn, at_s, t, place, 0) for nt, torn, at_s, t, place, _ in INTEGRATED]
    priced = price_card(free, FREE, CONTEXT, CLOSE)
    assert [p[1:4] + p[5:] for p in priced.postings][:2] == [
        ("subsidy:g03", "hold:journey", "group_fare", 5_000),
        ("hold:journey", "subsidy:g03", "refund", 1_000),
    ]
    assert priced.journeys[0][5:] == (4_000, 5_000, 1_000, 3)


def test_what_a_device_took_of_a_free_rider_is_given_back() -> None:
    priced = price_card(INTEGRATED, FREE, CONTEXT, CLOSE)
    back = [p[5] for p in priced.postings if p[2] == "refund_payable:1016"]
    assert back == [5_000]


def test_unsettled_entry_stands_under_its_own_key_and_day() -> None:
    records = [
        tap(41, MRT_IN, 101, "22:00:00"),
        (42, 0, at("07:00:00", 1), MRT_IN, 106, 14_000),
        (43, 0, at("07:30:00", 1), MRT_OUT, 101, 8_000),
    ]
    priced = price_card(records, CARD, CONTEXT, at("03:00:00", 2))
    assert priced.postings == [
        (f"entry:{KEY}41", "hold:journey", "revenue:2022", "unsettled", DAY, 14_000),
        (f"journey:{KEY}42", "hold:journey", "revenue:2022", "fare_share", DAY + 1, 8_000),
    ]


def test_stay_posts_its_price_and_the_provinces_share() -> None:
    records = [
        tap(41, LOT_IN, 4001, "08:00:00"),
        tap(42, LOT_OUT, 4001, "09:30:00", 7_000),
    ]
    priced = price_card(records, CARD, CONTEXT, at("09:30:00"))
    assert postings(priced) == [
        ("stay:41", "hold:journey", "refund_payable:1024", "refund", "1000"),
        ("stay:41", "hold:journey", "revenue:2055", "parking", "6000"),
        ("stay:41", "revenue:2055", "revenue:5017", "share", "1800"),
    ]
    assert priced.keys == ["", f"stay:{KEY}41"]
    short = price_card([records[0], tap(42, LOT_OUT, 4001, "09:30:00", 1)], CARD, CONTEXT, CLOSE)
    assert ("stay:41", "uncollected:2055", "hold:journey", "uncollected", "5999") in postings(short)


def test_too_little_is_the_loss_of_the_last_counted_legs_operator() -> None:
    records = [*INTEGRATED[:1], tap(42, LRT_OUT, 206, "07:20:00", 100), *INTEGRATED[2:]]
    priced = price_card(records, CARD, CONTEXT, CLOSE)
    assert postings(priced)[0] == (
        "journey:41", "uncollected:2014", "hold:journey", "uncollected", "3900",
    )  # fmt: skip


def test_nothing_is_posted_before_the_journey_closes() -> None:
    open_ = price_card(INTEGRATED, CARD, CONTEXT, at("10:00:00"))
    assert open_.postings == []
    assert open_.journeys[0][2] == "open"
    assert price_card(INTEGRATED, CARD, CONTEXT, at("10:00:01")).postings


@pytest.mark.parametrize("missing", range(4))
def test_what_comes_after_a_gap_rests(missing: int) -> None:
    records = [r for i, r in enumerate(INTEGRATED) if i != missing]
    priced = price_card(records, CARD, CONTEXT, CLOSE)
    assert priced.booked == missing
    assert priced.keys[missing:] == [""] * (3 - missing)


def test_a_purchase_and_an_unknown_terminal_close_gaps_and_have_no_key() -> None:
    records = [
        INTEGRATED[0],
        tap(42, SHOP, 5001, "07:05:00", 900),
        tap(43, 999, 5001, "07:06:00", 900),
        tap(44, LRT_OUT, 206, "07:20:00", 5_000),
    ]
    priced = price_card(records, CARD, CONTEXT, CLOSE)
    assert priced.booked == 4
    assert priced.keys == [f"journey:{KEY}41", "", "", f"journey:{KEY}41"]
    assert [p[5] for p in priced.postings] == [5_000]


def test_an_exit_whose_entry_was_given_up_is_refunded() -> None:
    records = [tap(42, MRT_OUT, 106, "07:30:00", 8_000)]
    assert price_card(records, CARD, CONTEXT, at("02:59:59", 30)).postings == []
    given_up = price_card(records, CARD, CONTEXT, at("03:00:00", 30))
    assert postings(given_up) == [
        ("journey:42", "hold:journey", "refund_payable:1024", "refund", "8000")
    ]
    stay = [tap(42, LOT_OUT, 4001, "07:30:00", 8_000)]
    assert postings(price_card(stay, CARD, CONTEXT, at("03:00:00", 30))) == [
        ("stay:42", "hold:journey", "refund_payable:1024", "refund", "8000")
    ]


def test_a_torn_record_stands_after_the_counter_it_saw() -> None:
    torn = tap(41, MRT_OUT, 106, "07:30:00", torn=1)
    entry = tap(41, MRT_IN, 101, "07:00:00")
    found = price_card([entry, torn], CARD, CONTEXT, CLOSE)
    assert found.booked == 2
    assert [leg[2:] for leg in found.legs] == [(2022, 8_000, 8_000, 8_110)]
    assert price_card([torn], CARD, CONTEXT, CLOSE).booked == 0  # counter 41 itself is missing


def test_the_first_of_two_torn_exits_counts() -> None:
    records = [
        tap(41, MRT_IN, 101, "07:00:00"),
        tap(41, MRT_OUT, 106, "07:30:00", torn=1),
        tap(41, MRT_OUT, 113, "07:50:00", torn=1),
    ]
    assert price_card(records, CARD, CONTEXT, CLOSE).legs[0][5] == 8_110


def test_a_torn_record_of_another_operator_ends_nothing() -> None:
    records = [tap(41, MRT_IN, 101, "07:00:00"), tap(41, LRT_OUT, 206, "07:30:00", torn=1)]
    priced = price_card(records, CARD, CONTEXT, CLOSE)
    assert (priced.booked, priced.legs, priced.postings) == (2, [], [])


def test_found_exit_after_03_00_is_a_journey_of_its_own() -> None:
    records = [
        (41, 0, at("02:00:00"), TJ_IN, 1001, 3_500),
        (42, 0, at("02:10:00"), TJ_OUT, 1002, 0),
        (43, 0, at("02:30:00"), MRT_IN, 107, 0),
        (43, 1, at("03:10:00"), MRT_OUT, 101, 0),
    ]
    priced = price_card(records, CARD, CONTEXT, CLOSE)
    assert [(j[0].replace(KEY, ""), j[5], j[6]) for j in priced.journeys] == [
        ("journey:41", 3_500, 3_500),
        ("journey:43", 9_000, 0),
    ]


def test_fees_are_read_from_the_participants_document() -> None:
    document = YAML(typ="safe").load((DATA / "participants.yaml").read_text("utf-8"))
    fees = fees_of(document)
    assert fees[int(Service.parking_street)] == [(5017, 3_000, "share")]
    assert fees[int(Service.shop)] == [(6015, 70, "fee")]
    assert fees_of({}) == {}


PLACES = {"MRT": ["101", "106", "113"], "LRT": ["201", "206"], "TJ": ["1001", "1002", "1164"]}
ONE_TAP = st.one_of(
    *(
        st.tuples(st.just(f"{who}-{way}"), st.sampled_from(places), st.just(""))
        for who, places in PLACES.items()
        for way in ("in", "out")
    ),
    st.tuples(st.just("BUS"), st.sampled_from(["2001", "2010"]), st.sampled_from(["v=1", "v=2"])),
    st.tuples(st.just("MIKRO"), st.sampled_from(["2101", "2110"]), st.just("v=9")),
    st.tuples(st.just("LOT-in"), st.just("4001"), st.just("class=car")),
    st.tuples(st.just("LOT-out"), st.just("4001"), st.just("class=car")),
)
DAYS = st.lists(
    st.tuples(ONE_TAP, st.integers(5, 7_000), st.sampled_from(["", "", "", "", "torn", "lost"])),
    min_size=1,
    max_size=14,
)
COLUMNS = ("card", "date", "tariff", "device_tariff", "metres", "as_of")


def day_of_taps(taps: list[tuple[tuple[str, str, str], int, str]], **columns: str) -> Row:
    """Return a case of random taps that begins at 04:00; torn only where nobody ever recovers."""
    texts, second = [], 4 * 3_600
    for (what, place, word), wait_s, fault in taps:
        second += wait_s
        days, rest = divmod(second, 86_400)
        clock = f"+{days}T{rest // 3_600:02}:{rest // 60 % 60:02}:{rest % 60:02}"
        texts.append(" ".join(filter(None, (what, place, clock, word, fault))))
    row = dict.fromkeys(COLUMNS, "") | {"taps": "; ".join(texts), "as_of": "+40T03:00:00"}
    return row | {"case": "random", "rule": ""} | columns


def held(row: Row, priced: CardPricing) -> int:
    """Return what is left in hold of the money that the card's taps brought."""
    left = sum(r[5] for r, key in zip(sorted(play(row).records), priced.keys, strict=True) if key)
    for _, debit, credit, _, _, idr in priced.postings:
        left += idr * ((credit == "hold:journey") - (debit == "hold:journey"))
    return left


@settings(max_examples=150, deadline=None)
@given(DAYS, st.sampled_from(["", "balance=20000", "balance=0 group=4:2030-01-01"]))
def test_money_is_conserved_whatever_happens(
    taps: list[tuple[tuple[str, str, str], int, str]], card: str
) -> None:
    row = day_of_taps(taps, card=card)
    priced = price(row)
    assert held(row, priced) == 0
    assert all(posting[5] > 0 for posting in priced.postings)
    shares: Counter[str] = Counter()
    for key, _, _, own, share, _ in priced.legs:
        assert 0 <= share <= own
        shares[key] += share
    due_of: Counter[str] = Counter()
    for key, kind, state, _, _, due, _, refund, _ in priced.journeys:
        assert state == "closed"
        assert refund >= 0
        if kind == "journey":
            due_of[key] += due
    assert +shares == +due_of


@settings(max_examples=150, deadline=None)
@given(DAYS)
def test_device_and_clearing_agree_where_nothing_went_wrong(
    taps: list[tuple[tuple[str, str, str], int, str]],
) -> None:
    """With the right tariff held and every record in, nobody took too little, and what is
    refunded is what the would-be debits of R6 rose above `due`: a free twin shows the same."""
    clean = [(tap_, wait_s, "") for tap_, wait_s, _ in taps]
    paying = price(day_of_taps(clean, card="balance=10000000 issuer=1016"))
    free = price(day_of_taps(clean, card="balance=10000000 group=4:2030-01-01"))
    assert not [p for p in paying.postings if p[3] == "uncollected"]
    assert paying.booked == len(paying.keys)
    for one, twin in zip(paying.journeys, free.journeys, strict=True):
        if one[1] == "journey":
            assert one[:8] == twin[:8]
            assert one[6] == one[5] + one[7]
    assert paying.legs == free.legs


def test_golden_prices_and_vectors_are_read_by_no_product_code() -> None:
    with Path("tests/golden/published_prices.csv").open(encoding="utf-8") as file:
        assert len(list(csv.DictReader(file))) >= 30
    product = ("scheme", "sim", "hil", "reference_server", "load", "reports", "testbed")
    for folder in product:
        for path in Path(folder).rglob("*.py"):
            text = path.read_text(encoding="utf-8")
            assert "published_prices" not in text, path
