"""The command line as a person or a script meets it."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
from pathlib import Path

import pytest

import testbed

CHECKOUT = Path(testbed.__file__).parents[1]
# What a world costs to import; --help may not pay for it.
HEAVY = ("numpy", "duckdb", "simpy", "fastapi", "rich", "cryptography", "ruamel", "jsonschema")


def jakarta_one(*words: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """Run the command in a folder."""
    return subprocess.run(
        [sys.executable, "-m", "testbed", *words],
        cwd=cwd,
        env={"PYTHONPATH": str(CHECKOUT), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )


def test_help_opens_with_an_example_and_names_every_command(tmp_path: Path) -> None:
    ran = jakarta_one("--help", cwd=tmp_path)
    assert ran.returncode == 0
    assert ran.stdout.startswith("Example: jakarta-one run scenarios/morning_peak.yaml\n")
    for command in ("run", "city", "serve", "rack", "card", "load", "report", "tariff"):
        assert f"\n  {command} " in ran.stdout


@pytest.mark.parametrize(
    "words",
    [
        ("run",), ("city", "generate"), ("serve",), ("rack", "play"), ("rack", "loop"),
        ("load", "run"), ("report", "build"), ("report", "verify"), ("tariff", "check"),
        ("card", "issue"),
        ("card", "read"), ("card", "decode"), ("card", "conformance"), ("card", "keys"),
        ("card", "build"), ("rack", "scan"), ("rack", "check"), ("rack", "lock"),
        ("rack", "leases"), ("rack", "doctor"), ("rack", "conformance"),
        ("rack", "agent"), ("rack", "sweep"), ("rack", "faults"),
    ],
    ids=" ".join,
)  # fmt: skip
def test_every_command_has_help_with_an_example(words: tuple[str, ...], tmp_path: Path) -> None:
    ran = jakarta_one(*words, "--help", cwd=tmp_path)
    assert ran.returncode == 0
    assert f"Example: jakarta-one {' '.join(words)}" in ran.stdout


def test_help_imports_no_world(tmp_path: Path) -> None:
    code = (
        "import sys\n"
        "from testbed.cli.main import main\n"
        "try: main(['--help'])\n"
        "except SystemExit: pass\n"
        f"loaded = [name for name in {HEAVY} if name in sys.modules]\n"
        "sys.exit(f'imported {loaded}' if loaded else 0)\n"
    )
    ran = subprocess.run(
        [sys.executable, "-c", code], cwd=CHECKOUT, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stderr


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("tarif",), 2, "Did you mean 'tariff'?"),
        (("run",), 2, "Missing argument"),
        (("run", "no_such.yaml"), 2, "one of morning_peak, smoke, got no such file"),
        (("run", "smoke", "--workers", "0"), 2, "--workers"),
        (("run", "smoke", "--epoch", "42"), 2, "--epoch"),
        (("report", "verify", "nowhere"), 2, "expected a run directory"),
        (("tariff", "check", "jakarta-1926"), 2, "one of jakarta-2026"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)  # fmt: skip
def test_a_mistake_is_one_line_without_a_traceback(
    words: tuple[str, ...], code: int, said: str, tmp_path: Path
) -> None:
    ran = jakarta_one(*words, cwd=tmp_path)
    assert ran.returncode == code, ran.stderr
    assert said in ran.stderr.splitlines()[-1]
    assert "Traceback" not in ran.stderr
    assert not ran.stdout
    assert not list(tmp_path.iterdir()), "nothing half-written"


def test_debug_shows_where_an_error_arose_wherever_it_stands(tmp_path: Path) -> None:
    ran = jakarta_one("run", "no_such.yaml", "--debug", cwd=tmp_path)
    assert ran.returncode == 2
    assert "Traceback" in ran.stderr


def test_a_scenario_with_an_unknown_key_is_refused_with_its_line(tmp_path: Path) -> None:
    shipped = (CHECKOUT / "scenarios" / "smoke.yaml").read_text(encoding="utf-8")
    (tmp_path / "mine.yaml").write_text(shipped + "speeed: 3\n", encoding="utf-8")
    ran = jakarta_one("run", "mine.yaml", cwd=tmp_path)
    last = len(shipped.splitlines()) + 1
    assert ran.returncode == 2
    assert f"mine.yaml:{last}: " in ran.stderr
    assert "speeed" in ran.stderr
    assert len(ran.stderr.splitlines()) == 1


def test_the_shipped_tariff_agrees_with_the_oracle(tmp_path: Path) -> None:
    ran = jakarta_one("tariff", "check", "jakarta-2026", "--json", cwd=tmp_path)
    assert ran.returncode == 0, ran.stderr
    assert json.loads(ran.stdout)["differences"] == 0


def test_a_run_that_is_told_to_end_takes_its_clearing_house_with_it(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "testbed", "run", "smoke", "--workers", "1", "--out", "mine"]
    environment = {"PYTHONPATH": str(CHECKOUT), "PATH": "/usr/bin:/bin"}
    with subprocess.Popen(command, cwd=tmp_path, env=environment) as run:
        ready = tmp_path / "mine" / "store" / "ready.json"
        while not ready.is_file():
            assert run.poll() is None
            select.select([], [], [], 0.01)
        clearing_house = int(json.loads(ready.read_text(encoding="utf-8"))["pid"])
        run.terminate()
        assert run.wait(30) == 128 + signal.SIGTERM
    with pytest.raises(ProcessLookupError):
        os.kill(clearing_house, 0)
