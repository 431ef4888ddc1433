"""City time squeezed onto the wall clock."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from hil.timer import Squeeze, now_ns, sleep_until


@given(
    at_ms=st.integers(0, 10_800_000), later_ms=st.integers(0, 10_800_000),
    speed=st.sampled_from([1.0, 60.0, 240.0, 1_200.0]),
)  # fmt: skip
def test_instants_keep_their_order_and_their_distance(
    at_ms: int, later_ms: int, speed: float
) -> None:
    squeeze = Squeeze(1_000_000, speed, 5_000, 77)
    first, second = squeeze.wall(1_000_000 + at_ms), squeeze.wall(1_000_000 + at_ms + later_ms)
    assert abs((second - first) * speed - later_ms * 1_000_000) <= speed
    assert squeeze.epoch(5_000 + 3_000) == 80


def test_a_deadline_that_has_passed_is_not_waited_for() -> None:
    before = now_ns()
    sleep_until(before - 1_000_000_000_000)
    squeeze = Squeeze.from_now(0, 1.0)
    assert squeeze.wall(0) >= before
    sleep_until(now_ns() + 1)
    assert now_ns() > before
