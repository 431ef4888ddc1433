"""Run a cocotb bench on Icarus. Building takes a tenth of a second: each run has its own folder."""

from __future__ import annotations

from pathlib import Path

from cocotb_tools.check_results import get_results
from cocotb_tools.runner import get_runner

from hil.fpga.model.settings import Settings
from hil.fpga.replay import RTL

HERE = Path(__file__).resolve().parent
SETTINGS = Settings(divisor=4, build=0xC0C07B21, log_bits=5, count_max=200)


def run(module: str, folder: Path, seed: int, settings: Settings = SETTINGS) -> tuple[int, int]:
    """Return how many tests a bench ran and how many of them failed; its log is in `folder`."""
    runner = get_runner("icarus")
    runner.build(
        sources=[HERE / "bench.v", *sorted(RTL.glob("*.v"))],
        includes=[RTL],
        hdl_toplevel="bench",
        parameters=settings.parameters(),
        build_dir=folder,
        build_args=["-g2005"],
    )
    results = runner.test(
        test_module=f"hil.fpga.tests.{module}",
        hdl_toplevel="bench",
        seed=seed,
        extra_env={"J1_SEED": str(seed)},
        build_dir=folder,
        test_dir=folder,
        results_xml=str(folder / "results.xml"),
        log_file=folder / "bench.log",
    )
    return get_results(results)
