"""Price examples from outside: a CSV of taps and of what somebody says they cost.

Columns: `example`, `taps` and `idr`; `date` (2026-03-03 if absent), `metres` and `source` may be
there. Taps are written as in vectors/fares.csv, with the name of a place or its number:
`MRT-in Lebak Bulus 07:00:00; MRT-out Blok M 07:31:00`. `metres` gives a leg its length for its
example only: `TJ 1059-1220=12000`. Nothing is priced here.
"""

from __future__ import annotations

import csv
import datetime as dt
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from scheme.days import instant_ms
from scheme.errors import BadInputError
from scheme.services import Direction, Service, TerminalKind, VehicleClass

COLUMNS = ("example", "taps", "idr")
DATE = "2026-03-03"
GATE, BUS, LANE = TerminalKind.gate, TerminalKind.bus, TerminalKind.lane
IN, OUT, EITHER = Direction.entry, Direction.exit, Direction.either
WHAT: dict[str, tuple[Service, TerminalKind, Direction, str]] = {
    "MRT-in": (Service.mrt, GATE, IN, "mrt_station"),
    "MRT-out": (Service.mrt, GATE, OUT, "mrt_station"),
    "LRT-in": (Service.lrt, GATE, IN, "lrt_station"),
    "LRT-out": (Service.lrt, GATE, OUT, "lrt_station"),
    "TJ-in": (Service.transjakarta_brt, GATE, IN, "brt_halt"),
    "TJ-out": (Service.transjakarta_brt, GATE, OUT, "brt_halt"),
    "BUS": (Service.transjakarta_bus, BUS, EITHER, "bus_stop"),
    "MIKRO": (Service.mikrotrans, BUS, EITHER, "bus_stop"),
    "METER": (Service.parking_street, TerminalKind.meter, EITHER, "street"),
    "LOT-in": (Service.parking_lot, LANE, IN, "car_park"),
    "LOT-out": (Service.parking_lot, LANE, OUT, "car_park"),
    "ERP": (Service.erp, TerminalKind.gantry, EITHER, "gantry"),
}


class ExampleTap(NamedTuple):
    """One tap of an example."""

    service: Service
    kind: TerminalKind
    direction: Direction
    place: int
    vehicle: int
    vehicle_class: VehicleClass
    at_s: int

    @property
    def device(self) -> tuple[int, ...]:
        """What tells one terminal from another; a bus is one terminal at all its stops."""
        place = 0 if self.kind is BUS else self.place
        return (self.service, self.kind, self.direction, place, self.vehicle, self.vehicle_class)


class Example(NamedTuple):
    """What somebody says some taps cost the rider, or the rider's group, in the end."""

    name: str
    taps: list[ExampleTap]
    metres: str
    outside_idr: int
    source: str


def read_examples(path: Path, places: Mapping[tuple[str, str], int]) -> list[Example]:
    """Return the examples of a file.

    Args:
        places: Place numbers by (kind, name), as scenarios/data/places.csv has them.

    Raises:
        BadInputError: If a line is wrong; names file, line, expected and got.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as wrong:
        raise BadInputError(f"{path}: expected a CSV file, got {wrong}") from wrong
    reader = csv.DictReader(text.splitlines())
    if not set(COLUMNS) <= set(reader.fieldnames or ()):
        raise BadInputError.at(f"{path}", expected=", ".join(COLUMNS), got=reader.fieldnames)
    return [_example(f"{path} line {reader.line_num}", row, places) for row in reader]


def _example(
    where: str, row: Mapping[str, str | None], places: Mapping[tuple[str, str], int]
) -> Example:
    idr, date = row["idr"] or "", row.get("date") or DATE
    if not idr.isdigit():
        raise BadInputError.at(f"{where}: idr", expected="whole rupiah", got=repr(idr))
    try:
        day = dt.date.fromisoformat(date)
    except ValueError as wrong:
        raise BadInputError.at(f"{where}: date", expected="YYYY-MM-DD", got=repr(date)) from wrong
    taps = [_tap(where, text.split(), day, places) for text in (row["taps"] or "").split(";")]
    return Example(
        row["example"] or where, taps, row.get("metres") or "", int(idr), row.get("source") or ""
    )


def _tap(
    where: str, words: list[str], day: dt.date, places: Mapping[tuple[str, str], int]
) -> ExampleTap:
    """Return the tap in words: WHAT, the place, a clock reading with two colons, the rest."""
    what = words[0] if words else ""
    if what not in WHAT:
        raise BadInputError.at(f"{where}: taps", expected=", ".join(WHAT), got=repr(what))
    service, kind, direction, place_kind = WHAT[what]
    at = next((i for i, word in enumerate(words) if word.count(":") == 2), None)
    if at is None:
        raise BadInputError.at(
            f"{where}: taps", expected=f"{what} PLACE HH:MM:SS", got=repr(" ".join(words))
        )
    name = " ".join(words[1:at])
    place = int(name) if name.isdigit() else places.get((place_kind, name))
    if place is None:
        raise BadInputError.at(f"{where}: taps", expected=f"a {place_kind}", got=repr(name))
    vehicle, vehicle_class = _rest(where, words[at + 1 :])
    return ExampleTap(
        service, kind, direction, place, vehicle, vehicle_class, _second(where, day, words[at])
    )


def _second(where: str, day: dt.date, clock: str) -> int:
    later, _, reading = clock.rpartition("T")
    try:
        days = int(later.removeprefix("+") or 0)
        return instant_ms(day + dt.timedelta(days=days), reading) // 1_000
    except ValueError as wrong:
        raise BadInputError.at(
            f"{where}: taps", expected="HH:MM:SS or +1THH:MM:SS", got=repr(clock)
        ) from wrong


def _rest(where: str, words: list[str]) -> tuple[int, VehicleClass]:
    vehicle, vehicle_class = 0, VehicleClass.none
    for word in words:
        key, _, value = word.partition("=")
        if key == "v" and value.isdigit():
            vehicle = int(value)
        elif key == "class" and value in VehicleClass.__members__:
            vehicle_class = VehicleClass[value]
        else:
            raise BadInputError.at(f"{where}: taps", expected="v=NUMBER or class=NAME", got=word)
    return vehicle, vehicle_class


def with_metres(bundle: bytes, metres: str) -> bytes:
    """Return a tariff bundle in which one leg has the metres given, "" for none.

    Raises:
        BadInputError: If `metres` is not OPERATOR FROM-TO=METRES of a leg in the table.
    """
    if not metres:
        return bundle
    try:
        operator, pair = metres.split()
        legs, length_m = pair.split("=")
        start, end = sorted(map(int, legs.split("-")))
        given = [operator, start, end, int(length_m)]
    except ValueError as wrong:
        raise BadInputError.at("metres", expected="TJ 1059-1220=12000", got=metres) from wrong
    document: dict[str, Any] = json.loads(bundle)
    for row in document["rows"]:
        if "metres" in row:
            row["metres"] = [leg for leg in row["metres"] if leg[:3] != given[:3]] + [given]
    return json.dumps(document).encode()
