"""A morning before any card is settled: who is presented where and when, and what may go wrong.

People travel, use services, and faults strike; what comes of it is intents, terminals, senders and
hotlists.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scheme.days import calendar_day
from scheme.numbers import device_numbers, device_serial
from scheme.services import Service
from scheme.tariffs import Tariff
from sim.card_columns import Bools, Ints
from sim.demand import Demand
from sim.device_tables import DeviceTables, compile_tables
from sim.faults import Faults, by_card, inject
from sim.hotlists import Hotlists, make_hotlists
from sim.network import Network, load_network
from sim.participants import Participants, read_participants
from sim.people import Kind, People, make_people
from sim.rack_file import RackSpot, read_rack
from sim.rack_slice import choose_riders
from sim.scenario import Scenario
from sim.senders import FIRST_VERSION, SECOND_VERSION, Senders, make_senders
from sim.services.catalogue import CATALOGUE
from sim.services.errands import OTHERS
from sim.services.town import Spot, Town
from sim.shortage import lower_balances, with_loads
from sim.supply import run_transit
from sim.tables import read_rows, read_tariff
from sim.transit.paths import find_paths
from sim.transit.result import TransitResult

# Customers for each thousand riders where a scenario says nothing: assumption.
CUSTOMERS_PER_MILLE = {
    Service.parking_street: 4.0, Service.parking_lot: 5.0, Service.shop: 7.0, Service.erp: 5.0,
    Service.levy: 2.5, Service.rent: 1.0, Service.vehicle_tax: 0.7, Service.driving_licence: 0.6,
    Service.bpjs: 1.3, Service.hospital: 0.7, Service.kjp: 1.4, Service.kur: 0.4,
    Service.topup: 3.7, Service.identity: 1.1,
}  # fmt: skip
NOT_RIDING = (
    Service.parking_street, Service.parking_lot, Service.erp, Service.levy, Service.rent,
    Service.vehicle_tax, Service.driving_licence, Service.kur,
)  # fmt: skip
OTHERS_FACTOR = 1.3  # people who do not ride, for each customer that they must bring forth


@dataclass
class Morning:
    """Everything that is to be settled.

    Attributes:
        cards: `CARD_DTYPE`, as they are when the morning opens.
        terminals: `TERMINAL_DTYPE`, by rising number.
        intents: `INTENT_DTYPE` by (card_index, at_ms).
        hotlist: Version that each intent's terminal then holds.
        enrolled: Whether each terminal is known to the back office.
        rack: Whether each terminal is the rack's.
        low: Cards whose balance was lowered.
    """

    scenario: Scenario
    tariff: Tariff
    tables: DeviceTables
    demand: Demand
    cards: NDArray[np.void]
    terminals: NDArray[np.void]
    intents: NDArray[np.void]
    senders: Senders
    hotlists: Hotlists
    hotlist: Ints
    enrolled: Bools
    rack: Bools
    spots: tuple[RackSpot, ...]
    low: Bools
    faults: Faults

    @property
    def at(self) -> NDArray[np.void]:
        """The terminal of each intent, `TERMINAL_DTYPE`."""
        rows: NDArray[np.void] = self.terminals[self.intents["terminal_index"]]
        return rows

    @property
    def listed(self) -> Bools:
        """Whether each intent's terminal holds a list with the card on it."""
        first = self.hotlists.first_version[self.intents["card_index"]]
        return np.asarray(first <= self.hotlist)


def make_morning(scenario: Scenario) -> Morning:
    """Return the morning of a scenario.

    Raises:
        BadInputError: If a file that the scenario names says something it may not say.
    """
    city, seed = scenario.city, scenario.seed
    tariff = read_tariff(scenario.tariff)
    tables = compile_tables(tariff, _calendar_day(scenario))
    parties = read_participants(scenario.participants)
    network = load_network(city.data)
    spots = read_rack(scenario.rack, city.data / "places.csv") if scenario.rack else ()
    people = people_of(scenario, network, parties, tables)
    rack_trips = choose_riders(spots, people.demand, seed)
    lanes = tuple(spot.lane for spot in spots)
    transit = run_transit(
        network, people.demand, city.changes, seed, parties.operators, lanes, rack_trips
    )
    town = _town(scenario, people, parties, transit, rack_trips)
    terminals, intents = _with_services(scenario, town, transit)
    return _struck(scenario, tariff, tables, people.demand, town, terminals, intents, spots)


