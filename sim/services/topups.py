"""Top-ups at station counters, by riders before their trip."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from scheme.services import Service, TerminalKind
from sim.card_columns import Ints
from sim.chance import keyed_choice, keyed_uniform
from sim.intents import Act
from sim.services.clerks import serve_at
from sim.services.counters import with_room
from sim.services.town import Stream, Town, intent_rows, terminal_rows

AMOUNTS_IDR, WEIGHTS = (20_000, 50_000, 100_000), (5, 4, 1)  # assumption
BEFORE_TRIP_MS = (180_000, 360_000)  # assumption: how long before the first gate
SERVICE_MS = 30_000
EARLIEST_TRIP_MS = 600_000  # into the morning: who starts sooner has no time for it
MARGIN_MS = 45_000  # who has not been served by then walks on without


@dataclass(frozen=True)
class TopUps:
    """One counter a station, on the way to the gates."""

    service: Service = Service.topup

    def stream(self, town: Town, customers: int) -> Stream:
        """Return one load a customer who is served in time."""
        place = np.array([spot.place for spot in town.spots[self.service]], np.int64)
        terminals = terminal_rows(town, self.service, TerminalKind.counter, place, 0)
        early = town.trip_ms < town.window_ms[0] + EARLIEST_TRIP_MS
        cards = town.pick(self.service, customers, town.rides & ~early & with_room(town))
        spot = town.nearest_spot(self.service, town.origin[cards])
        low, high = BEFORE_TRIP_MS
        before_ms = low + keyed_uniform(town.seed, "before a trip", cards) * (high - low)
        arrive_ms = town.trip_ms[cards] - before_ms.astype(np.int64)
        at_ms, _ = serve_at(spot, arrive_ms, np.full(len(cards), SERVICE_MS), 1)
        served = at_ms + MARGIN_MS <= town.trip_ms[cards]
        cards, at_ms, spot = cards[served], at_ms[served], spot[served]
        town.engaged[cards] = True
        rows = intent_rows(cards, at_ms, spot, terminals, Act.load, _amounts(town, cards))
        return Stream(terminals, rows)


def _amounts(town: Town, cards: Ints) -> Ints:
    chosen = keyed_choice(town.seed, "amount of topup", cards, WEIGHTS)
    return np.array(AMOUNTS_IDR, np.int64)[chosen]
