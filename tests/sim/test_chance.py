from __future__ import annotations

import numpy as np
import pytest

from sim.chance import (
    keyed_below,
    keyed_bits,
    keyed_choice,
    keyed_exponential_ms,
    keyed_normal_ms,
    keyed_uniform,
    stream,
)

IDS = np.arange(200_000)
GOLDEN_BITS = [
    17582910430773426576,
    5865341294833511316,
    5723131133620731351,
]
GOLDEN_STREAM = [904293780, 556041719]


def test_a_draw_does_not_depend_on_the_other_ids() -> None:
    some = np.array([7, 199_999, 3])
    assert (keyed_bits(1, "arrivals", IDS)[some] == keyed_bits(1, "arrivals", some)).all()


@pytest.mark.parametrize(
    ("seed", "domain", "draw"), [(2, "arrivals", 0), (1, "dwell", 0), (1, "arrivals", 1)]
)
def test_another_seed_domain_or_draw_gives_other_numbers(seed: int, domain: str, draw: int) -> None:
    other = keyed_bits(seed, domain, IDS, draw)
    assert not (other == keyed_bits(1, "arrivals", IDS)).any()


def test_the_hash_is_what_it_was() -> None:
    assert keyed_bits(42, "golden", [0, 1, 2**32]).tolist() == GOLDEN_BITS
    assert stream(42, "golden", 7).integers(1 << 30, size=2).tolist() == GOLDEN_STREAM


def test_uniform_fills_its_interval_evenly() -> None:
    drawn = keyed_uniform(1, "even", IDS)
    counts = np.histogram(drawn, bins=20, range=(0, 1))[0]
    assert counts.sum() == len(IDS)
    assert abs(counts - len(IDS) / 20).max() < 500


def test_below_stays_below_and_reaches_every_value() -> None:
    drawn = keyed_below(1, "dice", IDS, 6)
    assert sorted(set(drawn.tolist())) == [0, 1, 2, 3, 4, 5]


def test_choice_follows_its_weights_and_never_takes_a_weight_of_zero() -> None:
    counts = np.bincount(keyed_choice(1, "banks", IDS, [1, 0, 3, 0]), minlength=4)
    assert counts[1] == counts[3] == 0
    assert abs(counts[2] / len(IDS) - 0.75) < 0.005


def test_choice_without_a_positive_weight_is_refused() -> None:
    with pytest.raises(ValueError, match="banks: expected weights with a positive sum"):
        keyed_choice(1, "banks", IDS, [0.0])


def test_normal_and_exponential_have_their_means_and_spreads() -> None:
    normal = keyed_normal_ms(1, "walk", IDS, 60_000, 10_000)
    assert abs(normal.mean() - 60_000) < 100
    assert abs(normal.std() - 10_000) < 100
    exponential = keyed_exponential_ms(1, "gap", IDS, 5_000)
    assert exponential.min() >= 0
    assert abs(exponential.mean() - 5_000) < 50
