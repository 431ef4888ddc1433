"""The campaign of a killed validator: its kills, and an audit that finds what may not be."""

from __future__ import annotations

from pathlib import Path
from random import Random

import numpy as np
import pytest

from campaigns.bench.planting import patches, tree_with
from campaigns.killed.audit import Books, faults
from campaigns.killed.lives import AIMS, WAYS, Kill
from campaigns.killed.town import TERMINAL, Account, Moved, Town
from campaigns.validator import SIZE
from hil.slices import write_columns
from scheme.verdicts import Verdict

CARD = 9_810_160_000_000_010
TAP = {
    "card": CARD, "nt": 1, "amount": 500, "verdict": 0, "refusal": 0, "sequence": 1,
    "recorder": TERMINAL, "flags": 0,
}  # fmt: skip
UPLOAD = {"sender": TERMINAL, "batch": 1, "result": "accepted", "repeats": 0}


def books(folder: Path, taps: list[dict[str, int]], uploads: list[dict[str, object]]) -> Books:
    """Return an export of these rows."""
    for name, rows in (("taps", taps), ("uploads", uploads)):
        columns = {key: np.array([row[key] for row in rows]) for key in rows[0]}
        write_columns(folder / f"{name}.parquet", columns)
    none = {"reason": np.array([], "U1"), "detail": np.array([], "U1")}
    write_columns(folder / "exceptions.parquet", none)
    return Books(folder)


def account(*moved: Moved) -> Account:
    """Return a card that has made these debits."""
    made = Town(7, 1).accounts[0]
    made.number = CARD
    made.moved.extend(moved)
    return made


@pytest.mark.parametrize(
    ("taps", "moved", "told"),
    [
        ([TAP], [Moved(1, 500)], None),
        ([TAP], [Moved(1, 500), Moved(2, 9)], f"card {CARD} NT 2"),
        ([TAP], [], f"card {CARD} NT 1"),
        ([TAP], [Moved(1, 400)], f"card {CARD} NT 1"),
        ([TAP, TAP | {"sequence": 2}], [Moved(1, 500)], f"card {CARD} NT 1"),
        ([TAP, TAP | {"sequence": 3, "nt": 2}], [Moved(1, 500), Moved(2, 500)], "numbering"),
        (
            [TAP, TAP | {"sequence": 2, "verdict": Verdict.counter_already_seen}],
            [Moved(1, 500)],
            f"card {CARD} NT 1, record 2",
        ),
    ],
)
def test_a_debit_that_is_not_claimed_once_is_found(
    tmp_path: Path, taps: list[dict[str, int]], moved: list[Moved], told: str | None
) -> None:
    found = list(faults([account(*moved)], books(tmp_path, taps, [dict(UPLOAD)])))
    assert [what for what, _, _ in found] == ([] if told is None else [told])


def test_a_batch_that_was_refused_or_is_missing_is_found(tmp_path: Path) -> None:
    uploads = [dict(UPLOAD), UPLOAD | {"batch": 3, "result": "batch-digest-differs"}]
    found = list(faults([account(Moved(1, 500))], books(tmp_path, [TAP], uploads)))
    assert [what for what, _, _ in found] == ["numbering", "batch 3"]


def test_forty_kills_come_in_every_way_and_at_every_aim() -> None:
    kills = [Kill.drawn(index, Random(index)) for index in range(40)]
    assert {kill.way for kill in kills} == set(WAYS)
    assert {(kill.ins, kill.answered) for kill in kills if kill.way == "aimed"} == set(AIMS)


def test_a_whole_campaign_kills_300_times_at_random_moments_of_its_work() -> None:
    kills = [Kill.drawn(index, Random(index)) for index in range(SIZE)]
    assert sum(kill.way == "tapping" for kill in kills) >= 300
    assert len({kill.after_s for kill in kills if kill.way == "tapping"}) >= 300


@pytest.mark.parametrize("patch", patches("validator"), ids=lambda patch: patch.stem)
def test_every_planted_defect_fits_the_tree(tmp_path: Path, patch: Path) -> None:
    assert (tree_with(patch, tmp_path / "tree") / "hil" / "validator").is_dir()
