"""The device rule: order of refusals, what stays on the card, what a tap makes of the state."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scheme.days import day_of, instant_ms
from scheme.decision import CardSeen, Decision, Terminal, Versions, decide
from scheme.errors import TariffError
from scheme.hotlist import Hotlist
from scheme.records import OpenLeg, RecordKind, TransitFlag
from scheme.services import Direction, Service, TerminalKind, VehicleClass
from scheme.transit_state import Parking, Transit, Unsettled, parse_parking, parse_transit
from scheme.verdicts import Verdict
from tests.fare_cases import WHAT, tariff

DATE = dt.date(2026, 3, 3)
TODAY = day_of(DATE)
HELD = Versions(tariff("jakarta-2026"), Hotlist(1, frozenset({77})))
CARD = CardSeen(5, 1024, 0, 0, TODAY, 100_000, Transit().pack(), Parking().pack())


def at(clock: str, days: int = 0) -> int:
    """Return a second of 3 March 2026, or of a day after."""
    return instant_ms(DATE + dt.timedelta(days=days), clock) // 1_000


def terminal(what: str, place: int, vehicle: int = 0, car: bool = False) -> Terminal:
    """Return a terminal by the vector file's word for it."""
    vehicle_class = VehicleClass.car if car else VehicleClass.none
    return Terminal(*WHAT[what], place, vehicle, vehicle_class)


NOW = at("08:00:00")
BROKEN = replace(CARD, genuine=False, blocked=True, number=77, expiry=TODAY - 1, balance_idr=0)
GENUINE = replace(BROKEN, genuine=True)
UNBLOCKED = replace(GENUINE, blocked=False)
UNLISTED = replace(UNBLOCKED, number=5)
UNEXPIRED = replace(UNLISTED, expiry=TODAY)
FULL = replace(UNEXPIRED, balance_idr=14_000)


@pytest.mark.parametrize(
    ("card", "since_s", "what", "verdict"),
    [  # each row mends what the row before it was refused for; the next reason shows
        (BROKEN, 10, "MRT-out", Verdict.card_not_genuine),
        (GENUINE, 10, "MRT-out", Verdict.card_blocked),
        (UNBLOCKED, 10, "MRT-out", Verdict.card_hotlisted),
        (UNLISTED, 10, "MRT-out", Verdict.card_expired),
        (UNEXPIRED, 10, "MRT-out", Verdict.already_tapped),
        (UNEXPIRED, 11, "MRT-out", Verdict.exit_without_entry),
        (UNEXPIRED, 11, "MRT-in", Verdict.balance_below_minimum),
        (UNEXPIRED, 11, "SHOP", Verdict.balance_too_low),
        (FULL, 11, "MRT-in", Verdict.accepted),
    ],
)
def test_refusals_stand_in_the_order_of_r15(
    card: CardSeen, since_s: int, what: str, verdict: Verdict
) -> None:
    got = decide(card, terminal(what, 106), HELD, NOW, last_accepted_s=NOW - since_s, given_idr=500)
    assert got.verdict is verdict


@pytest.mark.parametrize("what", sorted(WHAT))
def test_refused_tap_leaves_the_card_as_it_was(what: str) -> None:
    card = replace(CARD, blocked=True, transit=Transit(metres=7).pack(), parking=bytes(7))
    got = decide(card, terminal(what, 106, 3), HELD, NOW, given_idr=500)
    slots = {RecordKind.debit_transit: card.transit, RecordKind.debit_parking: card.parking}
    assert got == Decision(Verdict.card_blocked, 0, got.kind, slots.get(got.kind, b""))


@pytest.mark.parametrize(
    ("what", "kind", "size"),
    [
        ("MRT-in", RecordKind.debit_transit, 29),
        ("MIKRO", RecordKind.debit_transit, 29),
        ("METER", RecordKind.debit_parking, 7),
        ("LOT-in", RecordKind.debit_parking, 7),
        ("LOAD", RecordKind.load, 0),
        ("SHOP", RecordKind.debit, 0),
        ("CHECK", RecordKind.debit, 0),
        ("LEVY", RecordKind.debit, 0),
    ],
)
def test_kind_and_slot_follow_the_service(what: str, kind: RecordKind, size: int) -> None:
    got = decide(CARD, terminal(what, 106, 3, car=True), HELD, NOW, given_idr=500)
    assert (got.verdict, got.kind, len(got.state_after)) == (Verdict.accepted, kind, size)


