"""Tariffs: closed kinds, dates, bundles, and errors that name file, row, expected and got."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any

import pytest

from scheme.days import day_of
from scheme.errors import TariffError
from scheme.tariff_rows import Flat
from scheme.tariffs import Tariff, parse_bundle, parse_tariff, tables_named
from tests.fare_cases import tariff

LRT = {
    "row": "lrt",
    "kind": "flat",
    "services": ["lrt"],
    "from": "2019-12-01",
    "idr": 5000,
    "source": "test",
}


def bundle(*rows: dict[str, Any], **head: Any) -> bytes:
    """Return a bundle of rows."""
    document = {"format": "jakarta-one/tariff/1", "version": 1, "title": "test", "rows": list(rows)}
    return json.dumps(document | head).encode()


def day(text: str) -> int:
    """Return a date's day number."""
    return day_of(dt.date.fromisoformat(text))


def lrt_idr(found: Tariff, text: str) -> int:
    """Return the flat LRT fare on a date."""
    fare = found.on(day(text)).fares[5, 0]
    assert isinstance(fare, Flat)
    return fare.idr


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"kind": "zone"}, "row 1, row 'lrt': kind: expected one of flat, hour_band, matrix"),
        ({"kind": None}, "kind: expected a text, got None"),
        ({"idr": 5000.5}, "row 'lrt': idr: expected a whole number from 0, got 5000.5"),
        ({"idr": -1}, "idr: expected a whole number from 0, got -1"),
        ({"idr": True}, "idr: expected a whole number from 0, got True"),
        ({"services": ["tram"]}, "services: expected one of transjakarta_brt"),
        ({"services": []}, "services: expected a list that is not empty, got []"),
        ({"services": ["shop"]}, "shop: expected a fare of kind"),
        ({"services": ["mikrotrans"]}, "mikrotrans: idr: expected 0 (R3), got 5000"),
        ({"from": "yesterday"}, "from: expected a date YYYY-MM-DD, got 'yesterday'"),
        ({"until": "2019-11-30"}, "until: expected a date not before `from`, got '2019-11-30'"),
        ({"source": " "}, "source: expected a text, got ' '"),
        ({"peak_idr": 1}, "peak_idr: expected no such key in a row of kind flat"),
        ({"vehicle_class": "car"}, "vehicle_class: expected one for parking and erp only, got car"),
        ({"vehicle_class": "tank"}, "vehicle_class: expected one of none, car"),
        ({"groups": [16]}, "groups: expected a list of groups from 1 to 15, got [16]"),
        ({"groups": [1]}, "groups: expected idr 0 and the issuer whose cards ride free, got 5000"),
        ({"kind": "cap", "per": "week"}, "per: expected journey or day, got 'week'"),
        ({"kind": "cap", "per": "day"}, "per: expected journey for transit and day for parking"),
        ({"kind": "started_hour", "hours_idr": [1]}, "idr: expected no such key in a row of kind"),
        (
            {"kind": "started_hour", "hours_idr": [1], "idr": ...},
            "lrt: expected a fare of kind flat or hour_band or matrix, got started_hour",
        ),
        ({"kind": "matrix", "cells": [[1, 2]]}, "cells: expected from, to and whole rupiah"),
        ({"kind": "distance", "metres": [["BUS", 1, 2, 3]]}, "an operator of TJ, MRT, LRT"),
        ({"kind": "distance", "metres": [[1, 2, 3]]}, "operator, from, to and whole metres"),
    ],
)
def test_wrong_row_is_refused_by_name(change: dict[str, Any], said: str) -> None:
    with pytest.raises(TariffError) as wrong:
        parse_bundle(bundle({k: v for k, v in (LRT | change).items() if v is not ...}))
    assert said in str(wrong.value)


