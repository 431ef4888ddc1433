"""On-street parking: a meter a place and vehicle class, tapped at the start and at the end."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from scheme.services import Service, TerminalKind, VehicleClass
from sim.chance import keyed_choice, keyed_exponential_ms
from sim.intents import Act
from sim.services.counters import not_riding
from sim.services.town import Stream, Town, intent_rows, terminal_rows

CLASSES = (VehicleClass.car, VehicleClass.motorcycle, VehicleClass.heavy)
CLASS_WEIGHTS = (6, 3, 1)  # assumption
METERS = 4  # of each class at a place: assumption
STAY_LEAST_MS, STAY_MEAN_MS = 8 * 60_000, 45 * 60_000  # assumption
LAST_END_MS = 60 * 60_000  # after the morning: a stay that would end later stays open


@dataclass(frozen=True)
class Meters:
    """The meters of the streets."""

    service: Service = Service.parking_street

    def stream(self, town: Town, customers: int) -> Stream:
        """Return start and end of each stay; a long one has no end this morning."""
        spots = np.array([spot.place for spot in town.spots[self.service]], np.int64)
        lanes = len(CLASSES) * METERS
        klass_of_lane = np.repeat([int(c) for c in CLASSES], METERS)
        terminals = terminal_rows(
            town, self.service, TerminalKind.meter, np.repeat(spots, lanes),
            np.tile(np.arange(lanes), len(spots)), vehicle_class=np.tile(klass_of_lane, len(spots)),
        )  # fmt: skip
        parkers = town.pick(self.service, customers, not_riding(town))
        klass = keyed_choice(town.seed, "class at a meter", parkers, CLASS_WEIGHTS)
        meter = keyed_choice(town.seed, "which meter", parkers, np.ones(METERS))
        spot = town.choose_spot(self.service, parkers)
        terminal = spot * lanes + klass * METERS + meter
        start_ms = town.arrivals(self.service, parkers)
        stay = STAY_LEAST_MS + keyed_exponential_ms(
            town.seed, "stay at a meter", parkers, STAY_MEAN_MS - STAY_LEAST_MS
        )
        end_ms = start_ms + stay
        ends = end_ms <= town.window_ms[1] + LAST_END_MS
        town.keep(parkers, np.where(ends, end_ms, start_ms))
        starts = intent_rows(parkers, start_ms, terminal, terminals, Act.tap, 0)
        ended = intent_rows(parkers[ends], end_ms[ends], terminal[ends], terminals, Act.tap, 0)
        return Stream(terminals, np.concatenate((starts, ended)))
