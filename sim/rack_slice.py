"""The slice of the city that is played on a rack: its places, and the riders chosen for them.

Whole cards whose every tap is at a place of the rack, on lanes that nobody else uses. Which ones is
settled before anybody travels, by a draw keyed by rider. The rack file is read as data: what a
reader is, the city does not know.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np

from scheme.services import Direction, Service
from sim.card_columns import Bools
from sim.chance import keyed_uniform
from sim.demand import Demand
from sim.document import did_you_mean, read_document
from sim.network import GATED, Network
from sim.transit.gates import RACK_LANE
from sim.transit.terminals import RackLane, lane_serial

FORMAT = "jakarta-one/rack/1"
RIDERS_MOST = 1_250  # two taps each: a rack at speed 1 has a tap every four seconds at most


class RackSpot(NamedTuple):
    """A place of the rack in the city."""

    name: str
    lane: RackLane

    @property
    def serial(self) -> int:
        """Serial of its terminal."""
        return int(lane_serial(self.lane.place, self.lane.direction, RACK_LANE))


def read_rack(file: Path, network: Network) -> tuple[RackSpot, ...]:
    """Return the places of a rack file at gates of the network.

    Raises:
        ScenarioError: If the file is of another format or names a station that there is not.
    """
    document = read_document(file)
    if document.plain.get("format") != FORMAT:
        raise document.error(("format",), FORMAT, document.plain.get("format"))
    spots = []
    for i, row in enumerate(document.plain.get("places") or ()):
        at = ("places", i)
        if not isinstance(row, dict):
            raise document.error(at, "a mapping", row)
        services = [service.name for service in GATED]
        if row.get("service") not in services:
            raise document.error((*at, "service"), f"one of {', '.join(services)}", row["service"])
        if row.get("direction") not in ("entry", "exit"):
            raise document.error((*at, "direction"), "entry or exit", row.get("direction"))
        service = Service[row["service"]]
        known = {place.name: place.number for place in network.places if place.service == service}
        name = str(row.get("place"))
        if name not in known:
            expected = f"a place of {service.name}{did_you_mean(name, known)}"
            raise document.error((*at, "place"), expected, name)
        lane = RackLane(known[name], Direction[row["direction"]])
        spots.append(RackSpot(str(row.get("name")), lane))
    return tuple(spots)


def choose_riders(spots: tuple[RackSpot, ...], demand: Demand, seed: int) -> Bools:
    """Return which trips, by row, are the slice's: of one leg, from a place of it to another."""
    trips, row = demand.trips, demand.paths.network.row
    ins = [spot.lane.place for spot in spots if spot.lane.direction is Direction.entry]
    outs = [spot.lane.place for spot in spots if spot.lane.direction is Direction.exit]
    fits = np.isin(trips["origin"], ins) & np.isin(trips["destination"], outs)
    one_leg = demand.paths.legs[row[trips["origin"]], row[trips["destination"]]] == 1
    fitting = np.flatnonzero(fits & one_leg)
    drawn = keyed_uniform(seed, "rack", fitting)
    chosen = np.zeros(len(trips), np.bool_)
    chosen[fitting[np.argsort(drawn, kind="stable")[:RIDERS_MOST]]] = True
    return chosen
