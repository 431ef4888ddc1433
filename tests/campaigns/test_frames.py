"""`python -m campaigns frames`: noise for every decoder, and decoders without a length check."""

from __future__ import annotations

import json
from pathlib import Path
from random import Random

import pytest

from campaigns.__main__ import main
from campaigns.bench.planting import found_in, patches, tree_with
from campaigns.bench.result import Order
from campaigns.frames import DECODERS, PLANTED_SIZE
from campaigns.noise.trial import FRAMES_A_TRIAL, missing, portions, spoilt


def test_a_small_campaign_holds_and_counts_by_decoder(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["frames", "--size", "200", "--no-planted", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["tried"] == 200 * len(DECODERS)
    assert all(found[name] == 200 for name in DECODERS)
    assert (found["violations"], found["hangs"], found["unnamed_exceptions"]) == (0, 0, 0)


def test_one_trial_is_replayed_by_its_number(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["frames", "--card", "3", "--seed", "5"]) == 0
    assert f"{FRAMES_A_TRIAL} frames for journal" in capsys.readouterr().out


@pytest.mark.parametrize("patch", patches("frames"), ids=lambda patch: patch.stem)
def test_a_decoder_without_its_length_check_is_found(patch: Path, tmp_path: Path) -> None:
    tree = tree_with(patch, tmp_path / "tree")
    assert found_in(tree, Order(1, 2026), "frames", PLANTED_SIZE)


def test_portions_are_the_bytes_and_what_is_missing_is_told_in_order() -> None:
    chance = Random(1)
    data = chance.randbytes(500)
    assert b"".join(portions(data, chance)) == data
    assert any(spoilt(data, chance) != data for _ in range(3))
    assert missing([1, 2, 3], [0, 1, 9, 2, 3]) == []
    assert missing([1, 2, 3], [3, 2, 1]) == [2, 3]
