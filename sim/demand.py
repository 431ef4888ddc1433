"""Who goes where, and when: trips between places of the network.

Every rider draws a market (a mode, a corridor, a trip of several operators), then a pair of places
within it, then an instant, each keyed by the rider. Shares are fitted to what is published and are
otherwise assumptions; the figures stand in one table each, with their source.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scheme.days import second_of_day
from scheme.services import Service
from sim.chance import keyed_choice, keyed_normal_ms, keyed_uniform
from sim.crowding import Market, thinned
from sim.network import Network, Place, crow_metres
from sim.transit.paths import FAR, Paths
from sim.transit.rides import TRIP_DTYPE

Weights = NDArray[np.float64]

# Share of riders by market: assumption, what fills the vehicles of lines.csv. MRT carries 157,000
# a working day (November 2025), LRT 3,500 to 4,000; two of 64 feeder and two of 98 Mikrotrans
# routes are small.
MARKET_SHARE = {
    Service.mrt: 0.275,
    Service.transjakarta_brt: 0.590,
    Service.lrt: 0.007,
    Service.transjakarta_bus: 0.006,
    Service.mikrotrans: 0.006,
}
LINKED_SHARE = 0.100
# Trips that a rack of four places can watch whole: assumption, beside what the markets bring.
FLOWS = (
    (Service.mrt, "Lebak Bulus", "Bundaran HI", 0.0002),
    (Service.transjakarta_brt, "Blok M", "Monumen Nasional", 0.0030),
)
FLOW_RIDERS_MIN = 14
# MRT entries, per cent: assumption consistent with the published fragments of 2019 and 2024.
MRT_FROM = {
    "Dukuh Atas": 15.0, "Bundaran HI": 13.0, "Lebak Bulus": 12.5, "Blok M": 12.0,
    "Istora Mandiri": 8.0, "Senayan": 7.5, "Bendungan Hilir": 7.5, "Setiabudi Astra": 6.0,
    "Fatmawati": 5.5, "Cipete Raya": 4.0, "Blok A": 3.5, "Haji Nawi": 3.0, "ASEAN": 2.5,
}  # fmt: skip
# MRT exits of a morning, per cent: assumption, the same stations with the offices on top.
MRT_TO = {
    "Bundaran HI": 22.0, "Dukuh Atas": 17.0, "Istora Mandiri": 10.0, "Bendungan Hilir": 10.0,
    "Blok M": 9.0, "Setiabudi Astra": 8.5, "Senayan": 8.5, "Lebak Bulus": 5.0, "ASEAN": 3.0,
    "Fatmawati": 2.5, "Cipete Raya": 1.7, "Blok A": 1.5, "Haji Nawi": 1.3,
}  # fmt: skip
# Corridors by riders: 1, 9 and 13 carried 6.8, 5.7 and 3.9 % of all Transjakarta in 2023, and no
# other more than 13; the order of the others follows their departures, an assumption.
CORRIDOR_SHARE = {
    "1": 21.0, "9": 7.2, "13": 8.0, "3": 7.6, "2": 10.0, "7": 9.5, "5": 8.0, "6": 7.5, "10": 6.6,
    "14": 3.8, "4": 2.6, "11": 2.4, "8": 1.0, "12": 0.6,
}  # fmt: skip
CHANGE_SHARE = 0.15  # of a corridor's riders who end on another: assumption
# LRT pairs, per cent of riders, 1 to 15 January 2023 (Hagi et al. 2023).
LRT_PAIRS = (
    ("Velodrome", ("Boulevard Utara",), 40.8),
    ("Velodrome", ("Pegangsaan Dua", "Boulevard Selatan"), 29.2),
)
LRT_OTHERS = 30.0
# Where trips of several paid legs begin and end, by service: assumption.
LINKED_FROM = {
    Service.mrt: 0.36, Service.transjakarta_brt: 0.50, Service.lrt: 0.06,
    Service.transjakarta_bus: 0.05, Service.mikrotrans: 0.03,
}  # fmt: skip
LINKED_TO = {
    Service.mrt: 0.50, Service.transjakarta_brt: 0.45, Service.lrt: 0.03,
    Service.transjakarta_bus: 0.01, Service.mikrotrans: 0.01,
}  # fmt: skip
THREE_LEGS = 0.25  # weight of a trip of three paid legs against one of two: assumption
MONAS = Place(0, Service.transjakarta_brt, "centre", -6.19, 106.823, "")
SKEW = 1.6  # spread of the halts' popularity, natural logarithm: assumption
SHORT_MS, LONG_MS = 15 * 60_000.0, 40 * 60_000.0  # trips of 5 to 12 km make the middle half

# Weekday tap-ins by hour, per cent: an assumption; no operator's profile is published.
HOURS = (
    0.1, 0.1, 0.1, 0.1, 0.3, 4.5, 10.9, 11.4, 6.9, 4.9, 4.2, 4.0,
    4.0, 4.0, 4.2, 4.9, 7.9, 10.9, 7.4, 4.5, 2.5, 1.8, 0.5, 0.2,
)  # fmt: skip
MORNING = (2.3, 2.6, 2.9, 3.1, 3.1, 3.0, 2.8, 2.5, 2.1, 1.8, 1.6, 1.4)  # 06:00 on, by quarter
QUARTER_S = 900


@dataclass(frozen=True)
class Demand:
    """The trips of a morning, one a rider, with the paths they take.

    Attributes:
        trips: `TRIP_DTYPE`; trip n is in row n - 1, and is the rider's of card index n - 1.
        paths: Shortest ways of the network.
        window_ms: No trip starts before the first instant, nor at or after the second.
    """

    trips: NDArray[np.void]
    paths: Paths
    window_ms: tuple[int, int]


def make_demand(
    network: Network,
    paths: Paths,
    riders: int,
    window_ms: tuple[int, int],
    taps_out: NDArray[np.bool_],
    seed: int,
) -> Demand:
    """Return one trip for each rider."""
    ids = np.arange(riders)
    markets = thinned(network, paths, list(_markets(network, paths)))
    flows = list(_flows(network, riders))
    chosen = keyed_choice(seed, "market", ids, [market.share for market in markets])
    rest = 1.0 - sum(flow.share for flow in flows)
    flow = keyed_choice(seed, "flow", ids, [rest, *(flow.share for flow in flows)])
    chosen = np.where(flow > 0, len(markets) + flow - 1, chosen)
    trips = np.zeros(riders, TRIP_DTYPE)
    trips["trip"], trips["card_index"] = ids + 1, ids
    trips["at_ms"] = start_times(ids, window_ms, seed)
    trips["taps_out"] = taps_out
    for number, market in enumerate(markets + flows):
        mine = np.flatnonzero(chosen == number)
        pair = keyed_choice(seed, "pair", mine, market.weight)
        trips["origin"][mine] = network.numbers[market.origin[pair]]
        trips["destination"][mine] = network.numbers[market.destination[pair]]
    return Demand(trips, paths, window_ms)


def start_times(ids: NDArray[np.int64], window_ms: tuple[int, int], seed: int) -> NDArray[np.int64]:
    """Return when each rider comes to the first gate or stop, by the weekday's profile."""
    quarters = np.repeat(np.array(HOURS) / 4, 4)
    quarters[24 : 24 + len(MORNING)] = MORNING
    edges_ms = np.arange(len(quarters) + 1) * QUARTER_S * 1_000
    until = np.concatenate(([0.0], np.cumsum(quarters)))
    first = int(second_of_day(window_ms[0] // 1_000)) * 1_000
    last = first + window_ms[1] - window_ms[0]
    low, high = np.interp([first, last], edges_ms, until)
    drawn = low + (high - low) * keyed_uniform(seed, "start", ids)
    at_ms = np.floor(np.interp(drawn, until, edges_ms)).astype(np.int64)
    return np.asarray(window_ms[0] + np.clip(at_ms, first, last - 1) - first, np.int64)


def _markets(network: Network, paths: Paths) -> Iterator[Market]:
    pull = _Pull(network)
    yield _mrt(network)
    yield _lrt(network)
    yield from _corridors(network, paths, pull)
    for service in (Service.transjakarta_bus, Service.mikrotrans):
        rows = network.rows_of(service)
        one_leg = (paths.legs[np.ix_(rows, rows)] == 1) & _reached(paths, rows, rows)
        weight = one_leg * _liked(paths.legs_ms[np.ix_(rows, rows)])
        yield _market(service.name, MARKET_SHARE[service], rows, rows, weight)
    yield _linked(network, paths, pull)


def _market(
    name: str,
    share: float,
    origin: NDArray[np.int64],
    destination: NDArray[np.int64],
    weight: Weights,
) -> Market:
    """Return a market of the pairs whose weight, shape (origins, destinations), is not zero."""
    a, b = np.nonzero(weight)
    return Market(name, share, origin[a], destination[b], weight[a, b])


def _flows(network: Network, riders: int) -> Iterator[Market]:
    least = min(FLOW_RIDERS_MIN, riders / 20) / riders
    for service, a, b, share in FLOWS:
        rows = network.row[[network.place(service, a)]], network.row[[network.place(service, b)]]
        yield _market(f"{a} to {b}", max(share, least), *rows, np.ones((1, 1)))


def _mrt(network: Network) -> Market:
    rows = network.rows_of(Service.mrt)
    names = [network.places[row].name for row in rows]
    weight = np.outer([MRT_FROM.get(n, 1.0) for n in names], [MRT_TO.get(n, 1.0) for n in names])
    apart = np.abs(np.subtract.outer(np.arange(len(rows)), np.arange(len(rows))))
    return _market("mrt", MARKET_SHARE[Service.mrt], rows, rows, weight * np.minimum(apart, 2) / 2)


def _lrt(network: Network) -> Market:
    rows = network.rows_of(Service.lrt)
    names = [network.places[row].name for row in rows]
    weight = np.zeros((len(rows), len(rows)))
    for end, others, share in LRT_PAIRS:
        for other in others:
            a, b = names.index(end), names.index(other)
            weight[a, b] = weight[b, a] = share / len(others) / 2
    rest = (weight == 0) & ~np.eye(len(rows), dtype=np.bool_)
    weight[rest] = LRT_OTHERS / rest.sum()
    return _market("lrt", MARKET_SHARE[Service.lrt], rows, rows, weight)


class _Pull:
    """How many trips places send out and draw in of a morning, against each other."""

    def __init__(self, network: Network) -> None:
        numbers = network.numbers
        popular = np.exp(SKEW * keyed_normal_ms(0, "popularity", numbers, 0, 1_000) / 1_000)
        calling = np.bincount(
            network.row[network.stops["place"]], minlength=len(network.places)
        ).astype(np.float64)
        km = np.array([crow_metres(place, MONAS) / 1_000 for place in network.places])
        popular = popular * np.sqrt(np.maximum(calling, 1.0))
        self.sends: Weights = popular * (0.35 + np.minimum(km, 15.0) / 9.0)
        self.draws: Weights = popular * (0.12 + np.exp(-km / 5.0))


def _liked(expected_ms: NDArray[np.int64]) -> Weights:
    """How much a trip is taken by its length: short ones are walked, long ones avoided."""
    near = np.minimum(expected_ms / SHORT_MS, 1.0) ** 2
    return np.asarray(near * np.exp(-np.minimum(expected_ms, FAR >> 8) / LONG_MS))


def _reached(paths: Paths, a: NDArray[np.int64], b: NDArray[np.int64]) -> NDArray[np.bool_]:
    apart = a[:, None] != b[None, :]
    return np.asarray(apart & (paths.trip_ms[np.ix_(a, b)] < FAR))


def _room(network: Network, paths: Paths, a: NDArray[np.int64], b: NDArray[np.int64]) -> Weights:
    """Riders an hour that the narrowest course of each paid leg can take past a point."""
    hourly = np.array([c.capacity * 3_600_000 / c.headway_ms for c in network.courses])
    board = paths.board[np.ix_(a, b)]
    course = network.stops["course"][np.maximum(board, 0)]
    return np.asarray(np.where(board >= 0, hourly[course], np.inf).min(axis=2, initial=1e9))


def _corridors(network: Network, paths: Paths, pull: _Pull) -> Iterator[Market]:
    brt = network.rows_of(Service.transjakarta_brt)
    for line, share in CORRIDOR_SHARE.items():
        called = [
            network.stops["place"][course.first : course.first + course.count]
            for course in network.courses
            if course.line == line
        ]
        if not called:
            continue
        rows = np.unique(network.row[np.concatenate(called)])
        one_leg = (paths.legs[np.ix_(rows, brt)] == 1) & _reached(paths, rows, brt)
        weight = np.outer(pull.sends[rows], pull.draws[brt]) * one_leg
        weight *= _liked(paths.legs_ms[np.ix_(rows, brt)])
        riding = paths.rides[np.ix_(rows, brt)]
        within = weight * (riding == 1)
        beyond = weight * (riding > 1) * _room(network, paths, rows, brt)
        mixed = within / within.sum() + beyond / beyond.sum() * CHANGE_SHARE / (1 - CHANGE_SHARE)
        of_all = MARKET_SHARE[Service.transjakarta_brt] * share / 100
        yield _market(f"corridor {line}", of_all, rows, brt, mixed)


def _linked(network: Network, paths: Paths, pull: _Pull) -> Market:
    sends, draws = pull.sends.copy(), pull.draws.copy()
    for service in LINKED_FROM:
        rows = network.rows_of(service)
        if service is Service.mrt:
            names = [network.places[row].name for row in rows]
            sends[rows] = [MRT_FROM.get(name, 1.0) for name in names]
            draws[rows] = [MRT_TO.get(name, 1.0) for name in names]
        sends[rows] *= LINKED_FROM[service] / sends[rows].sum()
        draws[rows] *= LINKED_TO[service] / draws[rows].sum()
    legs = paths.legs
    taken = np.where(legs == 2, 1.0, np.where(legs == 3, THREE_LEGS, 0.0))
    weight = np.outer(sends, draws) * taken * np.exp(-np.minimum(paths.trip_ms, FAR >> 8) / LONG_MS)
    rows = np.arange(len(network.places))
    return _market("several operators", LINKED_SHARE, rows, rows, weight)
