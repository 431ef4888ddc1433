"""The Python card and SAM against the Java ones: the same commands, the same bytes back.

Each card's talk comes from (seed, card number) alone. It is made up against the Python twin, whose
answers the terminal needs to go on, and then said to the Java card in one go; every answer is
compared, and each talk ends with everything that the card tells. Both draw the same challenges.
"""

from __future__ import annotations

import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple, Protocol

from campaigns.bench.javacard import JavaCards
from campaigns.bench.planting import found_in, patches, tree_with
from campaigns.bench.result import Order, Progress, Result, Violation
from campaigns.talk.script import Script, script
from campaigns.talk.wire import INS

SIZE = 5_000  # cards, of about 110 commands each
PLANTED_SIZE = 60
TOLD_BEFORE = 6  # commands shown before the one that was answered otherwise


class Other(Protocol):
    """Whoever is held against the Python twin."""

    def play(self, talk: Script) -> list[bytes]:
        """Say a whole talk to a fresh card; return an answer for each step, empty for a reset."""


class Difference(NamedTuple):
    """The first step of a talk at which the twins part."""

    at: int
    expected: bytes
    got: bytes


def run(order: Order, progress: Progress) -> Result:
    """Hold as many cards as the size says against each other, then find the planted defects."""
    result = Result("twins", order)
    with JavaCards() as cards:
        compare(cards, order, progress, result)
    if order.planted:
        _plant(order, result)
    return result


def compare(other: Other, order: Order, progress: Progress, result: Result) -> None:
    """Play every card of an order to both and note where they part."""
    kinds: set[tuple[str, int, bytes]] = set()
    for index in range(order.size):
        progress(index, order.size)
        talk = script(order.seed, index)
        difference = parted(talk, other.play(talk))
        result.tried += talk.commands
        steps = zip(talk.said, talk.heard, strict=True)
        kinds |= {
            (talk.kind, apdu[1], answer[-2:])
            for apdu, answer in steps
            if apdu is not None and len(apdu) > 1 and apdu[1] in INS
        }
        if difference is not None:
            result.violated(_told(order, index, talk, difference))
    result.figures["kinds_of_answer"] = len(kinds)


def replay(order: Order) -> tuple[list[str], bool]:
    """Play one card to both; return what was said, and whether they agree."""
    assert order.card is not None
    talk = script(order.seed, order.card)
    with JavaCards() as cards:
        heard = cards.play(talk)
    difference = parted(talk, heard)
    lines = transcript(talk, 0, len(talk.said))
    if difference is not None:
        lines = transcript(talk, 0, difference.at + 1)
        lines += [f"      the other: {difference.got.hex()}", f"they part at step {difference.at}"]
    return lines, difference is None


def parted(talk: Script, heard: list[bytes]) -> Difference | None:
    """Return where an answer is another one, or None."""
    for at, (expected, got) in enumerate(zip(talk.heard, heard, strict=True)):
        if expected != got:
            return Difference(at, expected, got)
    return None


def transcript(talk: Script, first: int, last: int) -> list[str]:
    """Return the steps of a talk in hex, commands with `>`, answers with `<`."""
    lines = []
    for at in range(first, last):
        apdu = talk.said[at]
        if apdu is None:
            lines.append(f"{at:4} reset")
        else:
            lines += [f"{at:4} > {apdu.hex()}", f"     < {talk.heard[at].hex()}"]
    return lines


def _told(order: Order, index: int, talk: Script, difference: Difference) -> Violation:
    at = difference.at
    before = transcript(talk, max(0, at - TOLD_BEFORE), at + 1)
    return Violation(
        f"card {index} ({talk.kind}), step {at}: " + " | ".join(line.strip() for line in before),
        difference.expected.hex(),
        difference.got.hex(),
        f"python -m campaigns twins --seed {order.seed} --card {index}",
    )


def _plant(order: Order, result: Result) -> None:
    """Run this campaign in copies of the tree with one defect each."""
    defects = patches("twins")
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(2) as workers:

        def find(patch: Path) -> bool:
            tree = tree_with(patch, Path(folder) / patch.stem)
            return found_in(tree, order, "twins", PLANTED_SIZE)

        found = list(workers.map(find, defects))
    result.planted = [patch.stem for patch in defects]
    result.missed = [p.stem for p, seen in zip(defects, found, strict=True) if not seen]
