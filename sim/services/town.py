"""What a service sees of the city, and the one interface of every service.

The town knows where the counters are and when and where each card is free. Each card has one errand
at most (`errands`), after its trip, before it or instead of one, and time to come from where it is;
so nobody is in two places at once, and what one service is asked for moves no other.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from scheme.services import Service
from sim.card_columns import Bools, Ints
from sim.chance import keyed_below, keyed_exponential_ms, keyed_uniform
from sim.services.errands import deal_errands, mixed, rank_people
from sim.services.streets import NEAR, Streets

WALK_LEAST_MS, WALK_MEAN_MS = 150_000, 300_000  # assumption: out of the station, and looking round
GOING_HOME_MS = 30 * 60_000  # after the morning: who has not been served by then leaves


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
        """Return the taps of so many customers; fewer only where people or bays run out."""
        ...


class Spot(NamedTuple):
    """A place where a service is given, or where a trip begins or ends."""

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
        engaged: Whether the card has its errand.
        rack: Whether the card is of the rack's slice, which does nothing else.
        spots: Places by service.
        window_ms: When errands begin, and when no more do.
        here: Place where each card is when it is free; 0 = beside its errand.
        errand: Service at which each card has an errand, if that is asked for so many.
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
    here: Ints = field(default_factory=lambda: np.zeros(0, np.int64))
    errand: Ints = field(init=False)

    def __post_init__(self) -> None:
        if not self.here.size:
            self.here = np.zeros(len(self.cards), np.int64)
        self.errand = deal_errands(self.riders, self.student, self.seed)
        self._ranked = rank_people(self.riders, len(self.cards), self.seed)
        self.streets = Streets(self.where.values())

    @property
    def rides(self) -> Bools:
        """Whether each card rides this morning."""
        return np.asarray(np.arange(len(self.cards)) < self.riders)

    @property
    def home_ms(self) -> int:
        """After when nobody is served any more."""
        return self.window_ms[1] + GOING_HOME_MS

    def come_forward(self, service: Service, among: Bools) -> Ints:
        """Return the cards that may use a service, first those whose errand it is.

        Behind them stand the others, from the end of their own lines. The rack's cards never do.
        """
        able = self._ranked[(among & ~self.rack & ~self.engaged)[self._ranked]]
        own = self.errand[able] == service
        return np.concatenate((mixed(able[own], self.riders), able[~own][::-1]))

    def engage(self, cards: Ints) -> None:
        """Say that these cards have their errand."""
        self.engaged[cards] = True

    def visitors(self, service: Service, customers: int, among: Bools) -> tuple[Ints, Ints, Ints]:
        """Engage customers who come before the morning ends; return cards, spots and arrivals."""
        line = self.come_forward(service, among)
        spot = self.choose_spot(service, line)
        arrive_ms = self._arrivals(service, line, self.places(service)[spot])
        coming = np.flatnonzero(arrive_ms < self.window_ms[1])[:customers]
        self.engage(line[coming])
        return line[coming], spot[coming], arrive_ms[coming]

    def _arrivals(self, service: Service, cards: Ints, place: Ints) -> Ints:
        """Return when customers come: riders after their trip, others any time."""
        domain = f"arrivals at {service.name}"
        begin, end = self.window_ms
        any_ms = begin + (keyed_uniform(self.seed, domain, cards) * (end - begin)).astype(np.int64)
        walk = WALK_LEAST_MS + keyed_exponential_ms(self.seed, domain, cards, WALK_MEAN_MS, 1)
        after_ms = self.free_ms[cards] + walk + self.streets.ride_ms(self.here[cards], place)
        return np.asarray(np.where(self.rides[cards], after_ms, any_ms), np.int64)

    def save_up(self, cards: Ints, amount_idr: Ints) -> None:
        """Raise opening balances by what is to be paid; such cards are registered."""
        self.cards["balance"][cards] += amount_idr.astype(np.uint32)
        self.register(cards)

    def register(self, cards: Ints) -> None:
        """Make these cards registered ones, which hold up to 10 million."""
        self.cards["profile"][cards] = 2

    def places(self, service: Service) -> Ints:
        """Return the places of a service."""
        return np.array([spot.place for spot in self.spots[service]], np.int64)

    def choose_spot(self, service: Service, cards: Ints) -> Ints:
        """Return for each customer the index of a spot of the service, near where it is."""
        domain, places = f"spot of {service.name}", self.places(service)
        spot = keyed_below(self.seed, domain, cards, len(places))
        out = np.flatnonzero(self.here[cards])
        near = self.streets.nearest(self.here[cards[out]], places, NEAR)
        nth = keyed_below(self.seed, domain, cards[out], near.shape[1], 1)
        spot[out] = near[np.arange(len(out)), nth]
        return spot

    def nearest_spot(self, service: Service, places: Ints) -> Ints:
        """Return for each place the index of the service's nearest spot, by the crow."""
        return np.asarray(self.streets.nearest(places, self.places(service), 1)[:, 0])
