"""Road pricing (ERP): motorists pass gantries, one terminal a lane and vehicle class."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from scheme.services import Service, TerminalKind, VehicleClass
from sim.chance import keyed_below, keyed_choice, keyed_uniform
from sim.intents import Act
from sim.services.counters import not_riding
from sim.services.town import Stream, Town, intent_rows, terminal_rows

CLASSES = (VehicleClass.car, VehicleClass.motorcycle, VehicleClass.heavy)
CLASS_WEIGHTS = (
    20.5,
    20.0,
    2.0,
)  # sensors count 77.5 % motorcycles; how many carry a card: assumed
PASSAGES_MOST = 3  # assumption
BETWEEN_MS = (120_000, 420_000)  # assumption: from one gantry to the next along the road


@dataclass(frozen=True)
class RoadPricing:
    """The gantries of the 25 roads, passed in the order of their numbers."""

    service: Service = Service.erp

    def stream(self, town: Town, customers: int) -> Stream:
        """Return one to three passages a motorist."""
        spots = np.array([spot.place for spot in town.spots[self.service]], np.int64)
        place, lane = np.repeat(spots, len(CLASSES)), np.tile(np.arange(len(CLASSES)), len(spots))
        terminals = terminal_rows(
            town, self.service, TerminalKind.gantry, place, lane,
            vehicle_class=np.tile([int(c) for c in CLASSES], len(spots)),
        )  # fmt: skip
        motorists = town.pick(self.service, customers, not_riding(town))
        klass = keyed_choice(town.seed, "vehicle class", motorists, CLASS_WEIGHTS)
        spot = town.choose_spot(self.service, motorists)
        passages = 1 + keyed_below(town.seed, "passages", motorists, PASSAGES_MOST)
        at_ms = town.arrivals(self.service, motorists)
        parts = []
        for nth in range(PASSAGES_MOST):
            on = passages > nth
            terminal = (spot + nth) % len(spots) * len(CLASSES) + klass
            parts.append(intent_rows(motorists[on], at_ms[on], terminal[on], terminals, Act.tap, 0))
            town.keep(motorists[on], at_ms[on])
            low, high = BETWEEN_MS
            drawn = keyed_uniform(town.seed, "between gantries", motorists, nth)
            at_ms = at_ms + low + (drawn * (high - low)).astype(np.int64)
        return Stream(terminals, np.concatenate(parts))
