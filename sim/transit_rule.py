"""The device rule of transit (docs/spec/fares.md R3 to R12, R15), for many cards at once.

Written from the rules, apart from `scheme.decision`; a test holds the two equal. Each call takes
one presentation a card. It says nothing of genuineness, lists, expiry or the 10-second rule, which
come before it (`sim.card_state`).
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from scheme.days import business_day, calendar_day
from scheme.records import OpenLeg, TransitFlag
from scheme.services import Direction, Service, TerminalKind
from scheme.verdicts import Verdict
from sim.card_columns import Bools, Ints
from sim.device_tables import DeviceTables

LEG_OF_SERVICE = np.zeros(256, np.int64)
for _service, _leg in (
    (Service.transjakarta_brt, OpenLeg.brt),
    (Service.transjakarta_bus, OpenLeg.bus),
    (Service.mikrotrans, OpenLeg.mikrotrans),
    (Service.mrt, OpenLeg.mrt),
    (Service.lrt, OpenLeg.lrt),
):
    LEG_OF_SERVICE[_service] = _leg
COUNTED_OF_LEG = np.array(
    [0, TransitFlag.tj_counted, TransitFlag.tj_counted, 0, TransitFlag.mrt_counted,
     TransitFlag.lrt_counted],
    np.int64,
)  # fmt: skip
OPERATOR_COUNT = np.array([bin(bits).count("1") for bits in range(8)], np.int64)
RAIL = {OpenLeg.mrt: "mrt", OpenLeg.lrt: "lrt"}
JOURNEY_FIELDS = ("counted", "journey", "free", "first_at_s", "charged", "own_fares", "metres")
OPEN_FIELDS = ("open", "open_place", "open_vehicle", "open_at_s")


@dataclass(frozen=True)
class TransitTaps:
    """One presentation a card, at gates and buses.

    Attributes:
        free_until: Last calendar day on which the card's group rides this service free, else -1.
    """

    at_s: Ints
    service: Ints
    kind: Ints
    direction: Ints
    place: Ints
    vehicle: Ints
    balance: Ints
    free_until: Ints

    @property
    def group_free(self) -> Bools:
        """Whether the group is valid on the date of the tap."""
        return np.asarray(calendar_day(self.at_s) <= self.free_until)


@dataclass(frozen=True)
class Outcome:
    """What the rule says: the verdict, the debit, and the columns if it is accepted."""

    verdict: NDArray[np.uint8]
    debit: Ints
    columns: NDArray[np.void]


def decide_transit(before: NDArray[np.void], taps: TransitTaps, tables: DeviceTables) -> Outcome:
    """Return the outcome of each tap on the columns (`TRANSIT_COLUMNS`) that stood before it."""
    leg = LEG_OF_SERVICE[taps.service]
    out = _is_tap_out(before, taps, leg, tables)
    after, verdict = before.copy(), np.zeros(len(before), np.uint8)
    debit = np.zeros(len(before), np.int64)
    no_leg = out & (taps.kind == TerminalKind.gate) & (before["open"] != leg)
    verdict[no_leg] = Verdict.exit_without_entry
    for chosen, rule in (
        (np.flatnonzero(~out), _tap_in),
        (np.flatnonzero(out & ~no_leg), _tap_out),
    ):
        if chosen.size:
            part = _subset(taps, chosen)
            after[chosen], debit[chosen], verdict[chosen] = rule(
                before[chosen], part, leg[chosen], tables
            )
    return Outcome(verdict, debit, after)


def _subset(taps: TransitTaps, chosen: Ints) -> TransitTaps:
    return TransitTaps(*(getattr(taps, field.name)[chosen] for field in fields(taps)))


def _is_tap_out(
    before: NDArray[np.void], taps: TransitTaps, leg: Ints, tables: DeviceTables
) -> Bools:
    """R8: a gate has a direction; a bus ends a leg begun on it, if that is not too old."""
    on_this_bus = (
        (before["open"] == leg)
        & (before["open_vehicle"] == taps.vehicle)
        & (taps.at_s - before["open_at_s"] <= tables.bus_leg_s)
    )
    is_bus = taps.kind == TerminalKind.bus
    return np.asarray(np.where(is_bus, on_this_bus, taps.direction == Direction.exit))


def _due(columns: NDArray[np.void], late: Bools, tables: DeviceTables) -> Ints:
    """R5 and R7: what the journey costs with the legs counted so far."""
    own = columns["own_fares"]
    distance = tables.base_idr + tables.per_km_idr * (columns["metres"] // 1_000)
    integrated = np.minimum(np.where(late, own, np.minimum(distance, own)), tables.cap_idr)
    return np.asarray(np.where(OPERATOR_COUNT[columns["counted"]] >= 2, integrated, own))


def _charge(columns: NDArray[np.void], late: Bools, tables: DeviceTables) -> Ints:
    """R6: raise what is charged to what is due; return the would-be debit."""
    would_be: Ints = np.maximum(0, _due(columns, late, tables) - columns["charged"])
    columns["charged"] += would_be
    return would_be


def _clear(columns: NDArray[np.void], names: tuple[str, ...], where: Bools) -> None:
    for name in names:
        columns[name][where] = 0


def _tap_in(
    before: NDArray[np.void], taps: TransitTaps, leg: Ints, tables: DeviceTables
) -> tuple[NDArray[np.void], Ints, NDArray[np.uint8]]:
    after = before.copy()
    group_free = taps.group_free
    unsettled = _end_open_leg(after, taps, leg, tables)
    integrated = leg != OpenLeg.mikrotrans
    joins = (
        (before["journey"] == 1)
        & (taps.at_s - before["first_at_s"] <= tables.window_s)
        & (business_day(before["first_at_s"]) == business_day(taps.at_s))
    )
    begins = integrated & ~joins
    _clear(after, JOURNEY_FIELDS, begins)
    after["journey"][begins] = 1
    after["free"][begins] = group_free[begins]
    after["first_at_s"][begins] = taps.at_s[begins]
    on_tj = (leg == OpenLeg.brt) | (leg == OpenLeg.bus)
    after["own_fares"] += np.where(on_tj, tables.tj_fare(taps.at_s), 0)
    after["counted"] |= np.where(on_tj, TransitFlag.tj_counted, 0)
    would_be = np.zeros(len(before), np.int64)
    counting = np.flatnonzero(integrated)
    rows = after[counting]
    would_be[counting] = _charge(rows, np.zeros(len(rows), np.bool_), tables)
    after[counting] = rows
    rides_free = np.where(integrated, after["free"] == 1, group_free)
    debit = np.where(rides_free, 0, would_be) + np.where(group_free, 0, unsettled)
    minimum = np.where(rides_free, 0, tables.minimum_idr[taps.service])
    after["open"] = leg
    after["open_place"] = taps.place
    after["open_vehicle"] = taps.vehicle
    after["open_at_s"] = taps.at_s
    short = taps.balance < debit + minimum
    return after, debit, np.where(short, Verdict.balance_below_minimum, 0).astype(np.uint8)


def _end_open_leg(
    after: NDArray[np.void], taps: TransitTaps, leg: Ints, tables: DeviceTables
) -> Ints:
    """R9: end the open leg at a tap-in; return the highest fares that this tap has to pay."""
    pays = np.zeros(len(after), np.int64)
    for kind, name in RAIL.items():
        place, day = after[f"unsettled_{name}_place"], after[f"unsettled_{name}_day"]
        here = leg == kind
        old = here & (place != 0)
        pays[old] += tables.highest_fare(kind, place[old])
        place[old] = 0
        day[old] = 0
        left = after["open"] == kind
        again = (
            here
            & (after["open_place"] == taps.place)
            & (taps.at_s - after["open_at_s"] <= tables.reentry_s)
        )
        now = left & here & ~again
        pays[now] += tables.highest_fare(kind, after["open_place"][now])
        later = left & ~here
        place[later] = after["open_place"][later]
        day[later] = calendar_day(after["open_at_s"][later]) % 256
    return pays


def _tap_out(
    before: NDArray[np.void], taps: TransitTaps, leg: Ints, tables: DeviceTables
) -> tuple[NDArray[np.void], Ints, NDArray[np.uint8]]:
    after = before.copy()
    rail = (leg == OpenLeg.mrt) | (leg == OpenLeg.lrt)
    on_tj = (leg == OpenLeg.brt) | (leg == OpenLeg.bus)
    overnight = business_day(before["open_at_s"]) != business_day(taps.at_s)
    late = overnight | (taps.at_s - before["first_at_s"] > tables.window_s)
    alone = rail & overnight  # R7: a journey of its own
    _clear(after, ("counted", "charged", "own_fares", "metres"), alone)
    counts = rail | (on_tj & ~late)
    begun_at = before["open_place"]
    after["own_fares"] += tables.rail_fare(leg, begun_at, taps.place, before["open_at_s"])
    after["counted"] |= np.where(rail, COUNTED_OF_LEG[leg], 0)
    after["metres"] += tables.metres(leg, begun_at, taps.place, counts)
    would_be = np.zeros(len(before), np.int64)
    chosen = np.flatnonzero(counts)
    rows = after[chosen]
    would_be[chosen] = _charge(rows, late[chosen], tables)
    after[chosen] = rows
    free = np.where(
        alone, calendar_day(before["open_at_s"]) <= taps.free_until, before["free"] == 1
    )
    debit = np.where(free, 0, would_be)
    _clear(after, OPEN_FIELDS, np.ones(len(after), np.bool_))
    _clear(after, JOURNEY_FIELDS, late & (rail | on_tj))
    short = taps.balance < debit
    return after, debit, np.where(short, Verdict.balance_too_low, 0).astype(np.uint8)
