"""Leases of an agent's places: one owner, a deadline, and a heartbeat."""

from __future__ import annotations

import pytest

from hil.leases import LONGEST_S, LeaseLostError, Leases
from scheme.errors import InventoryError, ReaderError


@pytest.fixture
def leases() -> Leases:
    """Return the leases of two places, with a heartbeat of 10 s."""
    return Leases(("a", "b"), 10)


def test_a_place_is_one_owners_until_he_gives_it_back(leases: Leases) -> None:
    lease = leases.take("a", "sri", "tap test", 60, 100)
    with pytest.raises(
        ReaderError, match=r'"a": expected it free, got leased by sri \(tap test, 5 s ago, 55 s'
    ):
        leases.take("a", "budi", "mine", 60, 105)
    leases.take("b", "budi", "mine", 60, 105)
    leases.end(lease.id)
    leases.end(lease.id)
    assert leases.take("a", "budi", "mine", 60, 106).owner == "budi"


def test_a_lease_ends_when_its_owner_is_not_heard_of(leases: Leases) -> None:
    lease = leases.take("a", "sri", "", 60, 100)
    assert leases.heard(lease.id, 109).heard_s == 109
    assert leases.check(lease.id, 118).place == "a"
    with pytest.raises(LeaseLostError, match="expected sri to be heard of every 10 s, got nothing"):
        leases.check(lease.id, 119)
    assert leases.of("a", 119) is None
    ((gone, why),) = leases.ended(119)
    assert gone.id == lease.id
    assert "nothing for 10 s" in why
    assert leases.ended(120) == []


def test_a_lease_ends_at_its_deadline_however_often_its_owner_is_heard_of(leases: Leases) -> None:
    lease = leases.take("a", "sri", "", 15, 100)
    leases.heard(lease.id, 109)
    with pytest.raises(LeaseLostError, match="its deadline has passed"):
        leases.heard(lease.id, 115)


def test_a_lease_that_never_was_is_lost(leases: Leases) -> None:
    with pytest.raises(LeaseLostError, match="never was such a one"):
        leases.check("0" * 32, 1)


@pytest.mark.parametrize(
    ("place", "for_s", "said"),
    [
        ("c", 60, 'no place "c" at this agent; there are: a, b'),
        ("a", 0, "expected up to 43200 s, got 0"),
        ("a", LONGEST_S + 1, "expected up to 43200 s"),
    ],
)
def test_a_lease_that_cannot_be_is_told(
    leases: Leases, place: str, for_s: float, said: str
) -> None:
    with pytest.raises(InventoryError, match=said):
        leases.take(place, "sri", "", for_s, 0)
