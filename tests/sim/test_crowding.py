from __future__ import annotations

import numpy as np

from sim.crowding import PEAK_HOUR, REFERENCE_RIDERS
from sim.network import Network
from sim.people import People
from sim.transit.paths import Paths
from sim.transit.rides import make_rides


def test_what_the_timetable_carries_is_what_people_ask_of_it(
    network: Network, paths: Paths, people: People
) -> None:
    rides = make_rides(network, paths, people.demand.trips, 5)
    size = len(network.stops)
    load = np.bincount(rides.board, minlength=size) - np.bincount(rides.alight, minlength=size)
    for course in network.courses:
        aboard = np.cumsum(load[course.first : course.first + course.count])
        assert aboard[-1] == 0
        past = aboard.max() * PEAK_HOUR * REFERENCE_RIDERS / people.riders
        assert past < 1.35 * course.capacity * 3_600_000 / course.headway_ms, course.line
