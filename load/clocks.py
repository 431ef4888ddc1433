"""The clocks of every upload, and the document that they add up to.

For each upload: when it was *intended* (the squeezed instant of the plan), when it was *ready* (the
same, or the answer to its sender's upload before, if that came later), when it was *sent* and when
it was *answered*. From them come four histograms:

    driver lag   ready -> sent        what the driver itself was late: decides whether a run counts
    chain wait   intended -> ready    what an upload waited for its sender's upload before
    service      sent -> answered     what a closed loop would have seen
    intended     intended -> answered what a rider's terminal saw

A wait in a chain is the target's doing and stands in the intended latency, not in the driver's lag.
A wait for a free connection is the driver's.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from load.histogram import Histogram
from load.parquet import write_columns

FORMAT = "jakarta-one/load/1"
NEVER = -1
US_PER_S = 1_000_000


@dataclass(slots=True)
class Clocks:
    """What a driver notes while it runs, in microseconds since its clock started.

    Every list has one entry an upload. `sent_us` is the first time its bytes were handed to a
    connection, `answered_us` the final answer; `NEVER` if that has not happened.
    """

    intended_us: list[int]
    ready_us: list[int] = field(init=False)
    sent_us: list[int] = field(init=False)
    answered_us: list[int] = field(init=False)
    status: list[int] = field(init=False)
    repeated: list[bool] = field(init=False)
    attempts: list[int] = field(init=False)

    def __post_init__(self) -> None:
        count = len(self.intended_us)
        self.ready_us = list(self.intended_us)
        self.sent_us = [NEVER] * count
        self.answered_us = [NEVER] * count
        self.status = [0] * count
        self.repeated = [False] * count
        self.attempts = [0] * count

    def write(self, path: Path, upload: NDArray[np.uint32], started_us: int) -> None:
        """Write the clocks as Parquet, instants in microseconds since 1970; -1 for never."""
        columns: dict[str, NDArray[Any]] = {"upload": upload}
        for name in ("intended_us", "ready_us", "sent_us", "answered_us"):
            instants = np.array(getattr(self, name), np.int64)
            columns[name] = np.where(instants == NEVER, NEVER, instants + started_us)
        columns["status"] = np.array(self.status, np.uint16)
        columns["repeated"] = np.array(self.repeated, np.uint8)
        columns["attempts"] = np.array(self.attempts, np.uint16)
        write_columns(path, columns)

    def document(self) -> dict[str, Any]:
        """Return counts, rates and histograms; what was planned and whether it counts is added
        by who knows."""
        intended = np.array(self.intended_us, np.int64)
        ready = np.array(self.ready_us, np.int64)
        sent = np.array(self.sent_us, np.int64)
        answered = np.array(self.answered_us, np.int64)
        went, came = sent != NEVER, answered != NEVER
        lag = Histogram.of((sent - ready)[went])
        waited = (ready > intended) & went
        wall_us = int(answered.max(initial=0))
        return {
            "planned": len(intended),
            "sent": int(went.sum()),
            "answered": int(came.sum()),
            "duplicates": sum(self.repeated),
            "statuses": {str(s): n for s, n in sorted(Counter(self.status).items()) if s},
            "rate_per_s": {
                "planned": _rate(len(intended), int(intended.max(initial=0))),
                "achieved": _rate(int(came.sum()), wall_us),
            },
            "wall_us": wall_us,
            "chain_waits": int(waited.sum()),
            "lag_us_p99": lag.percentile(99),
            "driver_lag_us": lag.document(),
            "chain_wait_us": Histogram.of((ready - intended)[waited]).document(),
            "service_us": Histogram.of((answered - sent)[came]).document(),
            "intended_us": Histogram.of((answered - intended)[came]).document(),
            "seconds": {
                "planned": _by_second(intended),
                "sent": _by_second(sent[went]),
                "answered": _by_second(answered[came]),
            },
        }


def _rate(count: int, wall_us: int) -> int:
    """Return events a second, rounded down; 0 where no time passed."""
    return count * US_PER_S // wall_us if wall_us else 0


def _by_second(instants_us: NDArray[np.int64]) -> list[int]:
    return [int(n) for n in np.bincount(instants_us // US_PER_S)] if len(instants_us) else []
