"""A validator killed by kill -9 at random moments, while it taps and uploads to a real server.

Its cards and its SAM live in this process and outlast every kill. At the end each debit of each
card has been claimed at the clearing house once, and none twice; records and batches are numbered
without a gap. What the kernel has in its page cache outlives a killed process, so the journal that
is planted does not lack the sync but the write itself: it answers the tap before it writes.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from campaigns.bench.planting import found_in, patches, tree_with
from campaigns.bench.result import Order, Progress, Result, Violation
from campaigns.killed.audit import Books, faults
from campaigns.killed.lives import Lives
from campaigns.killed.town import Town
from testbed.http_target import HttpTarget
from testbed.reference_process import ReferenceProcess

SIZE = 480  # kills: 300 at random moments of a working validator, the rest aimed or at its start
PLANTED_SIZE = 4
CARDS = 2_000  # so many that most have not tapped in the last ten seconds
BOOKED_S = 120.0


def run(order: Order, progress: Progress) -> Result:
    """Kill as often as the size says, then hold the books against the cards."""
    result = Result("validator", order)
    _kill(order, progress, result)
    if order.planted:
        _plant(order, result)
    return result


def replay(order: Order) -> tuple[list[str], bool]:
    """Live as many lives as the number named, with a fresh journal; return what was found."""
    assert order.card is not None
    result = Result("validator", order)
    _kill(order._replace(size=order.card + 1), lambda done, total: None, result)
    told = [f"{v.what}: expected {v.expected}, got {v.got}" for v in result.first]
    return told, not result.violations


def _kill(order: Order, progress: Progress, result: Result) -> None:
    town = Town(order.seed, CARDS)
    with _office(town) as (office, folder):
        lives = Lives(town, folder, office.url, order.seed)
        for index in range(order.size):
            progress(index, order.size)
            lives.killed(index)
            result.tried += 1
        replayed = f"python -m campaigns validator --seed {order.seed} --size {order.size}"
        for wrong in lives.last():
            result.violated(Violation("its last life", "nothing left", wrong, replayed))
        office.wait_until_booked(BOOKED_S)
        office.export(folder / "export")
        books = Books(folder / "export")
        for fault in faults(town.accounts, books):
            result.violated(Violation(*fault, replayed))
        debits = sum(len(account.moved) for account in town.accounts)
        heard = dict(sorted(lives.counted.items()))
        result.figures = {"debits": debits, **books.figures(), **heard}


@contextmanager
def _office(town: Town) -> Iterator[tuple[HttpTarget, Path]]:
    with tempfile.TemporaryDirectory(prefix="jk1-validator-") as name:
        folder = Path(name)
        with ReferenceProcess(folder / "store") as server, server.target() as office:
            town.enrol(office)
            office.wait_until_booked(BOOKED_S)
            yield office, folder


def _plant(order: Order, result: Result) -> None:
    """Run this campaign in copies of the tree with one defect each."""
    defects = patches("validator")
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(2) as workers:

        def find(patch: Path) -> bool:
            tree = tree_with(patch, Path(folder) / patch.stem)
            return found_in(tree, order, "validator", PLANTED_SIZE)

        found = list(workers.map(find, defects))
    result.planted = [patch.stem for patch in defects]
    result.missed = [p.stem for p, seen in zip(defects, found, strict=True) if not seen]
