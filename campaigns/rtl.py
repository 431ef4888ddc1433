"""The FPGA's RTL against its model: the same stimuli, the same pins to the tick.

Each stimulus comes from (seed, number) alone and is played to the model and to the RTL in Icarus.
What is planted are mutants of the RTL: each has to show other pins than the model's in one of the
stimuli. Those that no stimulus can show are in tests/planted/rtl/equivalent.yaml, with the reason,
and do not count.
"""

from __future__ import annotations

import random
import tempfile
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from itertools import zip_longest
from pathlib import Path

from campaigns.bench.result import Order, Progress, Result, Violation
from campaigns.mutants.trial import Stillborn, Trial, explained, key
from campaigns.mutants.verilog import Mutant, mutants
from hil.fpga.model import wires
from hil.fpga.model.wires import Seen
from hil.fpga.replay import RTL, build, play
from hil.fpga.stimuli import SETTINGS, random_stimulus
from hil.fpga.stimulus import Stimulus, dump

SIZE = 200  # stimuli, of about 15,000 ticks each
MUTANTS = 80  # with the whole size; fewer with less
MUTANTS_MIN = 3
AGAINST = 160  # stimuli that a mutant has to survive to be a survivor
AT_ONCE = 10


def run(order: Order, progress: Progress) -> Result:
    """Hold the RTL to the model over as many stimuli as the size says, then try the mutants."""
    result = Result("rtl", order)
    result.figures["ticks"] = 0
    with tempfile.TemporaryDirectory() as folder:
        built = build(SETTINGS, Path(folder, "replay"))
        size = order.size
        portions = [range(at, min(at + AT_ONCE, size)) for at in range(0, size, AT_ONCE)]

        def played(numbers: range) -> list[list[Seen]]:
            return play(built, [random_stimulus(order.seed, n) for n in numbers], SETTINGS)

        with ThreadPoolExecutor(2) as workers:
            for numbers, logs in zip(portions, workers.map(played, portions), strict=True):
                progress(numbers.start, order.size)
                for number, log in zip(numbers, logs, strict=True):
                    _compare(order, number, log, result)
    if order.planted:
        _plant(order, result)
    return result


def replay(order: Order) -> tuple[list[str], bool]:
    """Play one stimulus to both; return its steps and both logs, and whether they agree."""
    assert order.card is not None
    stimulus, expected = _case(order.seed, order.card)
    with tempfile.TemporaryDirectory() as folder:
        (got,) = play(build(SETTINGS, Path(folder, "replay")), [stimulus], SETTINGS)
    lines = [f"step  {line}" for line in dump(stimulus).splitlines()]
    lines += [f"model {_text(seen)}" for seen in expected]
    lines += [f"rtl   {_text(seen)}" for seen in got]
    return lines, expected == got


@cache
def _case(seed: int, number: int) -> tuple[Stimulus, list[Seen]]:
    """Return a stimulus and what the model's pins show."""
    stimulus = random_stimulus(seed, number)
    return stimulus, wires.play(stimulus, SETTINGS)


def _compare(order: Order, number: int, got: list[Seen], result: Result) -> None:
    stimulus, expected = _case(order.seed, number)
    result.tried += 1
    result.figures["ticks"] += stimulus.end
    for at, (wanted, shown) in enumerate(zip_longest(expected, got)):
        if wanted != shown:
            told = f"stimulus {number}, change {at} of the output pins"
            again = f"python -m campaigns rtl --seed {order.seed} --card {number}"
            result.violated(Violation(told, _text(wanted), _text(shown), again))
            return


def _text(seen: Seen | None) -> str:
    return "nothing" if seen is None else f"tick {seen.at}: line {seen.line}, {seen.outputs:04b}"


def _plant(order: Order, result: Result) -> None:
    """Try a sample of all mutants, as large as the size of this run asks."""
    reasons = explained()
    everything = mutants(RTL)
    wanted = max(MUTANTS_MIN, round(MUTANTS * order.size / SIZE))
    chosen = random.Random(order.seed).sample(everything, min(wanted, len(everything)))
    counted = [mutant for mutant in chosen if key(mutant) not in reasons]
    trial = Trial(SETTINGS, AGAINST, lambda number: _case(order.seed, number))

    def killed(mutant: Mutant) -> bool | None:
        try:
            return trial.kills(mutant)
        except Stillborn:
            return None

    with ThreadPoolExecutor(2) as workers:
        outcomes = list(zip(counted, workers.map(killed, counted), strict=True))
    result.planted = [mutant.name for mutant, dead in outcomes if dead is not None]
    result.missed = [mutant.name for mutant, dead in outcomes if dead is False]
    result.figures |= {
        "mutants_possible": len(everything),
        "mutants_equivalent": len(chosen) - len(counted),
        "mutants_stillborn": sum(dead is None for _, dead in outcomes),
    }
