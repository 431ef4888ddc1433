"""The places of a rack in the city, read from its file as data; readers are not known here."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

from scheme.services import Direction
from sim.document import Document, did_you_mean, read_document
from sim.network import GATED
from sim.tables import read_rows
from sim.transit.gates import RACK_LANE
from sim.transit.terminals import RackLane, lane_serial

FORMATS = ("jakarta-one/rack/2", "jakarta-one/rack/1")


class RackSpot(NamedTuple):
    """A place of the rack in the city."""

    name: str
    lane: RackLane

    @property
    def serial(self) -> int:
        """Serial of its terminal."""
        return int(lane_serial(self.lane.place, self.lane.direction, RACK_LANE))


def read_rack(file: Path, places: Path) -> tuple[RackSpot, ...]:
    """Return the places of a rack file, which are gates of stations and halts in places.csv.

    Raises:
        ScenarioError: If the file is of another format or names a station that there is not.
    """
    document = read_document(file)
    if document.plain.get("format") not in FORMATS:
        raise document.error(("format",), " or ".join(FORMATS), document.plain.get("format"))
    spots = []
    for i, row in enumerate(document.plain.get("places") or ()):
        spots.append(_spot(document, i, row, places))
    return tuple(spots)


def _spot(document: Document, i: int, row: Any, places: Path) -> RackSpot:
    at = ("places", i)
    if not isinstance(row, dict):
        raise document.error(at, "a mapping", row)
    services = sorted(service.name for service in GATED)
    if row.get("service") not in services:
        expected = f"one of {', '.join(services)}"
        raise document.error((*at, "service"), expected, row.get("service"))
    if row.get("direction") not in ("entry", "exit"):
        raise document.error((*at, "direction"), "entry or exit", row.get("direction"))
    known = {
        place["name"]: int(place["place"])
        for place in read_rows(places)
        if place["service"] == row["service"]
    }
    name = str(row.get("place"))
    if name not in known:
        expected = f"a place of {row['service']}{did_you_mean(name, known)}"
        raise document.error((*at, "place"), expected, name)
    return RackSpot(str(row.get("name")), RackLane(known[name], Direction[row["direction"]]))