def _calendar_day(scenario: Scenario) -> int:
    return int(calendar_day(scenario.city.from_ms // 1_000))


def people_of(
    scenario: Scenario, network: Network, parties: Participants, tables: DeviceTables
) -> People:
    """Return everybody whom a scenario asks for, with cards and trips."""
    city = scenario.city
    share = {service: weight / sum(OTHERS.values()) for service, weight in OTHERS.items()}
    needed = max(customers(scenario, service) / share[service] for service in NOT_RIDING)
    return make_people(
        network, find_paths(network), city.riders, math.ceil(OTHERS_FACTOR * needed),
        (city.from_ms, city.to_ms), parties.issuers, tables.free_issuer, scenario.seed,
    )  # fmt: skip


def customers(scenario: Scenario, service: Service) -> int:
    """Return how many customers of a service a scenario asks for."""
    given = scenario.city.services.get(service)
    share = CUSTOMERS_PER_MILLE[service] * scenario.city.riders / 1_000
    return round(share) if given is None else given


def _town(
    scenario: Scenario,
    people: People,
    parties: Participants,
    transit: TransitResult,
    rack_trips: Bools,
) -> Town:
    window_ms = scenario.city.from_ms, scenario.city.to_ms
    count, riders = len(people), people.riders
    trips = people.demand.trips
    free_ms = np.full(count, window_ms[0], np.int64)
    trip_ms, origin = np.full(count, window_ms[1], np.int64), np.zeros(count, np.int64)
    free_ms[:riders], trip_ms[:riders] = transit.ended_ms, trips["at_ms"]
    origin[:riders] = trips["origin"]
    here = np.zeros(count, np.int64)
    here[:riders] = trips["destination"]
    rack = np.zeros(count, np.bool_)
    rack[:riders] = rack_trips
    where = {
        int(row["place"]): Spot(int(row["place"]), float(row["lat"]), float(row["lon"]))
        for row in read_rows(scenario.city.data / "places.csv")
    }
    spots: dict[Service, list[Spot]] = {service: [] for service in Service}
    for row in read_rows(scenario.city.data / "places.csv"):
        spots[Service[row["service"]]].append(where[int(row["place"])])
    return Town(
        people.cards.copy(), riders, people.kind == Kind.student, free_ms, trip_ms, origin,
        np.zeros(count, np.bool_), rack, spots, where, parties.operators, window_ms, scenario.seed,
        here,
    )  # fmt: skip


def _with_services(
    scenario: Scenario, town: Town, transit: TransitResult
) -> tuple[NDArray[np.void], NDArray[np.void]]:
    """Return terminals, by rising number, and intents, by card, of transit and all services."""
    terminals, intents = [transit.terminals], [transit.taps]
    below = len(transit.terminals)
    for service in CATALOGUE:
        stream = service.stream(town, customers(scenario, service.service))
        stream.intents["terminal_index"] += np.uint32(below)
        terminals.append(stream.terminals)
        intents.append(stream.intents)
        below += len(stream.terminals)
    rows, taps = np.concatenate(terminals), by_card(np.concatenate(intents))
    order = np.argsort(rows["terminal"])
    place = np.empty(len(rows), np.uint32)
    place[order] = np.arange(len(rows))
    taps["terminal_index"] = place[taps["terminal_index"]]
    return rows[order], taps


def _struck(
    scenario: Scenario,
    tariff: Tariff,
    tables: DeviceTables,
    demand: Demand,
    town: Town,
    terminals: NDArray[np.void],
    intents: NDArray[np.void],
    spots: tuple[RackSpot, ...],
) -> Morning:
    """Let the faults strike; then settle which lists the terminals hold."""
    faults = Faults(scenario.faults, scenario.seed)
    rack = np.isin(terminals["terminal"], device_numbers(np.array([s.serial for s in spots], int)))
    cards = town.cards
    pays = (cards["group"] == 0) | (cards["group_expiry"] < _calendar_day(scenario))
    low = lower_balances(cards, intents, terminals, pays & ~town.rack, faults)
    intents = inject(intents, terminals, rack, faults)
    counters = _counters(town, terminals)
    intents = with_loads(intents, terminals, low, town, counters)
    used = np.zeros(len(terminals), np.bool_)
    used[intents["terminal_index"]] = True
    in_use = np.zeros(len(cards), np.bool_)
    in_use[intents["card_index"]] = True
    hotlists = make_hotlists(town.window_ms, in_use & ~town.rack, faults)
    senders = make_senders(terminals, used, rack, town.window_ms, faults)
    serial = device_serial(terminals["terminal"].astype(np.int64))
    unknown = faults.strike("unknown_device", serial, used & ~rack)
    sender = senders.of_terminal[intents["terminal_index"]]
    newer = senders.holds_second(sender, intents["at_ms"], hotlists.published_ms[1])
    hotlist = np.where(newer, SECOND_VERSION, FIRST_VERSION)
    return Morning(
        scenario, tariff, tables, demand, cards, terminals, intents, senders, hotlists, hotlist,
        ~unknown, rack, spots, low, faults,
    )  # fmt: skip


def _counters(town: Town, terminals: NDArray[np.void]) -> Ints:
    """Return the terminal of each top-up spot of the town."""
    rows = np.flatnonzero(terminals["service"] == Service.topup)
    at = {int(place): int(row) for place, row in zip(terminals["place"][rows], rows, strict=True)}
    return np.array([at[spot.place] for spot in town.spots[Service.topup]], np.int64)
