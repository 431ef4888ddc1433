"""`pytest scenarios` runs every scenario file as an ordinary test.

PASS and MARGINAL pass; any other verdict fails with its reason. A scenario runs in a process of its
own, as from the command line, so that neither side's settings leak into the other.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

FORMAT = re.compile(r"^format:\s*[\"']?jakarta-one/scenario/\d+", re.MULTILINE)
LEVEL = re.compile(r"^level:\s*[\"']?(\w+)", re.MULTILINE)
PASSING = ("PASS", "MARGINAL")
CHECKOUT = Path(__file__).resolve().parents[1]
HEAD_CHARS = 4_096  # format and level stand at the top of the file


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options that choose scenarios and say where their runs go."""
    group = parser.getgroup("jakarta-one", "scenarios of the Jakarta One testbed")
    group.addoption("--scenario-level", metavar="LEVEL", help="only scenarios of this level")
    group.addoption(
        "--scenario-out", metavar="DIR", type=Path, default=Path("runs", "pytest"),
        help="where their run directories go (default: runs/pytest)",
    )  # fmt: skip


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> ScenarioFile | None:
    """Return a collector for a scenario file, and nothing for any other file."""
    if file_path.suffix in (".yaml", ".yml") and FORMAT.search(_head(file_path)):
        return ScenarioFile.from_parent(parent, path=file_path)
    return None


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Deselect the scenarios of other levels than `--scenario-level`."""
    wanted = config.getoption("--scenario-level")
    others = [i for i in items if wanted and isinstance(i, ScenarioItem) and i.level != wanted]
    if others:
        config.hook.pytest_deselected(items=others)
        items[:] = [item for item in items if item not in others]


class ScenarioFile(pytest.File):
    """A scenario file, which is one test."""

    def collect(self) -> Iterator[ScenarioItem]:
        """Yield the one test."""
        yield ScenarioItem.from_parent(self, name=self.path.stem)


class ScenarioFailedError(Exception):
    """A scenario did not pass; the message is the whole reason."""


class ScenarioItem(pytest.Item):
    """One run of a scenario."""

    @property
    def level(self) -> str:
        """The level that the file claims."""
        found = LEVEL.search(_head(self.path))
        return found[1] if found else ""

    def runtest(self) -> None:
        """Run the scenario; raise `ScenarioFailedError` unless it passes."""
        out = self.config.rootpath / self.config.getoption("--scenario-out") / self.name
        command = [sys.executable, "-m", "testbed"]
        ran = subprocess.run(
            [*command, "run", str(self.path), "--out", str(out), "--json"],
            cwd=self.config.rootpath,
            env=_environment(),
            capture_output=True,
            text=True,
            check=False,
        )
        record = _record(ran.stdout)
        if record.get("verdict") not in PASSING or ran.returncode != 0:
            raise ScenarioFailedError(_reason(record, ran))

    def repr_failure(self, excinfo: Any, style: Any = None) -> Any:
        """Return the reason alone: a traceback of ours would say nothing about the scenario."""
        if isinstance(excinfo.value, ScenarioFailedError):
            return str(excinfo.value)
        return super().repr_failure(excinfo, style)

    def reportinfo(self) -> tuple[Path, None, str]:
        """Return where the test stands and what it is called."""
        return self.path, None, f"scenario {self.name}"


def _head(path: Path) -> str:
    with path.open("rb") as file:
        return file.read(HEAD_CHARS).decode("utf-8", "replace")


def _environment() -> dict[str, str]:
    """Return our environment, with the folder of this copy first on the path of imports."""
    others = os.environ.get("PYTHONPATH")
    path = str(CHECKOUT) if not others else f"{CHECKOUT}{os.pathsep}{others}"
    return {**os.environ, "PYTHONPATH": path}


def _record(text: str) -> dict[str, Any]:
    try:
        record = json.loads(text)
    except ValueError:
        return {}
    return record if isinstance(record, dict) else {}


def _reason(record: dict[str, Any], ran: subprocess.CompletedProcess[str]) -> str:
    """Return verdict, reasons and report of a run, or what its process said instead."""
    if not record:
        return f"exit code {ran.returncode}: {ran.stderr.strip() or 'no word of why'}"
    reasons = record.get("reasons") or [f"unexplained: {record.get('unexplained')}"]
    lines = [f"verdict {record.get('verdict')}", *(str(reason) for reason in reasons)]
    return "\n".join([*lines, f"report: {record.get('report')}", ran.stderr.strip()]).strip()
