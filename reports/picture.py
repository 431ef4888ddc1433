"""The data behind the report's charts, taken from the warehouse before it closes. No drawing."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from reports.clocks import Crowd, percentile
from reports.truth import Truth
from reports.warehouse import Warehouse
from scheme.services import Service

BINS_MAX = 200
FAMILIES = {
    Service.transjakarta_brt: "Transjakarta BRT",
    Service.transjakarta_bus: "Transjakarta bus",
    Service.mikrotrans: "Mikrotrans",
    Service.mrt: "MRT",
    Service.lrt: "LRT",
    Service.parking_street: "Parking",
    Service.parking_lot: "Parking",
}
OTHER = "Everything else"
SPECTRUM_STEPS = 8  # points a decade of 1 / (1 - percentile)


@dataclass(frozen=True)
class Picture:
    """What the page draws.

    Attributes:
        bin_minutes: Width of one bin of taps.
        first_minute: Minute since 1970 of the first bin.
        taps: Taps by family of services, one count a bin, in the order in which they are stacked.
        spectrum: (percentile, service us, intended us), rising; empty if nothing was driven.
        strip: Greatest intended latency, us, of each second of the load run.
        flows: (giver, taker, rupiah) between participants, by name.
    """

    bin_minutes: int
    first_minute: int
    taps: dict[str, list[int]]
    spectrum: list[tuple[float, int, int]]
    strip: list[int]
    flows: list[tuple[str, str, int]]


def picture_of(warehouse: Warehouse, truth: Truth, crowd: Crowd | None) -> Picture:
    """Return the data of every chart."""
    bin_minutes, first, taps = _taps(warehouse.arrays("FROM taps_by_minute()"))
    names = {int(p["number"]): str(p["name"]) for p in truth.participants.get("participants", ())}
    flows = [
        (names.get(giver, str(giver)), names.get(taker, str(taker)), idr)
        for giver, taker, idr in warehouse.rows("FROM money_flow()")
    ]
    return Picture(bin_minutes, first, taps, _spectrum(crowd), _strip(crowd), flows)


def _taps(rows: dict[str, NDArray[np.int64]]) -> tuple[int, int, dict[str, list[int]]]:
    minutes = rows["minute"]
    if not len(minutes):
        return 1, 0, {}
    first, last = int(minutes.min()), int(minutes.max())
    width = max(1, math.ceil((last - first + 1) / BINS_MAX))
    bins = (last - first) // width + 1
    taps = {name: [0] * bins for name in dict.fromkeys([*FAMILIES.values(), OTHER])}
    for minute, service, count in zip(
        minutes.tolist(), rows["service"].tolist(), rows["taps"].tolist(), strict=True
    ):
        taps[FAMILIES.get(Service(service), OTHER)][(minute - first) // width] += count
    return width, first, {name: counts for name, counts in taps.items() if any(counts)}


def _spectrum(crowd: Crowd | None) -> list[tuple[float, int, int]]:
    """Return percentiles evenly spaced in log 1 / (1 - p), up to the last single upload."""
    if crowd is None or not len(crowd.intended_us):
        return []
    steps = math.ceil(math.log10(len(crowd.intended_us)) * SPECTRUM_STEPS)
    percents = [100 * (1 - 10 ** (-step / SPECTRUM_STEPS)) for step in range(steps)] + [100.0]
    return [
        (p, percentile(crowd.service_us, p) or 0, percentile(crowd.intended_us, p) or 0)
        for p in percents
    ]


def _strip(crowd: Crowd | None) -> list[int]:
    if crowd is None or not len(crowd.intended_at_us):
        return []
    second = (crowd.intended_at_us - crowd.intended_at_us.min()) // 1_000_000
    worst = np.zeros(int(second.max()) + 1, np.int64)
    np.maximum.at(worst, second, crowd.latency_us)
    return [int(value) for value in worst]
