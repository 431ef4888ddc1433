"""Percentiles and counts from raw clocks."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reports.clocks import Crowd, crowd_of, percentile, percentiles


def crowd(**over: list[int]) -> Crowd:
    """Return the figures of three uploads of 1, 10 and 100 records, some columns changed."""
    columns: dict[str, Any] = {
        "count": [1, 10, 100], "copy": [0, 0, 0], "single": [1, 0, 0],
        "intended_us": [0, 1_000, 2_000], "ready_us": [0, 1_000, 5_000],
        "sent_us": [10, 1_010, 5_020], "answered_us": [110, 1_210, 5_320],
        "repeated": [0, 0, 0], "attempts": [1, 1, 1],
    }  # fmt: skip
    return crowd_of({k: np.array(v) for k, v in (columns | over).items()}, {})


@given(st.lists(st.integers(0, 10**7), min_size=1), st.sampled_from([50.0, 95.0, 99.0, 99.9]))
def test_a_percentile_is_the_least_value_that_enough_do_not_exceed(
    values: list[int], percent: float
) -> None:
    found = percentile(np.sort(np.array(values)), percent)
    assert found in values
    not_above = sum(value <= found for value in values)
    below = sum(value < found for value in values)
    assert below * 100 < percent * len(values) <= not_above * 100 + 1e-6


def test_no_values_have_no_percentile() -> None:
    assert percentiles(np.array([], np.int64)) == dict.fromkeys(("p50", "p95", "p99", "p999"))


def test_counts_are_of_records() -> None:
    assert (crowd().planned, crowd().sent, crowd().uploads) == (111, 111, 3)
    assert crowd(sent_us=[10, -1, 5_020], answered_us=[110, -1, 5_320]).sent == 101


def test_a_copy_is_planned_only_as_a_duplicate() -> None:
    copied = crowd(copy=[0, 0, 1], repeated=[0, 0, 1])
    assert (copied.planned, copied.duplicates, copied.duplicates_planned) == (11, 100, 100)


def test_an_answer_to_the_drivers_own_retry_is_no_duplicate() -> None:
    assert crowd(repeated=[0, 1, 0], attempts=[1, 2, 1]).duplicates == 0
    assert crowd(repeated=[0, 1, 0]).duplicates == 10


@pytest.mark.parametrize(("name", "expected"), [
    ("service_us", [100, 200, 300]),   # sent to answered
    ("intended_us", [110, 210, 3_320]),  # a wait in the chain of batches counts
    ("lag_us", [10, 10, 20]),          # but is not the driver's
])  # fmt: skip
def test_three_latencies_are_told_apart(name: str, expected: list[int]) -> None:
    assert getattr(crowd(), name).tolist() == expected
