from __future__ import annotations

import numpy as np
import pytest

from scheme.services import Service
from sim.network import Network
from sim.transit.paths import FAR, Paths

BRT, MRT, LRT = Service.transjakarta_brt, Service.mrt, Service.lrt


def lines_of(paths: Paths, a: tuple[Service, str], b: tuple[Service, str]) -> list[list[str]]:
    """The lines ridden, one list a paid leg."""
    network = paths.network
    rows = [np.array([network.row[network.place(*end)]]) for end in (a, b)]
    start, end, _ = paths.trip_legs(rows[0], rows[1])
    legs = []
    for x, y in zip(start[0], end[0], strict=True):
        if x >= 0:
            board = paths.board[x, y, : paths.rides[x, y]]
            legs.append([network.courses[c].line for c in network.stops["course"][board]])
    return legs


@pytest.mark.parametrize(
    ("a", "b", "legs"),
    [
        ((MRT, "Lebak Bulus"), (MRT, "Bundaran HI"), [["M1"]]),
        ((BRT, "Blok M"), (BRT, "Monumen Nasional"), [["1"]]),
        # One paid leg over two halts that a link joins: nobody taps between corridors 13 and 1.
        ((BRT, "CBD Ciledug"), (BRT, "Harmoni"), [["13", "1"]]),
        ((BRT, "Velodrome"), (LRT, "Pegangsaan Dua"), [["L1"]]),
    ],
)
def test_the_way_is_the_one_people_take(
    paths: Paths, a: tuple[Service, str], b: tuple[Service, str], legs: list[list[str]]
) -> None:
    assert lines_of(paths, a, b)[-len(legs) :] == legs


def test_every_halt_reaches_every_other_in_one_paid_leg(network: Network, paths: Paths) -> None:
    rows = network.rows_of(BRT)
    assert (paths.legs_ms[np.ix_(rows, rows)] < FAR).sum() > 0.95 * len(rows) * (len(rows) - 1)


def test_a_vehicle_is_left_further_along_the_course_it_was_boarded_on(
    network: Network, paths: Paths
) -> None:
    board, alight = paths.board[paths.board >= 0], paths.alight[paths.board >= 0]
    assert (network.stops["course"][board] == network.stops["course"][alight]).all()
    assert (network.stops["position"][board] < network.stops["position"][alight]).all()


def test_legs_of_a_trip_join(network: Network, paths: Paths) -> None:
    origin, goal = np.nonzero(paths.legs == 3)
    start, end, walk_ms = paths.trip_legs(origin[::97], goal[::97])
    assert (start[:, 0] == origin[::97]).all()
    assert (end[:, 2] == goal[::97]).all()
    assert (walk_ms[:, 0] == 0).all()
    assert (walk_ms[:, 1:] > 0).all()
    joined = {(int(network.row[w["from"]]), int(network.row[w["to"]])) for w in network.walks}
    for leg in (1, 2):
        pairs = zip(end[:, leg - 1].tolist(), start[:, leg].tolist(), strict=True)
        assert set(pairs) <= joined
