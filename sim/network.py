"""The transit network: places, lines with their courses and stops, and the ways to walk.

A *course* is a line in one direction, as a sequence of *stops*; a stop is a place on a course, so
a place has as many stops as vehicles call there in different courses. Read from
`scenarios/data`; it moves nobody.
"""

from __future__ import annotations

import csv
import math
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from scheme.errors import InventoryError
from scheme.services import TRANSIT, Service

STOP_DTYPE = np.dtype(
    [
        ("course", "<u2"),
        ("position", "<u2"),  # along the course, from 0
        ("place", "<u2"),
        ("metres", "<i4"),  # from the course's first stop
        ("run_ms", "<i8"),  # from the stop before, without standing
    ]
)
WALK_DTYPE = np.dtype([("from", "<u2"), ("to", "<u2"), ("walk_ms", "<i8")])

GATED = frozenset({Service.mrt, Service.lrt, Service.transjakarta_brt})
WALK_DETOUR = 1.3  # assumption: streets against the crow
WALK_M_S = 1.2  # assumption: pedestrian level-of-service tables round to this
WALK_LIMIT_M = 260.0  # crow-fly, automatic; the pairs below are walked whatever the crow says
ACCESS_MS = 60_000  # assumption: stairs and crossing at a change between operators
NAMED_WALKS = (  # built or signed ways between operators
    (Service.mrt, "Blok M", Service.transjakarta_brt, "Blok M"),
    (Service.mrt, "ASEAN", Service.transjakarta_brt, "CSW 1"),
    (Service.mrt, "ASEAN", Service.transjakarta_brt, "ASEAN"),
    (Service.mrt, "Senayan", Service.transjakarta_brt, "Bundaran Senayan"),
    (Service.mrt, "Istora Mandiri", Service.transjakarta_brt, "Polda Metro Jaya"),
    (Service.mrt, "Bendungan Hilir", Service.transjakarta_brt, "Bendungan Hilir"),
    (Service.mrt, "Setiabudi Astra", Service.transjakarta_brt, "Karet"),
    (Service.mrt, "Dukuh Atas", Service.transjakarta_brt, "Dukuh Atas"),
    (Service.mrt, "Bundaran HI", Service.transjakarta_brt, "Bundaran HI Astra"),
    (Service.mrt, "Lebak Bulus", Service.transjakarta_brt, "Lebak Bulus"),
    (Service.lrt, "Velodrome", Service.transjakarta_brt, "Velodrome"),
)


@dataclass(frozen=True, slots=True)
class Place:
    """A station, halt or bus stop."""

    number: int
    service: Service
    name: str
    lat: float
    lon: float
    line: str  # the first that calls there


@dataclass(frozen=True, slots=True)
class Course:
    """A line in one direction: its stops are `first` to `first + count - 1`."""

    line: str
    service: Service
    direction: str
    first: int
    count: int
    headway_ms: int
    capacity: int


@dataclass(frozen=True)
class Network:
    """What riders can use.

    Attributes:
        places: Transit places, by number.
        courses: Courses in the order of lines.csv.
        stops: `STOP_DTYPE`, all stops of the first course, then of the second, and so on.
        walks: `WALK_DTYPE`, ways on the street from one paid leg to the next, both directions.
        links: `WALK_DTYPE`, ways between halts inside the paid area, both directions.
    """

    places: tuple[Place, ...]
    courses: tuple[Course, ...]
    stops: NDArray[np.void]
    walks: NDArray[np.void]
    links: NDArray[np.void]

    @cached_property
    def row(self) -> NDArray[np.int64]:
        """Row of `places` by place number, -1 where there is none."""
        rows = np.full(max(p.number for p in self.places) + 1, -1, np.int64)
        rows[[p.number for p in self.places]] = np.arange(len(self.places))
        return rows

    @cached_property
    def numbers(self) -> NDArray[np.int64]:
        """Place numbers by row."""
        return np.array([p.number for p in self.places], np.int64)

    @cached_property
    def services(self) -> NDArray[np.uint8]:
        """Services by row."""
        return np.array([p.service for p in self.places], np.uint8)

    @cached_property
    def gated(self) -> NDArray[np.bool_]:
        """Whether riders pass gates there, by row; else they tap on the vehicle."""
        return np.isin(self.services, [int(s) for s in GATED])

    @cached_property
    def lines(self) -> tuple[str, ...]:
        """Names of the lines, in the order of their first course."""
        return tuple(dict.fromkeys(course.line for course in self.courses))

    def place(self, service: Service, name: str) -> int:
        """Return the number of a place.

        Raises:
            InventoryError: If there is none of that service and name; names those that are.
        """
        known = {p.name: p.number for p in self.places if p.service is service}
        if name not in known:
            raise InventoryError(
                f"no place {name!r} of {service.name}; there are: {', '.join(sorted(known))}"
            )
        return known[name]

    def rows_of(self, service: Service) -> NDArray[np.int64]:
        """Return the rows of a service's places."""
        return np.flatnonzero(self.services == int(service))


