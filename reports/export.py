"""The export of a back office (docs/spec/export.md), read and checked for form.

A table or column that is missing or of no use is a `TargetError` that names it; whether what it
says is right is reports/reconcile.py.
"""

from __future__ import annotations

import json
from pathlib import Path

from reports.warehouse import Warehouse
from scheme.errors import TargetError

FORMAT = "jakarta-one/export/1"

# The columns that the judge reads, and their types in the warehouse.
TABLES: dict[str, dict[str, str]] = {
    "taps": {
        "sender": "UINTEGER", "batch": "UINTEGER", "item": "INTEGER", "recorder": "UINTEGER",
        "sequence": "UINTEGER", "terminal": "UINTEGER", "card": "UBIGINT", "issuer": "USMALLINT",
        "nt": "UINTEGER", "kind": "UTINYINT", "place": "USMALLINT", "amount": "UINTEGER",
        "balance": "UINTEGER", "verdict": "UTINYINT", "state": "VARCHAR", "trace": "BLOB",
    },
    "uploads": {
        "sender": "UINTEGER", "batch": "UINTEGER", "count": "BIGINT", "result": "VARCHAR",
        "repeats": "BIGINT",
    },
    "transfers": {
        "key": "VARCHAR", "debit": "VARCHAR", "credit": "VARCHAR", "amount": "BIGINT",
        "code": "VARCHAR", "operating_day": "INTEGER",
    },
    "legs": {
        "key": "VARCHAR", "leg": "INTEGER", "operator": "INTEGER", "own_fare_idr": "BIGINT",
        "share_idr": "BIGINT",
    },
    "positions": {"participant": "INTEGER", "idr": "BIGINT"},
    "accounts": {"account": "VARCHAR", "owner": "INTEGER"},
}  # fmt: skip


def read_export(warehouse: Warehouse, export: Path) -> None:
    """Fill the warehouse with the tables of an export.

    Raises:
        TargetError: If the format is another or newer one, or a table, a column or a value is
            missing; names it.
    """
    _check_format(export)
    for table, columns in TABLES.items():
        path = export / f"{table}.parquet"
        if not path.is_file():
            raise TargetError(f"export: expected table {table} as {path}, got none")
        found = warehouse.columns(path)
        missing = [name for name in columns if name not in found]
        if missing:
            raise TargetError(
                f"export: table {table}: expected column {missing[0]}, got {', '.join(found)}"
            )
        warehouse.read(table, path, columns)
        empty = warehouse.empties(table, list(columns))
        if empty:
            raise TargetError(f"export: table {table}: {empty[0]}: expected a value in every row")


def _check_format(export: Path) -> None:
    manifest = export / "manifest.json"
    try:
        said = json.loads(manifest.read_text("utf-8")).get("format")
    except (OSError, ValueError) as wrong:
        raise TargetError(
            f"export: expected {manifest} with format {FORMAT}, got {wrong}"
        ) from wrong
    if said != FORMAT:
        raise TargetError(
            f"export: {manifest}: format: expected {FORMAT}, got {said!r}; "
            "this judge reads version 1, a newer one needs a newer judge"
        )
