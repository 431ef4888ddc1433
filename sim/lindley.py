"""What queueing theory says of one gate: Lindley's recursion, rider by rider.

Written for its own sake, apart from the queues that it judges: `sim.loop` and `sim.transit.gates`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

Micros = NDArray[np.int64]


def lindley(arrived: Sequence[int] | Micros, service: Sequence[int] | Micros) -> Micros:
    """Return how long each rider of one gate waits: W[n+1] = max(0, W[n] + S[n] - A[n+1]).

    Args:
        arrived: When each comes, not falling.
        service: How long the gate is busy with each.
    """
    waits = [0] * min(1, len(arrived))
    between = (int(b) - int(a) for a, b in pairwise(arrived))
    for busy, apart in zip(service, between, strict=False):
        waits.append(max(0, waits[-1] + int(busy) - apart))
    return np.array(waits, np.int64)


def queue_lengths(arrived: Iterable[int], begun: Iterable[int]) -> list[tuple[int, int]]:
    """Return (instant, how many wait from then on), one row a change, by rising instant."""
    changes: dict[int, int] = {}
    for at in arrived:
        changes[int(at)] = changes.get(int(at), 0) + 1
    for at in begun:
        changes[int(at)] = changes.get(int(at), 0) - 1
    rows, waiting = list[tuple[int, int]](), 0
    for at, change in sorted(changes.items()):
        if change:
            waiting += change
            rows.append((at, waiting))
    return rows