def test_a_load_needs_no_balance_and_no_purchase_touches_a_state() -> None:
    broke = replace(CARD, balance_idr=0)
    load = decide(broke, terminal("LOAD", 7113), HELD, NOW, given_idr=50_000)
    assert (load.verdict, load.amount_idr) == (Verdict.accepted, 50_000)
    exact = decide(replace(CARD, balance_idr=500), terminal("SHOP", 5001), HELD, NOW, given_idr=500)
    assert (exact.verdict, exact.amount_idr, exact.state_after) == (Verdict.accepted, 500, b"")


@pytest.mark.parametrize("last", [NOW, NOW - 10])
def test_double_tap_holds_at_every_kind_of_terminal(last: int) -> None:
    for what in WHAT:
        got = decide(CARD, terminal(what, 106, 3, car=True), HELD, NOW, last_accepted_s=last)
        assert got.verdict is Verdict.already_tapped, what


def test_entry_opens_a_leg_and_a_journey() -> None:
    got = decide(CARD, terminal("BUS", 2001, 9), HELD, NOW)
    assert got.amount_idr == 3_500
    assert parse_transit(got.state_after) == Transit(
        flags=TransitFlag.journey | TransitFlag.tj_counted,
        open_leg=OpenLeg.bus,
        first_at_s=NOW,
        charged_idr=3_500,
        own_fares_idr=3_500,
        open_place=2001,
        open_vehicle=9,
        open_at_s=NOW,
    )


def test_free_riders_state_is_kept_as_if_paid() -> None:
    free = replace(CARD, issuer=1016, group=1, group_expiry=TODAY, balance_idr=0)
    paid = decide(CARD, terminal("BUS", 2001, 9), HELD, NOW)
    got = decide(free, terminal("BUS", 2001, 9), HELD, NOW)
    assert got.amount_idr == 0
    state = parse_transit(got.state_after)
    assert state.free
    assert replace(state, flags=state.flags & ~TransitFlag.free).pack() == paid.state_after


def test_late_exit_leaves_no_journey_but_what_is_unsettled() -> None:
    state = Transit(
        flags=TransitFlag.journey | TransitFlag.tj_counted | TransitFlag.free,
        open_leg=OpenLeg.mrt,
        first_at_s=at("05:00:00"),
        charged_idr=2_000,
        own_fares_idr=2_000,
        metres=780,
        open_place=107,
        open_at_s=at("07:00:00"),
        unsettled_lrt=Unsettled(201, 9),
    )
    card = replace(CARD, transit=state.pack())
    got = decide(card, terminal("MRT-out", 101), HELD, at("08:00:01"))
    assert parse_transit(got.state_after) == Transit(unsettled_lrt=Unsettled(201, 9))
    tj = replace(state, open_leg=OpenLeg.brt, open_place=1001)
    got = decide(replace(card, transit=tj.pack()), terminal("TJ-out", 1009), HELD, at("08:00:01"))
    assert parse_transit(got.state_after) == Transit(unsettled_lrt=Unsettled(201, 9))


def test_exit_after_03_00_leaves_no_journey() -> None:
    state = Transit(
        flags=TransitFlag.journey | TransitFlag.tj_counted,
        open_leg=OpenLeg.mrt,
        first_at_s=at("01:00:00"),
        charged_idr=3_500,
        own_fares_idr=3_500,
        open_place=107,
        open_at_s=at("02:00:00"),
    )
    card = replace(CARD, transit=state.pack())
    got = decide(card, terminal("MRT-out", 101), HELD, at("03:00:00"))
    assert (got.amount_idr, parse_transit(got.state_after)) == (9_000, Transit())
    free = replace(card, issuer=1016, group=1, group_expiry=TODAY, balance_idr=0)
    got = decide(free, terminal("MRT-out", 101), HELD, at("03:00:00"))
    assert (got.verdict, got.amount_idr) == (Verdict.accepted, 0)


