"""How many riders a second the supply layer carries, beside one SimPy process a rider.

Both carry the same riders through the same gates, stops and vehicles and write the same columns of
taps. Python's cyclic collector is off for both; the many processes gain more from that. The
end-to-end rate, with card state and TACs, stands beside it.
"""

from __future__ import annotations

import datetime as dt
import gc
import os
import resource
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.city_baseline import RiderProcesses
from scheme.days import instant_ms
from sim.demand import Demand, make_demand
from sim.network import Network, load_network
from sim.supply import run_transit
from sim.transit.paths import find_paths

SCENARIOS = Path(__file__).resolve().parent.parent / "scenarios"
SCENARIO = SCENARIOS / "morning_peak.yaml"
DATA = SCENARIOS / "data"
DATE = dt.date(2026, 1, 28)
SEED = 1
SIZES = (48_000, 96_000, 192_000)  # the last is the shipped morning


def measure() -> dict[str, Any]:
    """Return riders a second at three sizes; value, baseline and ratio are of the largest."""
    network = load_network(DATA)
    growth = [_one_size(network, riders) for riders in SIZES]
    largest = growth[-1]
    peak_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return {
        "benchmark": "city",
        "value": largest["value"],
        "baseline": largest["baseline"],
        "ratio": largest["ratio"],
        "unit": "riders a second, supply layer alone",
        "peak_rss_mib": round(peak_kib / 1_024, 1),
        "growth": growth,
        "end_to_end": _end_to_end(),
    }


def _end_to_end() -> dict[str, Any]:
    """The shipped morning with every service, card state, TACs and all files, on every core."""
    from testbed.run import generate_city

    workers = os.cpu_count() or 1
    with tempfile.TemporaryDirectory() as folder:
        begun = time.perf_counter()
        manifest, _ = generate_city(SCENARIO, out=Path(folder) / "city", workers=workers)
        seconds = time.perf_counter() - begun
    records = int(manifest["counts"]["records"])
    return {
        "value": round(records / seconds),
        "unit": "tap records a second, written",
        "records": records,
        "seconds": round(seconds, 2),
        "workers": workers,
    }


def _one_size(network: Network, riders: int) -> dict[str, Any]:
    demand = make_demand(
        network,
        find_paths(network),
        riders,
        (instant_ms(DATE, "06:00"), instant_ms(DATE, "09:00")),
        np.ones(riders, np.bool_),
        SEED,
    )
    gc.disable()
    try:
        ours_s, ours = _ours(network, demand)
        theirs_s, theirs = _theirs(network, demand)
    finally:
        gc.enable()
    assert ours == theirs, f"expected the same taps, got {ours} and {theirs}"
    value, baseline = riders / ours_s, riders / theirs_s
    return {
        "riders": riders,
        "taps": ours,
        "value": round(value),
        "baseline": round(baseline),
        "ratio": round(value / baseline, 2),
    }


def _ours(network: Network, demand: Demand) -> tuple[float, int]:
    begun = time.perf_counter()
    result = run_transit(network, demand, (), SEED)
    return time.perf_counter() - begun, len(result.taps)


def _theirs(network: Network, demand: Demand) -> tuple[float, int]:
    begun = time.perf_counter()
    taps = RiderProcesses(network, demand, SEED).run()
    return time.perf_counter() - begun, len(taps)
