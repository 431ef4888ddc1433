"""The loop on a clock that jumps: queues as Lindley has them, lateness met by each policy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from scheme.errors import BadInputError, EnvironmentFaultError, ReaderError
from sim.lindley import lindley, queue_lengths
from sim.loop import NOT_SERVED, STEPS_ASIDE_US, Looped, Presentation, Station, run_loop
from sim.pacer import Pacing, Policy, Ticket
from sim.transit.gates import in_turn
from tests.sim.jumping_clock import MS, SECOND, JumpingClock, rack_of

CLEAR_US = 1_000_000
TAP_NS = 300 * MS


def station(arrived_us: list[int], gates: int = 1, on_rack: tuple[int, ...] = (0,)) -> Station:
    """Return a station where all walk through in a second and the reference reader takes 0.4 s."""
    arrived, count = np.array(arrived_us, np.int64), len(arrived_us)
    tap, clear = np.full(count, 400_000, np.int64), np.full(count, CLEAR_US, np.int64)
    return Station(arrived, tap, clear, gates, on_rack)


def looped(
    arrived_us: list[int], clock: JumpingClock, late_ms: dict[int, int] | None = None, **how: Any
) -> Looped:
    """Return a loop at one gate of a rack that begins some riders late."""
    late = late_ms or {}
    serve = rack_of(clock, lambda _: TAP_NS, lambda p: late.get(p.rider, 0) * MS)
    return run_loop(station(arrived_us), serve, Pacing(**how), clock)


instants = st.lists(st.integers(0, 20_000_000), max_size=40).map(sorted)
some_ms = st.lists(st.integers(1, 3_000), min_size=40, max_size=40)


@settings(deadline=None)
@given(instants, some_ms)
def test_a_gate_makes_riders_wait_as_lindley_has_it(arrived: list[int], took_ms: list[int]) -> None:
    clock = JumpingClock()
    serve = rack_of(clock, lambda p: took_ms[p.rider] * MS)
    ended = run_loop(station(arrived), serve, Pacing(), clock)
    assert not ended.stopped
    assert ended.wait_us.tolist() == ended.theory_us(0).tolist()
    busy = [took * 1_000 + CLEAR_US for took in took_ms[: len(arrived)]]
    assert ended.service_us.tolist() == busy


@settings(deadline=None)
@given(instants, some_ms, st.integers(1, 5), st.integers(0, 5))
def test_gates_on_and_off_the_rack_serve_side_by_side(
    arrived: list[int], took_ms: list[int], gates: int, racked: int
) -> None:
    clock = JumpingClock()
    on_rack = tuple(range(min(gates, racked)))
    serve = rack_of(clock, lambda p: took_ms[p.rider] * MS)
    there = station(arrived, gates, on_rack)
    ended = run_loop(there, serve, Pacing(), clock)
    for gate in range(gates):
        riders = ended.of_gate(gate)
        waits = ended.begun_us[riders] - there.arrived_us[riders]
        assert waits.tolist() == ended.theory_us(gate).tolist()
    racked_riders = [i for i in range(len(arrived)) if i % gates in on_rack]
    assert [i for i, at in enumerate(ended.answered_ns) if at] == racked_riders


@settings(deadline=None)
@given(instants, some_ms, some_ms, st.sampled_from([1.0, 2.5, 60.0]))
def test_late_starts_move_waits_by_no_more_than_the_lateness(
    arrived: list[int], took_ms: list[int], late_ms: list[int], speed: float
) -> None:
    clock = JumpingClock()
    serve = rack_of(clock, lambda p: took_ms[p.rider] * MS, lambda p: late_ms[p.rider] * MS)
    ended = run_loop(station(arrived), serve, Pacing(speed=speed), clock)
    lateness_us = (ended.dispatched_ns - ended.planned_ns) * speed / 1_000
    beyond = ended.wait_us - ended.theory_us(0)
    rounding = 2 * len(arrived)
    assert (beyond >= -rounding).all()
    assert (beyond <= lateness_us.sum() + rounding).all()
    gate_busy = ended.left_us - ended.begun_us
    assert ended.wait_us.tolist() == lindley(arrived, gate_busy).tolist()


@settings(deadline=None)
@given(instants, some_ms)
def test_the_city_s_own_gates_agree_with_lindley(arrived: list[int], took_ms: list[int]) -> None:
    busy = np.array(took_ms[: len(arrived)], np.int64)
    left = in_turn(np.array(arrived, np.int64), busy, np.full(1, -(1 << 60), np.int64), 0)
    assert (left - busy - arrived).tolist() == lindley(arrived, busy).tolist()


def test_lindley_by_hand() -> None:
    assert lindley([0, 10, 30, 100], [25, 25, 25, 25]).tolist() == [0, 15, 20, 0]
    assert lindley([], []).tolist() == []


def test_a_queue_is_counted_at_every_change() -> None:
    assert queue_lengths([0, 10, 10, 40], [0, 10, 25, 40]) == [(10, 1), (25, 0)]


def test_who_is_refused_steps_aside_sooner_than_one_walks_through() -> None:
    clock = JumpingClock()
    serve = rack_of(clock, lambda _: TAP_NS, accepted=lambda p: p.rider == 1)
    ended = run_loop(station([0, 0]), serve, Pacing(), clock)
    assert ended.outcome == ["refused", "accepted"]
    assert (ended.left_us - ended.tapped_us).tolist() == [STEPS_ASIDE_US, CLEAR_US]


def test_a_slow_reader_lengthens_every_wait_behind_it() -> None:
    arrived = [at * 1_500_000 for at in range(20)]
    reference = looped(arrived, JumpingClock())
    clock = JumpingClock()
    slow = run_loop(station(arrived), rack_of(clock, lambda _: TAP_NS + 400 * MS), Pacing(), clock)
    assert reference.wait_us.max() == 0
    assert slow.wait_us.tolist() == [200_000 * rider for rider in range(20)]
    predicted = slow.theory_us(0, reference.service_us + 400_000)
    assert slow.wait_us.tolist() == predicted.tolist()


def test_a_rack_that_stands_still_makes_the_run_invalid_where_the_city_goes_on() -> None:
    ended = looped([0, 2_000_000, 3_000_000, 4_000_000], JumpingClock(), {1: 3_000})
    assert "expected at most 500 ms, got 3,000 ms" in ended.stopped
    (late,) = ended.late
    assert (late.tap, late.lateness_ns, late.absorbed) == (1, 3 * SECOND, False)
    assert late.answered_ns - late.dispatched_ns == TAP_NS
    assert ended.wait_us.tolist() == [0, 0, 3_300_000, 3_600_000]
    assert ended.theory_us(0).tolist() == [0, 0, 300_000, 600_000]


def test_a_city_that_freezes_with_the_rack_lets_nobody_wait_for_it() -> None:
    arrived = [0, 2_000_000, 3_000_000, 4_000_000]
    ended = looped(arrived, JumpingClock(), {1: 3_000}, policy=Policy.freeze)
    assert not ended.stopped
    (late,) = ended.late
    assert (late.tap, late.lateness_ns, late.absorbed) == (1, 3 * SECOND, True)
    assert (ended.freezes, ended.frozen_ns) == (1, 3 * SECOND)
    assert ended.wait_us.tolist() == [0, 0, 300_000, 600_000]


def test_an_answer_that_comes_while_the_city_is_frozen_is_stamped_no_later_than_it() -> None:
    clock = JumpingClock()
    serve = rack_of(clock, lambda p: 10 * SECOND if p.gate else TAP_NS, lambda p: SECOND * p.rider)
    there = station([0, 0], gates=2, on_rack=(0, 1))
    ended = run_loop(there, serve, Pacing(policy=Policy.freeze), clock)
    assert ended.tapped_us.tolist() == [0, 10_000_000], "its tap ended while all stood still"
    assert ended.corrected == 1
    assert not ended.stopped


def test_a_run_that_may_not_be_late_ends_where_the_rack_stands_still() -> None:
    ended = looped([0, 2_000_000, 9_000_000], JumpingClock(), {1: 3_000}, policy=Policy.abort)
    assert ended.stopped == "stopped: the rack had tap 1 50 ms late"
    (late,) = ended.late
    assert (late.tap, late.answered_ns) == (1, 0)
    assert ended.lateness_ns.max() == late.lateness_ns
    assert ended.left_us.tolist()[1:] == [NOT_SERVED, NOT_SERVED]


@pytest.mark.parametrize("policy", [Policy.go_on, Policy.freeze])
def test_a_machine_that_stalls_is_late_and_the_city_never_goes_back(policy: Policy) -> None:
    arrived = [0, 2_000_000, 2_500_000, 9_000_000]
    ended = looped(arrived, JumpingClock({2 * SECOND: 700 * MS}), policy=policy)
    city = [late for late in ended.late if late.tap < 0]
    assert city[0].lateness_ns >= 600 * MS
    assert city[0].answered_ns == 0
    assert (np.diff(ended.begun_us) >= 0).all()
    assert bool(ended.stopped) is (policy is Policy.go_on)
    assert all(late.absorbed is (policy is Policy.freeze) for late in ended.late)
    assert (ended.frozen_ns > 0) is (policy is Policy.freeze)


def test_a_machine_that_stalls_ends_a_run_that_may_not_be_late() -> None:
    ended = looped([0, 2_000_000], JumpingClock({2 * SECOND: 700 * MS}), policy=Policy.abort)
    assert ended.stopped.startswith("stopped: an event of the city was ")
    (late,) = ended.late
    assert (late.tap, late.absorbed) == (-1, False)


def test_many_small_delays_are_over_the_budget_though_none_is_long() -> None:
    late = dict.fromkeys(range(10), 60)
    ended = looped([at * 2_000_000 for at in range(10)], JumpingClock(), late)
    assert ended.stopped.startswith("lateness: expected at most 1.0% of ")
    assert len(ended.late) == 10
    kept = looped([at * 2_000_000 for at in range(10)], JumpingClock(), late, budget_share=0.5)
    assert not kept.stopped
    assert len(kept.late) == 10


def test_a_tolerance_is_no_lateness() -> None:
    ended = looped([0, 2_000_000], JumpingClock(), {1: 50})
    assert not ended.late
    assert ended.lateness_ns.max() == 50 * MS


def test_a_rack_that_never_answers_ends_the_run_with_its_name() -> None:
    clock = JumpingClock()

    def silent(presentation: Presentation, ticket: Ticket) -> None:
        clock.plan(clock.at_ns, ticket.began)

    ended = run_loop(station([0, 0]), silent, Pacing(), clock)
    assert isinstance(ended.error, EnvironmentFaultError)
    assert "tap 0: expected an answer within 30 s, got none" in str(ended.error)


def test_a_bench_that_breaks_ends_the_run_and_keeps_what_was() -> None:
    clock = JumpingClock()
    works = rack_of(clock, lambda _: TAP_NS)

    def breaks(presentation: Presentation, ticket: Ticket) -> None:
        if presentation.rider == 1:
            ticket.failed(ReaderError("unplugged"))
        else:
            works(presentation, ticket)

    ended = run_loop(station([0, 0, 0]), breaks, Pacing(), clock)
    assert str(ended.error) == "unplugged"
    assert ended.served.tolist() == [0]


def test_a_station_has_the_gates_that_the_rack_stands_for() -> None:
    with pytest.raises(BadInputError, match="at least those of the rack, got 2 on the rack of 1"):
        station([0], gates=1, on_rack=(0, 1))
    with pytest.raises(BadInputError, match="--speed: expected more than 0, got 0"):
        Pacing(speed=0)
