"""Who bears a listed card's tap (R17)."""

from __future__ import annotations

import pytest

from scheme.hotlist import NO_HOTLIST, Hotlist, Listing, first_listings, operator_bears

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
    assert operator_bears(Listing(3, T_MS), held, at_ms) is operators


def test_an_unlisted_card_is_nobodys_risk() -> None:
    assert not operator_bears(None, 9, T_MS + 10 * DAY_MS)


def test_first_listing_counts_whatever_the_order() -> None:
    published = [(2, 20, [7, 8]), (1, 10, [7]), (3, 30, [9])]
    listings = first_listings(published)
    assert listings == first_listings(reversed(published))
    assert listings == {7: Listing(1, 10), 8: Listing(2, 20), 9: Listing(3, 30)}


def test_a_list_knows_its_cards() -> None:
    assert 7 in Hotlist(1, frozenset({7}))
    assert 7 not in NO_HOTLIST
