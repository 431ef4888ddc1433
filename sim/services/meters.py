"""On-street parking: meters of a place and vehicle class, tapped at the start and at the end.

A bay is held while somebody is parked in it; who finds none waits in the street for the next.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from scheme.services import Service, TerminalKind, VehicleClass
from sim.card_columns import Ints
from sim.chance import keyed_choice, keyed_exponential_ms
from sim.intents import Act
from sim.services.clerks import serve_at
from sim.services.counters import not_riding
from sim.services.presenting import intent_rows, terminal_rows
from sim.services.town import Stream, Town

CLASSES = (VehicleClass.car, VehicleClass.motorcycle, VehicleClass.heavy)
CLASS_WEIGHTS = (6, 3, 1)  # assumption
METERS = 4  # of each class at a place: assumption
BAYS = 20  # one machine serves about 20 vehicles (sindonews 2015)
STAY_LEAST_MS, STAY_MEAN_MS = 8 * 60_000, 45 * 60_000  # assumption


@dataclass(frozen=True)
class Meters:
    """The meters of the streets."""

    service: Service = Service.parking_street

    def stream(self, town: Town, customers: int) -> Stream:
        """Return start and end of each stay; a long one has no end this morning."""
        places = town.places(self.service)
        lanes = len(CLASSES) * METERS
        klass_of_lane = np.repeat([int(c) for c in CLASSES], METERS)
        terminals = terminal_rows(
            town, self.service, TerminalKind.meter, np.repeat(places, lanes),
            np.tile(np.arange(lanes), len(places)),
            vehicle_class=np.tile(klass_of_lane, len(places)),
        )  # fmt: skip
        parkers, spot, arrive_ms = town.visitors(self.service, customers, not_riding(town))
        klass = keyed_choice(town.seed, "class at a meter", parkers, CLASS_WEIGHTS)
        meter = keyed_choice(town.seed, "which meter", parkers, np.ones(METERS))
        terminal = spot * lanes + klass * METERS + meter
        stay_ms = STAY_LEAST_MS + keyed_exponential_ms(
            town.seed, "stay at a meter", parkers, STAY_MEAN_MS - STAY_LEAST_MS
        )
        start_ms, end_ms = hold_bays(terminal, arrive_ms, stay_ms)
        parts = []
        for at_ms in (start_ms, end_ms):
            on = at_ms <= town.home_ms
            rows = intent_rows(parkers[on], at_ms[on], terminal[on], terminals, Act.tap, 0)
            parts.append(rows)
        return Stream(terminals, np.concatenate(parts))


def hold_bays(meter: Ints, arrive_ms: Ints, stay_ms: Ints, bays: int = BAYS) -> tuple[Ints, Ints]:
    """Return when stays begin and end; each holds one of a meter's bays.

    A bay serves one vehicle after the other, as a clerk does, for as long as the vehicle stays.
    """
    end_ms, _ = serve_at(meter, arrive_ms, stay_ms, bays)
    return end_ms - stay_ms, end_ms
