"""The second stage: cards priced in counter order at a day close, and again when a tap comes late.

`scheme.journeys` says what should stand for a card; this room finds the cards whose answer may have
changed, asks, and returns the difference against what stands. It prices nothing itself.
"""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Iterator
from multiprocessing.connection import Connection
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from reference_server.books import Books
from reference_server.devices import Registry, find
from reference_server.exceptions import of_unpriced
from reference_server.prices import Prices, PricesInTheMaking, together
from scheme.days import business_day
from scheme.errors import TariffError
from scheme.journeys import PricingContext, Record, fees_of, price_card
from scheme.linking import ClearedCard, TerminalFacts
from scheme.records import TAP_DTYPE, RecordKind
from scheme.tariffs import parse_bundle
from scheme.verdicts import Verdict

HALVED_MIN = 20_000  # cards from which a second process is worth its start


class Span(NamedTuple):
    """Which taps are priced, and as of when.

    Attributes:
        priced: Taps that arrived after it are new to the prices; -1 if all are, since they were
            priced by another tariff.
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
    travel: list[bool]
    first: NDArray[np.int64]
    changed: list[int]


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
    changed = np.union1d(card[new & (day <= span.day)], books.cards_waiting())
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
    return Cards(card, columns["issuer"][order], rows, travel[order].tolist(), first, changed)


def price(cards: Cards, registry: Registry, as_of_s: int) -> Prices:
    """Return what should stand for these cards; there must be a tariff.

    The tariff is the newest that is published: what a device with an older one took is put right
    (R12). Many cards are priced by two processes.
    """
    count = len(cards.first)
    if count < HALVED_MIN or (os.cpu_count() or 1) < 2:
        return _price_some(cards, registry, as_of_s, range(count))
    # Forked, so that the child has the taps already; only its answer crosses the pipe, as arrays.
    context = multiprocessing.get_context("fork")
    receiver, sender = context.Pipe(duplex=False)
    half = count // 2
    child = context.Process(
        target=_price_and_send, args=(sender, cards, registry, as_of_s, range(half, count))
    )
    child.start()
    sender.close()
    own = _price_some(cards, registry, as_of_s, range(half))
    other: Prices = receiver.recv()
    child.join()
    return together(own, other)


def _price_and_send(
    sender: Connection, cards: Cards, registry: Registry, as_of_s: int, which: range
) -> None:
    sender.send(_price_some(cards, registry, as_of_s, which))


def _price_some(cards: Cards, registry: Registry, as_of_s: int, which: range) -> Prices:
    tariff = parse_bundle(registry.tariffs[registry.newest_tariff])
    context = PricingContext(
        tariff, terminal_facts(registry), fees_of(registry.participants.document)
    )
    made = PricesInTheMaking()
    for known, taps, travel in _each(cards, registry, which):
        try:
            said = price_card(taps, known, context, as_of_s)
        except TariffError as error:
            made.exceptions.append(of_unpriced(f"…{known.card % 10_000:04d}", str(error)))
            continue
        made.add(known.card, known.issuer, taps, travel, said)
    return made.whole()


def _each(
    cards: Cards, registry: Registry, which: range
) -> Iterator[tuple[ClearedCard, list[Record], list[bool]]]:
    """Yield each card as enrolled, its taps, and which of them are travel."""
    begins = cards.first[which.start : which.stop]
    own = cards.card[begins]
    at, enrolled = find(registry.cards["card"], own)
    known_cards = registry.cards if len(registry.cards) else np.zeros(1, registry.cards.dtype)
    rows = known_cards[at]
    ends = [*cards.first.tolist(), len(cards.card)][which.start + 1 : which.stop + 1]
    for card, issuer, known, group, group_expiry, nt, begin, end in zip(
        own.tolist(),
        cards.issuer[begins].tolist(),
        enrolled.tolist(),
        rows["group"].tolist(),
        rows["group_expiry"].tolist(),
        rows["nt"].tolist(),
        begins.tolist(),
        ends,
        strict=True,
    ):
        taps, travel = cards.rows[begin:end], cards.travel[begin:end]
        if known:
            yield ClearedCard(card, issuer, group, group_expiry, nt), taps, travel
        else:  # nobody said where its counter stood: it began with its first tap
            first_nt, torn, *_ = taps[0]
            yield ClearedCard(card, issuer, 0, 0, first_nt - 1 + torn), taps, travel


def terminal_facts(registry: Registry) -> dict[int, TerminalFacts]:
    """Return every terminal as pricing wants to know it."""
    names = ("terminal", "service", "direction", "operator", "vehicle", "vehicle_class")
    columns = (registry.terminals[name].tolist() for name in names)
    return {number: TerminalFacts(*rest) for number, *rest in zip(*columns, strict=True)}
