"""The device rule of parking (docs/spec/fares.md R14), for many cards at once.

Written from the rules, apart from `scheme.decision`; a test holds the two equal.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scheme.days import calendar_day
from scheme.services import Direction
from scheme.verdicts import Verdict
from sim.card_columns import Ints
from sim.device_tables import DeviceTables, ParkingPrice

HOUR_S = 3_600


@dataclass(frozen=True)
class ParkingTaps:
    """One presentation a card, at meters and lanes."""

    at_s: Ints
    service: Ints
    direction: Ints
    place: Ints
    vehicle_class: Ints
    balance: Ints


def decide_parking(
    before: NDArray[np.void], taps: ParkingTaps, tables: DeviceTables
) -> tuple[NDArray[np.uint8], Ints, NDArray[np.void]]:
    """Return verdict, debit and the columns (`PARKING_COLUMNS`) after each tap, if accepted."""
    own_stay = (before["place"] == taps.place) & (before["place"] != 0)
    undirected = taps.direction == Direction.either  # a meter
    ends = np.where(undirected, own_stay, taps.direction == Direction.exit)
    verdict = np.zeros(len(before), np.uint8)
    verdict[ends & ~own_stay] = Verdict.exit_without_entry
    debit = np.zeros(len(before), np.int64)
    priced = ends & own_stay
    for key, price in tables.parking.items():
        rows = np.flatnonzero(
            priced & (taps.service == key[0]) & (before["vehicle_class"] == key[1])
        )
        debit[rows] = stay_idr(price, before["at_s"][rows], taps.at_s[rows])
    verdict[priced & (taps.balance < debit)] = Verdict.balance_too_low
    after = np.zeros_like(before)
    after["place"] = np.where(ends, 0, taps.place)
    after["vehicle_class"] = np.where(ends, 0, taps.vehicle_class)
    after["at_s"] = np.where(ends, 0, taps.at_s)
    return verdict, debit, after


def stay_idr(price: ParkingPrice, from_s: Ints, to_s: Ints) -> Ints:
    """Return what stays cost: started hours, each by its place in the row and its calendar day."""
    seconds = to_s - from_s
    hours = np.maximum(1, -(-seconds // HOUR_S))
    total = np.zeros(len(seconds), np.int64)
    in_day = np.zeros(len(seconds), np.int64)
    day = calendar_day(from_s)
    for hour in range(int(hours.max(initial=0))):
        hour_day = calendar_day(from_s + hour * HOUR_S)
        in_day = np.where(hour_day == day, in_day, 0)
        day = hour_day
        hour_idr = np.full(len(seconds), price.hours_idr[min(hour, len(price.hours_idr) - 1)])
        if price.day_idr is not None:
            hour_idr = np.minimum(hour_idr, price.day_idr - in_day)
        counted = np.where(hour < hours, hour_idr, 0)
        in_day = in_day + counted
        total += counted
    return np.where((price.free_s > 0) & (seconds <= price.free_s), 0, total)
