"""Tariff bundles as the oracle's tables."""

from __future__ import annotations

import json
from typing import Any

import pytest

from reports.tariff_tables import DAY_KEY, tariff_tables
from scheme.errors import TariffError
from tests.reports.handmade import DAY

ROW = {"row": "r", "from": "2026-01-01", "services": ["mrt"]}


def lines(table: str, *rows: dict[str, Any]) -> list[tuple[int, ...]]:
    """Return the lines of a table for one day, without their first column."""
    document = {"format": "jakarta-one/tariff/1", "version": 4, "title": "t",
                "rows": [ROW | row for row in rows]}  # fmt: skip
    tables, editions = tariff_tables([json.dumps(document).encode()], DAY, DAY)
    assert editions == {4: 0}
    columns = tables[table]
    assert set(columns["dated"].tolist() if "dated" in columns else [DAY]) <= {DAY, 0 * DAY_KEY}
    return list(zip(*(column.tolist() for column in list(columns.values())[1:]), strict=True))


def test_the_hours_between_bands_cost_the_other_price() -> None:
    bands = [{"from": "05:00:00", "to": "07:00:00", "idr": 2_000}]
    row = {"kind": "hour_band", "services": ["transjakarta_brt"], "bands": bands,
           "otherwise_idr": 3_500}  # fmt: skip
    assert lines("band_fare", row) == [
        (1, 0, 0, 18_000, 3_500), (1, 0, 18_000, 25_200, 2_000), (1, 0, 25_200, 86_400, 3_500),
    ]  # fmt: skip


def test_a_pair_holds_both_ways_and_the_highest_is_known() -> None:
    row = {"kind": "matrix", "cells": [[101, 102, 4_000], [101, 103, 5_000]]}
    assert lines("pair_fare", row) == [
        (101, 102, 4_000), (101, 103, 5_000), (102, 101, 4_000), (103, 101, 5_000),
    ]  # fmt: skip
    assert lines("highest_fare", row) == [(101, 5_000), (102, 4_000), (103, 5_000)]


@pytest.mark.parametrize(("first", "last", "holds"), [
    ("2026-01-28", "2026-01-28", True), ("2026-01-29", "2026-02-01", False),
    ("2026-01-01", "2026-01-27", False),
])  # fmt: skip
def test_a_row_holds_from_its_first_day_to_its_last(first: str, last: str, holds: bool) -> None:
    row = {"kind": "minimum_balance", "from": first, "until": last, "idr": 14_000}
    assert lines("minimum_balance", row) == ([(4, 14_000)] if holds else [])


def test_another_kind_is_refused_by_name() -> None:
    with pytest.raises(TariffError, match=r"tariff row 'r': kind: expected flat, .* got 'auction'"):
        lines("pair_fare", {"kind": "auction"})


@pytest.mark.parametrize("bundle", [b"not json", b"[]", b'{"format": "jakarta-one/tariff/2"}'])
def test_what_is_no_bundle_is_said(bundle: bytes) -> None:
    with pytest.raises(TariffError, match="tariff bundle: expected"):
        tariff_tables([bundle], DAY, DAY)
