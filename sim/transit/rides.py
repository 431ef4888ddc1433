"""Trips taken apart into rides, one a vehicle, as plain columns.

Rides of a trip stand next to each other in order, so the ride after ride r is r + 1. A ride knows
where it is boarded and left, whether gates stand before and behind it, and how long the rider
walks; it knows no instants.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scheme.services import Direction, Service
from sim.chance import keyed_uniform
from sim.network import Network
from sim.transit.paths import RIDES_MAX, Paths

TRIP_DTYPE = np.dtype(
    [
        ("trip", "<u4"),  # from 1, rising
        ("card_index", "<u4"),
        ("at_ms", "<i8"),  # the rider comes to the first gate or stop
        ("origin", "<u2"),  # place
        ("destination", "<u2"),  # place
        ("taps_out", "?"),  # riders who never tap out pass the exit behind another
    ]
)

TO_PLATFORM_MS = {  # assumption: gate to platform and back, by depth of the stations
    Service.mrt: 75_000,
    Service.lrt: 50_000,
    Service.transjakarta_brt: 20_000,
}
PACE_SLOW, PACE_SPREAD = 0.8, 0.5  # assumption: a walk takes 0.8 to 1.3 of its mean time
NO_BANK = -1


@dataclass(frozen=True)
class Rides:
    """Columns of rides, all of one length.

    Attributes:
        trip: Row of the trips.
        leg: Paid leg within the trip, from 0.
        board: Stop where the vehicle is boarded.
        alight: Stop where it is left.
        enter: Gate bank before it, `NO_BANK` if there is none.
        exit: Gate bank behind it, `NO_BANK` if there is none.
        walk_ms: Walk from where the ride before ended (or the trip's start) to the gate or queue.
        in_ms: Walk from the gate to the platform.
        out_ms: Walk from the platform to the exit gate.
        last: Whether the trip ends with it.
        taps_out: Whether its rider taps out at all.
        bank_place: Place of each bank.
        bank_direction: `Direction` of each bank.
    """

    trip: NDArray[np.int64]
    leg: NDArray[np.int64]
    board: NDArray[np.int64]
    alight: NDArray[np.int64]
    enter: NDArray[np.int64]
    exit: NDArray[np.int64]
    walk_ms: NDArray[np.int64]
    in_ms: NDArray[np.int64]
    out_ms: NDArray[np.int64]
    last: NDArray[np.bool_]
    taps_out: NDArray[np.bool_]
    bank_place: NDArray[np.int64]
    bank_direction: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.trip)


def banks_of(network: Network) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Return place and direction of every gate bank, and the entry bank by row of the places.

    The exit bank of a place stands right behind its entry bank.
    """
    rows = np.flatnonzero(network.gated)
    entry = np.full(len(network.places), NO_BANK, np.int64)
    entry[rows] = np.arange(len(rows)) * 2
    place = np.repeat(network.numbers[rows], 2)
    direction = np.tile(np.array([Direction.entry, Direction.exit], np.int64), len(rows))
    return place, direction, entry


def make_rides(network: Network, paths: Paths, trips: NDArray[np.void], seed: int) -> Rides:
    """Return the rides of trips along the shortest paths.

    Every trip must have a path; `trips` is of `TRIP_DTYPE`.
    """
    origin, goal = network.row[trips["origin"]], network.row[trips["destination"]]
    assert (paths.legs[origin, goal] > 0).all(), "a trip without a path"
    start, end, street = paths.trip_legs(origin, goal)
    trip, leg = np.nonzero(start >= 0)
    first, final = start[trip, leg], end[trip, leg]
    count = paths.rides[first, final].astype(np.int64)
    row = np.repeat(np.arange(len(trip)), count)
    ride = np.arange(len(row)) - np.repeat(np.cumsum(count) - count, count)
    trip, leg, first, final, count = (c[row] for c in (trip, leg, first, final, count))
    opens, ends = ride == 0, ride == count - 1
    inside = paths.walk_ms[first, final]
    pace = PACE_SLOW + PACE_SPREAD * keyed_uniform(seed, "pace", trips["trip"][trip])
    place, direction, entry = banks_of(network)
    gated = network.gated[first]
    platform = _platform_ms(network)[network.services[first]]
    rows = np.arange(len(row))
    after = np.where(ends, inside[rows, np.minimum(ride + 1, RIDES_MAX)], 0)
    before = inside[rows, ride]
    return Rides(
        trip=trip,
        leg=leg,
        board=paths.board[first, final, ride].astype(np.int64),
        alight=paths.alight[first, final, ride].astype(np.int64),
        enter=np.where(opens & gated, entry[first], NO_BANK),
        exit=np.where(ends & gated, entry[final] + 1, NO_BANK),
        walk_ms=_paced(np.where(opens, street[trip, leg], before), pace),
        in_ms=_paced(np.where(opens & gated, platform + before, 0), pace),
        out_ms=_paced(np.where(ends & gated, platform + after, 0), pace),
        last=ends & (leg == paths.legs[origin, goal][trip] - 1),
        taps_out=trips["taps_out"][trip],
        bank_place=place,
        bank_direction=direction,
    )


def _platform_ms(network: Network) -> NDArray[np.int64]:
    by_service = np.zeros(max(Service) + 1, np.int64)
    for service, mean_ms in TO_PLATFORM_MS.items():
        by_service[service] = mean_ms
    return by_service


def _paced(mean_ms: NDArray[np.int64], pace: NDArray[np.float64]) -> NDArray[np.int64]:
    return np.asarray(np.rint(mean_ms * pace), np.int64)
