"""The shipped network, read once, and mornings of a few thousand riders on it."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import numpy as np
import pytest

from scheme.days import instant_ms
from sim.demand import Demand, make_demand
from sim.network import Network, load_network
from sim.people import People, make_people
from sim.transit.paths import Paths, find_paths

DATA = Path(__file__).resolve().parents[2] / "scenarios" / "data"
DATE = dt.date(2026, 1, 28)
SEED = 11
RIDERS = 9_000
MORNING_MS = instant_ms(DATE, "06:00"), instant_ms(DATE, "09:00")
ISSUERS = {1016: 49.0, 1024: 18.7, 1032: 8.3, 1040: 7.8, 1057: 8.6, 1065: 7.6}


@pytest.fixture(scope="session")
def network() -> Network:
    return load_network(DATA)


@pytest.fixture(scope="session")
def paths(network: Network) -> Paths:
    return find_paths(network)


@pytest.fixture(scope="session")
def window_ms() -> tuple[int, int]:
    return instant_ms(DATE, "07:00"), instant_ms(DATE, "07:12")


@pytest.fixture(scope="session")
def rush(network: Network, paths: Paths, window_ms: tuple[int, int]) -> Demand:
    """Twelve minutes of a morning, as dense as the shipped one."""
    taps_out = np.arange(RIDERS) % 50 != 0
    return make_demand(network, paths, RIDERS, window_ms, taps_out, SEED)


@pytest.fixture(scope="session")
def apart(rush: Demand) -> Demand:
    """The same without trips of several operators."""
    return single_legs(rush)


def single_legs(demand: Demand) -> Demand:
    """The trips of one paid leg: what remains of services that do not touch each other."""
    row = demand.paths.network.row
    origin, goal = (row[demand.trips[end]] for end in ("origin", "destination"))
    return Demand(
        demand.trips[demand.paths.legs[origin, goal] == 1], demand.paths, demand.window_ms
    )


@pytest.fixture(scope="session")
def people(network: Network, paths: Paths) -> People:
    """A fifth of the shipped morning's people."""
    return make_morning(network, paths, 40_000)


def make_morning(network: Network, paths: Paths, riders: int) -> People:
    return make_people(network, paths, riders, 500, MORNING_MS, ISSUERS, 1016, 5)
