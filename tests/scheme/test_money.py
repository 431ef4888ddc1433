"""Whole rupiah, and the two ways of dividing them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scheme.money import largest_remainder, rupiah, share_bps

AMOUNTS = st.integers(0, 10**12)


@pytest.mark.parametrize(
    ("amount", "bps", "share"), [(10_000, 70, 70), (9_999, 70, 69), (1, 9_999, 0), (0, 70, 0)]
)
def test_a_share_is_rounded_down(amount: int, bps: int, share: int) -> None:
    assert share_bps(amount, bps) == share


@given(total=AMOUNTS, weights=st.lists(st.integers(0, 10**9), min_size=1, max_size=9))
def test_parts_sum_to_the_whole_and_none_is_a_rupiah_off(total: int, weights: list[int]) -> None:
    total = total if sum(weights) else 0
    parts = largest_remainder(total, weights)
    assert sum(parts) == total
    for part, weight in zip(parts, weights, strict=True):
        assert abs(part * sum(weights) - total * weight) < max(sum(weights), 1)
        assert weight or part == 0


@pytest.mark.parametrize(
    ("total", "weights", "parts"),
    [
        (10, [1, 1, 1], [4, 3, 3]),  # a tie goes to the earlier part
        (9_000, [5_000, 3_500, 9_000], [2_571, 1_800, 4_629]),
        (0, [0, 0], [0, 0]),
        (5, [0, 1], [0, 5]),
    ],
)
def test_what_is_left_over_goes_to_the_largest_remainders(
    total: int, weights: list[int], parts: list[int]
) -> None:
    assert largest_remainder(total, weights) == parts


def test_money_without_anybody_to_take_it_is_a_bug() -> None:
    with pytest.raises(AssertionError):
        largest_remainder(1, [0, 0])


@pytest.mark.parametrize(
    ("amount", "text"),
    [(0, "Rp 0"), (14_000, "Rp 14.000"), (1_234_567, "Rp 1.234.567"), (-500, "-Rp 500")],
)
def test_rupiah_are_written_as_in_jakarta(amount: int, text: str) -> None:
    assert rupiah(amount) == text
