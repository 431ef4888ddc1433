"""docs/spec/device.md says what the reference validator does."""

from __future__ import annotations

from pathlib import Path

import pytest

from hil.validator.config import FORMAT, NEEDED, OTHERS
from hil.validator.control import EVENTS, ORDERS
from hil.validator.journal import MAGIC, Kind
from hil.validator.panel import OUT_OF_ORDER, SHOWN
from tests.docs.test_spec_clearing import table

PAPER = (Path(__file__).parents[2] / "docs" / "spec" / "device.md").read_text(encoding="utf-8")


def rows(name: str) -> list[list[str]]:
    """Return the rows of a table, cells as they stand."""
    return table(PAPER, name)


def words(cell: str) -> list[str]:
    """Return the names in a cell."""
    return [word.strip(" `") for word in cell.split(",") if word.strip(" `")]


def test_every_order_is_told_with_its_fields() -> None:
    assert {row[0]: words(row[1]) for row in rows("orders")} == {
        name: list(fields) for name, fields in ORDERS.items()
    }


def test_every_event_is_told() -> None:
    assert [row[0] for row in rows("events")] == list(EVENTS)


def test_every_verdict_of_a_device_is_told_with_what_a_rider_sees() -> None:
    assert [(name, text, sound, gate == "opens") for name, text, sound, gate in rows("panel")] == [
        (verdict.name, shown.text, shown.sound.value, shown.gate)
        for verdict, shown in SHOWN.items()
    ]
    assert f"`{OUT_OF_ORDER.text}`" in PAPER


def test_every_kind_of_entry_is_told_with_its_code() -> None:
    assert [(row[0], row[1]) for row in rows("entries")] == [
        (kind.name, str(kind.value)) for kind in Kind
    ]
    assert MAGIC.decode() in PAPER


def test_every_setting_is_told() -> None:
    told = [name for row in rows("settings") for name in words(row[0])]
    assert sorted(told) == sorted([*NEEDED, *OTHERS])
    assert f"`{FORMAT}`" in PAPER


@pytest.mark.parametrize("side", ["vpcd-style TCP", "PN532 wire", "PC/SC", "by radio"])
def test_every_way_to_put_a_card_before_it_is_told(side: str) -> None:
    assert f"| {side} |" in PAPER
