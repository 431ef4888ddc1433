"""Rent of public flats (rusunawa), paid at the estate's counter."""

from __future__ import annotations

from scheme.services import Service
from sim.intents import Act
from sim.services.counters import Counter, Price, not_riding

RENT = Counter(
    Service.rent,
    Act.bill,
    # a month: programmed 505,000; income 2.5-4.5 and 4.5-7 million 765,000 and 1,500,000
    # (jitunews, poskota 2020-07-07); weights are an assumption
    (Price(505_000, 5), Price(765_000, 3), Price(1_500_000, 1)),
    not_riding,
    saved_up=True,
)
