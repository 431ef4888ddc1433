"""Shops: two tills each, customers on their way from a trip or from home."""

from __future__ import annotations

from scheme.services import Service, TerminalKind
from sim.intents import Act
from sim.services.counters import Counter, Price, with_money

SHOPS = Counter(
    Service.shop,
    Act.purchase,
    # prices and weights are an assumption: a drink to a small basket
    (Price(5_000, 4), Price(7_500, 5), Price(11_900, 5), Price(18_500, 4), Price(26_750, 2),
     Price(42_300, 1)),
    with_money,
    clerks=2,
    service_mean_ms=35_000,
    kind=TerminalKind.till,
)  # fmt: skip
