"""Who travelled where: one card's records, in counter order, linked into legs, journeys and stays.

It reads who tapped where and when, and what the card paid; it does not read the state on the card
and does not ask `scheme.decision`. It links and does not price (`scheme.journeys` does), with one
exception: what an unsettled entry took out of a debit must be told from the journey's part (R9).

Source: docs/spec/fares.md R4, R7, R8, R9, R14, R18.
"""

from __future__ import annotations

from typing import NamedTuple

from scheme.days import business_day, calendar_day
from scheme.fares import highest_fare, rides_free, window
from scheme.services import Direction, Service
from scheme.tariffs import Tariff

BUS, MIKROTRANS = Service.transjakarta_bus, Service.mikrotrans
RAIL = frozenset({Service.mrt, Service.lrt})
VEHICLES = frozenset({BUS, MIKROTRANS})
ENTRY, EXIT = Direction.entry, Direction.exit


class TerminalFacts(NamedTuple):
    """What the clearing house knows of a terminal."""

    service: int
    direction: int
    operator: int  # participant number
    vehicle: int
    vehicle_class: int


class ClearedCard(NamedTuple):
    """What the clearing house knows of a card; `nt` is its counter before the first record."""

    card: int
    issuer: int
    group: int
    group_expiry: int
    nt: int


class Journey:
    """Legs joined by R4, and what the card paid for them; without legs a tap of no journey."""

    __slots__ = ("charged_idr", "closed", "day", "first_s", "key", "legs", "service", "used_idr")

    def __init__(self, key: str, service: int, first_s: int) -> None:
        self.key = key
        self.service = service
        self.first_s = first_s
        self.day = business_day(first_s)
        self.legs: list[Leg] = []
        self.charged_idr = 0
        self.used_idr = 0  # of what an entry with a found exit had paid (R18)
        self.closed = False


class Leg:
    """From a tap-in to its tap-out. `out_s` 0 = none that counts: no metres, no rail fare."""

    __slots__ = (
        "at_s", "found", "journey", "nt", "operator", "out_place", "out_s", "place", "service",
        "vehicle",
    )  # fmt: skip

    def __init__(
        self, journey: Journey | None, facts: TerminalFacts, nt: int, at_s: int, place: int
    ) -> None:
        self.journey = journey  # None for Mikrotrans
        self.service, _, self.operator, self.vehicle, _ = facts
        self.nt = nt
        self.at_s = at_s
        self.place = place
        self.out_place = 0
        self.out_s = 0
        self.found = False  # ended by a torn exit that never reached the card


class Entry(NamedTuple):
    """An unsettled entry at the tap that pays it."""

    leg: Leg
    highest_idr: int
    paid_idr: int
    free: bool


class Stay(NamedTuple):
    """A parking stay that ended."""

    key: str
    service: int
    vehicle_class: int
    operator: int
    start_s: int
    end_s: int
    charged_idr: int


