"""KJP student aid, arriving as a load at a counter of the paying bank."""

from __future__ import annotations

import numpy as np

from scheme.services import Service
from sim.card_columns import Bools
from sim.intents import Act
from sim.services.counters import Counter, Price, with_room
from sim.services.town import Town


def pupils(town: Town) -> Bools:
    """Return students whose card has room for the aid."""
    return np.asarray(town.student & with_room(town))


KJP = Counter(
    Service.kjp,
    Act.load,
    # a month by level: SD 250,000, SMP 300,000, SMA 420,000, SMK 450,000; pupils of stage I 2025 as
    # weights (poskota 2025-03-23)
    (Price(250_000, 341_879), Price(300_000, 189_437), Price(420_000, 62_295),
     Price(450_000, 111_315)),
    pupils,
    service_mean_ms=45_000,
)  # fmt: skip
