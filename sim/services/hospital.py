"""Hospital bills (RSUD) at the cashier."""

from __future__ import annotations

from scheme.services import Service
from sim.intents import Act
from sim.services.counters import Counter, Price, anybody

HOSPITAL = Counter(
    Service.hospital,
    Act.bill,
    # amounts and weights are an assumption: nothing usable was found
    (Price(50_000, 5), Price(185_000, 3), Price(640_000, 1)),
    anybody,
    service_mean_ms=90_000,
    saved_up=True,
)
