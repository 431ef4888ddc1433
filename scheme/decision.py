"""What a device decides when a card is presented: the rule once, pure, for one tap.

It sees what the card said, what the terminal is and holds, and the instant; it says the verdict,
the rupiah and the card's new state (docs/spec/fares.md R1, R3 to R12, R14, R15). It is not the
dialogue: proving the card and completing a torn debit come before it. It is not the clearing
house either: `scheme.journeys` prices the same taps again from the records alone.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import NamedTuple

from scheme.days import business_day, calendar_day
from scheme.fares import (
    due,
    highest_fare,
    late_due,
    leg_metres,
    minimum_balance,
    own_fare,
    parking_price,
    rides_free,
    road_price,
    window,
)
from scheme.hotlist import NO_HOTLIST, Hotlist
from scheme.records import OpenLeg, RecordKind, TransitFlag
from scheme.services import LOADS, PARKING, TRANSIT, Direction, Service, TerminalKind
from scheme.tariffs import DayTariff, Tariff
from scheme.transit_state import NO_FLAGS, Parking, Transit, Unsettled, parse_parking, parse_transit
from scheme.verdicts import Verdict

DOUBLE_TAP_S = 10  # inclusive, after the last accepted tap at the same device (R8)
COUNTED_FLAG = {
    Service.transjakarta_brt: TransitFlag.tj_counted,
    Service.transjakarta_bus: TransitFlag.tj_counted,
    Service.mrt: TransitFlag.mrt_counted,
    Service.lrt: TransitFlag.lrt_counted,
}
OPENS = {
    Service.transjakarta_brt: OpenLeg.brt,
    Service.transjakarta_bus: OpenLeg.bus,
    Service.mikrotrans: OpenLeg.mikrotrans,
    Service.mrt: OpenLeg.mrt,
    Service.lrt: OpenLeg.lrt,
}
SERVICE_OF = {leg: service for service, leg in OPENS.items()}
RAIL = frozenset({Service.mrt, Service.lrt})
RAIL_LEGS = frozenset({OpenLeg.mrt, OpenLeg.lrt})


@dataclass(frozen=True, slots=True)
class CardSeen:
    """What a card said at SELECT.

    Attributes:
        expiry, group_expiry: Last calendar day, days since 1970-01-01.
        transit, parking: The two state slots, 29 and 7 bytes.
        genuine: False once a dialogue has found its proof wrong.
    """

    number: int
    issuer: int
    group: int
    group_expiry: int
    expiry: int
    balance_idr: int
    transit: bytes
    parking: bytes
    blocked: bool = False
    genuine: bool = True

    def free_on(self, said: DayTariff, service: Service) -> bool:
        """Whether this card rides a service free on a day."""
        return rides_free(said, service, self.issuer, self.group, self.group_expiry)


@dataclass(frozen=True, slots=True)
class Terminal:
    """What a card is presented to; the place is that of the tap, so on a bus the stop."""

    service: Service
    kind: TerminalKind
    direction: Direction
    place: int
    vehicle: int = 0
    vehicle_class: int = 0


@dataclass(frozen=True, slots=True)
class Versions:
    """What the terminal holds."""

    tariff: Tariff
    hotlist: Hotlist = field(default=NO_HOTLIST)


class Decision(NamedTuple):
    """What the device does.

    Attributes:
        amount_idr: Rupiah to debit, or to load for kind `load`; 0 if refused.
        kind: What the card will know of it, also if refused.
        state_after: The new state of the slot that `kind` names, the unchanged one if refused;
            empty for kinds without a slot.
    """

    verdict: Verdict
    amount_idr: int
    kind: RecordKind
    state_after: bytes


class Offer(NamedTuple):
    """What a tap would do if the balance allows it."""

    debit_idr: int
    minimum_idr: int | None  # None for a tap-out or a purchase, which may empty the purse
    state_after: bytes


def decide(
    card: CardSeen,
    terminal: Terminal,
    versions: Versions,
    at_s: int,
    *,
    last_accepted_s: int | None = None,
    given_idr: int = 0,
) -> Decision:
    """Return the verdict on a presentation, in the order of R15; the first that holds stands.

    Args:
        at_s: Whole second of the presentation, UTC.
        last_accepted_s: Second of the last tap of this card that this device accepted, if any.
        given_idr: The till's price, the bill or the load; not used where a tariff prices.

    Raises:
        TariffError: If the tariff has no row for what the terminal sells.
    """
    kind, slot = _slot(card, terminal.service)
    verdict = _refusal_of_the_card(card, versions.hotlist, at_s, last_accepted_s)
    if verdict is not Verdict.accepted:
        return Decision(verdict, 0, kind, slot)
    if kind is RecordKind.load:
        return Decision(Verdict.accepted, given_idr, kind, b"")
    offer = _offer(card, terminal, versions.tariff, at_s, given_idr)
    if offer is None:
        return Decision(Verdict.exit_without_entry, 0, kind, slot)
    if card.balance_idr < offer.debit_idr + (offer.minimum_idr or 0):
        short = Verdict.balance_too_low
        if offer.minimum_idr is not None:
            short = Verdict.balance_below_minimum
        return Decision(short, 0, kind, slot)
    return Decision(Verdict.accepted, offer.debit_idr, kind, offer.state_after)


def _slot(card: CardSeen, service: Service) -> tuple[RecordKind, bytes]:
    if service in TRANSIT:
        return RecordKind.debit_transit, card.transit
    if service in PARKING:
        return RecordKind.debit_parking, card.parking
    return (RecordKind.load if service in LOADS else RecordKind.debit), b""


def _refusal_of_the_card(
    card: CardSeen, hotlist: Hotlist, at_s: int, last_accepted_s: int | None
) -> Verdict:
    """Return the refusal that needs no fare, or `accepted` (R15)."""
    if not card.genuine:
        return Verdict.card_not_genuine
    if card.blocked:
        return Verdict.card_blocked
    if card.number in hotlist:
        return Verdict.card_hotlisted
    if calendar_day(at_s) > card.expiry:
        return Verdict.card_expired
    if last_accepted_s is not None and 0 <= at_s - last_accepted_s <= DOUBLE_TAP_S:
        return Verdict.already_tapped
    return Verdict.accepted


def _offer(
    card: CardSeen, terminal: Terminal, tariff: Tariff, at_s: int, given_idr: int
) -> Offer | None:
    """Return what the tap would do, or None for an exit that finds nothing it may end."""
    if terminal.service in TRANSIT:
        return _transit(card, terminal, tariff, at_s)
    if terminal.service in PARKING:
        return _parking(parse_parking(card.parking), terminal, tariff, at_s)
    if terminal.service is Service.erp:
        said = tariff.on(calendar_day(at_s))
        return Offer(road_price(said, terminal.vehicle_class, at_s), None, b"")
    return Offer(given_idr, None, b"")


def _transit(card: CardSeen, terminal: Terminal, tariff: Tariff, at_s: int) -> Offer | None:
    state = parse_transit(card.transit)
    if terminal.kind is TerminalKind.bus:
        if _ends_bus_leg(state, terminal, tariff, at_s):
            return _tap_out(card, state, terminal, tariff, at_s)
        return _tap_in(card, state, terminal, tariff, at_s)
    if terminal.direction is Direction.entry:
        return _tap_in(card, state, terminal, tariff, at_s)
    if state.open_leg is not OPENS[terminal.service]:
        return None
    return _tap_out(card, state, terminal, tariff, at_s)


def _ends_bus_leg(state: Transit, terminal: Terminal, tariff: Tariff, at_s: int) -> bool:
    """Whether a tap on a bus is a tap-out: a leg of this vehicle is open and not too old (R8)."""
    if state.open_leg is not OPENS[terminal.service] or state.open_vehicle != terminal.vehicle:
        return False
    rule = window(tariff.on(calendar_day(state.open_at_s)))
    return at_s - state.open_at_s <= rule.bus_leg_s


def _tap_in(card: CardSeen, state: Transit, terminal: Terminal, tariff: Tariff, at_s: int) -> Offer:
    service, said = terminal.service, tariff.on(calendar_day(at_s))
    free_today = card.free_on(said, service)
    state = _leave_open_leg(state, terminal, tariff, at_s)
    state, unsettled_idr = _settle(state, service, tariff, at_s)
    would_be_idr, free = 0, free_today
    if service is not Service.mikrotrans:
        state = _join(state, tariff, at_s, free_today)
        free = state.free
        if service not in RAIL:
            fare_idr = own_fare(said, service, at_s, terminal.place, 0)
            state = _count(state, service, fare_idr, 0)
        state, would_be_idr = _charge(state, _due(state, tariff))
    state = replace(
        state,
        open_leg=OPENS[service],
        open_place=terminal.place,
        open_vehicle=terminal.vehicle,
        open_at_s=at_s,
    )
    debit_idr = (0 if free else would_be_idr) + (0 if free_today else unsettled_idr)
    minimum_idr = 0 if free else minimum_balance(said, service)
    return Offer(debit_idr, minimum_idr, state.pack())


def _leave_open_leg(state: Transit, terminal: Terminal, tariff: Tariff, at_s: int) -> Transit:
    """End a leg found open at a tap-in; a rail entry becomes unsettled, unless replaced (R9)."""
    leg = state.open_leg
    if leg in RAIL_LEGS:
        entry = Unsettled(state.open_place, calendar_day(state.open_at_s) & 255)
        rule = window(tariff.on(calendar_day(state.open_at_s)))
        replaced = (
            leg is OPENS[terminal.service]
            and state.open_place == terminal.place
            and at_s - state.open_at_s <= rule.reentry_s
        )
        if not replaced:
            state = _with_unsettled(state, SERVICE_OF[leg], entry)
    return state.without_leg()


def _with_unsettled(state: Transit, service: Service, entry: Unsettled) -> Transit:
    if service is Service.mrt:
        return replace(state, unsettled_mrt=entry)
    return replace(state, unsettled_lrt=entry)


def _settle(state: Transit, service: Service, tariff: Tariff, at_s: int) -> tuple[Transit, int]:
    """Pay the operator's unsettled entry at its next one: the highest fare from there (R9)."""
    if service not in RAIL:
        return state, 0
    entry = state.unsettled_mrt if service is Service.mrt else state.unsettled_lrt
    if not entry.place:
        return state, 0
    fare_idr = highest_fare(tariff.on(entry.day(at_s)), service, entry.place)
    return _with_unsettled(state, service, Unsettled()), fare_idr


