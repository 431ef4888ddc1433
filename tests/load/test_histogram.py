"""The histogram is exact where it says so, and merging it is adding numbers."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from load.histogram import BUCKET_COUNT, Histogram, bucket_of, bucket_top
from scheme.errors import RecordError

VALUES = st.lists(st.integers(0, 2**40 - 1), max_size=60)


def recorded(values: list[int]) -> Histogram:
    histogram = Histogram()
    for value in values:
        histogram.record(value)
    return histogram


def same(one: Histogram, other: Histogram) -> bool:
    return one.document() == other.document()


@given(VALUES, VALUES)
def test_merging_two_histograms_is_recording_both_lists(one: list[int], other: list[int]) -> None:
    merged = recorded(one)
    merged.merge(recorded(other))
    assert same(merged, recorded(one + other))


@given(VALUES, VALUES)
def test_merging_does_not_depend_on_the_order(one: list[int], other: list[int]) -> None:
    forth, back = recorded(one), recorded(other)
    forth.merge(recorded(other))
    back.merge(recorded(one))
    assert same(forth, back)


@given(VALUES)
def test_an_array_is_recorded_as_its_values_one_by_one(values: list[int]) -> None:
    assert same(Histogram.of(np.array(values, np.int64)), recorded(values))


@given(VALUES)
def test_a_document_gives_the_histogram_back(values: list[int]) -> None:
    histogram = recorded(values)
    assert same(Histogram.from_document(json.loads(json.dumps(histogram.document()))), histogram)


@given(st.lists(st.integers(0, 2**40 - 1), min_size=1, max_size=60), st.integers(1, 1_000))
def test_a_percentile_is_at_most_0_8_percent_above_the_exact_one(
    values: list[int], per_mille: int
) -> None:
    rank = -(-len(values) * per_mille // 1_000)
    exact = sorted(values)[rank - 1]
    got = recorded(values).percentile(per_mille / 10)
    assert exact <= got <= exact * 1.008


@given(st.integers(0, 2**40 - 1))
def test_a_value_lies_in_its_bucket_and_in_no_other(value: int) -> None:
    bucket = bucket_of(value)
    assert 0 <= bucket < BUCKET_COUNT
    assert bucket_top(bucket - 1) < value <= bucket_top(bucket)


def test_values_below_256_are_kept_exactly() -> None:
    assert [bucket_top(bucket_of(value)) for value in range(256)] == list(range(256))


def test_an_empty_histogram_says_zero() -> None:
    assert recorded([]).percentiles() == {"p50": 0, "p90": 0, "p95": 0, "p99": 0, "p999": 0}


def test_a_value_beyond_the_last_bucket_counts_in_it() -> None:
    assert recorded([2**50]).counts[BUCKET_COUNT - 1] == 1


def test_another_format_is_refused_by_name() -> None:
    with pytest.raises(RecordError, match="jakarta-one/histogram/2"):
        Histogram.from_document({"format": "jakarta-one/histogram/2", "mantissa_bits": 7})