class Linker:
    """The records of one card, linked as they come in counter order."""

    __slots__ = (
        "_card", "_journey", "_parked", "_tail", "_tariff", "_unsettled", "entries", "found",
        "journeys", "open_leg", "stays",
    )  # fmt: skip

    def __init__(self, card: ClearedCard, tariff: Tariff) -> None:
        self._card = card
        self._tariff = tariff
        self._tail = f":{card.issuer}:{card.card}:"
        self._journey: Journey | None = None
        self._unsettled: dict[int, Leg] = {}
        self._parked: tuple[int, int, TerminalFacts, int] | None = None
        self.open_leg: Leg | None = None  # as the card sees it
        self.journeys: list[Journey] = []
        self.entries: list[Entry] = []
        self.stays: list[Stay] = []
        self.found: list[Leg] = []

    def transit(self, facts: TerminalFacts, nt: int, at_s: int, place: int, idr: int) -> str:
        """Link a transit tap and return the key its money belongs to, "" for none."""
        leg = self.open_leg
        service = facts.service
        if service in VEHICLES:
            if leg is not None and self._ends(leg, facts, at_s):
                return self._tap_out(leg, nt, at_s, place, idr)
        elif facts.direction != ENTRY:
            if leg is not None and leg.service == service:
                return self._tap_out(leg, nt, at_s, place, idr)
            return self._stray(service, nt, at_s, idr)
        return self._tap_in(facts, nt, at_s, place, idr)

    def torn(self, facts: TerminalFacts, at_s: int, place: int) -> None:
        """Take a torn presentation for the end of the open leg, if it could have ended it (R18).

        A later tap-out that ends the same leg on the card takes its place; an entry is no exit.
        """
        leg = self.open_leg
        if leg is None or leg.found or leg.journey is None or not self._ends(leg, facts, at_s):
            return
        leg.found = True
        self.found.append(leg)
        if leg.service in RAIL or self._in_window(leg, at_s):
            leg.out_place, leg.out_s = place, at_s

    def parking(self, facts: TerminalFacts, nt: int, at_s: int, place: int, idr: int) -> str:
        """Link a parking tap and return the key its money belongs to, "" for none (R14)."""
        parked = self._parked
        here = parked is not None and parked[1] == place
        if facts.direction == ENTRY or (facts.direction != EXIT and not here):
            self._parked = (nt, place, facts, at_s)
            return self._unowed_stay(facts, nt, at_s, idr)
        if parked is None or not here:
            return self._unowed_stay(facts, nt, at_s, idr)
        self._parked = None
        start_nt, _, start, start_s = parked
        key = f"stay{self._tail}{start_nt}"
        vehicle = start.vehicle_class
        self.stays.append(Stay(key, facts.service, vehicle, facts.operator, start_s, at_s, idr))
        return key

    def _unowed_stay(self, facts: TerminalFacts, nt: int, at_s: int, idr: int) -> str:
        """Keep a debit for which no stay is owed, if there is one, so that it is refunded."""
        if not idr:
            return ""
        key = f"stay{self._tail}{nt}"
        self.stays.append(Stay(key, facts.service, -1, facts.operator, at_s, at_s, idr))
        return key

    def _ends(self, leg: Leg, facts: TerminalFacts, at_s: int) -> bool:
        """Whether a tap there and then may end this leg (R8)."""
        if leg.service != facts.service:
            return False
        if leg.service not in VEHICLES:
            return facts.direction == EXIT
        if leg.vehicle != facts.vehicle:
            return False
        return at_s - leg.at_s <= window(self._tariff.on(calendar_day(leg.at_s))).bus_leg_s

    def _in_window(self, leg: Leg, at_s: int) -> bool:
        """Whether the journey of this leg still stands at an instant (R7, R13)."""
        journey = leg.journey
        if journey is None or business_day(at_s) != journey.day:
            return False
        rule = window(self._tariff.on(calendar_day(journey.first_s)))
        return at_s - journey.first_s <= rule.window_s

    def _tap_in(self, facts: TerminalFacts, nt: int, at_s: int, place: int, idr: int) -> str:
        service = facts.service
        if self.open_leg is not None:
            self._leave_open(self.open_leg, service, at_s, place)
        if service in RAIL and self._unsettled:
            idr = self._settle(service, at_s, idr)
        if service == MIKROTRANS:
            self.open_leg = Leg(None, facts, nt, at_s, place)
            return self._stray(service, nt, at_s, idr)
        journey = self._join(service, nt, at_s)
        journey.charged_idr += idr
        leg = Leg(journey, facts, nt, at_s, place)
        journey.legs.append(leg)
        self.open_leg = leg
        return journey.key

    def _leave_open(self, leg: Leg, service: int, at_s: int, place: int) -> None:
        """End a leg found open at a tap-in; a rail entry is unsettled unless replaced (R9)."""
        self.open_leg = None
        if leg.service not in RAIL:
            return
        if leg.service == service and leg.place == place:
            rule = window(self._tariff.on(calendar_day(leg.at_s)))
            if at_s - leg.at_s <= rule.reentry_s:
                return
        self._unsettled[leg.service] = leg

    def _settle(self, service: int, at_s: int, idr: int) -> int:
        """Take the unsettled entry's part out of this debit and return the journey's (R9)."""
        leg = self._unsettled.pop(service, None)
        if leg is None:
            return idr
        card, said = self._card, self._tariff.on(calendar_day(at_s))
        free = rides_free(said, service, card.issuer, card.group, card.group_expiry)
        highest = highest_fare(self._tariff.on(calendar_day(leg.at_s)), service, leg.place)
        paid = 0 if free else min(idr, highest)
        self.entries.append(Entry(leg, highest, paid, free))
        return idr - paid

    def _join(self, service: int, nt: int, at_s: int) -> Journey:
        """Return the journey that a tap-in belongs to, the one that stands or a new one (R4)."""
        journey = self._journey
        if journey is not None:
            rule = window(self._tariff.on(calendar_day(journey.first_s)))
            if at_s - journey.first_s <= rule.window_s and business_day(at_s) == journey.day:
                return journey
            journey.closed = True
        self._journey = journey = self._begin(service, nt, at_s)
        return journey

    def _begin(self, service: int, nt: int, first_s: int) -> Journey:
        journey = Journey(f"journey{self._tail}{nt}", service, first_s)
        self.journeys.append(journey)
        return journey

    def _tap_out(self, leg: Leg, nt: int, at_s: int, place: int, idr: int) -> str:
        self.open_leg = None
        journey = leg.journey
        if journey is None:
            return self._stray(leg.service, nt, at_s, idr)
        leg.found, leg.out_s = False, 0
        stands = self._in_window(leg, at_s)
        if not stands:
            self._journey = None
            journey.closed = True
        if leg.service in RAIL and business_day(at_s) != journey.day:
            journey = self.set_apart(leg, journey)
        if leg.service in RAIL or stands:
            leg.out_place, leg.out_s = place, at_s
        journey.charged_idr += idr
        return journey.key

    def set_apart(self, leg: Leg, journey: Journey) -> Journey:
        """Return the journey of its own of a rail leg that was open at 03:00 (R7)."""
        journey.legs.remove(leg)
        if not journey.legs and not journey.charged_idr:
            self.journeys.remove(journey)
        own = self._begin(leg.service, leg.nt, leg.at_s)
        own.legs.append(leg)
        own.closed = True
        leg.journey = own
        return own

    def _stray(self, service: int, nt: int, at_s: int, idr: int) -> str:
        """Keep a debit that belongs to no leg, if there is one, so that it is refunded."""
        if not idr:
            return ""
        journey = self._begin(service, nt, at_s)
        journey.charged_idr = idr
        journey.closed = True
        return journey.key
