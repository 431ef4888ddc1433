"""Owners of bench devices killed by kill -9: each of their locks is free within a second.

An owner is killed while it holds its locks, while it takes and lets go of them over and over, or
while another process waits for them, which must get them then. Which devices, and when, comes from
(seed, owner's number) alone.
"""

from __future__ import annotations

import os
import random
import select
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from campaigns.bench.planting import found_in, patches, tree_with
from campaigns.bench.result import Order, Progress, Result, Violation
from hil.locks import locked
from scheme.errors import ReaderError

SIZE = 100  # owners
PLANTED_SIZE = 6
FREE_S = 1.0
AT_MOST_MS = 40
DEVICES = ("usb-FTDI_A1-if00", "usb-FTDI_B2-if00", "RR123-456", "127.0.0.1:35963", "fpga")
WAYS = ("holds", "takes and lets go", "is waited for")
HOLD = """
import sys
from pathlib import Path
from hil.locks import locked
print("ready", flush=True)
with locked(sys.argv[2:], "a campaign", 60, folder=Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""
OVER_AND_OVER = """
import sys
from pathlib import Path
from hil.locks import locked
print("ready", flush=True)
print("held", flush=True)
while True:
    with locked(sys.argv[2:], "a campaign", 60, folder=Path(sys.argv[1])):
        pass
"""
ROOT = Path(__file__).resolve().parents[1]

Had = Callable[[], str]  # waits until locks are had; returns what was wrong


class Death(NamedTuple):
    """How an owner ends: which devices it has, what it does then, and for how long before."""

    way: str
    devices: list[str]
    after_ms: int


def run(order: Order, progress: Progress) -> Result:
    """Kill as many owners as the size says, then find the planted defects."""
    result = Result("locks", order)
    for index in range(order.size):
        progress(index, order.size)
        _note(result, order, index)
        result.tried += 1
    if order.planted:
        _plant(order, result)
    return result


def replay(order: Order) -> tuple[list[str], bool]:
    """Kill one owner; return how it died and whether its locks were free in time."""
    assert order.card is not None
    result, death = Result("locks", order), death_of(order.seed, order.card)
    _note(result, order, order.card)
    told = [f"the owner {death.way}: {', '.join(death.devices)}; killed after {death.after_ms} ms"]
    told += [f"expected {v.expected}, got {v.got}" for v in result.first]
    return told, not result.violations


def death_of(seed: int, index: int) -> Death:
    """Return how an owner of a campaign ends."""
    chance = random.Random(f"locks {seed} {index}")
    devices = chance.sample(DEVICES, chance.randint(1, len(DEVICES)))
    return Death(WAYS[index % len(WAYS)], devices, chance.randrange(AT_MOST_MS))


def _note(result: Result, order: Order, index: int) -> None:
    death = death_of(order.seed, index)
    with tempfile.TemporaryDirectory(prefix="jk1-locks-") as folder:
        taken_ms, wrong = _kill(death, Path(folder))
    slowest = result.figures.get("slowest_ms", 0)
    result.figures["slowest_ms"] = max(slowest, taken_ms)
    if wrong:
        replayed = f"python -m campaigns locks --seed {order.seed} --card {index}"
        what = f"an owner that {death.way}: {', '.join(death.devices)}"
        result.violated(Violation(what, f"free within {FREE_S:.0f} s", wrong, replayed))


def _kill(death: Death, folder: Path) -> tuple[int, str]:
    """Kill an owner; return after how many milliseconds its locks were had, and what was wrong."""
    script = OVER_AND_OVER if death.way == WAYS[1] else HOLD
    with _owner(script, death, folder) as owner:
        _heard(owner, "ready")
        _heard(owner, "held")
        if death.way != WAYS[1] and (wrong := _not_held(death, folder)):
            return 0, wrong
        if death.way == WAYS[2]:
            with _owner(HOLD, death, folder) as waiter:
                _heard(waiter, "ready")
                time.sleep(death.after_ms / 1_000)
                return _after(owner, lambda: _heard_within(waiter))
        time.sleep(death.after_ms / 1_000)
        return _after(owner, lambda: _taken(death, folder))


def _after(owner: subprocess.Popen[str], had: Had) -> tuple[int, str]:
    """Kill an owner, wait until its locks are had; return how long that took, and the refusal."""
    os.kill(owner.pid, signal.SIGKILL)
    began_ns = time.monotonic_ns()
    wrong = had()
    return (time.monotonic_ns() - began_ns) // 1_000_000, wrong


def _taken(death: Death, folder: Path) -> str:
    try:
        with locked(death.devices, "the campaign", FREE_S, folder=folder):
            return ""
    except ReaderError as error:
        return str(error)


def _not_held(death: Death, folder: Path) -> str:
    """Return what is wrong if a lock that an owner holds can be had."""
    return "" if _refused(death, folder) else "a lock that is held was had by a second process"


def _refused(death: Death, folder: Path) -> bool:
    try:
        with locked(death.devices[:1], "the campaign", 0, folder=folder):
            return False
    except ReaderError:
        return True


def _heard(process: subprocess.Popen[str], word: str) -> None:
    assert process.stdout is not None
    line = process.stdout.readline()
    assert line == f"{word}\n", line


def _heard_within(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    ready, _, _ = select.select([process.stdout], [], [], FREE_S)
    return "" if ready else "a process that waits for it still waiting"


@contextmanager
def _owner(script: str, death: Death, folder: Path) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "-c", script, str(folder), *death.devices],
        cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def _plant(order: Order, result: Result) -> None:
    """Run this campaign in copies of the tree with one defect each."""
    for patch in patches("locks"):
        with tempfile.TemporaryDirectory() as folder:
            tree = tree_with(patch, Path(folder) / patch.stem)
            result.planted.append(patch.stem)
            if not found_in(tree, order, "locks", PLANTED_SIZE):
                result.missed.append(patch.stem)
