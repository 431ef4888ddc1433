"""What the fields of cards, SAMs and records mean to a person: money, dates, places, banks, states.

Names of places and banks come from the shipped tables; a number that is in none of them stays a
number. Nothing here raises, whatever the bytes.
"""

from __future__ import annotations

import csv
import datetime as dt
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import IntEnum, IntFlag
from functools import cache
from typing import Any

from ruamel.yaml import YAML

from scenarios.shipped import data_folder
from scheme.apdu import Flag, PurseNumber
from scheme.days import JAKARTA, clock_text, date_of
from scheme.errors import RecordError
from scheme.money import rupiah
from scheme.records import RecordKind
from scheme.services import VehicleClass
from scheme.transit_state import Transit, parse_parking, parse_transit

PROFILES = {1: "unregistered", 2: "registered"}
PURSES = {
    int(PurseNumber.main): "main purse",
    int(PurseNumber.kjp_routine): "KJP routine purse",
    int(PurseNumber.kjp_periodic): "KJP periodic purse",
}
FLAGS = {
    Flag.unconfirmed: "last transaction not confirmed",
    Flag.reserved: "a load is reserved",
}
DAY_MAX = (dt.date.max - dt.date(1970, 1, 1)).days


@dataclass(frozen=True)
class Names:
    """Places, banks and free groups by number."""

    places: Mapping[int, str] = field(default_factory=dict)
    banks: Mapping[int, str] = field(default_factory=dict)
    groups: Mapping[int, str] = field(default_factory=dict)

    def place(self, number: int) -> str:
        """Return a place in words: `Lebak Bulus (place 101)`, or its number alone."""
        return f"{self.places[number]} (place {number})" if number in self.places else (
            f"place {number}" if number else "no place"
        )

    def bank(self, number: int) -> str:
        """Return an issuer in words: `Bank DKI (1016)`, or its number alone."""
        known = number in self.banks
        return f"{self.banks[number]} ({number})" if known else f"participant {number}"

    def group(self, number: int) -> str:
        """Return a free group in words."""
        if not number:
            return "no free group"
        return f"free group {number}" + (
            f", {self.groups[number]}" if number in self.groups else ", which is not in the list"
        )


@cache
def shipped_names() -> Names:
    """Return the names in the shipped tables."""
    folder = data_folder()
    with (folder / "places.csv").open(encoding="utf-8", newline="") as rows:
        places = {int(row["place"]): row["name"] for row in csv.DictReader(rows)}
    text = (folder / "participants.yaml").read_text(encoding="utf-8")
    document: dict[str, Any] = YAML(typ="safe").load(text)
    banks = {int(row["number"]): str(row["name"]) for row in document["participants"]}
    groups = {int(row["group"]): str(row["name"]) for row in document["groups"]}
    return Names(places, banks, groups)


def day_words(day: int) -> str:
    """Return a day number as a date; 0 is none."""
    return date_of(day).isoformat() if 0 < day <= DAY_MAX else "none"


def second_words(at_s: int) -> str:
    """Return an instant in seconds UTC as Jakarta reads it; 0 is none."""
    if not at_s:
        return "none"
    return dt.datetime.fromtimestamp(at_s, JAKARTA).strftime("%Y-%m-%d %H:%M:%S")


def stamp_words(at_ms: int) -> str:
    """Return an instant in milliseconds UTC as Jakarta reads it."""
    return clock_text(at_ms)


def card_words(card: int) -> str:
    """Return a card number in groups of four digits."""
    digits = f"{card:016d}"
    return " ".join(digits[at : at + 4] for at in range(0, len(digits), 4))


def status_words(status: int) -> str:
    """Return the status byte of a card in words."""
    return f"blocked, reason {status}" if status else "active"


def flag_words(flags: int) -> str:
    """Return SELECT's flags in words."""
    told = [
        words
        for bit, words in FLAGS.items()
        if flags & bit
    ]
    unknown = flags & ~sum(FLAGS)
    if unknown:
        told.append(f"unknown bits {unknown:02x}")
    return ", ".join(told) or "none"


def member_words(kind: type[IntEnum], code: int) -> str:
    """Return a code by its name in an enumeration: `debit transit`, or `unknown 9`."""
    known = code in kind._value2member_map_
    return kind(code).name.replace("_", " ") if known else f"unknown {code}"


def bit_words(kind: type[IntFlag], bits: int) -> str:
    """Return bits by their names."""
    names = [str(bit.name) for bit in kind if bits & bit]
    return ", ".join(names) or "nothing"


def transit_words(state: bytes, names: Names) -> list[str]:
    """Return the transit state in sentences, one a fact; bytes that are no state say so."""
    try:
        transit = parse_transit(state)
    except RecordError:
        return [f"not a transit state: {state.hex()}"]
    told = [_leg_words(transit, names)] if transit.open_leg else []
    if transit.journey:
        told.append(
            f"journey since {second_words(transit.first_at_s)}: {rupiah(transit.charged_idr)} "
            f"charged, own fares {rupiah(transit.own_fares_idr)}, {transit.metres:,} m"
            + (", rides free" if transit.free else "")
        )
    for system, left in (("MRT", transit.unsettled_mrt), ("LRT", transit.unsettled_lrt)):
        if left.place:
            told.append(f"unsettled {system} entry at {names.place(left.place)}")
    return told or ["no journey"]


def parking_words(state: bytes, names: Names) -> str:
    """Return the parking state in a sentence."""
    try:
        parking = parse_parking(state)
    except RecordError:
        return f"not a parking state: {state.hex()}"
    if not parking.place:
        return "no stay"
    vehicle = member_words(VehicleClass, parking.vehicle_class)
    return f"{vehicle} at {names.place(parking.place)} since {second_words(parking.at_s)}"


def _leg_words(transit: Transit, names: Names) -> str:
    vehicle = f" on vehicle {transit.open_vehicle}" if transit.open_vehicle else ""
    return (
        f"open {transit.open_leg.name.upper()} leg from {names.place(transit.open_place)}{vehicle} "
        f"since {second_words(transit.open_at_s)}"
    )


# How a number is read, by the name of its field; a field that is not here stays as it is.
FIELD_WORDS: dict[str, Callable[[int, Names], str]] = {
    "card": lambda value, _: card_words(value),
    "issuer": lambda value, names: names.bank(value),
    "profile": lambda value, _: PROFILES.get(value, f"unknown {value}"),
    "status": lambda value, _: status_words(value),
    "group": lambda value, names: names.group(value),
    "group_expiry": lambda value, _: day_words(value),
    "expiry": lambda value, _: day_words(value),
    "flags": lambda value, _: flag_words(value),
    "at_s": lambda value, _: second_words(value),
    "place": lambda value, names: names.place(value),
    "kind": lambda value, _: member_words(RecordKind, value),
    "purse": lambda value, _: PURSES.get(value, f"unknown purse {value}"),
}
MONEY_FIELDS = (
    "amount", "balance", "ceiling", "unacknowledged", "limit", "routine", "routine_limit",
    "periodic", "periodic_limit",
)  # fmt: skip


def field_words(name: str, value: int | bytes, names: Names) -> str:
    """Return the value of a field in words."""
    if isinstance(value, bytes):
        if name == "transit":
            return "; ".join(transit_words(value, names))
        return parking_words(value, names) if name == "parking" else value.hex()
    if name in MONEY_FIELDS:
        return rupiah(value)
    return FIELD_WORDS[name](value, names) if name in FIELD_WORDS else str(value)
