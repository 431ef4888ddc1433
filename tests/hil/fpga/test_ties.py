"""Two clocks tied together: offset, drift and bounds, in numbers worked out by hand."""

from __future__ import annotations

import pytest

from hil.fpga.ties import WRAP, Tie, Ties

HZ = 1_000_000  # a tick is 1 us


def test_the_shortest_round_trip_is_kept_and_the_tick_lies_in_its_middle() -> None:
    ties = Ties(HZ)
    best = ties.add([Tie.of(7, 0, 900), Tie.of(9, 1_000, 1_101), Tie.of(11, 2_000, 2_500)])
    assert best == Tie(9, 1_051, 51)
    assert ties.drift_ppm is None
    told = ties.told()
    assert told == {
        "offset_ns": 1_051 - 9_000,
        "drift_ppm": None,
        "drift_uncertainty_ppm": 50.0,
        "uncertainty_ns": 2_000 + 51,  # a tick, an input between two ticks, half a round trip
    }


def test_two_ties_give_the_drift_and_how_far_it_may_be_off() -> None:
    ties = Ties(HZ)
    ties.add([Tie(0, 0, 100)])
    ties.add([Tie(1_000_100, 1_000_000_000, 300)])
    assert ties.drift_ppm == pytest.approx(100)
    assert ties.drift_uncertainty_ppm == pytest.approx(0.4)
    later = ties.instant(1_000_100 + 1_000_100)
    assert later.host_ns == pytest.approx(2_000_000_000, abs=1)
    assert later.uncertainty_ns == pytest.approx(2_000 + 300 + 400, abs=1)


def test_before_the_drift_is_measured_that_of_crystals_counts() -> None:
    ties = Ties(HZ)
    ties.add([Tie(0, 0, 100)])
    assert ties.instant(2_000_000).uncertainty_ns == 2_000 + 100 + 100_000


def test_a_tick_behind_the_wrap_is_later() -> None:
    ties = Ties(HZ)
    ties.add([Tie(WRAP - 5, 1_000_000, 10)])
    assert ties.instant(5).host_ns == 1_000_000 + 10_000
    assert ties.instant(WRAP - 15).host_ns == 1_000_000 - 10_000
