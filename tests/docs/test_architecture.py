"""ARCHITECTURE.md against the tree: every room is listed, and every room listed stands."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
WORLDS = ("scheme", "sim", "hil", "reference_server", "load", "reports", "testbed")
QUOTED = re.compile(r"`([^`]+)`")


def listed(world: str) -> set[str]:
    """Return the rooms that the table lists for a folder."""
    lines = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8").splitlines()
    (row,) = (line for line in lines if line.startswith(f"| `{world}/` |"))
    rooms = row.split("|")[3]
    return {name for group in QUOTED.findall(rooms) for name in group.split() if "." not in name}


def standing(world: str) -> set[str]:
    """Return the modules and folders that stand there."""
    modules = {path.stem for path in (ROOT / world).glob("*.py") if path.stem[:2] != "__"}
    folders = {f"{path.parent.name}/" for path in (ROOT / world).glob("*/__init__.py")}
    return modules | folders


@pytest.mark.parametrize("world", WORLDS)
def test_every_room_is_listed_and_every_room_listed_stands(world: str) -> None:
    assert listed(world) == standing(world)
