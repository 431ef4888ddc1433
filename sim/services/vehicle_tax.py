"""Vehicle tax at a Samsat counter."""

from __future__ import annotations

from scheme.services import Service
from sim.intents import Act
from sim.services.counters import Counter, Price, not_riding

VEHICLE_TAX = Counter(
    Service.vehicle_tax,
    Act.bill,
    # amounts and weights are an assumption: a motorcycle, a small and a larger car
    (Price(248_500, 7), Price(1_134_000, 2), Price(2_765_000, 1)),
    not_riding,
    service_mean_ms=90_000,
    saved_up=True,
)