def load_network(data: Path) -> Network:
    """Return the network of a data folder.

    Raises:
        InventoryError: If a table is missing, or a line calls at a place that is not listed.
    """
    services = {service.name: service for service in TRANSIT}
    listed = _rows(data / "places.csv")
    places = tuple(_place(r, services) for r in listed if r["service"] in services)
    courses, stops = _courses(_rows(data / "lines.csv"), services)
    known = {place.number for place in places}
    strange = sorted(set(stops["place"].tolist()) - known)
    if strange:
        raise InventoryError(f"{data / 'lines.csv'}: expected places of places.csv, got {strange}")
    links = _links(_rows(data / "facts" / "halt_links.csv"), places)
    return Network(places, courses, stops, _street_walks(places), links)


def _rows(path: Path) -> list[dict[str, str]]:
    if not path.is_file():
        raise InventoryError(f"{path}: expected a table, got no file")
    with path.open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))


def _place(row: dict[str, str], services: dict[str, Service]) -> Place:
    number, service = int(row["place"]), services[row["service"]]
    return Place(number, service, row["name"], float(row["lat"]), float(row["lon"]), row["line"])


def _courses(
    rows: list[dict[str, str]], services: dict[str, Service]
) -> tuple[tuple[Course, ...], NDArray[np.void]]:
    courses: list[Course] = []
    stops: list[tuple[int, int, int, int, int]] = []
    for (line, direction), group in groupby(rows, key=lambda r: (r["line"], r["direction"])):
        calls = sorted(group, key=lambda r: int(r["order"]))
        head = calls[0]
        courses.append(
            Course(
                line, services[head["service"]], direction, len(stops), len(calls),
                int(head["headway_s"]) * 1_000, int(head["capacity"]),
            )
        )  # fmt: skip
        before = 0
        for position, call in enumerate(calls):
            metres = round(float(call["km"]) * 1_000)
            run_ms = round((metres - before) * 3_600 / float(call["speed_kmh"]))
            stops.append((len(courses) - 1, position, int(call["place"]), metres, run_ms))
            before = metres
    return tuple(courses), np.array(stops, STOP_DTYPE)


def crow_metres(a: Place, b: Place) -> float:
    """Return the distance between two places as the crow flies, in metres."""
    north = (a.lat - b.lat) * 111_195.0
    east = (a.lon - b.lon) * 111_195.0 * math.cos(math.radians(-6.2))
    return math.hypot(north, east)


def _street_walks(places: tuple[Place, ...]) -> NDArray[np.void]:
    """Ways from one paid leg to the next: near places of different operators or routes."""
    walks: dict[tuple[int, int], int] = {}
    for i, a in enumerate(places):
        for b in places[i + 1 :]:
            if a.service is b.service and (a.service in GATED or a.line == b.line):
                continue
            metres = crow_metres(a, b)
            if metres <= WALK_LIMIT_M:
                walks[a.number, b.number] = _walk_ms(metres)
    named = {(p.service, p.name): p for p in places}
    for service_a, name_a, service_b, name_b in NAMED_WALKS:
        pair = named.get((service_a, name_a)), named.get((service_b, name_b))
        if pair[0] and pair[1]:
            walks[pair[0].number, pair[1].number] = _walk_ms(crow_metres(pair[0], pair[1]))
    return _both_ways(walks)


def _walk_ms(metres: float) -> int:
    return ACCESS_MS + round(metres * WALK_DETOUR / WALK_M_S) * 1_000


def _links(rows: list[dict[str, str]], places: tuple[Place, ...]) -> NDArray[np.void]:
    halts = {p.name: p.number for p in places if p.service is Service.transjakarta_brt}
    walks = {
        (halts[r["from"]], halts[r["to"]]): round(int(r["metres"]) * WALK_DETOUR / WALK_M_S) * 1_000
        for r in rows
        if r["from"] in halts and r["to"] in halts
    }
    return _both_ways(walks)


def _both_ways(walks: dict[tuple[int, int], int]) -> NDArray[np.void]:
    rows = walks | {(b, a): ms for (a, b), ms in walks.items()}
    return np.array([(a, b, ms) for (a, b), ms in sorted(rows.items())], WALK_DTYPE)
