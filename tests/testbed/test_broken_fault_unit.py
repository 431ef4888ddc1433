"""A fault unit broken on purpose makes a play INVALID, exit 4: what it was for was not tested."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from campaigns.bench.planting import ROOT, patches, tree_with
from load.plan import PLAN_FORMAT
from tests.hil.tiny_city import RACK, morning

INVALID = 4
WITHIN_S = 60


def play(tree: Path, folder: Path, rack: str = RACK) -> tuple[int, dict[str, Any]]:
    """Play a tiny city with the code of a tree; return the exit code and what was printed."""
    city = morning()
    city.write(folder / "city")
    manifest = folder / "city" / "manifest.json"
    manifest.write_text(json.dumps(json.loads(manifest.read_text()) | {"format": PLAN_FORMAT}))
    (folder / "rack.yaml").write_text(rack)
    command = [sys.executable, "-m", "testbed", "rack", "play", str(folder / "city")]
    done = subprocess.run(
        [*command, "--rack", str(folder / "rack.yaml"), "--speed", "1000000", "--json"],
        cwd=tree, capture_output=True, text=True, timeout=WITHIN_S, check=False,
    )  # fmt: skip
    assert done.stdout, done.stderr
    return done.returncode, json.loads(done.stdout)


def test_a_sound_unit_passes(tmp_path: Path) -> None:
    code, played = play(ROOT, tmp_path)
    assert (code, played["verdict"]) == (0, "PASS")
    rows = [
        json.loads(line) for line in (tmp_path / "city-rack/faults.jsonl").read_text().splitlines()
    ]
    assert [row["said"] for row in rows] == ["unheard at DEBIT", "lost at DEBIT"]
    assert all(row["where"] and row["armed_ns"] <= row["fired_ns"] for row in rows)


@pytest.mark.parametrize("patch", patches("faults"), ids=lambda patch: patch.stem)
def test_a_broken_unit_makes_the_play_invalid(patch: Path, tmp_path: Path) -> None:
    tree = tree_with(patch, tmp_path / "tree")
    code, played = play(tree, tmp_path)
    assert (code, played["verdict"]) == (INVALID, "INVALID")
    assert played["tears"] == {"armed": 2, "fired": 0}


@pytest.mark.parametrize("patch", patches("faults"), ids=lambda patch: patch.stem)
def test_a_broken_unit_makes_a_sweep_invalid(patch: Path, tmp_path: Path) -> None:
    tree = tree_with(patch, tmp_path / "tree")
    sweep = ["rack", "sweep", "model://empty", "--unit", "unheard", "--from", "3", "--to", "3"]
    done = subprocess.run(
        [sys.executable, "-m", "testbed", *sweep, "--json"],
        cwd=tree, capture_output=True, text=True, timeout=WITHIN_S, check=False,
    )  # fmt: skip
    assert (done.returncode, json.loads(done.stdout)["verdict"]) == (INVALID, "INVALID")


def test_a_fault_of_the_rack_file_that_had_no_occasion_makes_the_play_invalid(
    tmp_path: Path,
) -> None:
    rack = RACK.replace('"model://empty"', '"fault+model://empty?delay=1@READ_LOG"', 1)
    code, played = play(ROOT, tmp_path, rack)
    assert (code, played["verdict"]) == (INVALID, "INVALID")
    assert played["faults"] == {"armed": 1, "fired": 0}
