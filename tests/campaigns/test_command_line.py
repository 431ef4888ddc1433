"""`python -m campaigns`: its keys, its exit codes, and the replay of what it has found."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from campaigns.__main__ import as_text, campaigns, main
from campaigns.bench.planting import ROOT, patches, tree_with
from campaigns.bench.result import Order, Result, Violation

KEYS = {"name", "seed", "size", "tried", "violations", "planted", "planted_found", "seconds"}
WITHIN_S = 60


def run(arguments: list[str], folder: Path = ROOT) -> tuple[int, str]:
    """Return exit code and stdout of the command."""
    done = subprocess.run(
        [sys.executable, "-m", "campaigns", *arguments],
        cwd=folder, capture_output=True, text=True, timeout=WITHIN_S, check=False,
    )  # fmt: skip
    assert done.returncode in (0, 1), done.stderr
    return done.returncode, done.stdout


def test_the_campaigns_are_the_modules_that_the_makefile_runs() -> None:
    listed = sorted(path.stem for path in (ROOT / "campaigns").glob("[a-z]*.py"))
    assert campaigns() == listed
    assert {"locks", "tear", "twins"} <= set(listed)


@pytest.mark.needs_java
@pytest.mark.parametrize(("name", "more"), [("twins", {"kinds_of_answer"}), ("tear", {"points"})])
def test_a_small_campaign_holds_and_says_so_in_one_json_document(
    name: str, more: set[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([name, "--size", "6", "--no-planted", "--json"]) == 0
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert KEYS | more <= set(found)
    assert found["tried"] > 0
    assert (found["violations"], found["planted"], found["first"]) == (0, 0, [])


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["triplets"],
        ["twins", "--size", "0"],
        ["twins", "--size", "many"],
        ["twins", "--fraction", "0"],
        ["tear", "--fraction", "1.5"],
        ["tear", "--seed", "-1"],
        ["tear", "--card", "-1"],
    ],
)
def test_bad_arguments_exit_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    assert "error:" in capsys.readouterr().err


def test_help_has_an_example(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--help"])
    assert ended.value.code == 0
    assert "Example: python -m campaigns twins" in capsys.readouterr().out


@pytest.mark.needs_java
def test_a_planted_difference_exits_1_and_its_command_finds_it_again(tmp_path: Path) -> None:
    (patch,) = (path for path in patches("twins") if path.stem == "balance-never-empty")
    tree = tree_with(patch, tmp_path / "tree")
    code, told = run(["twins", "--size", "40", "--no-planted", "--json"], tree)
    found = json.loads(told)
    assert code == 1
    assert found["violations"] > 0
    first = found["first"][0]
    assert first["expected"] != first["got"]
    *_, seed, _, card = first["replay"].split()
    code, told = run(["twins", "--seed", seed, "--card", card], tree)
    assert code == 1
    assert told.rstrip().splitlines()[-1].startswith("they part at step")
    assert first["got"] in told


@pytest.mark.needs_java
@pytest.mark.parametrize("name", ["twins", "tear"])
def test_a_card_replayed_prints_what_was_done_to_it(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([name, "--seed", "5", "--card", "0"]) == 0
    text = capsys.readouterr().out.splitlines()
    assert main([name, "--seed", "5", "--card", "0", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["transcript"] == text
    assert told["holds"]
    assert len(text) > 10


@pytest.mark.parametrize(
    ("missed", "violations", "holds"), [([], 0, True), (["two"], 0, False), ([], 1, False)]
)
def test_a_campaign_holds_only_without_violation_and_with_every_planted_defect_found(
    missed: list[str], violations: int, holds: bool
) -> None:
    result = Result("twins", Order(1, 2))
    result.planted, result.missed, result.violations = ["one", "two"], missed, violations
    assert result.holds is holds
    assert result.document(1.0)["planted_found"] == 2 - len(missed)


def test_violations_are_all_counted_and_the_first_are_told_in_full() -> None:
    result = Result("twins", Order(1, 2))
    for number in range(9):
        result.violated(Violation(f"card {number}", "9000", "6985", "python -m campaigns twins"))
    document = result.document(1.0)
    assert document["violations"] == 9
    assert len(document["first"]) == 5
    assert "card 4" in as_text(document)


def test_a_machine_without_java_is_told_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert main(["twins", "--size", "1"]) == 3
    said = capsys.readouterr().err
    assert said.startswith('campaigns: java harness: expected a program "java", got none')
