"""Faults strike by keyed chance: at their rate, each on its own, and never where they may not."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from scheme.services import Direction, Service, TerminalKind
from scheme.target import TERMINAL_DTYPE
from sim.faults import RATE_OF, Count, Faults, gate_beside, inject, tap_outs
from sim.intents import INTENT_DTYPE, Act, Fault

TRIPS = 4_000
HOUR_MS = 3_600_000


def gates() -> NDArray[np.void]:
    """Return two entry gates and one exit gate of a station, a bus, and a rack's entry gate."""
    rows = np.zeros(5, TERMINAL_DTYPE)
    rows["terminal"] = np.arange(5) + 1
    rows["service"] = [Service.mrt, Service.mrt, Service.mrt, Service.transjakarta_bus, Service.mrt]
    rows["kind"] = [TerminalKind.gate] * 3 + [TerminalKind.bus, TerminalKind.gate]
    rows["direction"] = [Direction.entry, Direction.entry, Direction.exit, 0, Direction.entry]
    rows["place"] = [101, 101, 101, 0, 101]
    rows["vehicle"][3] = 7
    return rows


RACK = np.array([False, False, False, False, True])


def trips(entry: int = 0, exit_: int = 2) -> NDArray[np.void]:
    """Return an entry and an exit of each of many cards."""
    rows = np.zeros(2 * TRIPS, INTENT_DTYPE)
    rows["card_index"] = np.repeat(np.arange(TRIPS), 2)
    rows["trip"] = rows["card_index"] + 1
    rows["at_ms"] = rows["card_index"] * 1_000 + np.tile([0, HOUR_MS], TRIPS)
    rows["terminal_index"] = np.tile([entry, exit_], TRIPS)
    rows["place"], rows["act"] = 101, Act.tap
    return rows


def faults(**rates: float) -> Faults:
    return Faults(rates, 5)


def test_without_rates_nothing_changes() -> None:
    asked = faults()
    assert (inject(trips(), gates(), RACK, asked) == trips()).all()
    assert not any(count.fired or count.silent for count in asked.counts.values())


@pytest.mark.parametrize(
    ("name", "fault", "added", "eligible"),
    [
        ("missing_tap_out", None, -1, TRIPS),
        ("double_tap", Fault.double_tap, 1, 2 * TRIPS),
        ("torn_tap", Fault.torn, 1, 2 * TRIPS),
        ("torn_lost", Fault.torn_lost, 0, TRIPS),
    ],
)
def test_a_fault_strikes_at_its_rate(
    name: str, fault: Fault | None, added: int, eligible: int
) -> None:
    asked = faults(**{name: 0.1})
    made = inject(trips(), gates(), RACK, asked)
    assert asked.counts[name].eligible == eligible
    struck = int((made["fault"] == fault).sum()) if fault else 2 * TRIPS - len(made)
    assert struck == pytest.approx(0.1 * eligible, rel=0.15)
    assert len(made) == 2 * TRIPS + added * struck
    assert (np.diff(made["card_index"].astype(np.int64)) >= 0).all()


def test_another_rate_of_one_fault_shifts_no_other() -> None:
    few = inject(trips(), gates(), RACK, faults(torn_lost=0.05))
    both = inject(trips(), gates(), RACK, faults(torn_lost=0.05, double_tap=0.2))
    lost = [set(made["trip"][made["fault"] == Fault.torn_lost].tolist()) for made in (few, both)]
    assert lost[0] == lost[1]


def test_a_recovery_is_at_the_gate_or_one_beside_it_and_on_the_rack_at_the_same() -> None:
    assert gate_beside(gates(), RACK).tolist() == [1, 0, 2, 3, 4]
    made = inject(trips(), gates(), RACK, faults(torn_tap=0.5))
    back = made[made["fault"] == Fault.recovery]
    assert set(back["terminal_index"].tolist()) == {0, 1, 2}
    racked = inject(trips(entry=4), gates(), RACK, faults(torn_tap=0.5))
    back = racked[racked["fault"] == Fault.recovery]
    assert set(back["terminal_index"].tolist()) == {4, 2}


def test_the_second_tap_of_a_leg_on_a_bus_is_a_tap_out() -> None:
    rows = trips(entry=3, exit_=3)
    out = tap_outs(rows, gates()[rows["terminal_index"]])
    assert out.tolist() == [False, True] * TRIPS


@pytest.mark.parametrize(
    ("eligible", "fired", "silent"), [(0, 0, True), (1, 0, True), (6, 0, True), (6, 1, False)]
)
def test_a_fault_expected_three_times_that_never_fires_is_silent(
    eligible: int, fired: int, silent: bool
) -> None:
    assert Count(0.5, eligible, fired).silent is silent


def test_every_rate_says_what_it_is_a_rate_of() -> None:
    assert len(RATE_OF) == 10
    assert set(faults().counts) == set(RATE_OF)
