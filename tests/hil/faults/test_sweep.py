"""Sweeps: at every point the card is old or new and pays once; without a fault it is INVALID."""

from __future__ import annotations

from typing import Any

import pytest

from hil.faults.plan import Fault, Kind, Tear, instructions, torn
from hil.faults.sweep import Range, sweep, unit_of
from hil.faults.tap import Bench, State
from scheme.apdu import Ins
from scheme.errors import BadInputError

DEBIT = frozenset({Ins.debit})


def swept(url: str, unit: str, first: int, last: int, step: int = 1, at: Any = DEBIT) -> Any:
    return sweep(url, Range(unit, at, first, last, step, 2, 3), lambda done, total: None)


def states(record: dict[str, Any]) -> list[str]:
    """Return the one state of each point."""
    return [
        next(name for name in ("old", "new", "torn") if point[name])
        for point in record["points"]
    ]  # fmt: skip


@pytest.mark.parametrize("url", ["model://empty", "pn532://empty"])
def test_a_tear_by_time_finds_the_card_old_then_paid_then_done(url: str) -> None:
    record = swept(url, "us", 0, 6_000, 1_500)
    assert (record["verdict"], record["faults"]) == ("PASS", {"armed": 10, "fired": 10})
    assert states(record) == ["old", "old", "new", "new", "new"]
    assert [point["recovered"] for point in record["points"]] == [0, 0, 2, 2, 0]
    assert len(record["evidence"]) == 10


@pytest.mark.parametrize(
    ("unit", "expected"), [("lost", ["old"] * 3), ("unheard", ["old", "old", "new"])]
)
def test_a_tear_at_each_exchange_of_a_tap(unit: str, expected: list[str]) -> None:
    record = swept("model://empty", unit, 1, 3, at=frozenset())
    assert states(record) == expected
    assert record["verdict"] == "PASS"


@pytest.mark.needs_java
def test_a_java_card_is_torn_at_each_of_its_writes_and_a_write_it_has_not_is_invalid() -> None:
    record = swept("java://empty", "write", 1, 4)
    assert states(record) == ["old"] * 4
    assert record["verdict"] == "PASS"
    beyond = swept("java://empty", "write", 60, 61)
    assert beyond["verdict"] == "INVALID"
    assert beyond["reasons"] == ["the fault did not fire: at 60, 61"]


def test_an_answer_cut_at_a_byte_is_asked_for_again_on_one_wire_and_a_card_gone_on_another() -> (
    None
):
    again = swept("pn532://empty", "byte", 3, 9, 6)
    assert [point["taps"] for point in again["points"]] == [{"accepted": 2}] * 2
    gone = swept("vpcd://empty", "byte", 0, 27, 9)
    assert [point["recovered"] for point in gone["points"]] == [2] * 4
    assert (again["verdict"], gone["verdict"]) == ("PASS", "PASS")


def test_a_cut_behind_the_answer_did_not_fire() -> None:
    assert swept("vpcd://empty", "byte", 28, 28)["verdict"] == "INVALID"
    assert swept("pn532://empty", "byte", 90, 90)["verdict"] == "INVALID"


def test_a_late_answer_changes_nothing() -> None:
    record = swept("model://empty", "ms", 0, 2)
    assert [point["taps"] for point in record["points"]] == [{"accepted": 2}] * 3


@pytest.mark.parametrize(
    ("fault", "tap", "after"),
    [
        (Fault(Kind.swallow, DEBIT), "tap_was_torn", "recovered"),
        (Fault(Kind.collide, DEBIT), "tap_was_torn", "accepted"),
        (Fault(Kind.unplug, DEBIT), "bench error", "accepted"),
        (Fault(Kind.duplicate, DEBIT, 2), "accepted", "none"),
        (torn(Tear.unheard, Ins.select), "tap_was_torn", "accepted"),
    ],
)
def test_a_card_pays_once_whatever_goes_wrong(fault: Fault, tap: str, after: str) -> None:
    bench = Bench("model://empty")
    told = bench.tap_with(fault, 3)
    bench.close()
    assert (told.fired, told.tap, told.after, told.right) == (True, tap, after, True)
    assert told.state is not State.torn


@pytest.mark.parametrize(
    ("wrong", "expected"),
    [
        ({"first": -1}, "--from: expected at least 0"),
        ({"unit": "write", "first": 0}, "--from: expected at least 1"),
        ({"last": 1, "first": 2}, "--to: expected at least 2"),
        ({"step": 0}, "--step: expected at least 1"),
        ({"repeats": 0}, "--repeats: expected at least 1"),
        ({"reads": 0}, "--reads: expected at least 1"),
        ({"last": 90_000}, "at most 10,000 taps"),
    ],
)
def test_a_range_that_cannot_be_is_refused(wrong: dict[str, Any], expected: str) -> None:
    with pytest.raises(BadInputError, match=expected):
        Range("us", DEBIT, 0, 10, 1, 1)._replace(**wrong).checked()


def test_a_fault_has_its_units_and_an_instruction_its_name() -> None:
    assert [unit_of(kind, None) for kind in ("tear", "cut", "delay")] == ["us", "byte", "ms"]
    with pytest.raises(BadInputError, match="--unit: expected one of us, lost, unheard, write"):
        unit_of("tear", "byte")
    with pytest.raises(BadInputError, match="--fault: expected one of cut, delay, tear"):
        unit_of("unplug", None)
    with pytest.raises(BadInputError, match="--at: expected an instruction"):
        instructions("DEBT", "--at")
