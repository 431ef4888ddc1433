"""A clearing house that errs is found out, tap and rupiah, also where its errors cancel.

The fare cases are cleared once. Then its store is tampered with, or it is told another tariff, and
the judge reads what it exports.
"""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from reports.verdict import judge
from scheme.records import TAP_RECORD, records_view
from tests.system.fare_city import (
    SHIPPED,
    FareCity,
    bundles,
    case_of_trace,
    clear,
    export_again,
    fare_city,
    write_truth,
)
from tests.system.fare_play import played

Cleared = tuple[FareCity, np.ndarray[Any, np.dtype[np.void]], Path]
WRONG_FARE_IDR = 13_000  # Lebak Bulus to Bundaran HI, which is 14,000


@pytest.fixture(scope="module")
def cleared(tmp_path_factory: pytest.TempPathFactory) -> Cleared:
    """Return the city, its records, and the folder of an honest clearing of them."""
    folder = tmp_path_factory.mktemp("honest")
    city = fare_city(SHIPPED)
    records = records_view(b"".join(record.data for record in played(city)))
    clear(city, records, folder)
    write_truth(city, folder / "city")
    return city, records, folder


def judged(cleared: Cleared, export: Path, out: Path) -> dict[str, Any]:
    """Judge an export of the fare city."""
    return judge(cleared[2] / "city", export, None, None, out, {})


def tampered(cleared: Cleared, folder: Path, change: Callable[[sqlite3.Connection], Any]) -> Path:
    """Return the export of a copy of the store, changed while nobody looked."""
    shutil.copytree(cleared[2] / "store", folder / "store")
    with sqlite3.connect(folder / "store" / "books.sqlite") as books:
        change(books)
    books.close()
    return export_again(folder)


def accepted_tap(books: sqlite3.Connection) -> tuple[int, int, bytes]:
    """Return arrival, item and record of an accepted tap that cost money."""
    at, size = TAP_RECORD.offset("amount"), 4
    for arrival, item, record in books.execute(
        "SELECT arrival, item, record FROM tap WHERE verdict = 0 ORDER BY arrival, item"
    ):
        if int.from_bytes(record[at : at + size], "big") > 0:
            return arrival, item, record
    raise AssertionError("no tap cost money")


def trace_of(record: bytes) -> str:
    """Return the trace id in a record as the judge prints it."""
    at = TAP_RECORD.offset("trace")
    return record[at : at + 12].hex()


def test_an_honest_clearing_passes_and_says_the_hash_that_the_oracle_predicts(
    cleared: Cleared, tmp_path: Path
) -> None:
    record = judged(cleared, cleared[2] / "export", tmp_path)
    assert record["verdict"] == "PASS", record["reasons"]


def test_a_wrong_tariff_row_on_the_server_is_named_with_its_taps_and_rupiah(
    cleared: Cleared, tmp_path: Path
) -> None:
    city, records, _ = cleared
    tariffs = {}
    for version, bundle in bundles(SHIPPED).items():
        document = json.loads(bundle)
        for row in document["rows"]:
            row["cells"] = [
                [a, b, WRONG_FARE_IDR if (a, b) == (101, 113) else idr]
                for a, b, idr in row.get("cells", [])
            ]
            if not row["cells"]:
                del row["cells"]
        tariffs[version] = json.dumps(document).encode()
    clear(city, records, tmp_path, tariffs)
    record = judged(cleared, tmp_path / "export", tmp_path / "verdict")
    assert record["verdict"] == "FAIL"
    found = record["discrepancies"]
    case_of = case_of_trace(city)
    assert "mrt_lebak_bulus_bundaran_hi" in {case_of[row["trace"]] for row in found}
    assert {row["class"] for row in found} <= {"wrong_fare", "wrong_share"}
    assert any(abs(row["expected_idr"] - row["got_idr"]) == 1_000 for row in found)


def test_a_tap_deleted_from_the_store_is_lost_and_named(cleared: Cleared, tmp_path: Path) -> None:
    gone: list[bytes] = []

    def delete(books: sqlite3.Connection) -> None:
        arrival, item, record = accepted_tap(books)
        gone.append(record)
        books.execute("DELETE FROM tap WHERE arrival = ? AND item = ?", (arrival, item))

    record = judged(cleared, tampered(cleared, tmp_path, delete), tmp_path / "verdict")
    assert record["verdict"] == "FAIL"
    assert [(row["class"], row["trace"]) for row in record["discrepancies"]] == [
        ("lost", trace_of(gone[0]))
    ]


def test_a_tap_posted_twice_is_named_with_its_rupiah(cleared: Cleared, tmp_path: Path) -> None:
    def post_again(books: sqlite3.Connection) -> None:
        books.execute(
            "INSERT INTO transfer SELECT (SELECT max(id) + 1 FROM transfer), kind, issuer, card,"
            " nt, debit, credit, amount, code, operating_day, window"
            " FROM transfer ORDER BY id LIMIT 1"
        )

    record = judged(cleared, tampered(cleared, tmp_path, post_again), tmp_path / "verdict")
    assert record["verdict"] == "FAIL"
    assert record["unexplained"] > 0
    (row,) = record["discrepancies"]
    assert row["got_idr"] == 2 * row["expected_idr"] > 0


def test_two_errors_that_cancel_in_the_total_are_both_found(
    cleared: Cleared, tmp_path: Path
) -> None:
    def shift(books: sqlite3.Connection) -> None:
        (code,) = books.execute("SELECT code FROM transfer ORDER BY id LIMIT 1").fetchone()
        up, down = books.execute(
            "SELECT min(id), max(id) FROM transfer WHERE code = ?", (code,)
        ).fetchone()
        books.execute("UPDATE transfer SET amount = amount + 500 WHERE id = ?", (up,))
        books.execute("UPDATE transfer SET amount = amount - 500 WHERE id = ?", (down,))

    record = judged(cleared, tampered(cleared, tmp_path, shift), tmp_path / "verdict")
    assert record["verdict"] == "FAIL"
    assert record["idr_truth"] == record["idr_ledger"]
    errors = sorted(row["got_idr"] - row["expected_idr"] for row in record["discrepancies"])
    assert errors == [-500, 500]
