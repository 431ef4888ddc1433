from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from scheme.services import Direction
from sim.transit.gates import LONG_AGO, NEVER, RACK_LANE, GateBank, in_turn
from sim.transit.service_time import DrawnServiceTime, Milliseconds

RIDERS = st.lists(st.tuples(st.integers(0, 5_000), st.integers(1, 3_000)), max_size=60)


def one_by_one(
    riders: list[tuple[int, int]], gates: int, turn: int = 0
) -> tuple[list[int], list[int]]:
    """The queue as anybody would write it: a rider goes to the next gate and waits for it."""
    free = [LONG_AGO] * gates
    left = []
    for at_ms, cycle_ms in riders:
        free[turn] = max(at_ms, free[turn]) + cycle_ms
        left.append(free[turn])
        turn = (turn + 1) % gates
    return left, free


@given(RIDERS, st.integers(1, 5), st.integers(0, 60))
def test_lindley_agrees_with_serving_one_rider_after_the_other(
    riders: list[tuple[int, int]], gates: int, cut: int
) -> None:
    riders = sorted(riders)
    free = np.full(gates, LONG_AGO, np.int64)
    left: list[int] = []
    for part in (riders[:cut], riders[cut:]):
        if part:
            at_ms, cycle_ms = np.array(part, np.int64).T
            left += in_turn(at_ms, cycle_ms, free, len(left) % gates).tolist()
    expected, _ = one_by_one(riders, gates)
    assert left == expected


def bank_of(gates: int) -> GateBank:
    return GateBank(gates, Direction.entry, DrawnServiceTime(3, np.arange(200)))


def arrivals() -> tuple[Milliseconds, Milliseconds]:
    return np.arange(200), 1_000_000 + np.sort(np.arange(200) * 7_919 % 90_000)


def test_letting_through_in_two_batches_is_letting_through_in_one() -> None:
    rides, at_ms = arrivals()
    whole, split = bank_of(3), bank_of(3)
    for bank in (whole, split):
        bank.arrive(rides, at_ms)
    once = whole.let_through(NEVER - 1)
    first, rest = split.let_through(int(at_ms[80])), split.let_through(NEVER - 1)
    assert once is not None
    assert first is not None
    assert rest is not None
    both = np.concatenate((first.tapped_ms, rest.tapped_ms))
    assert both.tolist() == once.tapped_ms.tolist()
    assert split.let_through(NEVER - 1) is None
    assert split.arrived == split.passed == 200


def test_fewer_gates_make_riders_wait_longer() -> None:
    rides, at_ms = arrivals()
    waits = []
    for gates in (6, 5, 4):
        bank = bank_of(gates)
        bank.arrive(rides, at_ms)
        passed = bank.let_through(NEVER - 1)
        assert passed is not None
        waits.append((passed.tapped_ms - passed.arrived_ms).mean())
    assert waits[0] < waits[1] < waits[2]


def test_riders_of_the_rack_have_a_gate_to_themselves() -> None:
    rides, at_ms = arrivals()
    rack = rides % 40 == 0
    bank = bank_of(2)
    bank.arrive(rides, at_ms)
    passed = bank.let_through(NEVER - 1, rack)
    assert passed is not None
    assert ((passed.lane == RACK_LANE) == rack[passed.rides]).all()
    alone = bank_of(2)
    alone.arrive(rides[~rack], at_ms[~rack])
    others = alone.let_through(NEVER - 1)
    assert others is not None
    assert passed.tapped_ms[~rack[passed.rides]].tolist() == others.tapped_ms.tolist()


def test_tap_times_and_gate_rates_lie_where_they_were_measured() -> None:
    times = DrawnServiceTime(1, np.arange(100_000))
    tap_ms, clear_ms = times.gate(np.arange(100_000), Direction.entry)
    assert 350 <= np.median(tap_ms) <= 450
    assert np.percentile(tap_ms, 95) < 600
    assert np.percentile(tap_ms, 99.9) < 1_000
    assert 30 <= 60_000 / (tap_ms + clear_ms).mean() <= 45
    tap_ms, clear_ms = times.vehicle(np.arange(100_000), Direction.entry)
    assert 1_600 <= (tap_ms + clear_ms).mean() <= 2_400
