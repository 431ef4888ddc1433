"""Top-ups at station counters, by riders before their trip."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from scheme.services import Service, TerminalKind
from sim.card_columns import Bools, Ints
from sim.chance import keyed_choice, keyed_uniform
from sim.intents import Act
from sim.services.clerks import serve_at
from sim.services.counters import with_room
from sim.services.presenting import intent_rows, terminal_rows
from sim.services.town import Stream, Town

AMOUNTS_IDR, WEIGHTS = (20_000, 50_000, 100_000), (5, 4, 1)  # assumption
NEAR_M = 400  # assumption: nobody goes farther for it before a trip
BEFORE_GOING_MS = (120_000, 300_000)  # assumption: at the counter before it is time for the gate
SERVICE_MS = 30_000
EARLIEST_TRIP_MS = 900_000  # into the morning: who starts sooner has no time for it
MARGIN_MS = 15_000


@dataclass(frozen=True)
class TopUps:
    """One counter a station, on the way to the gates."""

    service: Service = Service.topup

    def stream(self, town: Town, customers: int) -> Stream:
        """Return one load a customer, each served in time for the trip."""
        terminals = terminal_rows(
            town, self.service, TerminalKind.counter, town.places(self.service), 0
        )
        line = town.come_forward(self.service, self._able(town))
        cards, waiting = line[:customers], line[customers:]
        at_ms, spot, in_time = self._serve(town, cards)
        while not in_time.all() and len(waiting):  # who would be late walks on, the next one comes
            stay = cards[in_time]
            missing = customers - len(stay)
            cards, waiting = np.concatenate((stay, waiting[:missing])), waiting[missing:]
            at_ms, spot, in_time = self._serve(town, cards)
        cards, at_ms, spot = cards[in_time], at_ms[in_time], spot[in_time]
        town.engage(cards)
        rows = intent_rows(cards, at_ms, spot, terminals, Act.load, _amounts(town, cards))
        return Stream(terminals, rows)

    def _able(self, town: Town) -> Bools:
        able = town.rides & with_room(town)
        able &= town.trip_ms >= town.window_ms[0] + EARLIEST_TRIP_MS
        cards = np.flatnonzero(able)
        counter = town.places(self.service)[town.nearest_spot(self.service, town.origin[cards])]
        able[cards] = town.streets.metres(town.origin[cards], counter) <= NEAR_M
        return able

    def _serve(self, town: Town, cards: Ints) -> tuple[Ints, Ints, Bools]:
        """Return when each card is loaded, at which counter, and whether in time for the gate."""
        spot = town.nearest_spot(self.service, town.origin[cards])
        walk_ms = town.streets.walk_ms(town.places(self.service)[spot], town.origin[cards])
        go_ms = town.trip_ms[cards] - walk_ms - MARGIN_MS
        low, high = BEFORE_GOING_MS
        before_ms = low + keyed_uniform(town.seed, "before a trip", cards) * (high - low)
        arrive_ms = go_ms - before_ms.astype(np.int64)
        at_ms, _ = serve_at(spot, arrive_ms, np.full(len(cards), SERVICE_MS), 1)
        return at_ms, spot, at_ms <= go_ms


def _amounts(town: Town, cards: Ints) -> Ints:
    chosen = keyed_choice(town.seed, "amount of topup", cards, WEIGHTS)
    return np.array(AMOUNTS_IDR, np.int64)[chosen]
