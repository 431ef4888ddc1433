"""What happened to every ride, as columns that fill while the clock runs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

NOT_YET = 0  # no instant; instants are milliseconds UTC and so never 0


@dataclass(frozen=True)
class Journal:
    """Columns by ride; `NOT_YET` until it has happened, or for good where it never does.

    Attributes:
        came_ms: The rider came to the entry gate.
        enter_ms: Tap at the entry gate, or boarding tap on the vehicle.
        enter_lane: Gate taken there.
        ready_ms: The rider stood on the platform or at the stop.
        boarded_ms: The rider got in.
        vehicle: Which vehicle, by its number in `Fleets`.
        alighted_ms: The rider got out.
        left_ms: The rider came to the exit gate.
        exit_ms: Tap at the exit gate, or alighting tap on the vehicle.
        exit_lane: Gate taken there.
        ended_ms: The ride is over: through the exit, or on the way to the next vehicle.
    """

    came_ms: NDArray[np.int64]
    enter_ms: NDArray[np.int64]
    enter_lane: NDArray[np.int64]
    ready_ms: NDArray[np.int64]
    boarded_ms: NDArray[np.int64]
    vehicle: NDArray[np.int64]
    alighted_ms: NDArray[np.int64]
    left_ms: NDArray[np.int64]
    exit_ms: NDArray[np.int64]
    exit_lane: NDArray[np.int64]
    ended_ms: NDArray[np.int64]


def blank_journal(rides: int) -> Journal:
    """Return a journal in which nothing has happened."""
    return Journal(*(np.full(rides, NOT_YET, np.int64) for _ in range(11)))
