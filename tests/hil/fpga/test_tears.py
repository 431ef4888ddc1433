"""Taps torn by an FPGA: its registers are the proof, and a broken one makes a play INVALID."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from hil.fpga.model.fpga import Fpga
from hil.fpga.model.tear import Tear
from hil.fpga.modelport import ModelPort
from hil.fpga.regs import TearState
from hil.play import play
from hil.rack import load_rack
from testbed.run import verdict_of_play
from tests.hil.tiny_city import RACK, morning

TIMER = 'resources:\n  fpga: {{kind: timer, url: "fpga://{port}", simulated: {simulated}}}\n'
SAID = re.compile(r"triggered at tick (\d+), fired at tick (\d+), host \d+ ns, give or take \d+ ns")


class DeadTear(Tear):
    """One that is triggered and never fires."""

    def _delay(self, now: int, left: int, width: int) -> None:
        self.state, self._left = TearState.DELAYING, 1 << 40


class BoastfulTear(Tear):
    """One that says it fired, and whose pulse does not reach the pins."""

    @property
    def pulsing(self) -> bool:
        return False


def torn_by(folder: Path, port: str, simulated: str) -> dict[str, Any]:
    """Return the summary of a play at two places that share an FPGA."""
    rack = RACK.replace("rack/1", "rack/2").replace(", simulated: true", "")
    for channel, name in enumerate(("in", "out")):
        told = f"{{name: {name}, timer: fpga/{channel}, features: [tear], "
        rack = rack.replace(f"{{name: {name}, ", told)
    city = morning()
    city.write(folder / "city")
    (folder / "rack.yaml").write_text(TIMER.format(port=port, simulated=simulated) + rack)
    rack_file = load_rack(folder / "rack.yaml")
    return play(folder / "city", rack_file, folder / "rack", 1e6, city.keys, lambda *_: None)


def test_taps_are_torn_by_the_fpga_and_its_ticks_are_the_evidence(tmp_path: Path) -> None:
    told = torn_by(tmp_path, "model:", "true")
    assert told["tears"] == {"armed": 2, "fired": 2}
    assert (told["mismatches"], told["displaced"]) == (0, 0)
    assert verdict_of_play(told) == "PASS"
    lines = (tmp_path / "rack" / "faults.jsonl").read_text().splitlines()
    rows = [json.loads(line) for line in lines]
    ticks = [SAID.search(row["said"]) for row in rows]
    assert [int(found[2]) - int(found[1]) for found in ticks if found] == [12, 12]


@pytest.mark.parametrize("broken", [DeadTear(), BoastfulTear()])
def test_a_tear_unit_that_is_broken_makes_the_play_invalid(tmp_path: Path, broken: Tear) -> None:
    fpga = Fpga()
    fpga._tear = broken
    port = ModelPort(fpga)
    port.plug()
    try:
        told = torn_by(tmp_path, port.path, "false")
    finally:
        port.unplug()
    assert told["tears"] == {"armed": 2, "fired": 0}
    assert verdict_of_play(told) == "INVALID"