def _join(state: Transit, tariff: Tariff, at_s: int, free_today: bool) -> Transit:
    """Return the state within the journey that this tap-in belongs to, old or new (R4, R11)."""
    if state.journey:
        rule = window(tariff.on(calendar_day(state.first_at_s)))
        same_day = business_day(at_s) == business_day(state.first_at_s)
        if same_day and at_s - state.first_at_s <= rule.window_s:
            return state
    flags = TransitFlag.journey | (TransitFlag.free if free_today else NO_FLAGS)
    return replace(state.without_journey(), flags=flags, first_at_s=at_s)


def _count(state: Transit, service: Service, fare_idr: int, metres: int) -> Transit:
    return replace(
        state,
        flags=state.flags | COUNTED_FLAG[service],
        own_fares_idr=state.own_fares_idr + fare_idr,
        metres=state.metres + metres,
    )


def _due(state: Transit, tariff: Tariff) -> int:
    said = tariff.on(calendar_day(state.first_at_s))
    return due(said, state.operators, state.own_fares_idr, state.metres)


def _charge(state: Transit, due_idr: int) -> tuple[Transit, int]:
    """Return the state after the would-be debit of R6, and that debit."""
    would_be_idr = max(0, due_idr - state.charged_idr)
    return replace(state, charged_idr=state.charged_idr + would_be_idr), would_be_idr


