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
from scheme.errors import BadInputError
from testbed.rack_sweep import sweep_reader
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


def swept(port: str) -> dict[str, Any]:
    """Return the record of a sweep by tick, over both sides of a command and behind its answer."""
    return sweep_reader(
        "model://empty", unit="tick", first=0, last=72_000, step=18_000, timer=f"fpga://{port}"
    )


def test_a_sweep_by_tick_is_fired_by_the_fpga_to_the_tick() -> None:
    record = swept("model:")
    assert (record["verdict"], record["faults"]) == ("PASS", {"armed": 5, "fired": 5})
    assert [point["new"] for point in record["points"]] == [0, 0, 1, 1, 1]
    assert [point["recovered"] for point in record["points"]] == [0, 0, 1, 1, 0]
    for point in record["points"]:
        found = SAID.search(point["said"][0])
        assert found
        assert int(found[2]) - int(found[1]) == max(1, point["value"])


def test_ticks_want_a_timer_that_tears() -> None:
    with pytest.raises(BadInputError, match="expected a timer that tears"):
        sweep_reader("model://empty", unit="tick", first=1, last=1)


@pytest.mark.parametrize("broken", [DeadTear(), BoastfulTear()])
def test_a_tear_unit_that_is_broken_makes_a_sweep_invalid(broken: Tear) -> None:
    fpga = Fpga()
    fpga._tear = broken
    port = ModelPort(fpga)
    port.plug()
    try:
        assert swept(port.path)["verdict"] == "INVALID"
    finally:
        port.unplug()


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
