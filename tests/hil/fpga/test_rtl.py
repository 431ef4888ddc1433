"""The RTL: every cocotb bench, the same pins as the model's, and a fit on the device.

Each bench prints its seed; J1_SEED in the environment gives it another.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from hil.fpga import replay, stimulus, synth
from hil.fpga.__main__ import main
from hil.fpga.model import wires
from hil.fpga.stimuli import SETTINGS, random_stimulus
from hil.fpga.tests.run import run

SEED = int(os.environ.get("J1_SEED", "2026"))
STIMULI = 56  # of each theme eight; the campaign plays hundreds


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


def test_the_design_fits_the_device_at_its_clock() -> None:
    fit = synth.fit()
    assert fit.reached, str(fit)
    assert all(used <= there for used, there in fit.used.values()), str(fit)
