"""The judge's DuckDB: the one module of this package that knows it.

SQL stands in the `.sql` files beside it. Everything here is in memory and dies with the object;
what is larger than the memory limit spills to a temporary folder of DuckDB's.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from tempfile import gettempdir
from types import TracebackType
from typing import Any

import duckdb
from numpy.typing import NDArray

from scheme.errors import StoreError

MEMORY_LIMIT = "3GB"  # of the 4 GiB that the judge may use; NumPy and Python need the rest
THREADS = 2

Columns = Mapping[str, NDArray[Any]]


class Warehouse:
    """Tables by name, filled from arrays and Parquet files, and asked in SQL."""

    def __init__(self, *, memory_limit: str = MEMORY_LIMIT, threads: int = THREADS) -> None:
        self._duck = duckdb.connect(":memory:")
        self._duck.execute(f"SET memory_limit = '{memory_limit}'")
        self._duck.execute(f"SET threads = {threads}")
        self._duck.execute("SET preserve_insertion_order = false")
        # DuckDB makes it when it first spills, and takes it away again.
        spill = Path(gettempdir()) / f"jakarta-one-judge-{os.getpid()}"
        self._duck.execute(f"SET temp_directory = '{spill}'")

    def __enter__(self) -> Warehouse:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._duck.close()

    def run(self, script: str) -> None:
        """Run every statement of one of this package's SQL files."""
        self._duck.execute((files("reports") / f"{script}.sql").read_text("utf-8"))

    def execute(self, sql: str) -> None:
        """Run SQL that answers nothing."""
        self._duck.execute(sql)

    def fill(self, table: str, columns: Columns) -> None:
        """Make a table of equally long arrays."""
        self._duck.register("columns_of_it", dict(columns))
        self._duck.execute(f'CREATE OR REPLACE TABLE "{table}" AS FROM columns_of_it')
        self._duck.unregister("columns_of_it")

    def read(self, table: str, path: Path, types: Mapping[str, str] | None = None) -> None:
        """Make a table of a Parquet file, of all its columns or of those in `types`, cast.

        Raises:
            StoreError: If the file cannot be read as Parquet, or not cast; names it.
        """
        chosen = ", ".join(f'"{name}"::{kind} AS "{name}"' for name, kind in (types or {}).items())
        sql = f'CREATE OR REPLACE TABLE "{table}" AS SELECT {chosen or "*"} FROM read_parquet(?)'
        self._ask(path, sql)

    def columns(self, path: Path) -> list[str]:
        """Return the names of a Parquet file's columns; `StoreError` as in `read`."""
        return [str(row[0]) for row in self._ask(path, "DESCRIBE FROM read_parquet(?)").fetchall()]

    def write(self, sql: str, path: Path) -> None:
        """Write what a query answers as Parquet."""
        self._duck.execute(f"COPY ({sql}) TO '{path}' (FORMAT parquet, COMPRESSION zstd)")

    def empties(self, table: str, columns: list[str]) -> list[str]:
        """Return which columns of a table hold an empty value somewhere."""
        counts = ", ".join(f'count("{name}") = count(*)' for name in columns)
        full = self._duck.execute(f'SELECT {counts} FROM "{table}"').fetchone()
        assert full is not None, table
        return [name for name, whole in zip(columns, full, strict=True) if not whole]

    def _ask(self, path: Path, sql: str) -> duckdb.DuckDBPyConnection:
        try:
            return self._duck.execute(sql, [str(path)])
        except duckdb.Error as wrong:
            raise StoreError(f"{path}: expected a Parquet table, got {wrong}") from wrong

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """Return the rows that a query answers."""
        return self._duck.execute(sql).fetchall()

    def arrays(self, sql: str) -> dict[str, NDArray[Any]]:
        """Return the columns that a query answers."""
        return dict(self._duck.execute(sql).fetchnumpy())

    def one(self, sql: str) -> Any:
        """Return the single value that a query answers."""
        answer = self._duck.execute(sql).fetchone()
        assert answer is not None, sql
        return answer[0]
