"""What the crowd and the rack measured, worked out from their raw clocks.

Instants are integer microseconds; a percentile is the least value that at least so many percent of
the values do not exceed (nearest rank). Nothing is measured here.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from reports.document import read_document
from reports.warehouse import Warehouse

LOAD_FORMAT = "jakarta-one/load/1"
RACK_FORMAT = "jakarta-one/rack-play/1"
PERCENTS = {"p50": 50.0, "p95": 95.0, "p99": 99.0, "p999": 99.9}
NEVER = -1

Ints = NDArray[np.int64]


def percentile(sorted_us: Ints, percent: float) -> int | None:
    """Return the nearest-rank percentile of sorted values, None of no values."""
    if not len(sorted_us):
        return None
    rank = max(1, math.ceil(len(sorted_us) * percent / 100 - 1e-9))
    return int(sorted_us[rank - 1])


def percentiles(values_us: Ints) -> dict[str, int | None]:
    """Return the percentiles that every record shows."""
    ordered = np.sort(values_us)
    return {name: percentile(ordered, percent) for name, percent in PERCENTS.items()}


@dataclass(frozen=True)
class Crowd:
    """The clocks of a load run. Counts are of records, unless they say uploads.

    Attributes:
        planned: Records of the plan, copies left out; sent likewise.
        duplicates: Records in answers that said the upload was known, but for the driver's own
            retries.
        service_us: Sorted, sent to answered; intended_us: intended instant to answered;
            lag_us: ready to sent, what the driver itself was late.
        intended_at_us: Intended instants of the answered uploads, beside `latency_us`.
    """

    planned: int
    sent: int
    duplicates: int
    duplicates_planned: int
    uploads: int
    single_uploads: int
    service_us: Ints
    intended_us: Ints
    lag_us: Ints
    intended_at_us: Ints
    latency_us: Ints
    document: dict[str, Any]


def read_crowd(warehouse: Warehouse, city: Path, load: Path) -> Crowd:
    """Return what a load run measured.

    Raises:
        StoreError: If its clocks or the plan cannot be read; names the file.
    """
    warehouse.read("planned_upload", city / "plan" / "uploads.parquet")
    warehouse.read("clock", load / "clocks.parquet")
    warehouse.run("clocks")
    rows = warehouse.arrays("FROM upload_clocks()")
    return crowd_of(rows, read_load(load))


def read_load(load: Path) -> dict[str, Any]:
    """Return load.json; `StoreError` if it cannot be read."""
    return read_document(load / "load.json", LOAD_FORMAT, "jakarta-one load run")


def crowd_of(rows: dict[str, NDArray[Any]], document: dict[str, Any]) -> Crowd:
    """Return the figures of one row an upload of the plan."""
    count = rows["count"].astype(np.int64)
    copy = rows["copy"].astype(bool)
    intended, ready, sent, answered = (
        rows[f"{name}_us"].astype(np.int64) for name in ("intended", "ready", "sent", "answered")
    )
    went, came = sent != NEVER, answered != NEVER
    repeated = rows["repeated"].astype(bool) & (copy | (rows["attempts"] <= 1))
    return Crowd(
        planned=int(count[~copy].sum()),
        sent=int(count[~copy & went].sum()),
        duplicates=int(count[repeated].sum()),
        duplicates_planned=int(count[copy].sum()),
        uploads=len(count),
        single_uploads=int(rows["single"].astype(bool).sum()),
        service_us=np.sort((answered - sent)[came]),
        intended_us=np.sort((answered - intended)[came]),
        lag_us=np.sort((sent - ready)[went]),
        intended_at_us=intended[came],
        latency_us=(answered - intended)[came],
        document=document,
    )


def read_rack(rack: Path) -> dict[str, Any]:
    """Return rack.json, the figures of a play; `StoreError` if it cannot be read."""
    return read_document(rack / "rack.json", RACK_FORMAT, "jakarta-one rack play")
