"""The second stage: cards priced in counter order at a day close, and again when a tap comes late.

`scheme.journeys` says what should stand for a card; this room finds the cards whose answer may have
changed, asks, and returns the difference against what stands. It prices nothing itself.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from reference_server.accounts import Chart
from reference_server.books import Books
from reference_server.devices import Registry, find
from reference_server.exceptions import Row, of_unpriced
from reference_server.ledger import Code, KeyKind, net_effects
from scheme.days import business_day
from scheme.errors import TariffError
from scheme.journeys import CardPricing, PricingContext, Record, fees_of, price_card
from scheme.linking import ClearedCard, TerminalFacts
from scheme.records import TAP_DTYPE, RecordKind
from scheme.tariffs import parse_bundle
from scheme.verdicts import Verdict

NO_GROUP = (0, 0)
KIND_BY_NAME = {kind.name: int(kind) for kind in KeyKind}
CODE_BY_NAME = {code.name: int(code) for code in Code}
STATES = {"open": 0, "closed": 1}


class Span(NamedTuple):
    """Which taps are priced, and as of when.

    Attributes:
        priced: Taps that arrived after it are new to the prices.
        day_before: The last day that was closed when the cards were priced last.
        day: The last day that is closed now; taps of later days are not priced yet.
        as_of_s: The instant that the close call named.
    """

    priced: int
    day_before: int
    day: int
    as_of_s: int


class Cards(NamedTuple):
    """The taps of the cards to price, sorted by card and then as `price_card` wants them.

    Attributes:
        travel: Whether each tap is transit or parking and so waits in a gap.
        first: Where each card's taps begin.
        changed: Cards that were priced before and are now priced again, those included that have
            nothing left to price.
    """

    card: NDArray[np.uint64]
    issuer: NDArray[np.int64]
    rows: list[Record]
    travel: NDArray[np.bool_]
    first: NDArray[np.int64]
    changed: list[int]


class Prices:
    """What came of pricing: rows for the books, and postings not yet compared with what stands."""

    def __init__(self, chart: Chart) -> None:
        self._chart = chart
        self.journeys: list[tuple[int, ...]] = []
        self.legs: list[tuple[int, ...]] = []
        self.memberships: list[tuple[int, ...]] = []
        self.postings: list[tuple[int, ...]] = []
        self.exceptions: list[Row] = []

    def add(
        self, card: int, issuer: int, taps: list[Record], travel: list[bool], said: CardPricing
    ) -> None:
        """Take in what one card's pricing said."""
        for key, kind, state, day, first_s, due, charged, refund, group in said.journeys:
            name = _key(key)
            self.journeys.append((*name, day, first_s, STATES[state], due, charged, refund, group))
            assert KIND_BY_NAME[kind] == name[0], key
        for key, leg, operator, own_fare, share, metres in said.legs:
            self.legs.append((*_key(key), leg, operator, own_fare, share, metres))
        number = self._chart.number
        for key, debit, credit, code, day, idr in said.postings:
            self.postings.append(
                (*_key(key), number(debit), number(credit), idr, CODE_BY_NAME[code], day)
            )
        for i, (tap, key) in enumerate(zip(taps, said.keys, strict=True)):
            if key:
                kind_number, _, _, first_nt = _key(key)
                self.memberships.append((issuer, card, tap[0], kind_number, first_nt))
            elif i >= said.booked and travel[i] and not tap[1]:
                self.memberships.append((issuer, card, tap[0], 0, 0))

    def difference(self, standing: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the net effects to post, so that what stands becomes what should stand."""
        taken_back = standing.copy()
        taken_back[:, 6] *= -1
        should = np.array(self.postings, np.int64).reshape(-1, 9)
        return net_effects(np.concatenate((should, taken_back)))


def collect(books: Books, span: Span, fresh: bool) -> Cards:
    """Return the taps of every card whose price may have changed since it was priced last."""
    pieces = list(books.taps())
    if not pieces:
        return _sorted(np.empty(0, TAP_DTYPE), [])
    arrival = np.concatenate([piece.arrival for piece in pieces])
    verdict = np.concatenate([piece.verdict for piece in pieces])
    records = np.concatenate([piece.records for piece in pieces])
    day = business_day(records["at_s"].astype(np.int64))
    counts = (verdict == Verdict.accepted) | (verdict == Verdict.tap_was_torn)
    counts &= day <= span.day
    if fresh:
        return _sorted(records[counts], [])
    # Of any verdict: a tap that lost its counter changes its card too.
    new = (arrival > span.priced) | (day > span.day_before)
    card = records["card"].astype(np.uint64)
    changed = np.union1d(card[new & (day <= span.day)], books.cards_in_gaps())
    return _sorted(records[counts & np.isin(card, changed)], changed.tolist())


def _sorted(records: NDArray[np.void], changed: list[int]) -> Cards:
    card = records["card"].astype(np.uint64)
    columns = {
        name: records[name].astype(np.int64)
        for name in ("nt", "refusal", "at_s", "terminal", "place", "amount", "kind", "issuer")
    }
    torn = (columns["refusal"] > 0).astype(np.int64)
    travel = (columns["kind"] == RecordKind.debit_transit) | (
        columns["kind"] == RecordKind.debit_parking
    )
    # A card that only shopped has nothing to price.
    travelled = np.isin(card, np.unique(card[travel]))
    order = np.lexsort(
        (columns["amount"], columns["place"], columns["terminal"], columns["at_s"], torn,
         columns["nt"], card)
    )  # fmt: skip
    order = order[travelled[order]]
    card = card[order]
    first = np.flatnonzero(np.concatenate(([True], card[1:] != card[:-1]))) if len(card) else order
    names = ("nt", "at_s", "terminal", "place", "amount")
    nt, at_s, terminal, place, amount = (columns[name][order].tolist() for name in names)
    rows = list(zip(nt, torn[order].tolist(), at_s, terminal, place, amount, strict=True))
    return Cards(card, columns["issuer"][order], rows, travel[order], first, changed)


def price(cards: Cards, registry: Registry, as_of_s: int, chart: Chart) -> Prices:
    """Return what should stand for these cards; there must be a tariff.

    The tariff is the newest that is published: what a device with an older one took is put right
    (R12).
    """
    tariff = parse_bundle(registry.tariffs[max(registry.tariffs)])
    context = PricingContext(
        tariff, terminal_facts(registry), fees_of(registry.participants.document)
    )
    prices = Prices(chart)
    for known, taps, travel in _each(cards, registry):
        try:
            said = price_card(taps, known, context, as_of_s)
        except TariffError as error:
            prices.exceptions.append(of_unpriced(f"…{known.card % 10_000:04d}", str(error)))
            continue
        prices.add(known.card, known.issuer, taps, travel, said)
    return prices


def _each(
    cards: Cards, registry: Registry
) -> Iterator[tuple[ClearedCard, list[Record], list[bool]]]:
    """Yield each card as enrolled, its taps, and which of them are travel."""
    own = cards.card[cards.first]
    at, enrolled = find(registry.cards["card"], own)
    ends = [*cards.first[1:].tolist(), len(cards.card)]
    travel = cards.travel.tolist()
    for i, (begin, end) in enumerate(zip(cards.first.tolist(), ends, strict=False)):
        taps = cards.rows[begin:end]
        if enrolled[i]:
            row = registry.cards[at[i]]
            group, group_expiry, nt = int(row["group"]), int(row["group_expiry"]), int(row["nt"])
        else:  # nobody said where its counter stood: it began with its first tap
            (group, group_expiry), nt = NO_GROUP, taps[0][0] - 1 + taps[0][1]
        issuer = int(cards.issuer[begin])
        yield ClearedCard(int(own[i]), issuer, group, group_expiry, nt), taps, travel[begin:end]


def terminal_facts(registry: Registry) -> dict[int, TerminalFacts]:
    """Return every terminal as pricing wants to know it."""
    names = ("terminal", "service", "direction", "operator", "vehicle", "vehicle_class")
    columns = (registry.terminals[name].tolist() for name in names)
    return {number: TerminalFacts(*rest) for number, *rest in zip(*columns, strict=True)}


def _key(text: str) -> tuple[int, int, int, int]:
    """Return the kind, issuer, card and NT of a key."""
    kind, issuer, card, nt = text.split(":")
    return KIND_BY_NAME[kind], int(issuer), int(card), int(nt)
