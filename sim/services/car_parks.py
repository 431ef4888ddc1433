"""Car parks on a SimPy clock: an entry lane, so many bays, an exit lane, for cars and motorcycles.

Lanes are processes and bays a container; cars are numbers that wait before a lane. A full car park
keeps the queue at the entry waiting, so a tap comes later than the car; who would be late turns
round.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from typing import Any

import numpy as np
import simpy
from numpy.typing import NDArray

from scheme.services import Direction, Service, TerminalKind, VehicleClass
from sim.card_columns import Bools, Ints
from sim.chance import keyed_choice, keyed_exponential_ms, keyed_uniform
from sim.intents import Act
from sim.services.counters import not_riding
from sim.services.presenting import intent_rows, terminal_rows
from sim.services.town import Stream, Town

CLASSES = (VehicleClass.car, VehicleClass.motorcycle)
CLASS_WEIGHTS = (2, 1)  # assumption
BAYS = (93, 460)  # Kalijodo, car and motorcycle; taken for all
LANE_MS = 8_000  # assumption: ticket, barrier and car length
SHORT_SHARE = 0.12  # assumption: who only sets somebody down, within the free quarter of an hour
SHORT_MS = (240_000, 890_000)
STAY_LEAST_MS, STAY_MEAN_MS = 20 * 60_000, 70 * 60_000  # assumption
PARK_AND_RIDE = 0.25  # of customers: riders who leave the car before their trip: assumption
NEAR_M = 600  # assumption: how far from the car park a trip begins
TO_SPARE_MS = (90_000, 300_000)  # assumption: who parks before a trip comes so much too early
EARLIEST_TRIP_MS = 1_200_000  # into the morning: who starts sooner parked before it
NEVER_MS = 1 << 60
NOT_IN_MS = 0


@dataclass(frozen=True)
class CarParks:
    """The gated sites."""

    service: Service = Service.parking_lot

    def stream(self, town: Town, customers: int) -> Stream:
        """Return entries and exits; those who stay past the morning only enter."""
        terminals = self._lanes(town)
        riding = self._riding(town, round(customers * PARK_AND_RIDE))
        driving = self._driving(town, customers - len(riding[0]))
        cards, spot, arrive_ms, stay_ms, latest_ms = (
            np.concatenate(pair) for pair in zip(riding, driving, strict=True)
        )
        klass = keyed_choice(town.seed, "class at a car park", cards, CLASS_WEIGHTS)
        in_ms, out_ms = np.zeros(len(cards), np.int64), np.zeros(len(cards), np.int64)
        site = spot * len(CLASSES) + klass
        for one in np.unique(site).tolist():
            rows = np.flatnonzero(site == one)
            bays = BAYS[one % len(CLASSES)]
            in_ms[rows], out_ms[rows] = park(arrive_ms[rows], stay_ms[rows], bays, latest_ms[rows])
        parts = []
        for lane, at_ms in ((site * 2, in_ms), (site * 2 + 1, out_ms)):
            on = (at_ms != NOT_IN_MS) & (at_ms <= town.home_ms)
            parts.append(intent_rows(cards[on], at_ms[on], lane[on], terminals, Act.tap, 0))
        return Stream(terminals, np.concatenate(parts))

    def _lanes(self, town: Town) -> NDArray[np.void]:
        places = town.places(self.service)
        each = len(CLASSES) * 2
        return terminal_rows(
            town, self.service, TerminalKind.lane, np.repeat(places, each),
            np.tile(np.repeat(np.arange(len(CLASSES)), 2), len(places)),
            np.tile([int(Direction.entry), int(Direction.exit)], len(places) * len(CLASSES)),
            np.tile(np.repeat([int(c) for c in CLASSES], 2), len(places)),
        )  # fmt: skip

    def _riding(self, town: Town, customers: int) -> tuple[Ints, Ints, Ints, Ints, Ints]:
        """Return riders: cards, car parks, when they come, stay and must be in at the latest."""
        line = town.come_forward(self.service, self._near(town))
        cards = line[:customers]
        town.engage(cards)
        spot = town.nearest_spot(self.service, town.origin[cards])
        walk_ms = town.streets.walk_ms(town.places(self.service)[spot], town.origin[cards])
        latest_ms = town.trip_ms[cards] - walk_ms
        low, high = TO_SPARE_MS
        spare_ms = low + keyed_uniform(town.seed, "park and ride", cards) * (high - low)
        arrive_ms = latest_ms - LANE_MS - spare_ms.astype(np.int64)
        return cards, spot, arrive_ms, np.full(len(cards), NEVER_MS), latest_ms

    def _near(self, town: Town) -> Bools:
        able = town.rides & (town.trip_ms >= town.window_ms[0] + EARLIEST_TRIP_MS)
        cards = np.flatnonzero(able)
        nearest = town.places(self.service)[town.nearest_spot(self.service, town.origin[cards])]
        able[cards] = town.streets.metres(town.origin[cards], nearest) <= NEAR_M
        return able

    def _driving(self, town: Town, customers: int) -> tuple[Ints, Ints, Ints, Ints, Ints]:
        """Return the same of those who do not ride."""
        cards, spot, arrive_ms = town.visitors(self.service, customers, not_riding(town))
        return cards, spot, arrive_ms, _stays(town, cards), np.full(len(cards), town.home_ms)


def _stays(town: Town, cards: Ints) -> Ints:
    seed = town.seed
    long_ms = STAY_LEAST_MS + keyed_exponential_ms(
        seed, "stay at a car park", cards, STAY_MEAN_MS - STAY_LEAST_MS
    )
    low, high = SHORT_MS
    short_ms = low + (keyed_uniform(seed, "short stay", cards, 1) * (high - low)).astype(np.int64)
    return np.where(keyed_uniform(seed, "short stay", cards) < SHORT_SHARE, short_ms, long_ms)


def park(
    arrive_ms: Ints, stay_ms: Ints, bays: int, latest_ms: Ints | None = None
) -> tuple[Ints, Ints]:
    """Return when each car's card is presented at the entry and at the exit of one car park.

    A car that would be in after its latest instant turns round: `NOT_IN_MS`, and no exit. One that
    stays `NEVER_MS` has no exit either; an exit that is not is `NEVER_MS`.
    """
    if latest_ms is None:
        latest_ms = np.full(len(arrive_ms), NEVER_MS)
    in_ms, out_ms = np.full(len(arrive_ms), NOT_IN_MS), np.full(len(arrive_ms), NEVER_MS)
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
            if env.now + LANE_MS > latest_ms[car]:
                yield free.put(1)
                continue
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
