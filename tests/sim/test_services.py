"""Services beside transit: queues before clerks, bays of a car park, and customers in one place."""

from __future__ import annotations

import numpy as np
import pytest

from scheme.services import LOADS, TRANSIT, Service
from sim.intents import Act
from sim.services.car_parks import LANE_MS, park
from sim.services.catalogue import CATALOGUE
from sim.services.clerks import serve
from tests.sim.settled_city import smoke

MINUTE_MS = 60_000


def ms(*minutes: float) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    return np.array([round(m * MINUTE_MS) for m in minutes], np.int64)


@pytest.mark.parametrize(
    ("clerks", "tapped", "by"),
    [(1, ms(2, 4, 6, 22), [0, 0, 0, 0]), (2, ms(2, 2.5, 4, 22), [0, 1, 0, 1])],
)
def test_customers_wait_in_one_line_for_the_clerks(
    clerks: int, tapped: np.ndarray[tuple[int], np.dtype[np.int64]], by: list[int]
) -> None:
    got, who = serve(ms(0, 0.5, 1, 20), ms(2, 2, 2, 2), clerks)
    assert got.tolist() == tapped.tolist()
    assert who.tolist() == by


def test_the_order_in_which_customers_are_named_is_nothing() -> None:
    arrive, took = ms(0, 0.5, 1, 20), ms(1, 2, 3, 4)
    got, _ = serve(arrive, took, 1)
    back, _ = serve(arrive[::-1], took[::-1], 1)
    assert got.tolist() == back[::-1].tolist()


def test_a_full_car_park_keeps_the_next_car_at_the_entry() -> None:
    in_ms, out_ms = park(ms(0, 1, 2), ms(30, 30, 30), bays=2)
    assert in_ms[1] == MINUTE_MS + LANE_MS
    assert out_ms[0] == in_ms[0] + 30 * MINUTE_MS + LANE_MS
    assert in_ms[2] == out_ms[0] + LANE_MS
    roomy, _ = park(ms(0, 1, 2), ms(30, 30, 30), bays=3)
    assert roomy[2] == 2 * MINUTE_MS + LANE_MS


def test_every_service_of_the_card_is_in_the_catalogue_once() -> None:
    names = [service.service for service in CATALOGUE]
    assert sorted(names) == sorted(set(Service) - TRANSIT)


def test_each_act_belongs_to_its_services() -> None:
    morning = smoke().morning
    service, act = morning.at["service"], morning.intents["act"]
    loads = np.isin(service, [int(s) for s in LOADS])
    assert (loads == (act == Act.load)).all()
    assert ((service == Service.identity) == (act == Act.check)).all()
    assert ((service == Service.shop) == (act == Act.purchase)).all()


def test_terminals_of_services_are_senders_of_their_own() -> None:
    terminals = smoke().morning.terminals
    own = terminals[~np.isin(terminals["service"], [int(s) for s in TRANSIT])]
    assert len(np.unique(own["sender"])) == len(own)
    assert len(np.unique(terminals["terminal"])) == len(terminals)
    assert len(np.unique(terminals["sam"])) == len(terminals)
