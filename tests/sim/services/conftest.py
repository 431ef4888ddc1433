"""A town of a few thousand, with more people than its services ask for, and what they do in it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest

from scheme.services import TRANSIT, Service
from sim.network import Network
from sim.people import Kind, People, make_people
from sim.services.catalogue import CATALOGUE
from sim.services.town import Spot, Stream, Town
from sim.supply import run_transit
from sim.tables import read_rows
from sim.transit.paths import Paths
from sim.transit.result import TransitResult
from tests.sim.conftest import DATA, ISSUERS, MORNING_MS

SEED = 5
RIDERS, OTHERS = 3_000, 600
OPERATORS = dict.fromkeys(Service, 2014)
ASKED = {
    Service.topup: 40, Service.erp: 60, Service.parking_lot: 40, Service.parking_street: 40,
    Service.kjp: 12, Service.kur: 6, Service.levy: 25, Service.rent: 10, Service.vehicle_tax: 8,
    Service.driving_licence: 8, Service.bpjs: 15, Service.hospital: 8, Service.shop: 60,
    Service.identity: 12,
}  # fmt: skip

Streams = dict[Service, Stream]


@dataclass(frozen=True)
class Crowd:
    """People who have travelled, out of whom towns are made."""

    people: People
    transit: TransitResult

    def town(self, others: int = OTHERS) -> Town:
        """Return a town of the riders and the first so many others, none with an errand yet."""
        riders, count = self.people.riders, self.people.riders + others
        trips = self.people.demand.trips
        free_ms = np.full(count, MORNING_MS[0], np.int64)
        trip_ms = np.full(count, MORNING_MS[1], np.int64)
        origin, here = np.zeros(count, np.int64), np.zeros(count, np.int64)
        free_ms[:riders], trip_ms[:riders] = self.transit.ended_ms, trips["at_ms"]
        origin[:riders], here[:riders] = trips["origin"], trips["destination"]
        rows = read_rows(DATA / "places.csv")
        where = {
            int(row["place"]): Spot(int(row["place"]), float(row["lat"]), float(row["lon"]))
            for row in rows
        }
        spots: dict[Service, list[Spot]] = {service: [] for service in Service}
        for row in rows:
            spots[Service[row["service"]]].append(where[int(row["place"])])
        rack = np.zeros(count, np.bool_)
        rack[:50] = True
        return Town(
            self.people.cards[:count].copy(), riders, self.people.kind[:count] == Kind.student,
            free_ms, trip_ms, origin, np.zeros(count, np.bool_), rack, spots, where, OPERATORS,
            MORNING_MS, SEED, here,
        )  # fmt: skip


@pytest.fixture(scope="session")
def crowd(network: Network, paths: Paths) -> Crowd:
    people = make_people(network, paths, RIDERS, OTHERS, MORNING_MS, ISSUERS, 1016, SEED)
    operators = dict.fromkeys(TRANSIT, 2014)
    return Crowd(people, run_transit(network, people.demand, (), SEED, operators))


@pytest.fixture
def town(crowd: Crowd) -> Town:
    return crowd.town()


@pytest.fixture(scope="session")
def served(crowd: Crowd) -> tuple[Town, Streams]:
    """A town in which every service has had its customers."""
    town = crowd.town()
    return town, run_all(town, ASKED)


@pytest.fixture(scope="session")
def serve_asked(crowd: Crowd) -> Callable[[dict[Service, int], int], Streams]:
    """Run all services in a fresh town, for other numbers of customers or of others."""
    return lambda asked, others: run_all(crowd.town(others), asked)


def run_all(town: Town, asked: dict[Service, int]) -> Streams:
    return {one.service: one.stream(town, asked[one.service]) for one in CATALOGUE}
