"""The oracle on journeys worked out by hand from docs/spec/fares.md."""

from __future__ import annotations

import pytest

from scheme.services import Service, TerminalKind
from tests.reports.handmade import (
    ASEAN,
    BLOK_M,
    BUNDARAN_HI,
    DKI,
    LEBAK_BULUS,
    PEGANGSAAN_DUA,
    VELODROME,
    HandMade,
    debits,
    oracle_of,
    transfers,
)  # fmt: skip

BRT = Service.transjakarta_brt
MRT, LRT = Service.mrt, Service.lrt


@pytest.fixture
def made() -> HandMade:
    hand = HandMade()
    hand.card(1)
    return hand


def brt(
    made: HandMade, start: tuple[int, str], end: tuple[int, str], metres: int | None = None
) -> None:
    """Ride a BRT leg between halts 1001 and 1002 and so on."""
    made.tap(1, made.gate(BRT, start[0], "in"), start[1])
    made.tap(1, made.gate(BRT, end[0], "out"), end[1], metres=metres)


def test_the_published_journey_over_three_operators_costs_9000(made: HandMade) -> None:
    made.rail(1, (PEGANGSAAN_DUA, "07:00:00"), (VELODROME, "07:20:00"))
    brt(made, (1001, "07:30:00"), (1002, "08:10:00"), metres=12_000)
    made.rail(1, (ASEAN, "08:20:00"), (LEBAK_BULUS, "08:40:00"))
    with oracle_of(made) as warehouse:
        assert [d for _, d in debits(warehouse)] == [0, 5_000, 0, 1_750, 0, 2_250]
        assert warehouse.rows("SELECT due, own, charged FROM journey") == [(9_000, 17_500, 9_000)]


@pytest.mark.parametrize(("start", "end", "fare"), [
    (101, 113, 14_000), (103, 112, 10_000), (102, 113, 13_000), (101, 101, 3_000),
])  # fmt: skip
def test_mrt_pairs_cost_what_is_published(made: HandMade, start: int, end: int, fare: int) -> None:
    made.rail(1, (start, "07:00:00"), (end, "07:30:00"))
    with oracle_of(made) as warehouse:
        assert debits(warehouse) == [(0, 0), (0, fare)]


@pytest.mark.parametrize(("at", "fare"), [
    ("04:59:59", 3_500), ("05:00:00", 2_000), ("06:59:59", 2_000), ("07:00:00", 3_500),
])  # fmt: skip
def test_transjakarta_is_cheaper_from_five_to_seven(made: HandMade, at: str, fare: int) -> None:
    made.tap(1, made.gate(BRT, 1001, "in"), at)
    with oracle_of(made) as warehouse:
        assert debits(warehouse) == [(0, fare)]


def test_a_torn_exit_found_later_owes_6000_back(made: HandMade) -> None:
    """October 2022 by R18."""
    made.rail(1, (LEBAK_BULUS, "07:00:00"))
    made.tap(1, made.gate(MRT, BLOK_M, "out"), "07:20:00", torn=2)
    made.rail(1, (BLOK_M, "08:00:00"))
    with oracle_of(made) as warehouse:
        assert debits(warehouse) == [(0, 0), (9, 0), (0, 14_000)]
        assert transfers(warehouse) == {
            ("hold:journey", "refund_payable:1024", "refund", 6_000),
            ("hold:journey", "revenue:2022", "fare_share", 8_000),
        }


def test_a_transjakarta_exit_after_the_window_owes_nothing_more(made: HandMade) -> None:
    brt(made, (1001, "07:00:00"), (1002, "10:00:01"))
    with oracle_of(made) as warehouse:
        assert debits(warehouse) == [(0, 3_500), (0, 0)]


def test_what_is_above_due_at_the_close_is_refunded(made: HandMade) -> None:
    made.rail(1, (PEGANGSAAN_DUA, "07:00:00"), (VELODROME, "07:20:00"))
    brt(made, (1001, "07:30:00"), (1002, "10:30:00"))
    with oracle_of(made) as warehouse:
        assert [d for _, d in debits(warehouse)] == [0, 5_000, 0, 0]
        assert transfers(warehouse) == {
            ("hold:journey", "refund_payable:1024", "refund", 1_250),
            ("hold:journey", "revenue:2030", "fare_share", 2_206),  # 3,750 x 5,000 / 8,500
            ("hold:journey", "revenue:2014", "fare_share", 1_544),
            ("subsidy:integrated", "revenue:2030", "integration", 2_794),
            ("subsidy:integrated", "revenue:2014", "integration", 1_956),
        }


def test_an_entry_at_the_same_station_soon_after_replaces_the_old_one(made: HandMade) -> None:
    made.rail(1, (LEBAK_BULUS, "07:00:00"))
    made.tap(1, made.gate(MRT, LEBAK_BULUS, "in", lane=2), "07:00:11")
    made.tap(1, made.gate(MRT, BLOK_M, "out"), "07:20:00")
    with oracle_of(made) as warehouse:
        assert debits(warehouse) == [(0, 0), (0, 0), (0, 8_000)]


def test_an_entry_without_exit_costs_the_highest_fare_at_the_next(made: HandMade) -> None:
    made.rail(1, (LEBAK_BULUS, "07:00:00"))
    made.rail(1, (BLOK_M, "08:00:00"), (LEBAK_BULUS, "08:20:00"))
    with oracle_of(made) as warehouse:
        assert debits(warehouse) == [(0, 0), (0, 14_000), (0, 8_000)]
        assert ("hold:journey", "revenue:2022", "unsettled", 14_000) in transfers(warehouse)


def test_a_free_rider_without_balance_rides_and_the_group_pays() -> None:
    made = HandMade()
    made.card(1, issuer=DKI, group=4, group_expiry=40_000, balance=0)
    made.tap(1, made.gate(BRT, 1001, "in"), "07:30:00")
    with oracle_of(made) as warehouse:
        assert debits(warehouse) == [(0, 0)]
        assert transfers(warehouse) == {
            ("subsidy:g04", "hold:journey", "group_fare", 3_500),
            ("hold:journey", "revenue:2014", "fare_share", 3_500),
        }


def test_mrt_wants_14000_at_the_entry() -> None:
    made = HandMade()
    made.card(1, balance=13_999)
    made.card(2, balance=14_000)
    gate = made.gate(MRT, BUNDARAN_HI, "in")
    made.tap(1, gate, "07:00:00")
    made.tap(2, gate, "07:00:01")
    with oracle_of(made) as warehouse:
        assert debits(warehouse) == [(7, 0), (0, 0)]


@pytest.mark.parametrize(("amount", "verdict"), [(1_900_000, 0), (1_900_001, 28)])
def test_a_load_above_what_the_profile_may_hold_is_not_allowed(
    made: HandMade, amount: int, verdict: int
) -> None:
    counter = made.terminal(Service.topup, TerminalKind.counter, 7_113)
    made.tap(1, counter, "08:00:00", act=3, amount=amount)
    with oracle_of(made) as warehouse:
        assert warehouse.rows("SELECT verdict FROM record") == [(verdict,)]
        booked = [] if verdict else [("funding:4010", "purse:1024", "load", amount)]
        assert transfers(warehouse) == set(booked)
