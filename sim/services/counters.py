"""A counter of any kind: customers wait, a clerk serves, a card is presented. For what, is data."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from scheme.services import Service, TerminalKind
from sim.card_columns import Bools, Ints
from sim.chance import keyed_choice, keyed_normal_ms
from sim.intents import Act
from sim.services.clerks import serve_at
from sim.services.town import Stream, Town, intent_rows, terminal_rows

SERVICE_LEAST_MS = 15_000


@dataclass(frozen=True)
class Price:
    """An amount and how often it is asked, against the others."""

    idr: int
    weight: float


@dataclass(frozen=True)
class Counter:
    """A service at counters.

    Attributes:
        service: Which one.
        act: What the card is presented for.
        prices: What is paid or paid out, the weights an assumption.
        among: Who comes.
        clerks: At each place.
        service_mean_ms: How long a customer takes, an assumption.
        saved_up: Whether customers come with the amount on the card.
    """

    service: Service
    act: Act
    prices: tuple[Price, ...]
    among: Callable[[Town], Bools]
    clerks: int = 1
    service_mean_ms: int = 60_000
    saved_up: bool = False
    kind: TerminalKind = TerminalKind.counter

    def stream(self, town: Town, customers: int) -> Stream:
        """Return one tap a customer."""
        spots = np.array([spot.place for spot in town.spots[self.service]], np.int64)
        place, lane = np.repeat(spots, self.clerks), np.tile(np.arange(self.clerks), len(spots))
        terminals = terminal_rows(town, self.service, self.kind, place, lane)
        cards = town.pick(self.service, customers, self.among(town))
        spot = town.choose_spot(self.service, cards)
        took_ms = self._service_ms(town, cards)
        arrive_ms = town.arrivals(self.service, cards)
        at_ms, clerk = serve_at(spot, arrive_ms, took_ms, self.clerks)
        amount = self._amounts(town, cards)
        if self.saved_up:
            town.save_up(cards, amount)
        town.keep(cards, at_ms)
        terminal = spot * self.clerks + clerk
        return Stream(terminals, intent_rows(cards, at_ms, terminal, terminals, self.act, amount))

    def _service_ms(self, town: Town, cards: Ints) -> Ints:
        domain = f"service at {self.service.name}"
        mean = self.service_mean_ms
        return np.maximum(
            SERVICE_LEAST_MS, keyed_normal_ms(town.seed, domain, cards, mean, mean / 4)
        )

    def _amounts(self, town: Town, cards: Ints) -> Ints:
        domain = f"amount of {self.service.name}"
        weights = [price.weight for price in self.prices]
        chosen = keyed_choice(town.seed, domain, cards, weights)
        return np.array([price.idr for price in self.prices], np.int64)[chosen]


def anybody(town: Town) -> Bools:
    """Return everybody."""
    return np.ones(len(town.cards), np.bool_)


def not_riding(town: Town) -> Bools:
    """Return those who do not ride this morning."""
    return ~town.rides


def with_room(town: Town) -> Bools:
    """Return those on whose cards a load of up to half a million fits."""
    return np.asarray(town.cards["balance"] <= 1_000_000)
