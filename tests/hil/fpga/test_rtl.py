"""The RTL: every cocotb bench, the same pins as the model's, and no construct that has no hardware.

The fit on the device takes half a minute and is run by hand: `python -m hil.fpga synth`.
Each bench prints its seed; J1_SEED in the environment gives it another.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from hil.fpga import replay, stimulus
from hil.fpga.__main__ import main
from hil.fpga.model import wires
from hil.fpga.stimuli import SETTINGS, random_stimulus
from hil.fpga.synth import Fit
from hil.fpga.tests.run import run

SEED = int(os.environ.get("J1_SEED", "2026"))
WITHIN_S = 120
STIMULI = 40  # five of each theme; the campaign plays hundreds


@pytest.mark.needs_iverilog
@pytest.mark.parametrize(("bench", "tests"), [("bench_line", 12), ("bench_units", 9)])
def test_every_test_of_a_bench_passes(bench: str, tests: int, tmp_path: Path) -> None:
    assert run(bench, tmp_path, SEED) == (tests, 0), (tmp_path / "bench.log").read_text("utf-8")
    assert f"seed {SEED}" in (tmp_path / "bench.log").read_text("utf-8")


@pytest.mark.needs_iverilog
def test_model_and_rtl_show_the_same_pins_in_every_tick(tmp_path: Path) -> None:
    stimuli = [random_stimulus(SEED + 1, number) for number in range(STIMULI)]
    built = replay.build(SETTINGS, tmp_path / "built")
    logs = replay.play(built, stimuli, SETTINGS)
    for number, (played, log) in enumerate(zip(stimuli, logs, strict=True)):
        assert log == wires.play(played, SETTINGS), f"stimulus {number} of seed {SEED + 1}"


@pytest.mark.needs_iverilog
def test_a_recorded_stimulus_is_compared_from_its_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "one.stimulus"
    path.write_text(stimulus.dump(random_stimulus(1, 0)), "utf-8")
    assert main(["compare", str(path)]) == 0
    assert capsys.readouterr().out == f"{path}: the same\n"
    path.write_text("1 shake\n", "utf-8")
    assert main(["compare", str(path)]) == 2
    assert "one.stimulus:1: expected TICK" in capsys.readouterr().err
    assert main(["mill"]) == 2
    assert main(["stimulus", "1", "0"]) == 0


@pytest.mark.needs_iverilog
def test_nothing_in_the_rtl_is_a_latch_a_loop_or_driven_twice() -> None:
    sources = " ".join(map(str, sorted(replay.RTL.glob("*.v"))))
    script = f"read_verilog -I{replay.RTL} {sources}; hierarchy -check -top rack_fpga; proc"
    checks = "select -assert-none t:$dlatch; check -assert"
    replay.run(["yosys", "-q", "-p", f"{script}; {checks}"], WITHIN_S)


def test_a_fit_is_told_by_cells_and_clock() -> None:
    fit = Fit({"ICESTORM_LC": (3151, 5280)}, 16.04)
    assert fit.reached
    assert str(fit).splitlines() == [
        "ICESTORM_LC      3151 of 5280",
        "Fmax             16.0 MHz, wanted 12",
    ]
    assert not fit._replace(fmax_mhz=11.9).reached
