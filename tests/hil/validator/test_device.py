"""The reference validator: power cut at every step, torn taps, its clock, what a bench hears."""

from __future__ import annotations

import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest

from hil.control_line import ControlLine
from hil.reader import CardHolder
from hil.readers.model import ModelReader
from hil.validator.clock import machine_ms
from hil.validator.memory import Memory, clock_entry
from scheme.decision import Terminal
from scheme.dialogue import RECOVERY_MS
from scheme.records import RecordFlag, TapRecord
from scheme.services import Direction, Service, TerminalKind
from scheme.verdicts import Verdict
from tests.hil.tiny_city import tariff
from tests.hil.validator.till import PRICE_IDR, Cut, Till, records

LATER_MS = 11_000  # past the ten seconds in which a second tap is refused
CUTS = [Cut(exchange, answered) for exchange in range(3) for answered in (False, True)]


def later(device: object, ms: int) -> None:
    """Have a device's clock go on."""
    book = device.book  # type: ignore[attr-defined]
    book.keep(clock_entry(book.memory.offset_ms + ms))


def debits(made: list[TapRecord]) -> list[int]:
    """Return the counters of the debits that records claim, sorted."""
    return sorted(r.fields()["nt"] for r in made if not r.fields()["refusal"])


@pytest.mark.parametrize("second", [None, *CUTS])
@pytest.mark.parametrize("first", CUTS)
def test_power_cut_at_any_step_of_a_tap_and_of_the_next_loses_and_doubles_none(
    tmp_path: Path, first: Cut, second: Cut | None
) -> None:
    till = Till(tmp_path)
    opened = till.card.card.image
    for cut in (first, second, None):
        device = till.on()
        till.tapped(device, cut)
        device.close()
    device = till.on()
    later(device, LATER_MS)
    till.tapped(device)
    done = till.card.card.image
    assert debits(records(device)) == list(range(opened.nt + 1, done.nt + 1))
    assert opened.balance - done.balance == PRICE_IDR * (done.nt - opened.nt)
    sequences = [record.fields()["sequence"] for record in records(device)]
    assert sequences == list(range(1, len(sequences) + 1))
    device.close()


def test_a_debit_that_nobody_heard_of_is_completed_and_not_made_again(tmp_path: Path) -> None:
    till = Till(tmp_path)
    device = till.on()
    till.tapped(device, Cut(2, True))
    device.close()
    device = till.on()
    till.tapped(device)
    (record,) = records(device)
    assert record.fields()["flags"] == RecordFlag.recovered
    assert till.card.card.image.balance == 100_000 - PRICE_IDR
    device.close()


def test_a_debit_that_never_was_is_told_as_torn_once_and_completed_by_no_later_one(
    tmp_path: Path,
) -> None:
    till = Till(tmp_path)
    device = till.on()
    till.tapped(device, Cut(2, False))
    device.close()
    for _ in range(3):  # the second and third find the counter that the first would have made
        device = till.on()
        till.tapped(device)
        later(device, LATER_MS)
        device.close()
    device = till.on()
    later(device, RECOVERY_MS)
    device.step(0)
    later(device, RECOVERY_MS)
    flags = [record.fields()["flags"] for record in records(device)]
    assert flags == [0, 0, 0, RecordFlag.torn]
    assert debits(records(device)) == [6, 7, 8]
    device.close()
    again = till.on()
    again.step(0)
    assert len(records(again)) == 4
    again.close()


def test_the_ten_seconds_are_remembered_over_a_power_cut(tmp_path: Path) -> None:
    till = Till(tmp_path)
    device = till.on()
    till.tapped(device)
    device.close()
    device = till.on()
    till.tapped(device)
    assert records(device)[-1].fields()["refusal"] == Verdict.already_tapped
    device.close()


@pytest.mark.parametrize("url", ["model://empty", "vpcd://empty", "pn532://empty"])
def test_a_card_is_debited_and_recorded_on_every_reader(tmp_path: Path, url: str) -> None:
    till = Till(tmp_path, reader=url)
    device = till.on()
    assert isinstance(device.reader, CardHolder)
    device.reader.insert(till.card)
    device.present(PRICE_IDR)
    device.reader.field_off()
    later(device, LATER_MS)
    device.present(PRICE_IDR)
    assert [record.fields()["amount"] for record in records(device)] == [PRICE_IDR] * 2
    device.close()


