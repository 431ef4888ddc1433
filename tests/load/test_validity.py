"""When a run counts, and what is said when it does not."""

from __future__ import annotations

import pytest

from load.validity import judge

KEPT = {
    "planned": 100, "sent": 100, "lag_us_p99": 50_000, "duplicates": 2, "duplicates_planned": 2,
}  # fmt: skip


@pytest.mark.parametrize(
    ("change", "reasons"),
    [
        ({}, []),
        ({"duplicates": 1}, []),
        ({"planned": 0, "sent": 0}, ["holds no upload"]),
        ({"sent": 99}, ["99 of 100 planned uploads were sent"]),
        ({"lag_us_p99": 50_001}, ["lag p99 was 50001 us, more than 50000 us"]),
        ({"duplicates": 3}, ["store already holds these taps"]),
        ({"duplicates": 100}, ["--epoch N"]),
        ({"mean_per_s": 400, "sustained_per_s": 800}, []),
        ({"mean_per_s": 401, "sustained_per_s": 800}, ["more than half of the 800"]),
        ({"sent": 0, "lag_us_p99": 90_000, "duplicates": 9}, ["0 of 100", "lag p99", "9 answers"]),
    ],
)
def test_a_run_counts_unless_a_sentence_says_why_not(
    change: dict[str, int], reasons: list[str]
) -> None:
    verdict = judge(**(KEPT | change))
    assert verdict.valid == (not reasons)
    assert len(verdict.reasons) == len(reasons)
    for said, part in zip(verdict.reasons, reasons, strict=True):
        assert part in said


def test_the_lag_that_still_counts_can_be_chosen() -> None:
    assert not judge(**KEPT, lag_us_p99_max=2_000).valid
