"""Diversification, session keys and the test keys of a seed."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scheme.keys import Role, TestKeys, card_key, card_keys, diversify, session_key, tac_keys
from scheme.numbers import card_numbers

VECTORS = Path(__file__).parents[2] / "vectors"
MASTER = bytes(range(16))


def test_diversification_gives_the_published_key() -> None:
    with (VECTORS / "diversification.csv").open(newline="") as file:
        for row in csv.DictReader(file):
            key = diversify(bytes.fromhex(row["master"]), bytes.fromhex(row["own"]))
            assert key.hex() == row["key"], row["source"]


def test_a_diversification_input_too_short_for_an10922_is_a_bug() -> None:
    with pytest.raises(AssertionError):
        diversify(MASTER, bytes(15))


@given(
    master=st.binary(min_size=16, max_size=16),
    cards=st.lists(st.integers(0, 2**64 - 1), max_size=8),
    role=st.sampled_from(Role),
    issuer=st.integers(0, 65_535),
    version=st.integers(0, 255),
)
def test_keys_of_many_cards_equal_the_key_of_each(
    master: bytes, cards: list[int], role: Role, issuer: int, version: int
) -> None:
    made = card_keys(master, role, np.array(cards, np.uint64), issuer, version)
    assert made.shape == (len(cards), 16)
    for card, key in zip(cards, made, strict=True):
        assert key.tobytes() == card_key(master, role, card, issuer, version)


def test_tac_keys_are_the_cards_keys_of_that_role() -> None:
    cards = card_numbers(1016, np.arange(3))
    assert np.array_equal(
        tac_keys(MASTER, cards, 1016, 1), card_keys(MASTER, Role.tac, cards, 1016, 1)
    )


def test_every_input_of_a_session_key_matters() -> None:
    base = (bytes(16), bytes(8), bytes(8), 7, 9)
    others = [
        (b"\x01" + bytes(15), bytes(8), bytes(8), 7, 9),
        (bytes(16), b"\x01" + bytes(7), bytes(8), 7, 9),
        (bytes(16), bytes(8), b"\x01" + bytes(7), 7, 9),
        (bytes(16), bytes(8), bytes(8), 8, 9),
        (bytes(16), bytes(8), bytes(8), 7, 10),
    ]
    assert len({session_key(*inputs) for inputs in [base, *others]}) == 6


def test_test_keys_depend_on_seed_owner_role_and_version_and_on_nothing_else() -> None:
    keys = TestKeys(7)
    made = [
        keys.issuer_master(1016, Role.tac),
        keys.issuer_master(1016, Role.debit),
        keys.issuer_master(1024, Role.tac),
        keys.issuer_master(1016, Role.tac, 2),
        TestKeys(8).issuer_master(1016, Role.tac),
        keys.sender_mac_key(5),
        keys.sender_mac_key(6),
    ]
    assert len(set(made)) == len(made)
    assert made[0] == TestKeys(7).issuer_master(1016, "tac")
    assert keys.sender_public_key(5) == TestKeys(7).sender_public_key(5)
    assert keys.sender_public_key(5) != keys.sender_public_key(6)
