"""Driving licences (SIM) at a Satpas counter."""

from __future__ import annotations

from scheme.services import Service
from sim.intents import Act
from sim.services.counters import Counter, Price, not_riding

DRIVING_LICENCE = Counter(
    Service.driving_licence,
    Act.bill,
    # PP 76/2020: A new 120,000 and renewed 80,000, C new 100,000 and renewed 75,000;
    # weights are an assumption
    (Price(80_000, 3), Price(75_000, 5), Price(120_000, 1), Price(100_000, 1)),
    not_riding,
    service_mean_ms=90_000,
    saved_up=True,
)
