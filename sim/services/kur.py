"""KUR credit, arriving as a load at the lender's counter."""

from __future__ import annotations

import numpy as np

from scheme.services import Service
from sim.card_columns import Bools
from sim.intents import Act
from sim.services.counters import Counter, Price, with_room
from sim.services.town import Town


def borrowers(town: Town) -> Bools:
    """Return those who do not ride and whose card has room for the loan once it is registered."""
    return np.asarray(~town.rides & with_room(town))


KUR = Counter(
    Service.kur,
    Act.load,
    # super-micro loans are up to 10 million, what fits on a registered card; the part that is put
    # on the card is an assumption
    (Price(1_000_000, 3), Price(2_500_000, 2), Price(5_000_000, 1)),
    borrowers,
    service_mean_ms=120_000,
    registered=True,
)
