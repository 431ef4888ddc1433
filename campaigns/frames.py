"""Noise for every decoder of the rack: no hang, no exception without a name, no frame lost in it.

The decoders of the PN532's line, the FPGA's and vpcd's, of the journal, of APDUs, traces and the
control side. Each gets as many frames as the size says, whole ones among spoilt ones and noise, and
what is whole must come out again. What each is fed comes from (seed, decoder, trial) alone.
"""

from __future__ import annotations

import signal
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from types import FrameType

from campaigns.bench.planting import found_in, patches, tree_with
from campaigns.bench.result import Order, Progress, Result, Violation
from campaigns.noise import wires, words
from campaigns.noise.trial import FRAMES_A_TRIAL, Trial, Wrong
from scheme.errors import JakartaOneError

SIZE = 100_000  # frames for each decoder
PLANTED_SIZE = 400
HANG_S = 10.0  # a trial takes milliseconds
DECODERS: dict[str, Trial] = {
    "pn532": wires.pn532,
    "fpga": wires.fpga_frames,
    "vpcd": wires.vpcd,
    "journal": words.journal,
    "apdu": words.apdu,
    "trace": words.trace_line,
    "control": words.control,
}


class HangError(Exception):
    """A decoder did not come back."""


def run(order: Order, progress: Progress) -> Result:
    """Feed every decoder, then find the planted defects."""
    result = Result("frames", order)
    trials = -(-order.size // FRAMES_A_TRIAL)
    result.figures = dict.fromkeys(["hangs", "unnamed_exceptions", *DECODERS], 0)
    for at, name in enumerate(DECODERS):
        for trial in range(trials):
            if trial % 50 == 0:
                progress(at * trials + trial, len(DECODERS) * trials)
            _note(result, order, name, trial * len(DECODERS) + at)
    if order.planted:
        _plant(order, result)
    return result


def replay(order: Order) -> tuple[list[str], bool]:
    """Feed one decoder one trial; return what was wrong, and whether nothing was."""
    assert order.card is not None
    result = Result("frames", order)
    result.figures = dict.fromkeys(["hangs", "unnamed_exceptions", *DECODERS], 0)
    name = list(DECODERS)[order.card % len(DECODERS)]
    _note(result, order, name, order.card)
    told = [f"{FRAMES_A_TRIAL} frames for {name}"]
    told += [f"{v.what}: expected {v.expected}, got {v.got}" for v in result.first]
    return told, not result.violations


def _note(result: Result, order: Order, name: str, number: int) -> None:
    result.tried += FRAMES_A_TRIAL
    result.figures[name] += FRAMES_A_TRIAL
    for what, expected, got in _wrongs(name, Random(f"frames {order.seed} {number}"), result):
        replayed = f"python -m campaigns frames --seed {order.seed} --card {number}"
        result.violated(Violation(what, expected, got, replayed))


def _wrongs(name: str, chance: Random, result: Result) -> Iterator[Wrong]:
    try:
        with _bounded():
            yield from list(DECODERS[name](chance))
    except HangError:
        result.figures["hangs"] += 1
        yield name, f"an end within {HANG_S:.0f} s", "none"
    except Exception as error:
        named = isinstance(error, JakartaOneError)
        result.figures["unnamed_exceptions"] += not named
        yield name, "no exception but those it names", f"{type(error).__name__}: {error}"[:200]


@contextmanager
def _bounded() -> Iterator[None]:
    """Raise HangError within if it does not come back in time."""

    def ring(number: int, frame: FrameType | None) -> None:
        raise HangError

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, HANG_S)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def _plant(order: Order, result: Result) -> None:
    """Run this campaign in copies of the tree with one defect each."""
    for patch in patches("frames"):
        with tempfile.TemporaryDirectory() as folder:
            tree = tree_with(patch, Path(folder) / patch.stem)
            result.planted.append(patch.stem)
            if not found_in(tree, order, "frames", PLANTED_SIZE):
                result.missed.append(patch.stem)
