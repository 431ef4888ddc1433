"""What a service sees of the city, and the one interface of every service.

The town knows where the counters are and when each card is free, so that nobody is in two places at
once. Services are asked one after the other in the order of their codes; each takes its customers
by a draw keyed by service and card.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from scheme.numbers import SAM_SERIAL_OFFSET, device_numbers
from scheme.services import Direction, Service, TerminalKind, VehicleClass
from scheme.target import TERMINAL_DTYPE
from sim.card_columns import Bools, Ints
from sim.chance import keyed_exponential_ms, keyed_uniform
from sim.intents import INTENT_DTYPE, Act
from sim.transit.terminals import lane_serial

SINGLE_SENDERS = 3_000_000  # sender serial of a terminal that uploads one by one, plus its own
WALK_LEAST_MS, WALK_MEAN_MS = 150_000, 300_000  # assumption: from one errand to the next
LEAVE_MS = 60_000  # after the last tap of an errand before the card is free again


class Stream(NamedTuple):
    """What a service adds to the city.

    Attributes:
        terminals: `TERMINAL_DTYPE`.
        intents: `INTENT_DTYPE`; `terminal_index` is a row of these terminals.
    """

    terminals: NDArray[np.void]
    intents: NDArray[np.void]


class CityService(Protocol):
    """A service of the card: its counters, its customers, their taps."""

    @property
    def service(self) -> Service:
        """Which one it is."""
        ...

    def stream(self, town: Town, customers: int) -> Stream:
        """Return the taps of about so many customers, and keep their time."""
        ...


class Spot(NamedTuple):
    """A place where a service is given."""

    place: int
    lat: float
    lon: float


@dataclass
class Town:
    """Places, people's cards and the time they have.

    Attributes:
        cards: `CARD_DTYPE`; a service may raise opening balances, nobody else has seen them yet.
        riders: Cards below this index ride.
        student: Whether the card is a student's.
        free_ms: From when on each card is free for an errand.
        trip_ms: When a rider's trip begins.
        origin: Place where a rider's trip begins, 0 for others.
        engaged: Whether the card has something to do before its trip already.
        rack: Whether the card is of the rack's slice, which does nothing else.
        spots: Places by service.
        window_ms: When errands begin, and when no more do.
    """

    cards: NDArray[np.void]
    riders: int
    student: Bools
    free_ms: Ints
    trip_ms: Ints
    origin: Ints
    engaged: Bools
    rack: Bools
    spots: dict[Service, list[Spot]]
    where: dict[int, Spot]
    operators: dict[Service, int]
    window_ms: tuple[int, int]
    seed: int

    @property
    def rides(self) -> Bools:
        """Whether each card rides this morning."""
        return np.asarray(np.arange(len(self.cards)) < self.riders)

    def pick(self, service: Service, customers: int, among: Bools) -> Ints:
        """Return the cards that use a service, by card index; the rack's never do."""
        able = np.flatnonzero(among & ~self.rack)
        drawn = keyed_uniform(self.seed, f"customers of {service.name}", able)
        return np.sort(able[np.argsort(drawn, kind="stable")[:customers]])

    def arrivals(self, service: Service, cards: Ints) -> Ints:
        """Return when customers come: after their trip or last errand, else any time."""
        domain = f"arrivals at {service.name}"
        begin, end = self.window_ms
        any_ms = begin + (keyed_uniform(self.seed, domain, cards) * (end - begin)).astype(np.int64)
        walk = WALK_LEAST_MS + keyed_exponential_ms(self.seed, domain, cards, WALK_MEAN_MS, 1)
        own_time = np.where(self.rides[cards], 0, any_ms)
        return np.asarray(np.maximum(own_time, self.free_ms[cards] + walk), np.int64)

    def keep(self, cards: Ints, last_ms: Ints) -> None:
        """Say until when cards are busy."""
        self.free_ms[cards] = np.maximum(self.free_ms[cards], last_ms + LEAVE_MS)

    def save_up(self, cards: Ints, amount_idr: Ints) -> None:
        """Raise opening balances by what is to be paid; such cards are registered."""
        self.cards["balance"][cards] += amount_idr.astype(np.uint32)
        self.cards["profile"][cards] = 2

    def choose_spot(self, service: Service, cards: Ints) -> Ints:
        """Return for each customer the index of a spot of the service."""
        count = len(self.spots[service])
        drawn = keyed_uniform(self.seed, f"spot of {service.name}", cards)
        return np.asarray((drawn * count).astype(np.int64))

    def nearest_spot(self, service: Service, places: Ints) -> Ints:
        """Return for each place the index of the service's nearest spot, by the crow."""
        spots = np.array([(spot.lat, spot.lon) for spot in self.spots[service]])
        distinct, back = np.unique(places, return_inverse=True)
        nearest = np.empty(len(distinct), np.int64)
        for i, place in enumerate(distinct.tolist()):
            spot = self.where[place]
            squares = ((spots - (spot.lat, spot.lon)) ** 2).sum(axis=1)
            nearest[i] = int(np.argmin(squares))
        return nearest[back]


def terminal_rows(
    town: Town,
    service: Service,
    kind: TerminalKind,
    place: ArrayLike,
    lane: ArrayLike,
    direction: ArrayLike = Direction.either,
    vehicle_class: ArrayLike = VehicleClass.none,
) -> NDArray[np.void]:
    """Return terminals, each its own sender; lane numbers them at a place and direction."""
    place, lane, direction, vehicle_class = np.broadcast_arrays(
        np.asarray(place), np.asarray(lane), np.asarray(direction), np.asarray(vehicle_class)
    )
    serial = lane_serial(place, direction, lane)
    rows = np.zeros(len(serial), TERMINAL_DTYPE)
    rows["terminal"] = device_numbers(serial)
    rows["sam"] = device_numbers(serial + SAM_SERIAL_OFFSET)
    rows["sender"] = device_numbers(SINGLE_SENDERS + serial)
    rows["operator"] = town.operators[service]
    rows["service"], rows["kind"], rows["place"] = service, kind, place
    rows["direction"], rows["vehicle_class"] = direction, vehicle_class
    return rows


def intent_rows(
    cards: Ints,
    at_ms: Ints,
    terminal: Ints,
    terminals: NDArray[np.void],
    act: Act,
    amount: ArrayLike,
) -> NDArray[np.void]:
    """Return intents of no trip at terminals of the stream."""
    rows = np.zeros(len(cards), INTENT_DTYPE)
    rows["card_index"], rows["at_ms"], rows["terminal_index"] = cards, at_ms, terminal
    rows["place"] = terminals["place"][terminal]
    rows["act"], rows["amount"] = act, amount
    return rows
