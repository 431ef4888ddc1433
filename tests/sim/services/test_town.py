"""Who comes forward, how far places are, and services with a way of their own."""

from __future__ import annotations

import numpy as np
import pytest

from scheme.services import Service
from sim.services.errands import OTHERS as OTHERS_DEALT
from sim.services.errands import deal_errands, mixed
from sim.services.road_pricing import PASSAGES_MOST, routes_over
from sim.services.topups import NEAR_M, TopUps
from sim.services.town import Town
from tests.sim.services.conftest import Streams

BLOK_M_MRT, ASEAN_MRT, BLOK_M_COUNTER = 106, 107, 7106


def test_people_who_do_not_ride_are_dealt_out_by_weight_at_any_number() -> None:
    total = sum(OTHERS_DEALT.values())
    for count in (100, 1_000, 2_613):
        errand = deal_errands(0, np.zeros(count, np.bool_), 1)
        for service, weight in OTHERS_DEALT.items():
            assert abs((errand == service).sum() - count * weight / total) <= 3, service.name


def test_one_who_does_not_ride_stands_behind_thirty_who_do() -> None:
    line = mixed(np.array([*range(60), 100, 101, 102]), 100).tolist()
    assert line == [*range(30), 100, *range(30, 60), 101, 102]


def test_own_people_come_first_and_the_engaged_not_at_all(town: Town) -> None:
    everybody = np.ones(len(town.cards), np.bool_)
    line = town.come_forward(Service.erp, everybody)
    own = town.errand[line] == Service.erp
    assert own[: own.sum()].all()
    assert len(line) == (~town.rack).sum()
    town.engage(line[:5])
    assert town.come_forward(Service.erp, everybody).tolist() == line[5:].tolist()


@pytest.mark.parametrize(
    ("a", "b", "metres"),
    [(BLOK_M_MRT, ASEAN_MRT, 748), (BLOK_M_MRT, BLOK_M_COUNTER, 0), (0, ASEAN_MRT, 0)],
)
def test_places_are_as_far_apart_as_the_map_says(town: Town, a: int, b: int, metres: int) -> None:
    there = town.streets.metres(np.array([a]), np.array([b]))
    back = town.streets.metres(np.array([b]), np.array([a]))
    assert there == pytest.approx(metres, abs=2)
    assert there == back


def test_riders_go_to_a_spot_near_where_their_trip_ended(town: Town) -> None:
    cards = np.arange(200)
    places = town.places(Service.shop)
    spot = town.choose_spot(Service.shop, cards)
    for card, chosen in zip(cards.tolist(), spot.tolist(), strict=True):
        far = town.streets.metres(np.full(len(places), town.here[card]), places)
        assert far[chosen] <= np.sort(far)[2]


def test_motorists_pass_gantries_that_lie_near_each_other_and_none_twice(town: Town) -> None:
    places = town.places(Service.erp)
    routes = routes_over(town, places)
    assert routes.shape == (25, PASSAGES_MOST)
    assert routes[:, 0].tolist() == list(range(25))
    assert all(len(set(route)) == PASSAGES_MOST for route in routes.tolist())
    nearest = town.streets.nearest(places, places, 2)
    assert (routes[:, 1] == nearest[:, 1]).all()


def test_a_passage_has_no_amount_and_a_class_of_vehicle(served: tuple[Town, Streams]) -> None:
    stream = served[1][Service.erp]
    rows = stream.intents[np.argsort(stream.intents["card_index"], kind="stable")]
    klass = stream.terminals["vehicle_class"][rows["terminal_index"]]
    same = rows["card_index"][1:] == rows["card_index"][:-1]
    assert not rows["amount"].any()
    assert (klass[1:][same] == klass[:-1][same]).all()
    assert set(klass.tolist()) == {1, 2, 3}
    assert same.any()


def test_loads_are_at_the_counter_near_the_first_gate_and_in_time(
    served: tuple[Town, Streams],
) -> None:
    town, streams = served
    rows = streams[Service.topup].intents
    card, place = rows["card_index"], rows["place"].astype(np.int64)
    assert town.streets.metres(town.origin[card], place).max() <= NEAR_M
    walk_ms = town.streets.walk_ms(place, town.origin[card])
    assert (rows["at_ms"] + walk_ms < town.trip_ms[card]).all()


def test_who_would_not_be_served_before_the_trip_is_replaced(town: Town) -> None:
    town.trip_ms[: town.riders] = town.window_ms[0] + 3_600_000  # all at once
    stream = TopUps().stream(town, 40)
    assert len(stream.intents) == 40
    per_place = np.unique(stream.intents["place"], return_counts=True)[1]
    assert per_place.max() > 1


def test_a_borrowers_card_is_registered_and_a_pupil_gets_the_aid(
    served: tuple[Town, Streams],
) -> None:
    town, streams = served
    assert (town.cards["profile"][streams[Service.kur].intents["card_index"]] == 2).all()
    assert town.student[streams[Service.kjp].intents["card_index"]].all()
    aid = set(streams[Service.kjp].intents["amount"].tolist())
    assert aid <= {250_000, 300_000, 420_000, 450_000}
