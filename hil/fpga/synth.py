"""The RTL on an iCE40 UP5K by yosys and nextpnr: cells and Fmax. It makes no bitstream."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import NamedTuple

from hil.fpga.replay import RTL, run

WITHIN_S = 600
WANTED_MHZ = 12.0
TOP = "rack_fpga"


class Fit(NamedTuple):
    """What the design takes of the device: name of a resource, used, there; and its clock."""

    used: dict[str, tuple[int, int]]
    fmax_mhz: float

    @property
    def reached(self) -> bool:
        """Whether it runs at the clock that it is made for."""
        return self.fmax_mhz >= WANTED_MHZ

    def __str__(self) -> str:
        cells = [f"{name:14} {used:6} of {there}" for name, (used, there) in self.used.items()]
        clock = f"{'Fmax':14} {self.fmax_mhz:6.1f} MHz, wanted {WANTED_MHZ:.0f}"
        return "\n".join([*cells, clock])


def fit(seed: int = 1) -> Fit:
    """Return how the RTL fits.

    Raises:
        EnvironmentFaultError: If a tool is not installed or fails, as where it does not fit at all.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        netlist, report = folder / "netlist.json", folder / "report.json"
        sources = " ".join(map(str, sorted(RTL.glob("*.v"))))
        script = f"read_verilog -I{RTL} {sources}; synth_ice40 -top {TOP} -json {netlist}"
        run(["yosys", "-q", "-p", script], WITHIN_S)
        placing = ["--up5k", "--package", "sg48", "--pcf-allow-unconstrained", "--freq", "12"]
        files = ["--json", str(netlist), "--report", str(report)]
        run(["nextpnr-ice40", "-q", "--seed", str(seed), *placing, *files], WITHIN_S)
        told = json.loads(report.read_text("utf-8"))
    used = {
        name: (row["used"], row["available"])
        for name, row in told["utilization"].items()
        if row["used"]
    }
    return Fit(used, min(clock["achieved"] for clock in told["fmax"].values()))
