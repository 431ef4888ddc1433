"""docs/spec/faults.md against the code: kinds, tears, units, outcomes, ways; its example reads."""

from __future__ import annotations

from pathlib import Path

import pytest

from hil.faults.actions import load_actions
from hil.faults.network import Way
from hil.faults.plan import Kind, Tear, parse_fault
from hil.faults.sweep import OUTCOMES, UNITS
from reports.heatmap import ROWS

SPEC = (Path(__file__).parents[2] / "docs/spec/faults.md").read_text("utf-8")


def column(head: str, at: int = 0) -> list[str]:
    """Return a column of the table that begins with a head, without its backticks."""
    table = SPEC.split(f"\n| {head} |")[1].split("\n\n")[0].splitlines()[2:]
    return [line.split("|")[at + 1].strip().strip("`") for line in table]


def test_every_kind_and_every_tear_is_told() -> None:
    assert [kind for kind in column("kind") if kind] == [kind.value for kind in Kind]
    values = column("kind", 1)[: len(Tear)]
    told = [parse_fault("tear", f"{value}@DEBIT", "paper").tear for value in values]
    assert told == list(Tear)


@pytest.mark.parametrize(
    ("head", "names"),
    [
        ("unit", list(UNITS)),
        ("outcome", list(OUTCOMES)),
        ("way of a network", [way.value for way in Way]),
    ],
)
def test_a_table_names_what_there_is(head: str, names: list[str]) -> None:
    assert column(head) == names


def test_each_unit_is_of_the_fault_that_the_table_says() -> None:
    assert column("unit", 1) == [kind.value for kind, _ in UNITS.values()]


def test_every_outcome_has_a_row_in_the_heat_map() -> None:
    assert set(ROWS) == set(OUTCOMES)


def test_the_file_that_the_paper_shows_can_be_read(tmp_path: Path) -> None:
    lines = [line[4:] for line in SPEC.splitlines() if line.startswith("    ")]
    (tmp_path / "shown.yaml").write_text("\n".join(lines) + "\n")
    assert [action.does for action in load_actions(tmp_path / "shown.yaml").actions] == [
        "network", "network", "clock_ms", "power_off_s",
    ]  # fmt: skip
