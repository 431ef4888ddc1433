"""The index of taken counters against a dict of the same, and the keys it is made of."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from reference_server.counters import (
    NT_MAX,
    CounterIndex,
    arrival_and_item,
    counter_keys,
    locate,
)
from scheme.numbers import card_numbers, participant_number

Chunk = dict[int, int]
chunks = st.lists(st.dictionaries(st.integers(0, 200), st.integers(0, 1 << 40)), max_size=12)


@given(chunks, st.lists(st.integers(0, 220), min_size=1))
def test_the_index_finds_what_a_dict_would(taken: list[Chunk], wanted: list[int]) -> None:
    index, model = CounterIndex(), Chunk()
    for chunk in taken:
        new = {key: place for key, place in chunk.items() if key not in model}
        index.add(np.array(list(new), np.uint64), np.array(list(new.values()), np.int64))
        model |= new
    assert len(index) == len(model)
    found = index.find(np.array(wanted, np.uint64)).tolist()
    assert found == [model.get(key, -1) for key in wanted]


def test_another_tap_may_come_to_stand_under_a_taken_counter() -> None:
    index = CounterIndex()
    index.add(np.array([5, 9], np.uint64), np.array([1, 2]))
    index.move(np.uint64(9), 7)
    assert index.find(np.array([5, 9, 10], np.uint64)).tolist() == [1, 7, -1]


serials = st.integers(0, 9_999_999)
issuers = st.integers(100, 999)
epochs = st.integers(0, 41)
counters = st.integers(0, NT_MAX)
Counter = tuple[int, int, int, int]


@given(
    st.lists(st.tuples(issuers, serials, epochs, counters), min_size=2, max_size=30, unique=True)
)
def test_no_two_counters_share_a_key(taken: list[Counter]) -> None:
    cards = np.array(
        [
            card_numbers(participant_number(issuer), np.array([serial]), epoch)[0]
            for issuer, serial, epoch, _ in taken
        ]
    )
    keys = counter_keys(cards, np.array([nt for *_, nt in taken]))
    assert len(set(keys.tolist())) == len(taken)


@given(st.integers(1, 1 << 48), st.integers(0, 5_000))
def test_a_place_is_told_apart_again(arrival: int, item: int) -> None:
    place = int(locate(np.array([arrival]), np.array([item]))[0])
    assert arrival_and_item(place) == (arrival, item)
