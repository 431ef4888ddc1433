"""Who comes to the entry gates of one station: riders of a scenario, or a stream drawn for it.

The riders of a scenario come when the whole network has brought them there, in the fullest window
of its morning. A stream comes by the exponential distribution, keyed by the scenario's seed.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scheme.days import calendar_day
from scheme.errors import BadInputError
from scheme.services import Direction, Service
from scheme.tariffs import Tariff
from sim.chance import keyed_exponential_ms
from sim.demand import Demand
from sim.device_tables import compile_tables
from sim.document import did_you_mean
from sim.loop import Station
from sim.morning import people_of
from sim.network import GATED, Network, load_network
from sim.participants import read_participants
from sim.scenario import RemoveGates, Scenario
from sim.supply import Supply
from sim.tables import read_tariff
from sim.transit.gates import gates_at
from sim.transit.rides import make_rides
from sim.transit.service_time import DrawnServiceTime

US_IN_MS = 1_000
MINUTE_MS = 60_000.0
RIDERS_MOST = 10_000

Ids = NDArray[np.int64]


@dataclass(frozen=True)
class Crowd:
    """Riders and where they go in.

    Attributes:
        cards: `CARD_DTYPE`, a row a rider, in order of arrival.
        from_ms: The instant from which the station's times count.
        place: The station's number.
        source: Where the riders come from, in words.
    """

    station: Station
    cards: NDArray[np.void]
    from_ms: int
    service: Service
    place: int
    tariff: Tariff
    source: str


def crowd_of(
    scenario: Scenario,
    service: Service,
    name: str,
    seconds: float,
    on_rack: int,
    gates: int | None = None,
    per_minute: float | None = None,
) -> Crowd:
    """Return who comes to a station's entry gates within some seconds.

    Args:
        on_rack: How many of the gates, from the first, are the rack's.
        gates: How many gates work, if not as many as the scenario has there.
        per_minute: Riders a minute of a stream; the scenario's own riders without it.

    Raises:
        BadInputError: If there is no such station, or nobody, or too many would come.
    """
    if seconds <= 0:
        raise BadInputError.at("--seconds", expected="more than 0", got=seconds)
    city, tariff = scenario.city, read_tariff(scenario.tariff)
    network = load_network(city.data)
    place = _place(network, service, name)
    working = _working(scenario, network, place) if gates is None else gates
    day = int(calendar_day(city.from_ms // 1_000))
    parties = read_participants(scenario.participants)
    people = people_of(scenario, network, parties, compile_tables(tariff, day))
    window_ms = seconds * 1_000
    if per_minute is None:
        at_ms, cards, keys = _riders(scenario, network, people.demand, place)
        first = _fullest(at_ms, window_ms)
        chosen = slice(first, int(np.searchsorted(at_ms, at_ms[first] + window_ms)))
        at_ms, cards, keys = at_ms[chosen], cards[chosen], keys[chosen]
        source = f"riders of {scenario.id} in the fullest {seconds:g} s of its morning"
    else:
        at_ms, cards = _stream(scenario, window_ms, per_minute, len(people))
        keys = cards
        source = f"a stream of {per_minute:g} riders a minute, seed {scenario.seed}"
    if not 0 < len(at_ms) <= RIDERS_MOST:
        where = f"{name} in {seconds:g} s"
        raise BadInputError.at(where, expected=f"1 to {RIDERS_MOST:,} riders", got=len(at_ms))
    times = DrawnServiceTime(scenario.seed, keys)
    tap_ms, clear_ms = times.gate(np.arange(len(keys)), Direction.entry)
    from_ms = int(at_ms[0])
    station = Station(
        (at_ms - from_ms) * US_IN_MS, tap_ms * US_IN_MS, clear_ms * US_IN_MS, working,
        tuple(range(on_rack)),
    )  # fmt: skip
    return Crowd(station, people.cards[cards], from_ms, service, place, tariff, source)


def _place(network: Network, service: Service, name: str) -> int:
    known = {place.name: place.number for place in network.places if place.service is service}
    if service not in GATED or name not in known:
        expected = f"a station of {service.name} with gates{did_you_mean(name, known)}"
        raise BadInputError.at("--station", expected=expected, got=name)
    return known[name]


def _working(scenario: Scenario, network: Network, place: int) -> int:
    out = sum(
        change.count
        for change in scenario.city.changes
        if isinstance(change, RemoveGates)
        and (change.place, change.direction) == (place, Direction.entry)
    )
    return max(0, gates_at(network, int(network.row[place])) - out)


def _riders(
    scenario: Scenario, network: Network, demand: Demand, place: int
) -> tuple[Ids, Ids, Ids]:
    """Return when riders come to the gates, their cards' rows, and what tells them apart."""
    rides = make_rides(network, demand.paths, demand.trips, scenario.seed)
    supply = Supply(
        network, rides, demand.trips, demand.window_ms, scenario.seed, scenario.city.changes
    )
    supply.run()
    (banks,) = np.nonzero(
        (rides.bank_place == place) & (rides.bank_direction == int(Direction.entry))
    )
    here = np.flatnonzero(np.isin(rides.enter, banks))
    if not len(here):
        raise BadInputError.at("--station", expected="riders who go in there", got="nobody")
    here = here[np.argsort(supply.journal.came_ms[here], kind="stable")]
    trips = demand.trips[rides.trip[here]]
    keys = trips["trip"].astype(np.int64) * 4 + rides.leg[here]
    return supply.journal.came_ms[here], trips["card_index"].astype(np.int64), keys


def _fullest(at_ms: Ids, window_ms: float) -> int:
    """Return the row from which on most come within a window."""
    until = np.searchsorted(at_ms, at_ms + window_ms)
    return int(np.argmax(until - np.arange(len(at_ms))))


def _stream(
    scenario: Scenario, window_ms: float, per_minute: float, people: int
) -> tuple[Ids, Ids]:
    if per_minute <= 0:
        raise BadInputError.at("--per-minute", expected="more than 0", got=per_minute)
    ids = np.arange(min(people, RIDERS_MOST + 1))
    between = keyed_exponential_ms(scenario.seed, "loop-stream", ids, MINUTE_MS / per_minute)
    at_ms = np.cumsum(between) - between[0]
    coming = int(np.searchsorted(at_ms, window_ms))
    if coming == people:
        expected = f"fewer riders than the scenario's {people:,} people"
        raise BadInputError.at("--per-minute", expected=expected, got=per_minute)
    return scenario.city.from_ms + at_ms[:coming], ids[:coming]
