"""A scenario: what is to be simulated, on which facts, with which faults, and what is expected.

Reads and checks `jakarta-one/scenario/1` files. It writes nothing and simulates nothing.
"""

from __future__ import annotations

import csv
import datetime as dt
import json
import math
import re
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from scheme.days import business_day, business_day_end_s, instant_ms
from scheme.services import Direction, Service
from sim.document import Document, Place, check, did_you_mean, read_document
from sim.participants import read_participants
from sim.rack_file import read_rack

FORMAT = "jakarta-one/scenario/1"
SHIPPED = Path(__file__).resolve().parent.parent / "scenarios"
DATA_FILES = ("places.csv", "lines.csv", "leg_distance_m.csv", "card_profiles.yaml")
PLACE_KINDS = {"mrt": "mrt_station", "lrt": "lrt_station", "transjakarta_brt": "brt_halt"}


@dataclass(frozen=True, slots=True)
class RemoveGates:
    """Some gates of a station are out of order all morning."""

    service: Service
    place: int
    direction: Direction
    count: int


@dataclass(frozen=True, slots=True)
class CapacityFactor:
    """Vehicles of a line take so many times as many riders."""

    line: str
    factor: float


@dataclass(frozen=True, slots=True)
class Freeze:
    """The n-th vehicle of a line, from 1, stands still for a while."""

    line: str
    vehicle: int
    at_ms: int
    duration_ms: int


Change = RemoveGates | CapacityFactor | Freeze


@dataclass(frozen=True, slots=True)
class City:
    """The window, size and supply of the city.

    Attributes:
        from_ms: The first trip starts at or after this instant.
        to_ms: No trip starts at or after this instant.
        data: Folder of places, lines, distances and card profiles.
        services: Customers by service, where the file says so.
    """

    date: dt.date
    from_ms: int
    to_ms: int
    riders: int
    data: Path
    services: dict[Service, int]
    changes: tuple[Change, ...]


