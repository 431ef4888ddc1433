"""What a campaign is asked and what it answers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

SHOWN_MAX = 5  # violations told in full; the others are counted

Progress = Callable[[int, int], None]


class Order(NamedTuple):
    """What is asked of a campaign.

    Attributes:
        size: Cards (twins) or tears (tear).
        seed: Everything random comes from it and a card's number.
        card: Only this card, or None for as many as the size says.
        planted: Whether the planted defects are tried as well.
    """

    size: int
    seed: int
    card: int | None = None
    planted: bool = True


class Violation(NamedTuple):
    """Something that may not happen, and the command that makes it happen again."""

    what: str
    expected: str
    got: str
    replay: str


class Result:
    """What a campaign has found; it grows while the campaign runs."""

    def __init__(self, name: str, order: Order) -> None:
        self.name = name
        self.order = order
        self.tried = 0
        self.violations = 0
        self.first: list[Violation] = []
        self.planted: list[str] = []
        self.missed: list[str] = []
        self.figures: dict[str, int] = {}

    def violated(self, violation: Violation) -> None:
        """Count a violation, and keep it if it is among the first."""
        self.violations += 1
        if len(self.first) < SHOWN_MAX:
            self.first.append(violation)

    @property
    def holds(self) -> bool:
        """Whether nothing was violated and every planted defect was found."""
        return not self.violations and not self.missed

    def document(self, seconds: float) -> dict[str, Any]:
        """Return the result as one JSON document."""
        return {
            "name": self.name,
            "seed": self.order.seed,
            "size": self.order.size,
            "tried": self.tried,
            **self.figures,
            "violations": self.violations,
            "planted": len(self.planted),
            "planted_found": len(self.planted) - len(self.missed),
            "planted_missed": self.missed,
            "seconds": round(seconds, 1),
            "first": [violation._asdict() for violation in self.first],
        }
