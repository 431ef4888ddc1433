"""CMAC, key derivation and TAC against published vectors and an independent implementation."""

from __future__ import annotations

import csv
from pathlib import Path

import numpy as np
import pytest
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.kdf.kbkdf import KBKDFCMAC, CounterLocation, Mode
from hypothesis import given
from hypothesis import strategies as st

from scheme.cryptograms import cmac, derive, fixed_input, tac, tacs, tacs_hold

VECTORS = Path(__file__).parents[2] / "vectors"


def rows(name: str) -> list[dict[str, str]]:
    with (VECTORS / name).open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("row", rows("cmac.csv"), ids=lambda row: row["source"])
def test_cmac_gives_the_published_value(row: dict[str, str]) -> None:
    assert cmac(bytes.fromhex(row["key"]), bytes.fromhex(row["message"])).hex() == row["mac"]


@pytest.mark.parametrize("row", rows("kdf.csv"), ids=lambda row: row["source"])
def test_key_derivation_gives_the_published_value(row: dict[str, str]) -> None:
    fixed = bytes.fromhex(row["fixed_input"])
    made = derive(bytes.fromhex(row["key"]), fixed, 16, int(row["counter_bits"]) // 8)
    assert made.hex() == row["derived"]


@given(
    key=st.binary(min_size=16, max_size=16),
    label=st.binary(max_size=24),
    context=st.binary(max_size=40),
    size=st.integers(1, 64),
)
def test_key_derivation_equals_another_implementation(
    key: bytes, label: bytes, context: bytes, size: int
) -> None:
    other = KBKDFCMAC(
        AES, Mode.CounterMode, size, 1, 2, CounterLocation.BeforeFixed, label, context, None
    )
    assert derive(key, fixed_input(label, context, size), size) == other.derive(key)


@given(
    seed=st.integers(0, 2**32 - 1),
    owners=st.lists(st.integers(0, 3), max_size=12),
)
def test_tacs_of_many_equal_the_tac_of_each_in_any_order(seed: int, owners: list[int]) -> None:
    chance = np.random.default_rng(seed)
    cards = chance.integers(0, 256, (4, 16), np.uint8)
    keys = cards[np.array(owners, int)]
    parts = chance.integers(0, 256, (len(owners), 76), np.uint8)
    made = tacs(keys, parts)
    assert made.shape == (len(owners), 8)
    for key, part, got in zip(keys, parts, made, strict=True):
        assert got.tobytes() == tac(key.tobytes(), part.tobytes())


def test_one_wrong_bit_in_a_tac_is_found_in_its_row_alone() -> None:
    keys = np.arange(64, dtype=np.uint8).reshape(4, 16)
    parts = np.zeros((4, 76), np.uint8)
    got = tacs(keys, parts)
    got[2, 7] ^= 1
    assert tacs_hold(keys, parts, got).tolist() == [True, True, False, True]
