"""Parquet in and out as NumPy columns: the one room of this package that knows DuckDB.

It knows no column by name; what a table means is the business of who asks for it. DuckDB is
imported when first asked for: a Locust worker that inherits it over a fork leaks it at its end.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scheme.errors import BadInputError, StoreError

Columns = dict[str, NDArray[Any]]


def read_columns(path: Path, names: tuple[str, ...], order_by: str) -> Columns:
    """Return the named columns of a Parquet file, sorted.

    Raises:
        BadInputError: If the file is missing or lacks a column; names both.
    """
    import duckdb

    if not path.is_file():
        raise BadInputError.at(str(path), expected="a Parquet file of a plan", got="no file")
    listed = ", ".join(f'"{name}"' for name in names)
    query = f"SELECT {listed} FROM read_parquet(?) ORDER BY {order_by}"
    try:
        with duckdb.connect() as connection:
            return dict(connection.execute(query, [str(path)]).fetchnumpy())
    except (duckdb.BinderException, duckdb.InvalidInputException) as error:
        first = str(error).splitlines()[0]
        raise BadInputError.at(str(path), expected=f"columns {listed}", got=first) from error


def write_columns(path: Path, columns: Columns) -> None:
    """Write columns of one length to a Parquet file, replacing it as a whole.

    Raises:
        StoreError: If the disk does not take it; nothing half-written stays.
    """
    import duckdb

    partial = path.with_suffix(".partial")
    try:
        with duckdb.connect() as connection:
            connection.register("columns", {name: np.asarray(v) for name, v in columns.items()})
            connection.execute(
                f"COPY columns TO '{_quoted(partial)}' (FORMAT parquet, COMPRESSION zstd)"
            )
        partial.replace(path)
    except (duckdb.IOException, OSError) as error:
        partial.unlink(missing_ok=True)
        raise StoreError(f"{path}: expected to write it, got {error}") from error


def _quoted(path: Path) -> str:
    return str(path).replace("'", "''")
