"""What a campaign of tears has found, card by card.

Everything about a card comes from (seed, its number) alone: which card it is, what has happened to
it before, and, where only some of its tears are tried, which.
"""

from __future__ import annotations

from collections.abc import Iterable
from random import Random
from typing import TypeVar

from campaigns.bench.result import Order, Result, Violation

Item = TypeVar("Item")


class Finds:
    """What a campaign of tears has found so far.

    Attributes:
        points: Distinct moments torn so far.
        transcript: What was done to the card at hand, for people.
    """

    def __init__(self, order: Order, result: Result) -> None:
        self.order = order
        self.result = result
        self.points: set[tuple[str, str]] = set()
        self.olds = self.news = 0
        self.transcript: list[str] = []
        self.chance = Random()
        self.index = 0
        self._share: int | None = None

    def begin(self, index: int, share: int | None) -> None:
        """Begin a card; `share` is how many of its tears are tried, None for all."""
        self.index, self._share = index, share
        self.chance = Random(f"tear/{self.order.seed}/{index}")
        self.transcript = []

    def some(self, all_: Iterable[Item]) -> list[Item]:
        """Return as many as are to be tried, in their order."""
        items = list(all_)
        if self._share is None or len(items) <= self._share:
            return items
        chance = Random(f"some/{self.order.seed}/{self.index}")
        return [items[at] for at in sorted(chance.sample(range(len(items)), self._share))]

    def tried(self, what: str, moment: str, wrong: list[str], new: bool | None = None) -> None:
        """Note one tear, and what was wrong after it."""
        self.result.tried += 1
        self.points.add((what, moment))
        self.olds += new is False
        self.news += new is True
        self.transcript.append(f"{what}, {moment}: {'; '.join(wrong) or _ending(new)}")
        if wrong:
            self.violated(what, moment, wrong)

    def violated(self, what: str, moment: str, wrong: list[str]) -> None:
        """Note a violation."""
        replay = f"python -m campaigns tear --seed {self.order.seed} --card {self.index}"
        where = f"card {self.index}: {what}, {moment}"
        self.result.violated(Violation(where, "all old or all new", "; ".join(wrong), replay))

    def figures(self) -> dict[str, int]:
        """Return how many distinct points were torn, and how many tears left a card old or new."""
        return {"points": len(self.points), "all_old": self.olds, "all_new": self.news}


def _ending(new: bool | None) -> str:
    return "holds" if new is None else "all new" if new else "all old"
