"""Car parks on a SimPy clock: an entry lane, so many bays, an exit lane, for cars and motorcycles.

Lanes are processes and bays a container; cars are numbers that wait before a lane. A full car park
keeps the queue at the entry waiting, so a tap comes later than the car.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from typing import Any

import numpy as np
import simpy

from scheme.services import Direction, Service, TerminalKind, VehicleClass
from sim.card_columns import Ints
from sim.chance import keyed_choice, keyed_exponential_ms, keyed_uniform
from sim.intents import Act
from sim.services.counters import not_riding
from sim.services.town import Stream, Town, intent_rows, terminal_rows

CLASSES = (VehicleClass.car, VehicleClass.motorcycle)
CLASS_WEIGHTS = (2, 1)  # assumption
BAYS = (93, 460)  # Kalijodo, car and motorcycle; taken for all
LANE_MS = 8_000  # assumption: ticket, barrier and car length
SHORT_SHARE = 0.12  # assumption: who only sets somebody down, within the free quarter of an hour
SHORT_MS = (240_000, 890_000)
STAY_LEAST_MS, STAY_MEAN_MS = 20 * 60_000, 70 * 60_000  # assumption
PARK_AND_RIDE = 0.25  # of customers: riders who leave the car before their trip: assumption
TO_STATION_MS = (240_000, 480_000)  # assumption
EARLIEST_TRIP_MS = 900_000
LAST_END_MS = 60 * 60_000  # after the morning: a stay that would end later stays open
NEVER_MS = 1 << 60


@dataclass(frozen=True)
class CarParks:
    """The gated sites."""

    service: Service = Service.parking_lot

    def stream(self, town: Town, customers: int) -> Stream:
        """Return entries and exits; those who stay past the morning only enter."""
        terminals = self._lanes(town)
        cards, arrive_ms, stay_ms = self._drivers(town, customers)
        klass = keyed_choice(town.seed, "class at a car park", cards, CLASS_WEIGHTS)
        spot, rides = town.choose_spot(self.service, cards), town.rides[cards]
        spot[rides] = town.nearest_spot(self.service, town.origin[cards[rides]])
        in_ms, out_ms = np.zeros(len(cards), np.int64), np.zeros(len(cards), np.int64)
        for site in np.unique(spot * len(CLASSES) + klass).tolist():
            rows = np.flatnonzero(spot * len(CLASSES) + klass == site)
            bays = BAYS[site % len(CLASSES)]
            in_ms[rows], out_ms[rows] = park(arrive_ms[rows], stay_ms[rows], bays)
        entry = (spot * len(CLASSES) + klass) * 2
        missed = rides & (in_ms + TO_STATION_MS[0] // 2 > town.trip_ms[cards])
        stays = (out_ms > town.window_ms[1] + LAST_END_MS) | rides
        town.keep(cards[~rides], np.where(stays, in_ms, out_ms)[~rides])
        return Stream(
            terminals,
            np.concatenate((
                self._taps(cards, in_ms, entry, terminals, ~missed),
                self._taps(cards, out_ms, entry + 1, terminals, ~missed & ~stays),
            )),
        )  # fmt: skip

    @staticmethod
    def _taps(cards: Ints, at_ms: Ints, lane: Ints, terminals: Any, where: Any) -> Any:
        return intent_rows(cards[where], at_ms[where], lane[where], terminals, Act.tap, 0)

    def _lanes(self, town: Town) -> Any:
        spots = np.array([spot.place for spot in town.spots[self.service]], np.int64)
        each = len(CLASSES) * 2
        return terminal_rows(
            town, self.service, TerminalKind.lane, np.repeat(spots, each),
            np.tile(np.repeat(np.arange(len(CLASSES)), 2), len(spots)),
            np.tile([int(Direction.entry), int(Direction.exit)], len(spots) * len(CLASSES)),
            np.tile(np.repeat([int(c) for c in CLASSES], 2), len(spots)),
        )  # fmt: skip

    def _drivers(self, town: Town, customers: int) -> tuple[Ints, Ints, Ints]:
        """Return cards, when they come to the entry, and how long they stay."""
        early = town.trip_ms < town.window_ms[0] + EARLIEST_TRIP_MS
        able = town.rides & ~early & ~town.engaged
        riding = town.pick(self.service, round(customers * PARK_AND_RIDE), able)
        town.engaged[riding] = True
        driving = town.pick(self.service, customers - len(riding), not_riding(town))
        low, high = TO_STATION_MS
        drawn = keyed_uniform(town.seed, "park and ride", riding)
        before_ms = low + (drawn * (high - low)).astype(np.int64) + LANE_MS
        cards = np.concatenate((riding, driving))
        arrive_ms = np.concatenate(
            (town.trip_ms[riding] - before_ms, town.arrivals(self.service, driving))
        )
        return cards, arrive_ms, self._stays(town, cards)

    def _stays(self, town: Town, cards: Ints) -> Ints:
        seed = town.seed
        long_ms = STAY_LEAST_MS + keyed_exponential_ms(
            seed, "stay at a car park", cards, STAY_MEAN_MS - STAY_LEAST_MS
        )
        low, high = SHORT_MS
        short_ms = low + (keyed_uniform(seed, "short stay", cards, 1) * (high - low)).astype(
            np.int64
        )
        stay_ms = np.where(
            keyed_uniform(seed, "short stay", cards) < SHORT_SHARE, short_ms, long_ms
        )
        return np.where(town.rides[cards], NEVER_MS, stay_ms)


def park(arrive_ms: Ints, stay_ms: Ints, bays: int) -> tuple[Ints, Ints]:
    """Return when each car's card is presented at the entry and at the exit of one car park."""
    in_ms, out_ms = np.zeros(len(arrive_ms), np.int64), np.full(len(arrive_ms), NEVER_MS)
    order = np.argsort(arrive_ms, kind="stable")
    env = simpy.Environment(initial_time=int(arrive_ms[order[0]]))
    free = simpy.Container(env, bays, bays)
    leaving = simpy.Store(env)

    def drive_off(event: Any) -> None:
        leaving.put(event.value)

    def entry_lane() -> Generator[Any, Any, None]:
        for car in order.tolist():
            if arrive_ms[car] > env.now:
                yield env.timeout(int(arrive_ms[car]) - env.now)
            yield free.get(1)
            yield env.timeout(LANE_MS)
            in_ms[car] = env.now
            if stay_ms[car] < NEVER_MS:
                timer = env.timeout(int(stay_ms[car]), car)
                timer.callbacks.append(drive_off)

    def exit_lane() -> Generator[Any, Any, None]:
        while True:
            car = yield leaving.get()
            yield env.timeout(LANE_MS)
            out_ms[car] = env.now
            yield free.put(1)

    env.process(entry_lane())
    env.process(exit_lane())
    env.run()
    return in_ms, out_ms
