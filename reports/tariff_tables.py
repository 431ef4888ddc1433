"""Tariff bundles as the oracle's tables, one row a calendar day on which a price holds.

A bundle is the canonical JSON document of docs/spec/fares.md, "The tariff file". `dated` is
edition x 100,000 + calendar day, where an edition is the place of a tariff version among those
loaded; the oracle joins every price by it. This reads rows and prices nothing.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scheme.days import day_of
from scheme.errors import TariffError
from scheme.services import Service, VehicleClass

FORMAT = "jakarta-one/tariff/1"
DAY_KEY = 100_000
TAKEN_AT_TAP = ("transjakarta_brt", "transjakarta_bus", "mikrotrans", "erp")  # R3: else at the exit
OPERATOR_BIT = {"TJ": 1, "MRT": 2, "LRT": 4}  # the oracle's operators, reports/oracle.sql
DAY_S = 86_400

# The columns of each table; `dated` or `edition` comes first.
TABLES: dict[str, tuple[str, ...]] = {
    "band_fare": ("dated", "service", "vehicle_class", "from_s", "until_s", "idr"),
    "exit_fare": ("dated", "service", "from_s", "until_s", "idr"),
    "highest_flat": ("dated", "service", "idr"),
    "pair_fare": ("dated", "from_place", "to_place", "idr"),
    "highest_fare": ("dated", "from_place", "idr"),
    "minimum_balance": ("dated", "service", "idr"),
    "free_rider": ("dated", "service", "issuer", "grp"),
    "hourly_price": ("dated", "service", "vehicle_class", "free_s", "hour", "idr"),
    "day_cap": ("dated", "service", "vehicle_class", "idr"),
    "window_rule": ("dated", "window_s", "bus_leg_s", "reentry_s"),
    "distance_rule": ("dated", "base", "step_idr", "step_m"),
    "journey_cap": ("dated", "cap"),
    "leg_distance": ("edition", "operator", "from_place", "to_place", "metres"),
}

Line = tuple[int, ...]
Lines = Iterator[tuple[str, Line]]


def tariff_tables(
    bundles: Iterable[bytes], first_day: int, last_day: int
) -> tuple[dict[str, dict[str, NDArray[np.int64]]], dict[int, int]]:
    """Return the tables by name, and the edition of each tariff version.

    Args:
        bundles: Tariff bundles, one a version.
        first_day: First calendar day on which a price may be asked for; likewise the last.

    Raises:
        TariffError: If a bundle is no tariff or has a row of another kind; names the row.
    """
    lines: dict[str, list[Line]] = {name: [] for name in TABLES}
    editions: dict[int, int] = {}
    for edition, bundle in enumerate(bundles):
        document = _document(bundle)
        editions[int(document["version"])] = edition
        for row in document["rows"]:
            for name, line in _lines(row, edition, range(first_day, last_day + 1)):
                lines[name].append(line)
    return {name: _columns(name, rows) for name, rows in lines.items()}, editions


def _document(bundle: bytes) -> dict[str, Any]:
    try:
        document = json.loads(bundle)
    except ValueError as wrong:
        raise TariffError(f"tariff bundle: expected JSON, got {bundle[:20]!r}") from wrong
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise TariffError(f"tariff bundle: expected format {FORMAT}, got another document")
    return document


def _columns(name: str, rows: list[Line]) -> dict[str, NDArray[np.int64]]:
    table = np.array(sorted(set(rows)), np.int64).reshape(-1, len(TABLES[name]))
    return {column: table[:, i].copy() for i, column in enumerate(TABLES[name])}


def _lines(row: Mapping[str, Any], edition: int, days: range) -> Lines:
    """Return the lines of every table that one dated row fills."""
    read = _KINDS.get(str(row.get("kind")))
    if read is None:
        raise TariffError(
            f"tariff row {row.get('row')!r}: kind: expected {', '.join(_KINDS)}, "
            f"got {row.get('kind')!r}"
        )
    if row["kind"] == "distance":
        yield from _ways(row, edition)
    for day in days:
        if _day(row["from"]) <= day <= _day(row.get("until", "9999-12-31")):
            for name, line in read(row):
                yield name, (edition * DAY_KEY + day, *line)


def _day(text: str) -> int:
    return day_of(dt.date.fromisoformat(text))


def _services(row: Mapping[str, Any]) -> list[int]:
    return [int(Service[name]) for name in row["services"]]


def _class(row: Mapping[str, Any]) -> int:
    return int(VehicleClass[row.get("vehicle_class", "none")])


def _clock(text: str) -> int:
    hours, minutes, seconds = (int(part) for part in text.split(":"))
    return hours * 3_600 + minutes * 60 + seconds


def _flat(row: Mapping[str, Any]) -> Lines:
    if row.get("groups"):
        for service in _services(row):
            for group in row["groups"]:
                yield "free_rider", (service, row["issuer"], group)
        return
    for service in row["services"]:
        yield from _taken(service, row, [(0, DAY_S, row["idr"])])


def _taken(service: str, row: Mapping[str, Any], bands: list[Line]) -> Lines:
    """Return a fare by the clock of the tap-in: taken there, or at the exit of a railway."""
    number = int(Service[service])
    if service in TAKEN_AT_TAP:
        for band in bands:
            yield "band_fare", (number, _class(row), *band)
        return
    for band in bands:
        yield "exit_fare", (number, *band)
    yield "highest_flat", (number, max(band[2] for band in bands))


def _hour_band(row: Mapping[str, Any]) -> Lines:
    bands, at_s = [], 0
    for band in sorted(row["bands"], key=lambda b: _clock(b["from"])):
        start_s, end_s = _clock(band["from"]), _clock(band["to"])
        bands += [(at_s, start_s, row["otherwise_idr"]), (start_s, end_s, band["idr"])]
        at_s = end_s
    bands.append((at_s, DAY_S, row["otherwise_idr"]))
    for service in row["services"]:
        yield from _taken(service, row, [band for band in bands if band[0] < band[1]])


def _matrix(row: Mapping[str, Any]) -> Lines:
    highest: dict[int, int] = {}
    for start, end, idr in row["cells"]:
        yield "pair_fare", (start, end, idr)
        yield "pair_fare", (end, start, idr)
        highest[start] = max(highest.get(start, 0), idr)
        highest[end] = max(highest.get(end, 0), idr)
    for place, idr in highest.items():
        yield "highest_fare", (place, idr)


def _minimum(row: Mapping[str, Any]) -> Lines:
    for service in _services(row):
        yield "minimum_balance", (service, row["idr"])


def _started_hour(row: Mapping[str, Any]) -> Lines:
    for service in _services(row):
        for hour, idr in enumerate(row["hours_idr"]):
            yield "hourly_price", (service, _class(row), row.get("free_s", 0), hour, idr)


def _cap(row: Mapping[str, Any]) -> Lines:
    if row["per"] == "journey":
        yield "journey_cap", (row["idr"],)
        return
    for service in _services(row):
        yield "day_cap", (service, _class(row), row["idr"])


def _window(row: Mapping[str, Any]) -> Lines:
    yield "window_rule", (row["window_s"], row["bus_leg_s"], row["reentry_s"])


def _distance(row: Mapping[str, Any]) -> Lines:
    yield "distance_rule", (row["base_idr"], row["per_km_idr"], 1_000)


def _ways(row: Mapping[str, Any], edition: int) -> Lines:
    for operator, start, end, metres in row.get("metres", ()):
        bit = OPERATOR_BIT[operator]
        yield "leg_distance", (edition, bit, start, end, metres)
        yield "leg_distance", (edition, bit, end, start, metres)


_KINDS: dict[str, Callable[[Mapping[str, Any]], Lines]] = {
    "flat": _flat,
    "hour_band": _hour_band,
    "matrix": _matrix,
    "distance": _distance,
    "started_hour": _started_hour,
    "cap": _cap,
    "transfer_window": _window,
    "minimum_balance": _minimum,
}
