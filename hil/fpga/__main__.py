"""The FPGA's workshop.

    python -m hil.fpga regs               write what is made from regs.yaml
    python -m hil.fpga synth              fit the RTL on an iCE40 UP5K: cells and Fmax
    python -m hil.fpga stimulus 2026 4    print random stimulus 4 of seed 2026
    python -m hil.fpga compare FILE...    play recorded stimuli to model and RTL

Exit 1 if the clock is not reached or the logs differ, 2 for arguments that are none, 3 if the
machine could not do it.
"""

from __future__ import annotations

import sys
import tempfile
from itertools import zip_longest
from pathlib import Path

from hil.fpga import generate, replay, stimulus, synth
from hil.fpga.model import wires
from hil.fpga.stimuli import SETTINGS, random_stimulus
from scheme.errors import BadInputError, EnvironmentFaultError


def main(arguments: list[str]) -> int:
    """Do what is named; return the exit status."""
    try:
        match arguments:
            case ["regs"]:
                print(*generate.write(), sep="\n")
            case ["synth"]:
                fit = synth.fit()
                print(fit)
                return 0 if fit.reached else 1
            case ["stimulus", seed, number] if seed.isdigit() and number.isdigit():
                print(stimulus.dump(random_stimulus(int(seed), int(number))), end="")
            case ["compare", *files] if files:
                return compare([Path(name) for name in files])
            case _:
                print(__doc__, file=sys.stderr)
                return 2
    except BadInputError as wrong:
        print(f"hil.fpga: {wrong}", file=sys.stderr)
        return 2
    except EnvironmentFaultError as fault:
        print(f"hil.fpga: {fault}", file=sys.stderr)
        return 3
    return 0


def compare(files: list[Path]) -> int:
    """Play recorded stimuli to both, built as for the random ones; return 1 if they part."""
    stimuli = [stimulus.load(path.read_text("utf-8"), str(path)) for path in files]
    with tempfile.TemporaryDirectory() as folder:
        built = replay.build(SETTINGS, Path(folder, "replay"))
        logs = replay.play(built, stimuli, SETTINGS)
    parted = False
    for path, played, got in zip(files, stimuli, logs, strict=True):
        pairs = zip_longest(wires.play(played, SETTINGS), got)
        first = next((pair for pair in pairs if pair[0] != pair[1]), None)
        parted |= first is not None
        print(f"{path}: " + ("the same" if first is None else f"model {first[0]}, RTL {first[1]}"))
    return 1 if parted else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
