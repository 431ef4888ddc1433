"""Riders know which lines are full: pairs of places over crowded lines are thinned beforehand.

A fit before the clock starts, not a simulation: expected loads of all pairs against what the
timetable carries. What happens on a full platform is `sim.supply`'s.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sim.network import Network
from sim.transit.paths import RIDES_MAX, Paths

Weights = NDArray[np.float64]
Rows = NDArray[np.int64]

REFERENCE_RIDERS = 190_000  # the shipped morning; a smaller one has the same pattern
PEAK_HOUR = 0.40  # of three hours' riders, who pass a point in its fullest hour
FULL = 0.92  # of an hour's capacity
ROUNDS = 10
HASTE = 0.6


class Market(NamedTuple):
    """Some pairs of places and how many riders go between them.

    Attributes:
        share: Of all riders, before the shares are made to sum to one.
        origin: Rows of the places where trips begin.
        destination: Rows where they end, one for each origin.
        weight: Weight of each pair.
    """

    name: str
    share: float
    origin: Rows
    destination: Rows
    weight: Weights


def thinned(network: Network, paths: Paths, markets: list[Market]) -> list[Market]:
    """Return the markets with less weight on pairs that ride crowded courses; shares stay."""
    boards = [_stops(paths, market, paths.board) for market in markets]
    alights = [_stops(paths, market, paths.alight) for market in markets]
    factor = np.ones(len(network.courses) + 1)  # the last for "no ride"
    course = np.append(network.stops["course"].astype(np.int64), len(network.courses))
    total = sum(market.share for market in markets)
    weights = [market.weight for market in markets]
    for _ in range(ROUNDS):
        loads = np.zeros(len(network.stops) + 1)
        for market, weight, board, alight in zip(markets, weights, boards, alights, strict=True):
            riders = weight * (REFERENCE_RIDERS * market.share / total / weight.sum())
            each = np.repeat(riders, board.shape[1])
            loads += np.bincount(board.ravel(), each, len(loads))
            loads -= np.bincount(alight.ravel(), each, len(loads))
        factor[:-1] *= np.minimum(1.0, FULL / _fullness(network, loads)) ** HASTE
        weights = [
            market.weight * factor[course[board]].prod(axis=1)
            for market, board in zip(markets, boards, strict=True)
        ]
    return [m._replace(weight=w) for m, w in zip(markets, weights, strict=True)]


def _stops(paths: Paths, market: Market, stops: NDArray[np.int32]) -> Rows:
    """Stops of every ride of a market's pairs, -1 (the last) where there is none."""
    start, end, _ = paths.trip_legs(market.origin, market.destination)
    legs = [
        np.where(start[:, leg, None] >= 0, stops[start[:, leg], end[:, leg]], -1)
        for leg in range(start.shape[1])
    ]
    rides = np.concatenate(legs, axis=1)
    used = [k for k in range(RIDES_MAX * len(legs)) if (rides[:, k] >= 0).any()]
    return np.asarray(np.where(rides < 0, len(paths.network.stops), rides)[:, used], np.int64)


def _fullness(network: Network, loads: Weights) -> Weights:
    """Load past the fullest section of each course in its fullest hour, over its capacity."""
    full = np.empty(len(network.courses))
    for index, course in enumerate(network.courses):
        aboard = np.cumsum(loads[course.first : course.first + course.count]).max()
        hourly = course.capacity * 3_600_000 / course.headway_ms
        full[index] = max(aboard * PEAK_HOUR / hourly, 1e-9)
    return full
