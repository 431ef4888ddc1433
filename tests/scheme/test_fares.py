"""The leaves of pricing: bands, dues, highest fares, parking, road prices, who rides free."""

from __future__ import annotations

import datetime as dt

import pytest

from scheme.days import day_of, instant_ms
from scheme.errors import TariffError
from scheme.fares import (
    due,
    highest_fare,
    late_due,
    leg_metres,
    minimum_balance,
    own_fare,
    parking_price,
    rides_free,
    road_price,
    window,
)
from scheme.services import Service, VehicleClass
from tests.fare_cases import tariff

DATE = dt.date(2026, 3, 3)
SAID = tariff("jakarta-2026").on(day_of(DATE))
BEFORE_ALL = tariff("jakarta-2026").on(day_of(dt.date(2000, 1, 1)))
BRT, MRT, LRT = Service.transjakarta_brt, Service.mrt, Service.lrt


def at(clock: str, days: int = 0) -> int:
    """Return a second of 3 March 2026, or of a day after."""
    return instant_ms(DATE + dt.timedelta(days=days), clock) // 1_000


@pytest.mark.parametrize(
    ("clock", "idr"),
    [("04:59:59", 3500), ("05:00:00", 2000), ("06:59:59", 2000), ("07:00:00", 3500)],
)
def test_bands_are_half_open(clock: str, idr: int) -> None:
    assert own_fare(SAID, BRT, at(clock), 1001, 0) == idr


@pytest.mark.parametrize(
    ("operators", "own_idr", "metres", "idr"),
    [
        (1, 28_000, 31_400, 28_000),  # one operator: no cap
        (2, 17_500, 26_720, 9_000),  # published
        (2, 17_500, 26_999, 9_000),
        (2, 17_500, 27_000, 9_250),
        (2, 17_500, 29_999, 9_750),
        (2, 17_500, 30_000, 10_000),
        (2, 17_500, 31_000, 10_000),  # the cap
        (2, 5_000, 12_430, 5_000),  # never more than its parts
        (2, 8_500, 0, 2_500),
    ],
)
def test_due_in_the_window(operators: int, own_idr: int, metres: int, idr: int) -> None:
    assert due(SAID, operators, own_idr, metres) == idr


@pytest.mark.parametrize(
    ("operators", "own_idr", "idr"), [(1, 14_000, 14_000), (2, 12_500, 10_000), (2, 7_000, 7_000)]
)
def test_due_after_the_window(operators: int, own_idr: int, idr: int) -> None:
    assert late_due(SAID, operators, own_idr) == idr


def test_without_a_distance_row_nothing_is_integrated() -> None:
    assert due(BEFORE_ALL, 2, 17_500, 0) == late_due(BEFORE_ALL, 2, 17_500) == 17_500


@pytest.mark.parametrize(
    ("service", "station", "idr"),
    [(MRT, 101, 14_000), (MRT, 106, 8_000), (MRT, 113, 14_000), (LRT, 203, 5_000)],
)
def test_highest_fare_from_a_station(service: Service, station: int, idr: int) -> None:
    assert highest_fare(SAID, service, station) == idr


def test_highest_fare_of_bands_is_the_dearest_band() -> None:
    assert highest_fare(SAID, BRT, 1001) == 3_500


@pytest.mark.parametrize(
    ("start", "end", "vehicle", "idr"),
    [
        (at("08:00:00"), at("08:00:00"), VehicleClass.car, 0),
        (at("08:00:00"), at("08:15:00"), VehicleClass.car, 0),
        (at("08:00:00"), at("08:15:01"), VehicleClass.car, 4_000),
        (at("08:00:00"), at("09:00:00"), VehicleClass.car, 4_000),
        (at("08:00:00"), at("09:00:01"), VehicleClass.car, 6_000),
        (at("08:00:00"), at("09:00:01"), VehicleClass.heavy, 12_000),
        (at("00:00:00"), at("08:00:01"), VehicleClass.car, 20_000),  # 9 hours: exactly the most
        (at("00:00:00"), at("09:00:01"), VehicleClass.car, 20_000),  # 10 hours would be 22,000
        (at("23:59:59"), at("02:00:00", 1), VehicleClass.car, 8_000),
        (at("12:00:00"), at("12:00:00", 1), VehicleClass.car, 40_000),
        (at("12:00:00"), at("12:00:01", 1), VehicleClass.car, 40_000),
    ],
)
def test_parking_in_a_car_park(start: int, end: int, vehicle: VehicleClass, idr: int) -> None:
    got = parking_price(tariff("jakarta-2026"), Service.parking_lot, vehicle, start, end)
    assert got == idr


def test_a_meter_gives_nothing_away() -> None:
    meter = Service.parking_street
    price = parking_price(tariff("jakarta-2026"), meter, VehicleClass.car, at("08:00:00"), 0)
    assert price == 5_000


@pytest.mark.parametrize(
    ("clock", "vehicle", "idr"),
    [
        ("04:59:59", VehicleClass.car, 0),
        ("05:00:00", VehicleClass.car, 10_000),
        ("07:00:00", VehicleClass.car, 19_000),
        ("22:00:00", VehicleClass.car, 0),
        ("08:00:00", VehicleClass.motorcycle, 5_000),
    ],
)
def test_road_price_by_hour_and_class(clock: str, vehicle: VehicleClass, idr: int) -> None:
    assert road_price(SAID, vehicle, at(clock)) == idr


def test_metres_are_symmetric_and_zero_at_one_place() -> None:
    assert leg_metres(SAID, MRT, 101, 106) == leg_metres(SAID, MRT, 106, 101) == 8_110
    assert leg_metres(SAID, MRT, 106, 106) == 0


@pytest.mark.parametrize(
    ("issuer", "group", "expiry", "free"),
    [
        (1016, 1, day_of(DATE), True),
        (1016, 15, day_of(DATE) + 1, True),
        (1016, 1, day_of(DATE) - 1, False),
        (1016, 0, day_of(DATE), False),
        (1024, 1, day_of(DATE), False),
    ],
)
def test_free_needs_bank_group_and_date(issuer: int, group: int, expiry: int, free: bool) -> None:
    for service in (BRT, Service.transjakarta_bus, Service.mikrotrans, MRT, LRT):
        assert rides_free(SAID, service, issuer, group, expiry) is free
    assert not rides_free(SAID, Service.parking_lot, issuer, group, expiry)


def test_minimum_balances() -> None:
    services = (MRT, LRT, Service.mikrotrans, BRT, Service.transjakarta_bus)
    assert [minimum_balance(SAID, s) for s in services] == [14_000, 5_000, 5_000, 0, 0]


def test_a_missing_row_is_named() -> None:
    for call, said in (
        (lambda: own_fare(SAID, MRT, at("08:00:00"), 101, 999), "a fare for mrt from 101 to 999"),
        (lambda: own_fare(BEFORE_ALL, LRT, 0, 201, 202), "a fare for lrt"),
        (lambda: highest_fare(SAID, MRT, 999), "a fare for mrt from 999"),
        (lambda: leg_metres(SAID, MRT, 101, 999), "metres of MRT from 101 to 999"),
        (lambda: window(BEFORE_ALL), "a transfer window"),
        (lambda: road_price(SAID, VehicleClass.none, 0), "a road price for none"),
        (
            lambda: parking_price(tariff("jakarta-2026"), 7, VehicleClass.none, at("08:00:00"), 0),
            "a parking row for parking_lot, none",
        ),
    ):
        with pytest.raises(TariffError, match=f"expected {said} on .*got none"):
            call()
