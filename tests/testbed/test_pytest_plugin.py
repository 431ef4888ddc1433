"""Scenario files as tests: collected, chosen by level, and failing with their reason."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import testbed

CHECKOUT = Path(testbed.__file__).parents[1]
HEAD = "format: jakarta-one/scenario/1\nid: broken\nlevel: {level}\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with a scenario of each level, both broken, and a file that is none."""
    for level in ("smoke", "full"):
        (tmp_path / f"{level}_day.yaml").write_text(HEAD.format(level=level))
    (tmp_path / "rack.yaml").write_text("format: jakarta-one/rack/1\nid: x\n")
    return tmp_path


def run_pytest(folder: Path, *options: str) -> str:
    """Return what pytest says about a folder."""
    ran = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "testbed.pytest_plugin", "-q", ".", *options],
        cwd=folder,
        env={"PYTHONPATH": str(CHECKOUT), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )
    return ran.stdout


def test_every_scenario_file_is_one_test_and_no_other_file_is(folder: Path) -> None:
    said = run_pytest(folder, "--collect-only")
    assert "full_day.yaml::full_day" in said
    assert "smoke_day.yaml::smoke_day" in said
    assert "rack.yaml" not in said


def test_a_level_chooses_its_scenarios(folder: Path) -> None:
    said = run_pytest(folder, "--collect-only", "--scenario-level", "smoke")
    assert "smoke_day.yaml::smoke_day" in said
    assert "1 deselected" in said


def test_a_scenario_that_cannot_run_fails_with_the_line_and_no_traceback(folder: Path) -> None:
    said = run_pytest(folder, "--scenario-level", "full")
    assert "1 failed" in said
    assert "exit code 2: jakarta-one: " in said
    assert "full_day.yaml:1: " in said
    assert "Traceback" not in said
