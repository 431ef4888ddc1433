"""Net effects and their hash: what stands, however it came to stand."""

from __future__ import annotations

import hashlib

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from reference_server.ledger import as_postings, effect_lines, ledger_hash, net_effects

ACCOUNTS = ["", "purse:1016", "hold:journey", "revenue:2022"]
posting = st.tuples(
    st.just(1), st.just(1016), st.integers(1, 2), st.integers(1, 2), st.integers(1, 3),
    st.integers(1, 3), st.integers(1, 9), st.integers(1, 2), st.just(20_481),
).filter(lambda row: row[4] != row[5])  # fmt: skip
postings = st.lists(posting, max_size=20).map(lambda rows: np.array(rows, np.int64).reshape(-1, 9))
Rows = np.ndarray[tuple[int, int], np.dtype[np.int64]]


def test_the_lines_are_as_the_specification_writes_them() -> None:
    rows = np.array([[1, 1016, 98, 7, 1, 2, 3_500, 1, 20_481]], np.int64)
    lines = ["tap:1016:98:7|hold:journey|purse:1016|fare_hold|20481|-3500"]
    assert list(effect_lines(net_effects(rows), ACCOUNTS)) == lines
    assert ledger_hash(rows, ACCOUNTS) == hashlib.sha256(lines[0].encode()).hexdigest()


def test_nothing_posted_has_a_hash_too() -> None:
    nothing = np.empty((0, 9), np.int64)
    assert ledger_hash(nothing, ACCOUNTS) == hashlib.sha256(b"").hexdigest()


@given(postings, st.randoms(use_true_random=False))
def test_the_hash_knows_no_order(rows: Rows, chance: np.random.Generator) -> None:
    order = list(range(len(rows)))
    chance.shuffle(order)
    assert ledger_hash(rows[order], ACCOUNTS) == ledger_hash(rows, ACCOUNTS)


@given(postings)
def test_what_is_taken_back_leaves_nothing(rows: Rows) -> None:
    back = np.array(as_postings(net_effects(rows), sign=-1), np.int64).reshape(-1, 9)
    assert (back[:, 6] > 0).all()
    assert not len(net_effects(np.concatenate((rows, back))))


@given(postings)
def test_net_effects_posted_instead_have_the_same_hash(rows: Rows) -> None:
    instead = np.array(as_postings(net_effects(rows)), np.int64).reshape(-1, 9)
    assert ledger_hash(instead, ACCOUNTS) == ledger_hash(rows, ACCOUNTS)
