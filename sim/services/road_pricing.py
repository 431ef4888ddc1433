"""Road pricing (ERP): motorists pass gantries, one terminal a lane and vehicle class.

The price is the tariff's, by class and hour, so an intent has no amount.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from scheme.services import Service, TerminalKind, VehicleClass
from sim.card_columns import Ints
from sim.chance import keyed_below, keyed_choice, keyed_uniform
from sim.intents import Act
from sim.services.counters import not_riding
from sim.services.presenting import intent_rows, terminal_rows
from sim.services.town import Stream, Town

CLASSES = (VehicleClass.car, VehicleClass.motorcycle, VehicleClass.heavy)
CLASS_WEIGHTS = (
    20.5,
    20.0,
    2.0,
)  # sensors count 77.5 % motorcycles; how many carry a card: assumed
PASSAGES_MOST = 3  # assumption
ROAD_M_S = (12 / 3.6, 30 / 3.6)  # assumption, as the crow flies
BETWEEN_LEAST_MS = 60_000


@dataclass(frozen=True)
class RoadPricing:
    """The gantries of the 25 roads; from one a motorist goes on to the nearest next one."""

    service: Service = Service.erp

    def stream(self, town: Town, customers: int) -> Stream:
        """Return one to three passages a motorist."""
        places = town.places(self.service)
        place, lane = np.repeat(places, len(CLASSES)), np.tile(np.arange(len(CLASSES)), len(places))
        terminals = terminal_rows(
            town, self.service, TerminalKind.gantry, place, lane,
            vehicle_class=np.tile([int(c) for c in CLASSES], len(places)),
        )  # fmt: skip
        motorists, spot, at_ms = town.visitors(self.service, customers, not_riding(town))
        klass = keyed_choice(town.seed, "vehicle class", motorists, CLASS_WEIGHTS)
        passages = 1 + keyed_below(town.seed, "passages", motorists, PASSAGES_MOST)
        routes = routes_over(town, places)[spot]
        parts = []
        for nth in range(routes.shape[1]):
            if nth:
                at_ms = at_ms + self._between_ms(town, motorists, places[routes], nth)
            on = passages > nth
            terminal = routes[:, nth] * len(CLASSES) + klass
            parts.append(intent_rows(motorists[on], at_ms[on], terminal[on], terminals, Act.tap, 0))
        return Stream(terminals, np.concatenate(parts))

    @staticmethod
    def _between_ms(town: Town, motorists: Ints, passed: Ints, nth: int) -> Ints:
        low, high = ROAD_M_S
        m_s = low + keyed_uniform(town.seed, "between gantries", motorists, nth) * (high - low)
        metres = town.streets.metres(passed[:, nth - 1], passed[:, nth])
        return np.maximum(BETWEEN_LEAST_MS, np.rint(metres / m_s * 1_000).astype(np.int64))


def routes_over(town: Town, places: Ints) -> Ints:
    """Return for each gantry the rows of those passed from it on, itself first.

    Shape (gantries, up to `PASSAGES_MOST`).
    """
    nearest = town.streets.nearest(places, places, len(places))
    routes = []
    for first in range(len(places)):
        route = [first]
        while len(route) < min(PASSAGES_MOST, len(places)):
            route.append(next(int(row) for row in nearest[route[-1]] if row not in route))
        routes.append(route)
    return np.array(routes, np.int64)
