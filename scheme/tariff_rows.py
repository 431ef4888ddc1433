"""The closed kinds of tariff row, and how one is read from a plain document row.

A document row is a JSON object; tables stand inline in it. A row of any other kind, or with a
figure that its kind does not have, is refused by name. What rows cost a rider is `scheme.fares`.
Format: docs/spec/fares.md, "The tariff file".
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from scheme.days import day_of
from scheme.errors import TariffError
from scheme.services import Service, VehicleClass

FOREVER = 1 << 31


@dataclass(frozen=True, slots=True)
class Flat:
    """One price; with groups, the price of free riders who hold a card of `issuer`."""

    idr: int
    groups: frozenset[int]
    issuer: int


@dataclass(frozen=True, slots=True)
class HourBand:
    """A price by clock: bands are (from, to, rupiah) in seconds of the day, half-open."""

    bands: tuple[tuple[int, int, int], ...]
    otherwise_idr: int


@dataclass(frozen=True, slots=True)
class Matrix:
    """A price by pair of places, both orders in `cells`."""

    cells: Mapping[tuple[int, int], int]


@dataclass(frozen=True, slots=True)
class Distance:
    """A base and a price per whole kilometre of the sum; `metres` by (operator, from, to)."""

    base_idr: int
    per_km_idr: int
    metres: Mapping[tuple[str, int, int], int]


@dataclass(frozen=True, slots=True)
class StartedHour:
    """Prices of the first, second … started hour, the last for all later; free up to `free_s`."""

    hours_idr: tuple[int, ...]
    free_s: int


@dataclass(frozen=True, slots=True)
class Cap:
    """The most that one journey, or one calendar day of one parking stay, costs."""

    idr: int
    per: str


@dataclass(frozen=True, slots=True)
class TransferWindow:
    """How long a journey is joined, a bus leg tapped out, an entry replaced; inclusive seconds."""

    window_s: int
    bus_leg_s: int
    reentry_s: int


@dataclass(frozen=True, slots=True)
class MinimumBalance:
    """What must be left on the purse after a tap-in."""

    idr: int


Rule = Flat | HourBand | Matrix | Distance | StartedHour | Cap | TransferWindow | MinimumBalance


@dataclass(frozen=True, slots=True)
class Row:
    """One dated row: valid on the calendar days `from_day` to `until_day`, both included."""

    name: str
    kind: str
    services: frozenset[Service]
    vehicle_class: VehicleClass
    from_day: int
    until_day: int
    rule: Rule


class Figures:
    """A document row that is being read; remembers what was asked for and says where it stands."""

    def __init__(self, where: str, values: Mapping[str, Any]) -> None:
        self.where = where
        self._values = values
        self._asked: set[str] = set()

    def fault(self, key: str, expected: str, got: object) -> TariffError:
        """Return the error for one figure of this row."""
        return TariffError(f"{self.where}: {key}: expected {expected}, got {got!r}")

    def get(self, key: str, default: Any = None) -> Any:
        """Return a value as it stands."""
        self._asked.add(key)
        return self._values.get(key, default)

    def whole(self, key: str, default: int | None = None) -> int:
        """Return a whole number from 0, as rupiah, seconds and metres are."""
        value = self.get(key, default)
        if not is_whole(value):
            raise self.fault(key, "a whole number from 0", value)
        return int(value)

    def text(self, key: str) -> str:
        """Return a text that is not empty."""
        value = self.get(key)
        if not isinstance(value, str) or not value.strip():
            raise self.fault(key, "a text", value)
        return value

    def list_of(self, key: str) -> list[Any]:
        """Return a list that is not empty."""
        value = self.get(key)
        if not isinstance(value, list) or not value:
            raise self.fault(key, "a list that is not empty", value)
        return value

    def day(self, key: str, default: int | None = None) -> int:
        """Return a date (YYYY-MM-DD) as a day number."""
        value = self.get(key)
        if value is None and default is not None:
            return default
        try:
            return day_of(dt.date.fromisoformat(value))
        except (TypeError, ValueError) as wrong:
            raise self.fault(key, "a date YYYY-MM-DD", value) from wrong

    def done(self) -> None:
        """Refuse figures that nobody asked for.

        Raises:
            TariffError: If the row holds a key that its kind does not have.
        """
        unknown = sorted(set(self._values) - self._asked)
        if unknown:
            raise self.fault(unknown[0], f"no such key in a row of kind {self.get('kind')}", "it")


def is_whole(value: object) -> bool:
    """Return whether a value is an integer from 0 (and no boolean)."""
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def read_row(where: str, values: Mapping[str, Any]) -> Row:
    """Return the row of a document.

    Raises:
        TariffError: If it is not of the closed kinds or a figure is wrong; names row and figure.
    """
    figures = Figures(where, values)
    name, kind = figures.text("row"), figures.text("kind")
    figures.text("source")
    if kind not in READERS:
        raise figures.fault("kind", f"one of {', '.join(READERS)}", kind)
    named = figures.list_of("services")
    services = frozenset(_named(figures, "services", name, Service) for name in named)
    vehicle = _named(figures, "vehicle_class", figures.get("vehicle_class", "none"), VehicleClass)
    from_day, until_day = figures.day("from"), figures.day("until", FOREVER)
    if until_day < from_day:
        raise figures.fault("until", "a date not before `from`", figures.get("until"))
    rule = READERS[kind](figures)
    figures.done()
    return Row(name, kind, services, vehicle, from_day, until_day, rule)


def _named(figures: Figures, key: str, name: Any, names: Any) -> Any:
    if name not in names.__members__:
        raise figures.fault(key, f"one of {', '.join(names.__members__)}", name)
    return names[name]


def _flat(figures: Figures) -> Flat:
    groups = figures.get("groups", [])
    if not isinstance(groups, list) or not all(is_whole(g) and 1 <= g <= 15 for g in groups):
        raise figures.fault("groups", "a list of groups from 1 to 15", groups)
    issuer = figures.whole("issuer", 0)
    idr = figures.whole("idr")
    if groups and (idr or not issuer):
        raise figures.fault("groups", "idr 0 and the issuer whose cards ride free", idr or issuer)
    return Flat(idr, frozenset(groups), issuer)


def _hour_band(figures: Figures) -> HourBand:
    bands: list[tuple[int, int, int]] = []
    for band in figures.list_of("bands"):
        if not isinstance(band, Mapping) or set(band) != {"from", "to", "idr"}:
            raise figures.fault("bands", "from, to and idr in each", band)
        begin, end = (_clock(figures, band[edge]) for edge in ("from", "to"))
        if begin >= end or not is_whole(band["idr"]) or (bands and begin < bands[-1][1]):
            raise figures.fault("bands", "bands in order, rupiah whole", dict(band))
        bands.append((begin, end, band["idr"]))
    return HourBand(tuple(bands), figures.whole("otherwise_idr"))


def _clock(figures: Figures, text: object) -> int:
    parts = str(text).split(":")
    if len(parts) != 3 or not all(p.isdigit() and len(p) == 2 for p in parts):
        raise figures.fault("bands", "a clock reading HH:MM:SS", text)
    hour, minute, second = map(int, parts)
    if hour * 3_600 + minute * 60 + second > 86_400 or minute > 59 or second > 59:
        raise figures.fault("bands", "a clock reading up to 24:00:00", text)
    return hour * 3_600 + minute * 60 + second


def _matrix(figures: Figures) -> Matrix:
    cells: dict[tuple[int, int], int] = {}
    for cell in figures.list_of("cells"):
        if not isinstance(cell, list) or len(cell) != 3 or not all(map(is_whole, cell)):
            raise figures.fault("cells", "from, to and whole rupiah in each", cell)
        a, b, idr = cell
        if cells.get((a, b), idr) != idr:
            raise figures.fault("cells", f"one price for {a} and {b}", idr)
        cells[a, b] = cells[b, a] = idr
    return Matrix(cells)


def _distance(figures: Figures) -> Distance:
    metres: dict[tuple[str, int, int], int] = {}
    for leg in figures.list_of("metres"):
        if not isinstance(leg, list) or len(leg) != 4 or not all(map(is_whole, leg[1:])):
            raise figures.fault("metres", "operator, from, to and whole metres in each", leg)
        operator, a, b, length = leg
        if operator not in ("TJ", "MRT", "LRT"):
            raise figures.fault("metres", "an operator of TJ, MRT, LRT", operator)
        metres[operator, a, b] = metres[operator, b, a] = length
    return Distance(figures.whole("base_idr"), figures.whole("per_km_idr"), metres)


def _started_hour(figures: Figures) -> StartedHour:
    hours = figures.list_of("hours_idr")
    if not all(map(is_whole, hours)):
        raise figures.fault("hours_idr", "whole rupiah an hour", hours)
    return StartedHour(tuple(hours), figures.whole("free_s", 0))


def _cap(figures: Figures) -> Cap:
    per = figures.text("per")
    if per not in ("journey", "day"):
        raise figures.fault("per", "journey or day", per)
    return Cap(figures.whole("idr"), per)


def _transfer_window(figures: Figures) -> TransferWindow:
    return TransferWindow(
        figures.whole("window_s"), figures.whole("bus_leg_s"), figures.whole("reentry_s")
    )


def _minimum_balance(figures: Figures) -> MinimumBalance:
    return MinimumBalance(figures.whole("idr"))


READERS: dict[str, Callable[[Figures], Rule]] = {
    "flat": _flat,
    "hour_band": _hour_band,
    "matrix": _matrix,
    "distance": _distance,
    "started_hour": _started_hour,
    "cap": _cap,
    "transfer_window": _transfer_window,
    "minimum_balance": _minimum_balance,
}