def test_a_compacted_journal_says_what_the_whole_one_said(tmp_path: Path) -> None:
    till = Till(tmp_path, compact_bytes=600)
    device = till.on()
    for _ in range(7):
        till.tapped(device, Cut(2, False) if device.book.memory.sequence == 3 else None)
        later(device, LATER_MS)
    before = device.book.memory
    device.close()
    device = till.on()
    assert device.book.memory == before
    other = Memory(before.terminal)
    other.take_all(before.snapshot())
    assert other == before
    device.close()


def test_a_model_sam_goes_on_from_the_counter_that_the_journal_knows(tmp_path: Path) -> None:
    till = Till(tmp_path, issue=1016, sam="model://empty")
    for _ in range(2):
        device = till.on_with_own_sam()
        till.tapped(device)
        later(device, LATER_MS)
        device.close()
    device = till.on_with_own_sam()
    assert [record.fields()["sam_counter"] for record in records(device)] == [1, 2]
    device.close()


def test_a_reader_that_broke_is_told_and_opened_anew(tmp_path: Path) -> None:
    till = Till(tmp_path)
    device = till.on()
    device.reader.close()
    till.tapped(device)
    assert records(device) == []
    device.step(0)
    till.tapped(device)
    assert len(records(device)) == 1
    device.close()


def test_a_bench_hears_what_happens_and_may_set_the_clock(tmp_path: Path) -> None:
    till = Till(tmp_path, control=("127.0.0.1", 0))
    facts = Terminal(Service.mrt, TerminalKind.gate, Direction.entry, 101)
    till.config = replace(till.config, facts=facts)
    till.config.tariff.write_bytes(tariff().bundle())
    device = till.on()
    assert isinstance(device.reader, ModelReader)
    device.reader.insert(till.card)
    stop = threading.Event()
    worker = threading.Thread(target=device.run, args=(stop,))
    worker.start()
    assert device.control is not None
    line = ControlLine("127.0.0.1", device.control.port)
    assert line.wait({"ready"}, 10)["sequence"] == 0
    line.order("present", trace="00" * 11 + "07")
    said = [line.wait({"decision", "display", "gate", "record"}, 10) for _ in range(4)]
    assert [event["event"] for event in said] == ["decision", "display", "gate", "record"]
    assert (said[0]["verdict"], said[1]["sound"], said[2]["open"]) == ("accepted", "accepted", True)
    assert TapRecord(bytes.fromhex(said[3]["record"])).fields()["trace"][-1] == 7
    line.order("clock", at_ms=machine_ms() + 3_600_000)
    assert abs(line.wait({"clock"}, 10)["offset_ms"] - 3_600_000) < 10_000
    for no_time in (-1, 10**30):
        line.order("clock", at_ms=no_time)
        assert "clock: expected milliseconds from 0" in line.wait({"error"}, 10)["text"]
    line.order("jump")
    assert "present, remove, power" in line.wait({"error"}, 10)["text"]
    line.order("present", amount_idr=-1)
    assert "expected rupiah" in line.wait({"error"}, 10)["text"]
    device.reader.remove()
    line.order("present")
    assert line.wait({"decision"}, 10)["card"] is None
    line.order("remove")
    line.wait({"removed"}, 10)
    stop.set()
    worker.join()
    line.close()
    device.close()


def test_a_validator_that_polls_taps_a_card_that_comes_once_until_it_has_gone(
    tmp_path: Path,
) -> None:
    till = Till(tmp_path, poll=True)
    device = till.on()
    assert isinstance(device.reader, ModelReader)
    device.reader.insert(till.card)
    stop = threading.Event()
    worker = threading.Thread(target=device.run, args=(stop,))
    worker.start()
    until = time.monotonic() + 20
    while not records(device) and time.monotonic() < until:
        time.sleep(0.01)
    later(device, LATER_MS)
    time.sleep(0.3)  # it lies there, and is not tapped again
    assert len(records(device)) == 1
    stop.set()  # which is heard while it lies there
    worker.join(10)
    assert not worker.is_alive()
    device.reader.remove()
    device.step(0)
    device.reader.insert(till.card)
    device.step(0)
    assert len(records(device)) == 2
    device.close()
