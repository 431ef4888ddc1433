"""Meters and car parks: bays are held, never more than there are, and every stay is paired."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scheme.services import Direction, Service, VehicleClass
from sim.card_columns import Ints
from sim.services import car_parks
from sim.services.car_parks import LANE_MS, NEVER_MS, NOT_IN_MS, CarParks, park
from sim.services.meters import BAYS, Meters, hold_bays
from sim.services.town import Stream, Town
from tests.sim.services.conftest import Streams

MINUTE_MS = 60_000
FREE_MS = 900_000


def most_at_once(in_ms: Ints, out_ms: Ints) -> int:
    """How many are in at the fullest instant; who leaves makes room for who comes then."""
    at_ms = np.concatenate((out_ms, in_ms))
    step = np.repeat([-1, 1], [len(out_ms), len(in_ms)])
    return int(np.cumsum(step[np.argsort(at_ms, kind="stable")]).max(initial=0))


def fullest(stream: Stream) -> dict[int, int]:
    """The most vehicles at once, by place and class as one number."""
    at = stream.terminals[stream.intents["terminal_index"]]
    site = at["place"].astype(np.int64) * 10 + at["vehicle_class"]
    at_ms, comes = stream.intents["at_ms"], at["direction"] == Direction.entry
    return {
        int(one): most_at_once(at_ms[(site == one) & comes], at_ms[(site == one) & ~comes])
        for one in np.unique(site)
    }


def test_no_car_park_holds_more_than_its_bays(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(car_parks, "BAYS", (2, 1))
    most = fullest(CarParks().stream(town, 120))
    bays = {VehicleClass.car: 2, VehicleClass.motorcycle: 1}
    assert all(count <= bays[VehicleClass(site % 10)] for site, count in most.items())
    assert 2 in most.values()


def test_a_stay_begins_and_ends_at_one_car_park_and_class(served: tuple[Town, Streams]) -> None:
    town, streams = served
    stream = streams[Service.parking_lot]
    rows = stream.intents[np.lexsort((stream.intents["at_ms"], stream.intents["card_index"]))]
    at = stream.terminals[rows["terminal_index"]]
    exits = np.flatnonzero(at["direction"] == Direction.exit)
    assert (at["direction"][exits - 1] == Direction.entry).all()
    for name in ("place", "vehicle_class"):
        assert (at[name][exits] == at[name][exits - 1]).all()
    stay_ms = rows["at_ms"][exits] - rows["at_ms"][exits - 1]
    assert (rows["card_index"][exits] == rows["card_index"][exits - 1]).all()
    assert stay_ms.min() <= FREE_MS < stay_ms.max()
    assert not town.rides[rows["card_index"][exits]].any()


def test_some_riders_leave_their_car_near_the_station(served: tuple[Town, Streams]) -> None:
    town, streams = served
    rows = streams[Service.parking_lot].intents
    riding = rows[town.rides[rows["card_index"]]]
    assert len(riding) == 10
    origin = town.origin[riding["card_index"]]
    place = riding["place"].astype(np.int64)
    assert town.streets.metres(origin, place).max() <= car_parks.NEAR_M
    walk_ms = town.streets.walk_ms(origin, place)
    assert (riding["at_ms"] + walk_ms <= town.trip_ms[riding["card_index"]]).all()


def test_who_would_miss_the_train_turns_round_and_holds_no_bay() -> None:
    arrive = np.array([0, 1, 2]) * MINUTE_MS
    stay = np.array([30, NEVER_MS // MINUTE_MS, 30]) * MINUTE_MS
    latest = np.array([90, 20, 90]) * MINUTE_MS
    in_ms, out_ms = park(arrive, stay, 1, latest)
    assert in_ms[1] == NOT_IN_MS
    assert out_ms[1] == NEVER_MS
    assert in_ms[2] == out_ms[0] + LANE_MS


@given(
    st.lists(st.tuples(st.integers(0, 60), st.integers(1, 40)), min_size=1, max_size=25),
    st.integers(1, 4),
)
def test_bays_of_a_car_park_are_enough_for_any_cars(cars: list[tuple[int, int]], bays: int) -> None:
    arrive, stay = (np.array(column) * MINUTE_MS for column in zip(*cars, strict=True))
    in_ms, out_ms = park(arrive, stay, bays)
    assert (in_ms >= arrive + LANE_MS).all()
    assert (out_ms >= in_ms + stay + LANE_MS).all()
    assert most_at_once(in_ms, out_ms) <= bays


@given(
    st.lists(st.tuples(st.integers(0, 1), st.integers(0, 60), st.integers(1, 40)), max_size=25),
    st.integers(1, 3),
)
def test_bays_of_a_meter_are_held_for_the_stay(cars: list[tuple[int, int, int]], bays: int) -> None:
    meter, arrive, stay = np.array(cars, np.int64).reshape(-1, 3).T
    start_ms, end_ms = hold_bays(meter, arrive, stay, bays)
    assert (start_ms >= arrive).all()
    assert (end_ms - start_ms == stay).all()
    for one in (0, 1):
        assert most_at_once(start_ms[meter == one], end_ms[meter == one]) <= bays


def test_a_driver_waits_for_a_bay_and_pays_from_when_it_is_free() -> None:
    alone = hold_bays(np.zeros(2, int), np.array([0, 5]), np.array([60, 60]), 2)
    waits = hold_bays(np.zeros(2, int), np.array([0, 5]), np.array([60, 60]), 1)
    assert [column.tolist() for column in alone] == [[0, 5], [60, 65]]
    assert [column.tolist() for column in waits] == [[0, 60], [60, 120]]


def test_a_meter_begins_and_ends_a_stay(town: Town) -> None:
    stream = Meters().stream(town, 60)
    cards, taps = np.unique(stream.intents["card_index"], return_counts=True)
    assert len(cards) == 60
    assert set(taps.tolist()) == {1, 2}
    at = np.unique(stream.intents[["card_index", "terminal_index"]])
    assert len(at) == len(cards)
    assert set(stream.terminals["vehicle_class"].tolist()) == {1, 2, 3}
    assert BAYS == 20
