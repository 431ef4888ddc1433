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
from sim.services.presenting import intent_rows, terminal_rows
from sim.services.town import Stream, Town

SERVICE_LEAST_MS = 15_000
IN_POCKET_IDR = 80_000  # covers a day's fares and the dearest basket of a shop


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
        registered: Whether customers show who they are, which registers the card.
    """

    service: Service
    act: Act
    prices: tuple[Price, ...]
    among: Callable[[Town], Bools]
    clerks: int = 1
    service_mean_ms: int = 60_000
    saved_up: bool = False
    registered: bool = False
    kind: TerminalKind = TerminalKind.counter

    def stream(self, town: Town, customers: int) -> Stream:
        """Return one tap a customer."""
        places = town.places(self.service)
        place, lane = np.repeat(places, self.clerks), np.tile(np.arange(self.clerks), len(places))
        terminals = terminal_rows(town, self.service, self.kind, place, lane)
        cards, spot, arrive_ms = town.visitors(self.service, customers, self.among(town))
        at_ms, clerk = serve_at(spot, arrive_ms, self._service_ms(town, cards), self.clerks)
        served = at_ms <= town.home_ms
        cards, at_ms, terminal = cards[served], at_ms[served], (spot * self.clerks + clerk)[served]
        amount = self._amounts(town, cards)
        if self.saved_up:
            town.save_up(cards, amount)
        if self.registered:
            town.register(cards)
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


def with_money(town: Town) -> Bools:
    """Return those who can pay a trip and what a shop sells."""
    return np.asarray(town.cards["balance"] >= IN_POCKET_IDR)
