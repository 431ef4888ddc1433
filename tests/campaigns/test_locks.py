"""`python -m campaigns locks`: killed owners, and the lock that outlives them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from campaigns.__main__ import main
from campaigns.bench.planting import found_in, patches, tree_with
from campaigns.bench.result import Order
from campaigns.locks import WAYS, death_of


def test_a_small_campaign_holds(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["locks", "--size", "3", "--no-planted", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["tried"], found["violations"]) == (3, 0)
    assert found["slowest_ms"] < 1_000


def test_one_owner_is_killed_again_by_its_number(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["locks", "--card", "1", "--seed", "3"]) == 0
    death = death_of(3, 1)
    assert f"the owner {WAYS[1]}: {', '.join(death.devices)}" in capsys.readouterr().out


def test_a_lock_by_the_existence_of_a_file_is_found(tmp_path: Path) -> None:
    (patch,) = patches("locks")
    tree = tree_with(patch, tmp_path / "tree")
    assert found_in(tree, Order(1, 2026), "locks", 1)
