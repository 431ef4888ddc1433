"""The modelled time of a card in the field, and which taps ran on which kind of card."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from reports.field_page import field_budget, field_said, kind_rows
from reports.field_time import LIMIT_US, PHASES, Field, phases_of, read_field
from reports.warehouse import Warehouse

# Bytes with status word and head: SELECT 11/65, INIT 25/28, DEBIT 52/26; SAM 4/22, 120/14, 29/2.
DEBIT = (
    ("sam CHALLENGE", 4, 22), ("card SELECT", 11, 65), ("card INIT", 25, 28),
    ("sam AUTHENTICATE", 120, 14), ("card DEBIT", 52, 26), ("sam CONFIRM", 29, 2),
)  # fmt: skip
REFUSAL = DEBIT[:4]


def _write(rack: Path, *taps: tuple[str, str, str, tuple[tuple[str, int, int], ...]]) -> Path:
    """Write the evidence of taps, each (driver, card kind, outcome, exchanges)."""
    rack.mkdir()
    with Warehouse() as warehouse:
        warehouse.fill("t", {
            "presentation": np.arange(len(taps)),
            "rack_place": np.array([f"place-{driver}" for driver, *_ in taps], object),
            "driver": np.array([driver for driver, *_ in taps], object),
            "card_kind": np.array([kind for _, kind, *_ in taps], object),
            "outcome": np.array([outcome for *_, outcome, _ in taps], object),
            "displaced": np.array([outcome == "displaced" for *_, outcome, _ in taps]),
            "intended_us": np.zeros(len(taps), np.int64),
            "presented_us": np.full(len(taps), 100),
            "started_us": np.full(len(taps), 350),
            "done_us": 1_000 * (1 + np.arange(len(taps))),
        })  # fmt: skip
        rows = [
            (row, n, name, command, response)
            for row, (*_, exchanges) in enumerate(taps)
            for n, (name, command, response) in enumerate(exchanges)
        ]
        names = ("presentation", "exchange", "name", "command_bytes", "response_bytes")
        columns: dict[str, Any] = {
            name: np.array([row[at] for row in rows], object if name == "name" else np.int64)
            for at, name in enumerate(names)
        }
        warehouse.fill("e", columns | {"us": np.arange(len(rows), dtype=np.int64)})
        warehouse.write("FROM t", rack / "taps.parquet")
        warehouse.write("FROM e", rack / "exchanges.parquet")
    return rack


def _read(rack: Path) -> Field:
    with Warehouse() as warehouse:
        field = read_field(warehouse, rack)
    assert field is not None
    return field


def test_a_debit_is_laid_on_the_air_byte_by_byte(tmp_path: Path) -> None:
    field = _read(_write(tmp_path / "rack", ("model", "python", "accepted", DEBIT)))
    etu_us = 128 / 13.56
    card = 11 + 65 + 25 + 28 + 52 + 26 + 3 * 2 * 3  # prologue and CRC of six blocks
    by_hand: float = 20_000 + 10_000 + 2 * 14_000 + 3 * 15_000
    by_hand += card * 9 * etu_us + 3 * 2 * (2 * etu_us + 1_236 / 13.56)
    assert field.totals_us[0] == pytest.approx(by_hand, abs=3)
    assert sum(field.phases_us.values()) == pytest.approx(by_hand, abs=6)
    assert tuple(field.phases_us) == PHASES


def test_the_last_word_of_the_sam_does_not_hold_the_card(tmp_path: Path) -> None:
    field = _read(_write(tmp_path / "rack", ("model", "python", "accepted", DEBIT)))
    assert field.phases_us["SAM"] == 2 * 14_000


def test_torn_and_displaced_presentations_are_left_out(tmp_path: Path) -> None:
    taps = (
        ("model", "python", "accepted", DEBIT), ("model", "python", "tap_was_torn", DEBIT[:3]),
        ("model", "python", "displaced", ()), ("model", "python", "card_hotlisted", REFUSAL),
    )  # fmt: skip
    field = _read(_write(tmp_path / "rack", *taps))
    assert len(field.totals_us) == 2
    assert field.kinds[0]["taps"] == 3


def test_taps_are_told_apart_by_reader_and_card(tmp_path: Path) -> None:
    taps = [("pcsc", "java", "accepted", DEBIT)] * 2 + [("model", "python", "accepted", DEBIT)]
    field = _read(_write(tmp_path / "rack", *taps))
    told = [(kind["driver"], kind["card_kind"], kind["taps"]) for kind in field.kinds]
    assert told == [("model", "python", 1), ("pcsc", "java", 2)]
    assert [kind["exchanges"] for kind in field.kinds] == [3, 6]
    figures = field.figures()
    rows = kind_rows({"card_kinds": field.kinds})
    assert rows[1][:4] == ("pcsc://", "Java applet", "1", "2")
    assert rows[1][-3:] == ("0.25 ms", "1.65 ms", "2.00 ms"), "detection apart from the tap"
    assert "A model, not a measurement" in field_said(figures)
    assert field_budget(figures).count("<rect") == len(PHASES)


def test_a_debit_within_the_budget_is_within_the_limit(tmp_path: Path) -> None:
    field = _read(_write(tmp_path / "rack", ("model", "python", "accepted", DEBIT)))
    figures = field.figures()
    assert figures is not None
    assert figures["p95_us"] < LIMIT_US


def test_evidence_without_bytes_is_not_judged(tmp_path: Path) -> None:
    (tmp_path / "rack").mkdir()
    with Warehouse() as warehouse:
        assert read_field(warehouse, tmp_path / "rack") is None


def test_of_no_presentation_nothing_is_said() -> None:
    nothing = np.zeros(0, np.int64)
    names = ("select", "init", "value")
    rows = {f"{name}_{what}": nothing for name in names for what in ("bytes", "frames")}
    phases = phases_of(rows | {"sam_exchanges": nothing})
    assert not any(len(us) for us in phases.values())
    assert Field([], {}, nothing).figures() is None
    assert field_budget(None) == ""