@pytest.mark.parametrize(
    ("bands", "said"),
    [
        ([{"from": "07:00:00", "to": "05:00:00", "idr": 1}], "bands in order"),
        ([{"from": "05:00", "to": "07:00:00", "idr": 1}], "a clock reading HH:MM:SS, got '05:00'"),
        ([{"from": "05:00:00", "to": "25:00:00", "idr": 1}], "a clock reading up to 24:00:00"),
        ([{"from": "05:00:00", "idr": 1}], "from, to and idr in each"),
        (
            [
                {"from": "05:00:00", "to": "07:00:00", "idr": 1},
                {"from": "06:00:00", "to": "08:00:00", "idr": 1},
            ],
            "bands in order",
        ),
    ],
)
def test_wrong_band_is_refused(bands: list[dict[str, Any]], said: str) -> None:
    row = {k: v for k, v in LRT.items() if k != "idr"}
    with pytest.raises(TariffError, match=r"row 'lrt': bands") as wrong:
        parse_bundle(bundle(row | {"kind": "hour_band", "bands": bands, "otherwise_idr": 0}))
    assert said in str(wrong.value)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"PK\x03", "tariff bundle: expected JSON"),
        (b"[]", "tariff bundle: format: expected jakarta-one/tariff/1, got []"),
        (bundle(LRT, format="jakarta-one/tariff/2"), "got 'jakarta-one/tariff/2'"),
        (bundle(LRT, version=0), "version: expected 1 to 65535, got 0"),
        (bundle(LRT, title=None), "title: expected a text, got None"),
        (bundle(LRT, colour="red"), "expected format, version, title, rows, got 'colour'"),
        (bundle(), "rows: expected a list that is not empty, got []"),
        (json.dumps(json.loads(bundle()) | {"rows": [3]}).encode(), "row 1: expected a row, got 3"),
    ],
)
def test_wrong_document_is_refused(data: bytes, said: str) -> None:
    with pytest.raises(TariffError) as wrong:
        parse_bundle(data)
    assert said in str(wrong.value)


def test_two_rows_for_one_day_are_refused() -> None:
    later = LRT | {"row": "lrt-new", "from": "2026-04-01"}
    with pytest.raises(TariffError, match="'lrt-new': expected dates apart from row 'lrt'"):
        parse_bundle(bundle(LRT, later))
    first = LRT | {"until": "2026-03-31"}
    both = parse_bundle(bundle(first, later | {"idr": 6000}))
    assert [lrt_idr(both, date) for date in ("2026-03-31", "2026-04-01")] == [5000, 6000]


def test_a_row_holds_on_its_first_and_last_day_only() -> None:
    one = parse_bundle(bundle(LRT | {"from": "2026-03-02", "until": "2026-03-03"}))
    held = [bool(one.on(day(f"2026-03-0{n}")).fares) for n in (1, 2, 3, 4)]
    assert held == [False, True, True, False]


def test_file_errors_name_the_line() -> None:
    text = (
        "format: jakarta-one/tariff/1\nversion: 1\ntitle: t\nrows:\n"
        "  - {row: lrt, kind: flat, services: [lrt], from: 2019-12-01, idr: 5.5, source: s}\n"
    )
    with pytest.raises(TariffError, match=r"tariff\.yaml line 5, row 'lrt': idr: .*got 5\.5"):
        parse_tariff({"tariff.yaml": text.encode()})


@pytest.mark.parametrize(
    ("table", "said"),
    [
        (b"from,to\n1,2\n", "fares.csv: expected columns from, to, idr"),
        (b"from,to,idr\n1,2,3.5\n", "fares.csv line 2: idr: expected a whole number from 0"),
    ],
)
def test_table_errors_name_the_line(table: bytes, said: str) -> None:
    text = (
        b"format: jakarta-one/tariff/1\nversion: 1\ntitle: t\nrows:\n"
        b"  - {row: mrt, kind: matrix, services: [mrt], from: 2019-04-01, table: fares.csv,"
        b" source: s}\n"
    )
    assert tables_named(text) == ["fares.csv"]
    with pytest.raises(TariffError) as wrong:
        parse_tariff({"tariff.yaml": text, "fares.csv": table})
    assert said in str(wrong.value)
    with pytest.raises(TariffError, match="table: expected a file of a matrix or distance row"):
        parse_tariff({"tariff.yaml": text})


@pytest.mark.parametrize("text", [b"rows: [", b"- 1\n", b"\xff"])
def test_what_is_no_yaml_is_refused(text: bytes) -> None:
    with pytest.raises(TariffError, match=r"tariff\.yaml: expected"):
        parse_tariff({"tariff.yaml": text})


def test_bundle_reads_back_to_the_same_bytes_and_prices() -> None:
    shipped = tariff("jakarta-2026")
    again = parse_bundle(shipped.bundle())
    assert again.bundle() == shipped.bundle()
    assert again.rows == shipped.rows
    assert (again.version, again.title) == (1, "Jakarta 2026")


def test_what_a_day_does_not_have_is_named() -> None:
    absent = tariff("jakarta-2026").on(day("2010-01-01")).absent("a fare for lrt")
    assert str(absent) == "tariff version 1: expected a fare for lrt on 2010-01-01, got none"
