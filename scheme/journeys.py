"""The clearing side: what one card's records are worth, as the postings that should stand.

It prices from records, terminals, tariff and group alone (docs/spec/fares.md R4 to R7, R9, R11 to
R14, R18, R19); `scheme.linking` tells who travelled where. It is another program than
`scheme.decision`, so a wrong line in one shows. It keeps no books: the caller posts the difference
between what it returns and what stands under each key.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from scheme.days import business_day, business_day_end_s, calendar_day
from scheme.fares import (
    OPERATOR_CODE,
    due,
    late_due,
    leg_metres,
    own_fare,
    parking_price,
    rides_free,
    window,
)
from scheme.linking import RAIL, ClearedCard, Entry, Journey, Leg, Linker, Stay, TerminalFacts
from scheme.money import largest_remainder, share_bps
from scheme.services import PARKING, TRANSIT, Service
from scheme.tariffs import DayTariff, Tariff

GIVEN_UP_CLOSES = 30  # day closes after which a gap is given up [A], docs/spec/fares.md R19
HOLD = "hold:journey"

Record = tuple[int, int, int, int, int, int]
Posting = tuple[str, str, str, str, int, int]
JourneyRow = tuple[str, str, str, int, int, int, int, int, int]
LegRow = tuple[str, int, int, int, int, int]


class PricingContext(NamedTuple):
    """What pricing needs beside the card: the right tariff, the terminals, the parking fees.

    Attributes:
        terminals: By terminal number.
        fees: By service number: (payee's participant number, ten-thousandths, code).
    """

    tariff: Tariff
    terminals: Mapping[int, TerminalFacts]
    fees: Mapping[int, Sequence[tuple[int, int, str]]]


class CardPricing(NamedTuple):
    """What should stand for one card.

    Attributes:
        booked: How many of the records, from the first, were priced; the others are in state `gap`.
        keys: For each record the journey or stay its money belongs to; "" for none, and for gaps.
        journeys: (key, kind journey|stay|entry, state open|closed, operating day, first second,
            due, charged, refund, group), rupiah; group 0 unless the group pays.
        legs: (key, leg from 1, operator, own fare, share, metres) of closed journeys' counted legs.
        postings: (key, debit account, credit account, code, operating day, rupiah > 0): value goes
            from the first account to the second. The debits of the taps themselves
            (`purse` to `hold:journey`) are not among them. Two legs of one operator give two
            postings under one key.
    """

    booked: int
    keys: list[str]
    journeys: list[JourneyRow]
    legs: list[LegRow]
    postings: list[Posting]


def price_card(
    records: Sequence[Record], card: ClearedCard, context: PricingContext, as_of_s: int
) -> CardPricing:
    """Return what should stand for a card's records as of an instant.

    Pure: the same records give the same answer in whatever order they came.

    Args:
        records: (nt, torn, second, terminal, place, rupiah), sorted. Every accepted record of the
            card that used a counter is among them, loads and purchases too, since they close gaps
            (torn 0; a refused record used none). A record marked torn has torn 1 and the counter
            as SELECT gave it. `terminal` is the card part's, not the recorder.
        card: Its group, and its counter before the first record: the first missing counter after
            it, or between two records, begins a gap (R19) until it is given up.
        as_of_s: Second of the close call or of asking; decides which journeys have closed (R13)
            and which gaps are given up.

    Raises:
        TariffError: If the tariff has no row for a leg or a stay; the card's money then rests.
    """
    linker = Linker(card, context.tariff)
    keys = _link(records, card.nt, context.terminals, linker, as_of_s)
    booked = len(keys)
    keys.extend([""] * (len(records) - booked))
    pricing = CardPricing(booked, keys, [], [], [])
    if linker.journeys:
        _price_journeys(linker, card, context.tariff, as_of_s, pricing)
    for stay in linker.stays:
        _price_stay(stay, card, context, pricing)
    return pricing


def _link(
    records: Sequence[Record],
    nt: int,
    terminals: Mapping[int, TerminalFacts],
    linker: Linker,
    as_of_s: int,
) -> list[str]:
    """Link records up to the first gap that is not given up; return a key for each linked one."""
    keys: list[str] = []
    known = nt
    for nt, torn, at_s, terminal, place, idr in records:
        if nt > known + 1 - torn:
            given_up = business_day_end_s(business_day(at_s) + GIVEN_UP_CLOSES - 1)
            if as_of_s < given_up:
                break
        if nt > known:
            known = nt
        facts = terminals.get(terminal)
        key = ""
        if facts is None:
            pass
        elif torn:
            linker.torn(facts, at_s, place)
        elif facts.service in TRANSIT:
            key = linker.transit(facts, nt, at_s, place, idr)
        elif facts.service in PARKING:
            key = linker.parking(facts, nt, at_s, place, idr)
        keys.append(key)
    return keys


class _Priced(NamedTuple):
    """A journey with its counted legs priced, and what it owes."""

    journey: Journey
    said: DayTariff
    closed: bool
    free: bool
    legs: list[tuple[int, int, int]]  # operator, own fare, metres
    due_idr: int
    would_be_idr: int  # the sum of R6's debits had every tap been priced right


def _price_journeys(
    linker: Linker, card: ClearedCard, tariff: Tariff, as_of_s: int, pricing: CardPricing
) -> None:
    for leg in linker.found:  # a found exit after 03:00 is a journey of its own too (R7)
        journey = leg.journey
        if leg.found and leg.out_s and journey and business_day(leg.out_s) != journey.day:
            linker.set_apart(leg, journey)
    priced = [_priced(journey, linker, card, tariff, as_of_s) for journey in linker.journeys]
    if linker.entries:
        of = {p.journey.key: p for p in priced if p.journey.legs}
        for entry in linker.entries:
            _post_entry(entry, of, card, tariff, pricing)
    for one in priced:
        _post_journey(one, card, pricing)


def _priced(
    journey: Journey, linker: Linker, card: ClearedCard, tariff: Tariff, as_of_s: int
) -> _Priced:
    first_s = journey.first_s
    said = tariff.on(calendar_day(first_s))
    window_s = window(said).window_s
    legs: list[tuple[int, int, int]] = []
    operators: set[str] = set()
    own_sum = metres_sum = due_idr = would_be = 0
    for leg in journey.legs:
        service, out_s = leg.service, leg.out_s
        rail = service in RAIL
        if rail and not out_s:
            continue
        fare = own_fare(
            tariff.on(calendar_day(leg.at_s)), service, leg.at_s, leg.place, leg.out_place
        )
        metres = leg_metres(said, service, leg.place, leg.out_place) if out_s else 0
        operators.add(OPERATOR_CODE[service])
        legs.append((leg.operator, fare, metres))
        own_sum += fare
        metres_sum += metres
        if rail and out_s - first_s > window_s:
            due_idr = late_due(said, len(operators), own_sum)
        else:
            due_idr = due(said, len(operators), own_sum, metres_sum)
        would_be = max(would_be, due_idr)
    free = rides_free(said, journey.service, card.issuer, card.group, card.group_expiry)
    closed = (
        journey.closed
        or as_of_s >= business_day_end_s(journey.day)
        or (as_of_s - first_s > window_s and not _held_open(journey, linker))
    )
    return _Priced(journey, said, closed, free, legs, due_idr, would_be)


def _held_open(journey: Journey, linker: Linker) -> bool:
    """Whether a rail leg of this journey is still open (R13)."""
    leg = linker.open_leg
    return leg is not None and leg.journey is journey and leg.service in RAIL and not leg.out_s


def _post_entry(
    entry: Entry,
    of: Mapping[str, _Priced],
    card: ClearedCard,
    tariff: Tariff,
    pricing: CardPricing,
) -> None:
    """Post a paid unsettled entry, or give back what a found exit makes too much (R9, R18)."""
    leg, highest, paid, free = entry
    key = f"entry:{card.issuer}:{card.card}:{leg.nt}"
    day = business_day(leg.at_s)
    post = pricing.postings.append
    refund, group = 0, card.group if free else 0
    if leg.found:
        priced = of[leg.journey.key] if leg.journey else None
        if priced is None or not priced.closed:
            return
        if not paid:
            return
        refund = paid - _use(priced, leg, paid, tariff)
        highest = paid - refund
        if refund:
            post((key, HOLD, f"refund_payable:{card.issuer}", "refund", day, refund))
    elif free:
        post((key, _group(card), f"revenue:{leg.operator}", "unsettled", day, highest))
    else:
        if paid < highest:
            short = highest - paid
            post((key, f"uncollected:{leg.operator}", HOLD, "uncollected", day, short))
        post((key, HOLD, f"revenue:{leg.operator}", "unsettled", day, highest))
    row = (key, "entry", "closed", day, leg.at_s, highest, paid, refund, group)
    pricing.journeys.append(row)


def _use(priced: _Priced, leg: Leg, paid_idr: int, tariff: Tariff) -> int:
    """Return how much of an entry's payment is the found leg's own fare, noted there (R18)."""
    if priced.free:
        return 0
    said = tariff.on(calendar_day(leg.at_s))
    fare = own_fare(said, leg.service, leg.at_s, leg.place, leg.out_place)
    used = min(paid_idr, fare)
    priced.journey.used_idr += used
    return used


def _post_journey(priced: _Priced, card: ClearedCard, pricing: CardPricing) -> None:
    journey, _, closed, free, legs, due_idr, would_be = priced
    key, day = journey.key, journey.day
    charged = would_be if free else journey.charged_idr + journey.used_idr
    refund = max(0, charged - due_idr) if closed else 0
    row = (
        key, "journey", "closed" if closed else "open", day, journey.first_s,
        due_idr, charged, refund, card.group if free else 0,
    )  # fmt: skip
    pricing.journeys.append(row)
    if not closed:
        return
    post = pricing.postings.append
    if free:
        if would_be:
            post((key, _group(card), HOLD, "group_fare", day, would_be))
        if refund:
            post((key, HOLD, _group(card), "refund", day, refund))
        refund = journey.charged_idr  # whatever a device took of a free rider
    if refund:
        post((key, HOLD, f"refund_payable:{card.issuer}", "refund", day, refund))
    if charged < due_idr:
        short = due_idr - charged
        post((key, f"uncollected:{legs[-1][0]}", HOLD, "uncollected", day, short))
    _post_shares(key, day, legs, due_idr, pricing)


def _post_shares(
    key: str, day: int, legs: list[tuple[int, int, int]], due_idr: int, pricing: CardPricing
) -> None:
    """Split what is due over the legs; the integration subsidy pays each the rest (R13)."""
    post = pricing.postings.append
    shares = [legs[0][1]] if len(legs) == 1 else largest_remainder(due_idr, [f for _, f, _ in legs])
    for number, ((operator, fare, metres), share) in enumerate(zip(legs, shares, strict=True), 1):
        pricing.legs.append((key, number, operator, fare, share, metres))
        revenue = f"revenue:{operator}"
        if share:
            post((key, HOLD, revenue, "fare_share", day, share))
        if share < fare:
            post((key, "subsidy:integrated", revenue, "integration", day, fare - share))


def _price_stay(
    stay: Stay, card: ClearedCard, context: PricingContext, pricing: CardPricing
) -> None:
    """Post a stay that ended: what it owes, its fees, and the device's difference (R12, R14)."""
    key, service, vehicle_class, operator, start_s, end_s, charged = stay
    due_idr = 0
    if vehicle_class >= 0:
        due_idr = parking_price(context.tariff, service, vehicle_class, start_s, end_s)
    day = business_day(end_s)
    refund = max(0, charged - due_idr)
    row = (key, "stay", "closed", day, start_s, due_idr, charged, refund, 0)
    pricing.journeys.append(row)
    post = pricing.postings.append
    revenue = f"revenue:{operator}"
    if refund:
        post((key, HOLD, f"refund_payable:{card.issuer}", "refund", day, refund))
    if charged < due_idr:
        post((key, f"uncollected:{operator}", HOLD, "uncollected", day, due_idr - charged))
    if due_idr:
        post((key, HOLD, revenue, "parking", day, due_idr))
    for payee, bps, code in context.fees.get(service, ()):
        fee = share_bps(due_idr, bps)
        if fee:
            post((key, revenue, f"revenue:{payee}", code, day, fee))


def _group(card: ClearedCard) -> str:
    return f"subsidy:g{card.group:02d}"


def fees_of(participants: Mapping[str, object]) -> dict[int, list[tuple[int, int, str]]]:
    """Return the fees of the participants document by service number."""
    fees: dict[int, list[tuple[int, int, str]]] = {}
    rows = participants.get("fees", [])
    assert isinstance(rows, list), rows
    for row in rows:
        of = fees.setdefault(int(Service[row["service"]]), [])
        of.append((int(row["payee"]), int(row["bps"]), str(row["code"])))
    return fees
