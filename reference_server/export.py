"""The export: every table of docs/spec/export.md as Parquet, written whole or not at all.

The one module of this package that knows DuckDB. It reads the books as they stand between two
chunks, so that its tables belong together.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
from numpy.typing import NDArray

from reference_server.books import Books
from reference_server.export_tables import EXPORT_FOLDER, FORMAT, TABLES
from reference_server.ledger import Code, KeyKind
from reference_server.settlement import open_window
from scheme.errors import StoreError
from scheme.records import TAP_RECORD
from scheme.verdicts import Verdict

MEMORY_LIMIT = "1GB"
Columns = dict[str, NDArray[Any]]

# What a record says in numbers, but for its version and the key version that proved it.
_PLAIN = [
    field.name
    for field in TAP_RECORD.fields
    if field.number and field.name not in ("version", "key_version")
]
_KEY = "concat_ws(':', k.name, issuer, card, nt)"

# What each table is made of. Names without a table are of the columns that `_sources` fills.
QUERIES = {
    "taps": f"""
        SELECT t.*, u.sender, u.batch, u.received_us, u.booked_us,
            CASE WHEN t.verdict = {Verdict.tap_was_torn} THEN 'torn' WHEN t.verdict > 0 THEN 'none'
                 WHEN m.kind = 0 THEN 'gap' ELSE 'booked' END AS state,
            CASE WHEN t.verdict > 0 THEN ''
                 WHEN m.kind > 0 THEN concat_ws(':', k.name, t.issuer, t.card, m.first_nt)
                 WHEN t.amount > 0 THEN concat_ws(':', 'tap', t.issuer, t.card, t.nt)
                 ELSE '' END AS key
        FROM tap t JOIN upload u USING (arrival)
        LEFT JOIN membership m ON m.card = t.card AND m.nt = t.nt AND m.issuer = t.issuer
            AND t.verdict = 0
        LEFT JOIN key_kind k ON k.number = m.kind
        ORDER BY t.arrival, t.item""",
    "uploads": "SELECT * FROM upload ORDER BY arrival",
    "transfers": f"""
        SELECT t.id, {_KEY} AS key, d.account AS debit, c.account AS credit,
            amount, code.name AS code, operating_day, "window"
        FROM transfer t JOIN key_kind k ON k.number = t.kind
        JOIN account d ON d.id = t.debit JOIN account c ON c.id = t.credit
        JOIN code ON code.number = t.code ORDER BY t.id""",
    "journeys": f"""
        SELECT {_KEY} AS key, card, issuer, operating_day, first_at_s,
            k.name AS kind, CASE state WHEN 0 THEN 'open' ELSE 'closed' END AS state,
            due AS due_idr, charged AS charged_idr, refund AS refund_idr, grp
        FROM journey j JOIN key_kind k ON k.number = j.kind ORDER BY card, issuer, nt, k.number""",
    "legs": f"""
        SELECT {_KEY} AS key, leg, operator, own_fare AS own_fare_idr,
            share AS share_idr, metres
        FROM leg l JOIN key_kind k ON k.number = l.kind ORDER BY card, issuer, nt, k.number, leg""",
    "positions": "SELECT * FROM position ORDER BY day, participant",
    "exceptions": "SELECT * FROM exception ORDER BY arrival, item, reason",
    "accounts": "SELECT account, owner FROM account ORDER BY account",
}


def export_books(store: Path, books: Books, repeats: Mapping[int, int]) -> dict[str, Any]:
    """Write the export into the store's folder and return its manifest.

    Raises:
        StoreError: If the disk says no; the export before it stays.
    """
    part = store / f"{EXPORT_FOLDER}.part"
    try:
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir(parents=True)
        rows = _write(part, books, repeats)
        manifest = {
            "format": FORMAT,
            "tables": {table: _about(part / f"{table}.parquet", rows[table]) for table in TABLES},
        }
        (part / "manifest.json").write_text(json.dumps(manifest, indent=1) + "\n")
        shutil.rmtree(store / EXPORT_FOLDER, ignore_errors=True)
        part.rename(store / EXPORT_FOLDER)
    except (OSError, duckdb.IOException) as error:
        raise StoreError(f"{part}: the export cannot be written: {error}") from error
    return manifest


def _write(folder: Path, books: Books, repeats: Mapping[int, int]) -> dict[str, int]:
    rows = {}
    with duckdb.connect(":memory:") as duck:
        duck.execute(f"SET memory_limit = '{MEMORY_LIMIT}'")
        duck.execute(f"SET temp_directory = '{folder / 'spill'}'")
        for name, columns in _sources(books, repeats).items():
            duck.register(f"{name}_columns", columns)
            duck.execute(f"CREATE TABLE {name} AS FROM {name}_columns")
            duck.unregister(f"{name}_columns")
        for table, columns_of in TABLES.items():
            chosen = ", ".join(f'"{c.name}"::{c.kind} AS "{c.name}"' for c in columns_of)
            path = folder / f"{table}.parquet"
            duck.execute(
                f"COPY (SELECT {chosen} FROM ({QUERIES[table]})) TO '{path}'"
                " (FORMAT parquet, COMPRESSION zstd)"
            )
            found = duck.execute(f"SELECT count(*) FROM '{path}'").fetchone()
            assert found is not None
            rows[table] = int(found[0])
    shutil.rmtree(folder / "spill", ignore_errors=True)
    return rows


def _sources(books: Books, repeats: Mapping[int, int]) -> dict[str, Columns]:
    plain = {name: books.columns(name) for name in ("transfer", "journey", "leg", "membership")}
    return plain | {
        "tap": _taps(books),
        "upload": _uploads(books, repeats),
        "position": _positions(books),
        "exception": _as_columns(
            books.exceptions_in_order(), ("arrival", "item", "reason", "amount", "detail")
        ),
        "account": _as_columns(books.owners(), ("id", "account", "owner")),
        "key_kind": _as_columns([(int(k), k.name) for k in KeyKind], ("number", "name")),
        "code": _as_columns([(int(c), c.name) for c in Code], ("number", "name")),
    }


def _taps(books: Books) -> Columns:
    pieces = list(books.taps())
    if not pieces:
        empty = {name: np.empty(0, np.int64) for name in (*_PLAIN, "arrival", "item", "verdict")}
        return empty | {"trace": np.empty(0, object)}
    records = np.concatenate([piece.records for piece in pieces])
    columns: Columns = {
        name: records[name].astype(records[name].dtype.newbyteorder("=")) for name in _PLAIN
    }
    columns["arrival"] = np.concatenate([piece.arrival for piece in pieces])
    columns["item"] = np.concatenate([piece.item for piece in pieces])
    columns["verdict"] = np.concatenate([piece.verdict for piece in pieces])
    traces = records["trace"].tobytes()
    columns["trace"] = _objects([traces[at : at + 12] for at in range(0, len(traces), 12)])
    return columns


def _uploads(books: Books, repeats: Mapping[int, int]) -> Columns:
    names = ("arrival", "sender", "batch", "count", "digest", "received_us", "booked_us", "result")
    columns = _as_columns(books.uploads(), names)
    times = [repeats.get(arrival, 0) for arrival in columns["arrival"].tolist()]
    return columns | {"repeats": np.array(times, np.int64)}


def _positions(books: Books) -> Columns:
    rows = books.positions()
    still_open = books.net_of_window(open_window(books.closes()))
    return _as_columns(
        rows + [(0, owner, idr) for owner, idr in still_open], ("day", "participant", "idr")
    )


def _as_columns(rows: list[tuple[Any, ...]], names: tuple[str, ...]) -> Columns:
    """Return rows as columns: integers as such, text and bytes as objects."""
    columns: Columns = {}
    for i, name in enumerate(names):
        values = [row[i] for row in rows]
        whole = all(isinstance(value, int) for value in values)
        columns[name] = np.array(values, np.int64) if whole else _objects(values)
    return columns


def _objects(values: list[Any]) -> NDArray[Any]:
    column = np.empty(len(values), object)
    column[:] = values
    return column


def _about(path: Path, rows: int) -> dict[str, Any]:
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return {"rows": rows, "bytes": path.stat().st_size, "sha256": digest}
