"""Market levies: traders pay the day's retribution at their market's counter."""

from __future__ import annotations

from scheme.services import Service
from sim.intents import Act
from sim.services.counters import Counter, Price, not_riding

LEVIES = Counter(
    Service.levy,
    Act.bill,
    # lokbin 4,000 and loksem 3,000 a day (beritajakarta, suarajakarta); half each is an assumption
    (Price(4_000, 1), Price(3_000, 1)),
    not_riding,
    clerks=2,
    service_mean_ms=25_000,
)