def test_mikrotrans_leaves_the_journey_alone() -> None:
    first = decide(CARD, terminal("TJ-in", 1001), HELD, NOW)
    card = replace(CARD, transit=first.state_after)
    board = decide(card, terminal("MIKRO", 2101, 4), HELD, NOW + 600)
    state = parse_transit(board.state_after)
    assert (board.amount_idr, state.open_leg) == (0, OpenLeg.mikrotrans)
    card = replace(card, transit=board.state_after)
    alight = decide(card, terminal("MIKRO", 2110, 4), HELD, NOW + 1_200)
    assert parse_transit(alight.state_after) == parse_transit(first.state_after).without_leg()


def test_an_entry_of_last_autumn_is_paid_by_its_day_modulo_256() -> None:
    entry = Unsettled(106, (TODAY - 200) & 255)
    card = replace(CARD, transit=Transit(unsettled_mrt=entry).pack())
    got = decide(card, terminal("MRT-in", 101), HELD, NOW)
    assert (got.verdict, got.amount_idr) == (Verdict.accepted, 8_000)
    assert parse_transit(got.state_after).unsettled_mrt == Unsettled()


def test_meter_and_lane_keep_their_state_apart_from_transit() -> None:
    start = decide(CARD, terminal("METER", 4501, car=True), HELD, NOW)
    assert parse_parking(start.state_after) == Parking(4501, VehicleClass.car, NOW)
    parked = replace(CARD, parking=start.state_after)
    end = decide(parked, terminal("METER", 4501), HELD, NOW + 3_601)
    assert (end.amount_idr, parse_parking(end.state_after)) == (10_000, Parking())
    moved = decide(parked, terminal("LOT-in", 4001, car=True), HELD, NOW + 60)
    assert parse_parking(moved.state_after) == Parking(4001, VehicleClass.car, NOW + 60)
    again = decide(
        replace(CARD, parking=moved.state_after), terminal("LOT-in", 4001, car=True), HELD, NOW + 90
    )
    assert parse_parking(again.state_after).at_s == NOW + 90


def test_what_the_tariff_does_not_sell_is_an_error_not_a_price() -> None:
    with pytest.raises(TariffError, match="a road price for none"):
        decide(CARD, terminal("ERP", 6001), HELD, NOW)


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["MRT-in", "MRT-out", "LRT-in", "LRT-out", "TJ-in", "TJ-out", "BUS"]),
            st.integers(0, 2),
            st.integers(1, 9_000),
        ),
        max_size=14,
    ),
    st.integers(0, 60_000),
)
def test_no_tap_overdraws_and_would_be_debits_never_fall(
    taps: list[tuple[str, int, int]], balance: int
) -> None:
    places = {"M": [101, 106, 113], "L": [201, 203, 206], "T": [1001, 1002, 1009], "B": [2001] * 3}
    card, now_s = replace(CARD, balance_idr=balance, expiry=TODAY + 9), at("04:00:00")
    for what, which, wait_s in taps:
        now_s += wait_s
        place = places[what[0]][which]
        got = decide(card, terminal(what, place, 1 if what == "BUS" else 0), HELD, now_s)
        before, after = parse_transit(card.transit), parse_transit(got.state_after)
        assert 0 <= got.amount_idr <= card.balance_idr
        if got.verdict is not Verdict.accepted:
            assert (got.amount_idr, got.state_after) == (0, card.transit)
        elif before.journey and after.first_at_s == before.first_at_s:
            assert after.charged_idr >= before.charged_idr
            assert after.charged_idr <= after.own_fares_idr
        card = replace(card, balance_idr=card.balance_idr - got.amount_idr, transit=got.state_after)


def test_directions_are_the_gates() -> None:
    either = Terminal(Service.parking_lot, TerminalKind.lane, Direction.exit, 4001)
    assert decide(CARD, either, HELD, NOW).verdict is Verdict.exit_without_entry
