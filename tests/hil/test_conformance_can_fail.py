"""A suite that passes every card is worth nothing: break a card in one place, and be told so.

Each patch of tests/planted/cards breaks a copy of the Python card in one way, and its first line
names the case that must fail of it.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from hil.conformance.suite import all_cases

ROOT = Path(__file__).parents[2]
PLANTED = sorted((ROOT / "tests/planted/cards").glob("*.patch"))
WITHIN_S = 60
JUDGE = """
import json
from hil.conformance.suite import run
from hil.reader import open_reader
reader = open_reader("model://empty")
report = run(reader, lambda data: reader.insert(reader.issue(data)))
failed = [result.case.id for result in report.results if result.verdict == "FAIL"]
print(json.dumps({"cases": report.cases, "failed": failed, "file": run.__code__.co_filename}))
"""


@pytest.mark.parametrize("patch", PLANTED, ids=lambda path: path.stem)
def test_a_broken_card_fails_the_case_that_guards_it(tmp_path: Path, patch: Path) -> None:
    for package in ("scheme", "hil"):
        hidden = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / package, tmp_path / package, ignore=hidden)
    subprocess.run(["git", "apply", str(patch)], cwd=tmp_path, check=True, timeout=WITHIN_S)
    done = subprocess.run(
        [sys.executable, "-c", JUDGE], cwd=tmp_path, capture_output=True, text=True,
        timeout=WITHIN_S, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2_000:]
    told = json.loads(done.stdout)
    assert Path(told["file"]).is_relative_to(tmp_path)
    assert named(patch) in told["failed"], told["failed"]
    assert len(told["failed"]) < told["cases"]


def test_there_are_fifteen_broken_cards_and_more_and_each_has_a_case_of_its_own() -> None:
    cases = [named(patch) for patch in PLANTED]
    assert len(PLANTED) >= 15
    assert len(set(cases)) == len(cases)
    assert set(cases) <= {case.id for case in all_cases()}


def named(patch: Path) -> str:
    """Return the case that a patch says will fail."""
    return patch.read_text(encoding="utf-8").partition(":")[0]
