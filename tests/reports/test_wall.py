"""The judge shares no rule with the judged: it runs with those rules gone from disk."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

JUDGED = (
    "decision", "fares", "hotlist", "journeys", "linking", "presentation", "purse", "tariff_rows",
    "tariffs", "transit_state", "verdicts",
)  # fmt: skip
PROGRAM = """
import json, sys
from tests.reports.test_oracle_vectors import cases, journey_words
wrong = [case for case in cases() if journey_words(case) != cases()[case]["journeys"]]
loaded = sorted(name for name in sys.modules if name.startswith("scheme."))
print(json.dumps({"wrong": wrong, "cases": len(cases()), "loaded": loaded}))
"""


def test_the_oracle_prices_every_case_without_the_rulebook(tmp_path: Path) -> None:
    here = Path(__file__).resolve().parents[2]
    for folder in ("scheme", "reports", "vectors", "scenarios/data"):
        shutil.copytree(here / folder, tmp_path / folder)
    (tmp_path / "tests" / "reports").mkdir(parents=True)
    for name in ("__init__.py", "handmade.py", "test_oracle_vectors.py"):
        shutil.copy(here / "tests" / "reports" / name, tmp_path / "tests" / "reports" / name)
    (tmp_path / "tests" / "__init__.py").touch()
    for name in JUDGED:
        (tmp_path / "scheme" / f"{name}.py").unlink(missing_ok=True)
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], cwd=tmp_path, capture_output=True, text=True, check=False,
        env={"PYTHONPATH": str(tmp_path)},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert said["wrong"] == []
    assert said["cases"] >= 45
    assert set(said["loaded"]) <= {f"scheme.{name}" for name in (
        "days", "errors", "money", "numbers", "records", "services")}  # fmt: skip