def _tap_out(
    card: CardSeen, state: Transit, terminal: Terminal, tariff: Tariff, at_s: int
) -> Offer:
    service = terminal.service
    if service is Service.mikrotrans:
        return Offer(0, None, state.without_leg().pack())
    if business_day(at_s) != business_day(state.open_at_s):
        return _tap_out_of_another_day(card, state, terminal, tariff)
    first = tariff.on(calendar_day(state.first_at_s))
    late = at_s - state.first_at_s > window(first).window_s
    if service in RAIL:
        return _rail_tap_out(state, terminal, tariff, late)
    if late:
        return Offer(0, None, state.without_leg().without_journey().pack())
    metres = leg_metres(first, service, state.open_place, terminal.place)
    after = replace(state, metres=state.metres + metres)
    after, would_be_idr = _charge(after, _due(after, tariff))
    return Offer(0 if after.free else would_be_idr, None, after.without_leg().pack())


def _rail_tap_out(state: Transit, terminal: Terminal, tariff: Tariff, late: bool) -> Offer:
    """Count the rail leg; after the window the journey closes with it (R5, R7)."""
    service = terminal.service
    first = tariff.on(calendar_day(state.first_at_s))
    fare_idr = _rail_fare(state, terminal, tariff)
    metres = leg_metres(first, service, state.open_place, terminal.place)
    after = _count(state, service, fare_idr, metres)
    due_idr = _due(after, tariff)
    if late:
        due_idr = late_due(first, after.operators, after.own_fares_idr)
    after, would_be_idr = _charge(after, due_idr)
    debit_idr = 0 if after.free else would_be_idr
    after = after.without_leg()
    return Offer(debit_idr, None, (after.without_journey() if late else after).pack())


def _tap_out_of_another_day(
    card: CardSeen, state: Transit, terminal: Terminal, tariff: Tariff
) -> Offer:
    """End a leg left open at 03:00: a rail leg is a journey of its own, others owe nothing (R7)."""
    after = state.without_leg().without_journey()
    said = tariff.on(calendar_day(state.open_at_s))
    if terminal.service not in RAIL or card.free_on(said, terminal.service):
        return Offer(0, None, after.pack())
    return Offer(_rail_fare(state, terminal, tariff), None, after.pack())


def _rail_fare(state: Transit, terminal: Terminal, tariff: Tariff) -> int:
    said = tariff.on(calendar_day(state.open_at_s))
    return own_fare(said, terminal.service, state.open_at_s, state.open_place, terminal.place)


def _parking(stay: Parking, terminal: Terminal, tariff: Tariff, at_s: int) -> Offer | None:
    """Begin or end a stay (R14); a meter, which has no direction, ends its own place's stay."""
    here = stay.place == terminal.place and stay.place != 0
    if terminal.direction is Direction.exit and not here:
        return None
    if terminal.direction is Direction.entry or not here:
        begun = Parking(terminal.place, terminal.vehicle_class, at_s)
        return Offer(0, 0, begun.pack())
    price_idr = parking_price(tariff, terminal.service, stay.vehicle_class, stay.at_s, at_s)
    return Offer(price_idr, None, Parking().pack())
