"""A verdict that cannot fail is worth nothing: break each rule, one at a time, and be told so.

The fare cases of vectors/fares.csv go through dialogue, purse, SAM and the reference server.
Unbroken, the judge passes them. In a copy of the tree with one rule of `scheme` broken
(tests/planted/rules), the same taps must FAIL, and a tap of a case about that rule is named.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from reports.verdict import judge
from tests.system.fare_city import (
    INVENTED,
    ROOT,
    SHIPPED,
    case_of_trace,
    cases,
    fare_city,
    write_truth,
)

PLANTED = sorted((ROOT / "tests" / "planted" / "rules").glob("*.patch"))
PACKAGES = ("scheme", "reference_server", "testbed", "hil", "load", "sim", "reports", "tests")
WITHIN_S = 60


def tree(folder: Path) -> Path:
    """Return a copy of the tree, with the data it reads beside it."""
    hidden = shutil.ignore_patterns("__pycache__", "planted", "store")
    for package in PACKAGES:
        shutil.copytree(ROOT / package, folder / package, ignore=hidden)
    for shared in ("scenarios", "vectors"):
        (folder / shared).symlink_to(ROOT / shared)
    return folder


def cleared(root: Path, folder: Path, tariff: str) -> Path:
    """Play and clear the cases with the code under `root`; return the export."""
    command = [sys.executable, "-m", "tests.system.fare_city", str(folder), tariff]
    done = subprocess.run(
        command, cwd=root, capture_output=True, text=True, timeout=WITHIN_S, check=False
    )
    assert done.returncode == 0, done.stderr[-2_000:]
    return folder / "export"


def judged(export: Path, folder: Path, tariff: str) -> dict[str, Any]:
    """Judge an export against what happened."""
    write_truth(fare_city(tariff), folder / "city")
    return judge(folder / "city", export, None, None, folder / "verdict", {})


@pytest.mark.parametrize("tariff", [SHIPPED, INVENTED])
def test_the_fare_cases_pass_the_whole_way_with_the_rules_as_they_are(
    tmp_path: Path, tariff: str
) -> None:
    assert cases(tariff)
    record = judged(cleared(ROOT, tmp_path / "office", tariff), tmp_path, tariff)
    assert record["verdict"] == "PASS", record["reasons"]
    assert record["unexplained"] == 0
    assert record["idr_truth"] == record["idr_ledger"]


@pytest.mark.parametrize("patch", PLANTED, ids=lambda path: path.stem)
def test_a_broken_rule_is_found_and_its_tap_is_named(tmp_path: Path, patch: Path) -> None:
    rule = patch.stem.split("-")[0]
    tariff = INVENTED if rule == "R12" else SHIPPED
    root = tree(tmp_path / "tree")
    subprocess.run(["git", "apply", str(patch)], cwd=root, check=True, timeout=WITHIN_S)
    record = judged(cleared(root, tmp_path / "office", tariff), tmp_path, tariff)
    assert record["verdict"] == "FAIL", record
    assert record["unexplained"] > 0
    rules = {row["case"]: row["rule"].split() for row in cases(tariff)}
    case_of = case_of_trace(fare_city(tariff))
    named = {case_of[row["trace"]] for row in record["discrepancies"] if row["trace"]}
    assert any(rule in rules[case] for case in named), named


def test_every_rule_that_prices_or_links_has_a_planted_defect() -> None:
    assert {path.stem.split("-")[0] for path in PLANTED} == {f"R{n}" for n in range(3, 15)}
