"""What a device looks up on one calendar day, as arrays: the tariff's rows, compiled.

Only rows of the day on which the morning falls are here; a leg or stay begun on another day must
not be priced with them. No rule stands here, only figures: the rules are `sim.transit_rule` and
`sim.parking_rule`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from scheme.days import second_of_day
from scheme.records import OpenLeg
from scheme.services import INTEGRATED, Service, VehicleClass
from scheme.tariff_rows import Flat, HourBand, Matrix
from scheme.tariffs import DayTariff, Fare, Tariff
from sim.card_columns import Bools, Ints

OPERATOR_OF_LEG = {OpenLeg.brt: "TJ", OpenLeg.bus: "TJ", OpenLeg.mrt: "MRT", OpenLeg.lrt: "LRT"}
OPERATOR_INDEX = {"TJ": 1, "MRT": 2, "LRT": 3}
NOBODY = 0


@dataclass(frozen=True)
class ParkingPrice:
    """A started-hour row and the daily maximum beside it, if there is one."""

    hours_idr: tuple[int, ...]
    free_s: int
    day_idr: int | None


@dataclass(frozen=True)
class Pairs:
    """A number for each pair of places, found by binary search."""

    keys: Ints
    values: Ints

    @classmethod
    def of(cls, cells: Mapping[int, int]) -> Pairs:
        """Return the pairs of a mapping."""
        keys = np.array(sorted(cells), np.int64)
        return cls(keys, np.array([cells[int(key)] for key in keys], np.int64))

    def at(self, wanted: Ints, where: Bools, what: str) -> Ints:
        """Return the numbers of the wanted keys, 0 where not asked for; all must be known."""
        found = np.zeros(len(wanted), np.int64)
        rows = np.flatnonzero(where)
        if rows.size:
            spot = np.minimum(np.searchsorted(self.keys, wanted[rows]), len(self.keys) - 1)
            assert (self.keys[spot] == wanted[rows]).all(), f"{what}: a pair is not in the table"
            found[rows] = self.values[spot]
        return found


@dataclass(frozen=True)
class DeviceTables:
    """The figures of one version of the tariff on one calendar day.

    Attributes:
        minimum_idr: Minimum balance by service.
        free_groups: Whether (service, group) rides free.
        free_issuer: The bank whose cards carry free groups, 0 if none.
    """

    version: int
    base_idr: int
    per_km_idr: int
    cap_idr: int
    window_s: int
    bus_leg_s: int
    reentry_s: int
    minimum_idr: Ints
    free_groups: Bools
    free_issuer: int
    parking: dict[tuple[int, int], ParkingPrice]
    roads: dict[int, Fare]
    tj: Fare
    rail: dict[OpenLeg, Fare]
    cells: dict[OpenLeg, Pairs]
    lengths: Pairs

    def tj_fare(self, at_s: Ints) -> Ints:
        """Return the own fare of a Transjakarta leg begun at each instant."""
        return clock_price(self.tj, at_s)

    def road_price(self, vehicle_class: Ints, at_s: Ints) -> Ints:
        """Return what each passage of a gantry costs."""
        price = np.zeros(len(at_s), np.int64)
        for klass, fare in self.roads.items():
            price = np.where(vehicle_class == klass, clock_price(fare, at_s), price)
        return price

    def rail_fare(self, leg: Ints, start: Ints, end: Ints, start_s: Ints) -> Ints:
        """Return the own fare of each MRT or LRT leg, 0 for other legs."""
        price = np.zeros(len(leg), np.int64)
        for kind, fare in self.rail.items():
            if isinstance(fare, Matrix):
                price += self.cells[kind].at(start << 16 | end, leg == kind, kind.name)
            else:
                price += np.where(leg == kind, clock_price(fare, start_s), 0)
        return price

    def highest_fare(self, kind: OpenLeg, place: Ints) -> Ints:
        """Return the highest fare from each station of a rail operator."""
        fare = self.rail[kind]
        if isinstance(fare, Flat):
            return np.full(len(place), fare.idr, np.int64)
        if isinstance(fare, HourBand):
            most = max(fare.otherwise_idr, *(idr for _, _, idr in fare.bands))
            return np.full(len(place), most, np.int64)
        cells = self.cells[kind]
        start = cells.keys >> 16
        return np.array([cells.values[start == one].max() for one in place], np.int64)

    def metres(self, leg: Ints, start: Ints, end: Ints, where: Bools) -> Ints:
        """Return the length of each leg that is asked for, 0 for the others."""
        operator = np.zeros(len(leg), np.int64)
        for kind, name in OPERATOR_OF_LEG.items():
            operator[leg == kind] = OPERATOR_INDEX[name]
        keys = operator << 32 | start << 16 | end
        return self.lengths.at(keys, where & (start != end), "metres")


def clock_price(fare: Fare, at_s: Ints) -> Ints:
    """Return a flat or banded price at each instant."""
    if isinstance(fare, Flat):
        return np.full(len(at_s), fare.idr, np.int64)
    assert isinstance(fare, HourBand), fare
    second = second_of_day(at_s)
    price = np.full(len(at_s), fare.otherwise_idr, np.int64)
    for begin, end, idr in fare.bands:
        price = np.where((second >= begin) & (second < end), idr, price)
    return price


def compile_tables(tariff: Tariff, day: int) -> DeviceTables:
    """Return the tariff's figures of a calendar day.

    Raises:
        TariffError: If the day lacks a row that the city needs.
    """
    said = tariff.on(day)
    if said.distance is None or said.window is None or said.cap_idr is None:
        raise said.absent("distance, cap and transfer window rows")
    rail = {OpenLeg.mrt: _fare(said, Service.mrt), OpenLeg.lrt: _fare(said, Service.lrt)}
    cells = {
        kind: Pairs.of({a << 16 | b: idr for (a, b), idr in fare.cells.items()})
        for kind, fare in rail.items()
        if isinstance(fare, Matrix)
    }
    lengths = {
        OPERATOR_INDEX[operator] << 32 | a << 16 | b: metres
        for (operator, a, b), metres in said.distance.metres.items()
    }
    return DeviceTables(
        tariff.version, said.distance.base_idr, said.distance.per_km_idr, said.cap_idr,
        said.window.window_s, said.window.bus_leg_s, said.window.reentry_s,
        np.array([said.minimums.get(service, 0) for service in range(256)], np.int64),
        _free_groups(said), max((row.issuer for row in said.free.values()), default=NOBODY),
        _parking(said), _roads(said), _fare(said, Service.transjakarta_brt), rail, cells,
        Pairs.of(lengths),
    )  # fmt: skip


def _fare(said: DayTariff, service: Service) -> Fare:
    fare = said.fares.get((service, VehicleClass.none))
    if fare is None:
        raise said.absent(f"a fare for {service.name}")
    return fare


def _free_groups(said: DayTariff) -> Bools:
    free = np.zeros((256, 16), np.bool_)
    issuers = {row.issuer for row in said.free.values()}
    assert len(issuers) <= 1, issuers
    for service, row in said.free.items():
        assert Service(service) in INTEGRATED | {Service.mikrotrans}, service
        free[service, list(row.groups)] = True
    return free


def _parking(said: DayTariff) -> dict[tuple[int, int], ParkingPrice]:
    return {
        key: ParkingPrice(row.hours_idr, row.free_s, said.caps.get(key))
        for key, row in said.parking.items()
    }


def _roads(said: DayTariff) -> dict[int, Fare]:
    return {klass: fare for (service, klass), fare in said.fares.items() if service == Service.erp}
