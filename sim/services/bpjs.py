"""BPJS Kesehatan premiums of independent members."""

from __future__ import annotations

from scheme.services import Service
from sim.intents import Act
from sim.services.counters import Counter, Price, anybody

BPJS = Counter(
    Service.bpjs,
    Act.bill,
    # a month: class I 150,000, II 100,000, III 35,000 after the subsidy (radarlebong);
    # weights are an assumption
    (Price(150_000, 2), Price(100_000, 3), Price(35_000, 5)),
    anybody,
    saved_up=True,
)
