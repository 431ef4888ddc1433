"""Cards that lose power: at every write of every command, and at every exchange of a dialogue.

A command torn leaves the card all old or all new: balance, counter, states, log, proof, keys, by
what it has stored and by what it tells. A dialogue torn ends, after one more tap here or next door,
in one debit and one claim to it; what is claimed and proven is what left the card.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

from campaigns.bench.javacard import JavaCards
from campaigns.bench.planting import applet_with, patches
from campaigns.bench.result import Order, Progress, Result
from campaigns.torn.finds import Finds
from campaigns.torn.units import UNITS

SIZE = 10_000  # tears
WHOLE = 5_000  # tears from which on no unit is cut short
PLANTED_SIZE = 300


def run(order: Order, progress: Progress) -> Result:
    """Tear as often as the size says, at least once in every unit; then find what is planted."""
    result = Result("tear", order)
    with JavaCards() as cards:
        finds = Finds(order, result)
        for index in _indexes(order, finds):
            progress(result.tried, order.size)
            _tear(cards, order, index, finds)
        result.figures = finds.figures()
    if order.planted:
        for patch in patches("applets"):
            result.planted.append(patch.stem)
            with tempfile.TemporaryDirectory() as folder:
                if not found_planted(applet_with(patch, Path(folder)), order):
                    result.missed.append(patch.stem)
    return result


def replay(order: Order) -> tuple[list[str], bool]:
    """Tear one card wherever its unit can be torn; return what was found, and whether it holds."""
    assert order.card is not None
    finds = Finds(order, Result("tear", order))
    with JavaCards() as cards:
        _tear(cards, order._replace(size=WHOLE), order.card, finds)
    return finds.transcript, not finds.result.violations


def _indexes(order: Order, finds: Finds) -> Iterator[int]:
    """Yield card numbers: every unit once, then on until there were tears enough."""
    index = 0
    while index < len(UNITS) or finds.result.tried < order.size:
        yield index
        index += 1


def _tear(cards: JavaCards, order: Order, index: int, finds: Finds) -> None:
    share = None if order.size >= WHOLE else max(2, order.size // len(UNITS))
    unit = UNITS[index % len(UNITS)]
    finds.begin(index, share)
    unit.tear(cards, finds)


def found_planted(applet: Path, order: Order) -> bool:
    """Return whether this campaign finds what is wrong with an applet."""
    small = order._replace(size=PLANTED_SIZE)
    finds = Finds(small, Result("tear", small))
    with JavaCards(applet) as cards:
        for index in _indexes(small, finds):
            _tear(cards, small, index, finds)
            if finds.result.violations:
                return True
    return False