@dataclass(frozen=True)
class Scenario:
    """One scenario file, checked; every path in it exists.

    Attributes:
        faults: Rate by fault name; a fault that is not named has rate 0 and is not asked for.
        inputs: Every file the city reads, by the name under which the manifest hashes it.
    """

    file: Path
    id: str
    title: str
    level: str
    seed: int
    city: City
    tariff: Path
    participants: Path
    rack: Path | None
    target: str
    faults: dict[str, float]
    measure: dict[str, Any]
    expect: dict[str, Any]
    inputs: dict[str, Path] = field(default_factory=dict)

    @cached_property
    def day(self) -> int:
        """The business day."""
        return int(business_day(self.city.from_ms // 1_000))

    @cached_property
    def close_at_ms(self) -> int:
        """The instant at which the business day ends."""
        return int(business_day_end_s(self.day)) * 1_000


def load_scenario(file: Path, seed: int | None = None) -> Scenario:
    """Return the scenario in a file, with another seed if one is given.

    Raises:
        ScenarioError: For the first thing that is wrong: one line with file, line, place, expected
            and got.
    """
    document = read_document(file)
    _check_format(document)
    check(document, json.loads((SHIPPED / "scenario.schema.json").read_text(encoding="utf-8")))
    _check_finite(document)
    plain = document.plain
    city = _city(document)
    tariff = _existing(document, ("tariff",), "tariff.yaml")
    participants = _existing(document, ("participants",))
    read_participants(participants)
    rack = _existing(document, ("rack",)) if plain.get("rack") is not None else None
    if rack is not None:
        read_rack(rack, city.data / "places.csv")
    target = plain.get("target", "ours")
    if target != "ours":
        target = str(_existing(document, ("target",)))
    return Scenario(
        file, plain["id"], plain["title"], plain["level"],
        plain["seed"] if seed is None else seed,
        city, tariff, participants, rack, target,
        {name: float(rate) for name, rate in plain.get("faults", {}).items()},
        plain.get("measure", {}), plain.get("expect", {}),
        _inputs(file, city.data, tariff, participants, rack),
    )  # fmt: skip


def with_rack(scenario: Scenario, rack: Path) -> Scenario:
    """Return the scenario with another rack, whose places the city then has.

    Raises:
        ScenarioError: If the file names a station that there is not.
    """
    read_rack(rack, scenario.city.data / "places.csv")
    inputs = {name: path for name, path in scenario.inputs.items() if not name.startswith("rack/")}
    return replace(scenario, rack=rack, inputs=inputs | {f"rack/{rack.name}": rack})


def _check_format(document: Document) -> None:
    found = document.plain.get("format")
    version = re.fullmatch(r"jakarta-one/scenario/([0-9]+)", str(found))
    if version and int(version[1]) > 1:
        expected = f"{FORMAT} (the file is newer than this jakarta-one: update it)"
        raise document.error(("format",), expected, found)


def _check_finite(document: Document, place: Place = ()) -> None:
    node = document.plain
    for step in place:
        node = node[step]
    if isinstance(node, float) and not math.isfinite(node):
        raise document.error(place, "0 to 1" if place[0] == "faults" else "a number", node)
    steps = node if isinstance(node, dict) else range(len(node)) if isinstance(node, list) else ()
    for step in steps:
        _check_finite(document, (*place, step))


def _existing(document: Document, place: Place, inside: str = "") -> Path:
    """Return the path named at a place: beside the scenario file, else among the shipped data."""
    value: Any = document.plain
    for step in place:
        value = value[step]
    for root in (document.file.resolve().parent, SHIPPED, SHIPPED.parent):
        path: Path = root / value
        if (path / inside).is_file() if inside else path.is_file():
            return path.resolve()
    expected = f"a folder with {inside}" if inside else "a file that exists"
    raise document.error(place, f"{expected}, beside the scenario or shipped", value)


def _city(document: Document) -> City:
    plain = document.plain["city"]
    try:
        date = dt.date.fromisoformat(plain["date"])
    except ValueError as error:
        raise document.error(("city", "date"), "a date of the calendar", plain["date"]) from error
    from_ms, to_ms = instant_ms(date, plain["from"]), instant_ms(date, plain["to"])
    if to_ms <= from_ms:
        raise document.error(("city", "to"), f"later than {plain['from']}", plain["to"])
    if plain["from"] < "03:00":
        raise document.error(("city", "from"), "03:00 or later, one business day", plain["from"])
    document.plain["city"].setdefault("data", "data")
    data = _existing(document, ("city", "data"), "places.csv")
    for name in DATA_FILES:
        if not (data / name).is_file():
            raise document.error(("city", "data"), f"a folder with {name}", plain["data"])
    services = {Service[name]: count for name, count in plain.get("services", {}).items()}
    changes = tuple(
        _change(document, ("city", "changes", i), data, date)
        for i in range(len(plain.get("changes", [])))
    )
    return City(date, from_ms, to_ms, plain["riders"], data, services, changes)


def _change(document: Document, place: Place, data: Path, date: dt.date) -> Change:
    ((kind, what),) = document.plain["city"]["changes"][place[-1]].items()
    here = (*place, kind)
    if kind == "remove_gates":
        stations = _names(data / "places.csv", "name", "place", kind=PLACE_KINDS[what["service"]])
        expected = f"a place of {what['service']}"
        number = _known(document, (*here, "place"), what["place"], stations, expected)
        return RemoveGates(
            Service[what["service"]], int(number), Direction[what["direction"]], what["count"]
        )
    lines = _names(data / "lines.csv", "line", "line")
    line = _known(document, (*here, "line"), what["line"], lines, "a line of lines.csv")
    if kind == "capacity_factor":
        return CapacityFactor(line, float(what["factor"]))
    return Freeze(line, what["vehicle"], instant_ms(date, what["at"]), what["minutes"] * 60_000)


def _names(table: Path, key: str, value: str, **where: str) -> dict[str, str]:
    with table.open(encoding="utf-8", newline="") as rows:
        return {
            row[key]: row[value]
            for row in csv.DictReader(line for line in rows if not line.startswith("#"))
            if all(row[column] == wanted for column, wanted in where.items())
        }


def _known(
    document: Document, place: Place, name: str, known: dict[str, str], expected: str
) -> str:
    if name not in known:
        raise document.error(place, f"{expected}{did_you_mean(name, known)}", name)
    return known[name]


def _inputs(
    file: Path, data: Path, tariff: Path, participants: Path, rack: Path | None
) -> dict[str, Path]:
    found = {file.name: file, f"participants/{participants.name}": participants}
    if rack is not None:
        found[f"rack/{rack.name}"] = rack
    found |= {f"data/{name}": data / name for name in DATA_FILES}
    found |= {f"tariff/{path.name}": path for path in sorted(tariff.iterdir()) if path.is_file()}
    return found
