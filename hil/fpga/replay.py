"""Stimuli played to the RTL in Icarus Verilog, as `model.wires.play` plays them to the model."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

from hil.fpga.model.settings import Settings
from hil.fpga.model.wires import Seen
from hil.fpga.stimulus import Stimulus, pins
from scheme.errors import EnvironmentFaultError

HERE = Path(__file__).resolve().parent
RTL = HERE / "rtl"
BENCH = HERE / "tests" / "replay.v"
WITHIN_S = 120
DEBIAN = "; on Debian: apt-get install iverilog yosys nextpnr-ice40"


def build(settings: Settings, target: Path, rtl: Path = RTL) -> Path:
    """Compile the RTL with its bench; return what `play` runs.

    Raises:
        EnvironmentFaultError: If Icarus is not installed or refuses the source.
    """
    given = [f"-Preplay.{name}={number}" for name, number in settings.parameters().items()]
    sources = sorted(map(str, rtl.glob("*.v")))
    command = ["iverilog", "-g2005", f"-I{rtl}", "-s", "replay", *given, "-o", str(target)]
    run([*command, str(BENCH), *sources], WITHIN_S)
    return target


def play(
    built: Path, stimuli: Sequence[Stimulus], settings: Settings, within_s: float = WITHIN_S
) -> list[list[Seen]]:
    """Return every change at the output pins, for each stimulus.

    Raises:
        EnvironmentFaultError: If the simulator fails or is not done in time.
    """
    with tempfile.TemporaryDirectory() as folder:
        plan, log = Path(folder, "plan"), Path(folder, "log")
        plan.write_text("".join(_plan(stimulus, settings) for stimulus in stimuli), "ascii")
        run(["vvp", "-n", str(built), f"+plan={plan}", f"+log={log}"], within_s)
        return _logs(log.read_text("ascii"))


def run(command: list[str], within_s: float) -> str:
    """Run a tool and return its stdout.

    Raises:
        EnvironmentFaultError: If it is not installed, fails, or is not done in time.
    """
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=within_s, check=False
        )
    except FileNotFoundError as missing:
        raise EnvironmentFaultError(f"{command[0]}: not installed{DEBIAN}") from missing
    except subprocess.TimeoutExpired as late:
        raise EnvironmentFaultError(f"{command[0]}: expected an end in {within_s} s") from late
    if done.returncode:
        raise EnvironmentFaultError(f"{command[0]}: {(done.stderr or done.stdout)[-800:]}")
    return done.stdout


def _plan(stimulus: Stimulus, settings: Settings) -> str:
    levels = pins(stimulus, settings.divisor)
    levels = [level for level in levels if level.at <= stimulus.end]
    if levels[-1].at < stimulus.end:
        levels.append(levels[-1]._replace(at=stimulus.end, set_tick=None))
    lines = [
        f"{at} {line} {inputs:x} {reset_n} {int(tick is not None)} {tick or 0:x}"
        for at, line, inputs, reset_n, tick in levels
    ]
    return "\n".join([str(len(lines)), *lines]) + "\n"


def _logs(text: str) -> list[list[Seen]]:
    logs: list[list[Seen]] = []
    for line in text.splitlines():
        words = line.split()
        if words[0] == "stimulus":
            logs.append([])
            continue
        seen = Seen(int(words[0]), _level(words[1]), _level(words[2]))
        if logs[-1] and logs[-1][-1].at == seen.at:
            logs[-1].pop()
        if not logs[-1] or logs[-1][-1][1:] != seen[1:]:
            logs[-1].append(seen)
    return logs


def _level(word: str) -> int:
    """Return a level, or -1 for one that the simulator does not know."""
    return -1 if set(word.lower()) & {"x", "z"} else int(word, 16)
