"""The reference device: numbering, the ten seconds, torn taps here and at the gate beside."""

from __future__ import annotations

import pytest

from hil.faults.plan import Tear, torn
from hil.readers.fault import FaultReader, wrap
from hil.readers.model import ModelReader
from hil.validator.terminal import TornMemory, Validator
from scheme.apdu import Ins
from scheme.decision import Terminal, Versions
from scheme.purse import Purse
from scheme.records import RecordFlag
from scheme.services import Direction, Service, TerminalKind
from scheme.verdicts import Verdict
from tests.cards import AT_MS, purse, sam
from tests.hil.tiny_city import tariff

ENTRY = Terminal(Service.mrt, TerminalKind.gate, Direction.entry, 101)


def gate(number: int, memory: TornMemory) -> tuple[Validator, FaultReader]:
    """Return a gate with its SAM, and its reader."""
    reader = wrap(ModelReader("empty", None))
    module = ModelReader("empty", sam(terminal=number, number=50_000_000 + number))
    reader.open()
    module.open()
    return Validator(number, ENTRY, reader, module, memory), reader


def tap(at: tuple[Validator, FaultReader], card: Purse, after_ms: int) -> tuple[Verdict, int]:
    """Present a card; return the verdict and the sequence number recorded, 0 if none."""
    validator, reader = at
    reader.insert(card)
    outcome = validator.tap(AT_MS + after_ms, Versions(tariff()), b"trace-000001").outcome
    return outcome.verdict, outcome.record.fields()["sequence"] if outcome.record else 0


def test_records_are_numbered_refused_or_not() -> None:
    here, card = gate(18, {}), purse()
    assert tap(here, card, 0) == (Verdict.accepted, 1)
    assert tap(here, card, 10_000) == (Verdict.already_tapped, 2)
    assert tap(here, card, 10_750) == (Verdict.accepted, 3)


def test_a_refused_tap_does_not_begin_the_ten_seconds_again() -> None:
    here, card = gate(18, {}), purse()
    tap(here, card, 0)
    tap(here, card, 9_000)
    assert tap(here, card, 11_000)[0] is Verdict.accepted


@pytest.mark.parametrize("beside", [False, True])
def test_a_torn_tap_is_completed_here_or_at_the_gate_beside(beside: bool) -> None:
    memory: TornMemory = {}
    here, there, card = gate(18, memory), gate(26, memory), purse()
    here[1].arm(torn(Tear.unheard, Ins.debit))
    assert tap(here, card, 0) == (Verdict.tap_was_torn, 0)
    after = card.image
    assert tap(there if beside else here, card, 4_000) == (Verdict.accepted, 1)
    assert card.image == after
    assert len(here[0].record_torn(AT_MS + 10**9)) == beside  # it cannot know what they did beside


def test_a_torn_tap_is_recorded_by_its_own_terminal_once_120_s_are_past() -> None:
    memory: TornMemory = {}
    here, there = gate(18, memory), gate(26, memory)
    here[1].arm(torn(Tear.lost, Ins.debit))
    tap(here, purse(), 0)
    assert here[0].record_torn(AT_MS + 120_000) == []
    assert there[0].record_torn(AT_MS + 120_001) == []
    (record,) = here[0].record_torn(AT_MS + 120_001)
    fields = record.fields()
    assert (fields["flags"], fields["sequence"], fields["sam_counter"]) == (RecordFlag.torn, 1, 1)
    assert here[0].record_torn(AT_MS + 10**9) == []


def test_a_card_that_left_before_select_leaves_no_trace() -> None:
    memory: TornMemory = {}
    here = gate(18, memory)
    here[1].arm(torn(Tear.lost, Ins.select))
    assert tap(here, purse(), 0) == (Verdict.tap_was_torn, 0)
    assert memory == {}


def test_after_a_tap_that_never_reached_the_card_a_later_debit_is_not_taken_for_it() -> None:
    here, card = gate(18, {}), purse()
    here[1].arm(torn(Tear.lost, Ins.debit))
    tap(here, card, 0)
    assert tap(here, card, 4_000) == (Verdict.accepted, 1)
    assert tap(here, card, 15_000) == (Verdict.accepted, 2)
    assert card.image.nt == 7
    assert [r.fields()["sequence"] for r in here[0].record_torn(AT_MS + 10**9)] == [3]
