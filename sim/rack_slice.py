"""The riders whose whole cards are played on a rack.

Each of their taps is at a place of the rack, on lanes that nobody else uses. Which ones is settled
before anybody travels, by a draw keyed by rider.
"""

from __future__ import annotations

import numpy as np

from scheme.services import Direction
from sim.card_columns import Bools
from sim.chance import keyed_uniform
from sim.demand import Demand
from sim.rack_file import RackSpot

RIDERS_MOST = 1_250  # two taps each: a rack at speed 1 has a tap every four seconds at most


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
