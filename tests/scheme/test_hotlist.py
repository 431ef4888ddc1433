"""Who bears a listed card's tap (R17)."""

from __future__ import annotations

import numpy as np
import pytest

from scheme.hotlist import NO_HOTLIST, Hotlist, operator_bears

T_MS = 1_772_496_000_000
DAY_MS = 86_400_000


@pytest.mark.parametrize(
    ("held", "at_ms", "operators"),
    [
        (3, T_MS, True),  # the device had the list
        (4, T_MS, True),
        (2, T_MS + 1, False),
        (2, T_MS + DAY_MS, False),  # 24 hours, inclusive
        (2, T_MS + DAY_MS + 1, True),
        (0, T_MS - 1, False),
    ],
)
def test_risk_passes_with_the_version_or_after_a_day(
    held: int, at_ms: int, operators: bool
) -> None:
    columns = (np.array([number]) for number in (held, at_ms, 3, T_MS))
    assert operator_bears(*columns).tolist() == [operators]


def test_a_list_knows_its_cards() -> None:
    assert 7 in Hotlist(1, frozenset({7}))
    assert 7 not in NO_HOTLIST
