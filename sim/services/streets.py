"""How far places are from each other, and how long people take from one to the other."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from sim.card_columns import Ints

METRES_A_DEGREE = 111_195.0
ACROSS = 0.99415  # a degree of longitude at Jakarta, 6.2 degrees south, against one of latitude
STREET_M_S = 20 / 3.6  # assumption, as the crow flies; trips go 23.61 km/h by road (BPTJ 2023)
WALK_M_S = 0.9  # assumption, as the crow flies: 1.2 along the pavement
NEAR = 3  # who is somewhere goes to one of the nearest so many: assumption


class Streets:
    """Distances between numbered places; 0 is beside wherever one is going."""

    def __init__(self, where: Iterable[tuple[int, float, float]]) -> None:
        """Take places with latitude and longitude."""
        known = [(place, lat, lon * ACROSS) for place, lat, lon in where]
        self._at = np.full((max(place for place, _, _ in known) + 1, 2), np.nan)
        for place, north, east in known:
            self._at[place] = north, east

    def metres(self, a: Ints, b: Ints) -> NDArray[np.float64]:
        """Return the distance between places as the crow flies."""
        north, east = (self._at[a] - self._at[b]).T * METRES_A_DEGREE
        return np.where((a == 0) | (b == 0), 0.0, np.hypot(north, east))

    def ride_ms(self, a: Ints, b: Ints) -> Ints:
        """Return how long it takes through the streets, on whatever wheels."""
        return np.asarray(np.rint(self.metres(a, b) / STREET_M_S * 1_000), np.int64)

    def walk_ms(self, a: Ints, b: Ints) -> Ints:
        """Return how long it takes on foot."""
        return np.asarray(np.rint(self.metres(a, b) / WALK_M_S * 1_000), np.int64)

    def nearest(self, places: Ints, spots: Ints, count: int) -> Ints:
        """Return for each place the rows of the `count` nearest spots, nearest first.

        Shape (places, count), or as many columns as there are spots.
        """
        distinct, back = np.unique(places, return_inverse=True)
        far = self.metres(np.repeat(distinct, len(spots)), np.tile(spots, len(distinct)))
        order = np.argsort(far.reshape(len(distinct), len(spots)), axis=1, kind="stable")
        return np.asarray(order[back][:, :count])
