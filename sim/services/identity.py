"""e-KTP checks: the card is read as an identity card, a debit of Rp 0."""

from __future__ import annotations

from scheme.services import Service, TerminalKind
from sim.intents import Act
from sim.services.counters import Counter, Price, anybody

IDENTITY = Counter(
    Service.identity,
    Act.check,
    (Price(0, 1),),
    anybody,
    service_mean_ms=40_000,
    kind=TerminalKind.identity_reader,
)
