from __future__ import annotations

import datetime as dt

import numpy as np

from benchmarks.__main__ import as_text, measurements
from benchmarks.city import DATA, SEED
from benchmarks.city_baseline import RiderProcesses
from scheme.days import instant_ms
from sim.demand import make_demand
from sim.network import load_network
from sim.supply import run_transit
from sim.transit.paths import find_paths

DATE = dt.date(2026, 1, 28)


def test_the_baseline_makes_the_same_taps_and_nearly_at_the_same_instants() -> None:
    network = load_network(DATA)
    window_ms = instant_ms(DATE, "07:00"), instant_ms(DATE, "07:20")
    taps_out = np.arange(1_500) % 30 != 0
    demand = make_demand(network, find_paths(network), 1_500, window_ms, taps_out, SEED)
    ours = run_transit(network, demand, (), SEED).taps
    theirs = RiderProcesses(network, demand, SEED).run()
    what = ("trip", "leg", "place")
    assert np.sort(ours[list(what)]).tolist() == np.sort(theirs[list(what)]).tolist()
    drift_ms = abs(int(np.median(ours["at_ms"])) - int(np.median(theirs["at_ms"])))
    assert drift_ms < 120_000


def test_every_measurement_is_named_and_no_baseline_is() -> None:
    assert "city" in measurements()
    assert "city_baseline" not in measurements()


def test_a_measurement_reads_as_lines() -> None:
    assert as_text({"value": 3, "unit": "taps a second"}).splitlines()[0].split() == ["value", "3"]
