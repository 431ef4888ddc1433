"""Queues of riders at stops: first come, first aboard, and those left behind wait."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Ids = NDArray[np.int64]
NOBODY = np.zeros(0, np.int64)


class Platform:
    """The queue of one stop, on one clock.

    Riders may be announced ahead of the instant at which they stand there. Nobody may be announced
    for an instant that a vehicle has already called at.

    Attributes:
        arrived: Riders who have stood there so far.
        boarded: Riders who have boarded there so far.
    """

    __slots__ = ("_announced", "_ready_ms", "_rides", "_waiting", "arrived", "boarded")

    def __init__(self) -> None:
        self.arrived = self.boarded = 0
        self._waiting = NOBODY
        self._announced: list[tuple[Ids, Ids]] = []
        self._ready_ms, self._rides = NOBODY, NOBODY

    @property
    def waiting(self) -> int:
        """Riders who stand there."""
        return len(self._waiting)

    def announce(self, rides: Ids, ready_ms: Ids) -> None:
        """Let riders come to the platform at their instants."""
        self._announced.append((ready_ms, rides))

    def board(self, now_ms: int, room: int) -> Ids:
        """Take at most `room` riders who stand there at an instant, those who came first."""
        if not (self._announced or len(self._rides) or len(self._waiting)):
            return NOBODY
        come = self._come(now_ms)
        queue = come
        if len(self._waiting):
            queue = np.concatenate((self._waiting, come)) if len(come) else self._waiting
        self.arrived += len(come)
        self._waiting = queue[room:]
        aboard = queue[:room]
        self.boarded += len(aboard)
        return aboard

    def _come(self, now_ms: int) -> Ids:
        """Take out those who have come since the last call, by (instant, ride)."""
        if self._announced:
            ready_ms = np.concatenate([self._ready_ms, *(at for at, _ in self._announced)])
            rides = np.concatenate([self._rides, *(who for _, who in self._announced)])
            order = np.lexsort((rides, ready_ms))
            self._ready_ms, self._rides = ready_ms[order], rides[order]
            self._announced = []
        if not len(self._rides):
            return NOBODY
        come = int(np.searchsorted(self._ready_ms, now_ms, "right"))
        rides = self._rides[:come]
        self._ready_ms, self._rides = self._ready_ms[come:], self._rides[come:]
        return rides
