"""The judge's DuckDB: the one module of this package that knows it.

SQL stands in the `.sql` files beside it. Everything here is in memory and dies with the object;
what is larger than the memory limit spills to a temporary folder of DuckDB's.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
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

    def __enter__(self) -> Warehouse:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
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

    def read(self, table: str, path: Path) -> None:
        """Make a table of a Parquet file.

        Raises:
            StoreError: If the file cannot be read as Parquet; names it.
        """
        try:
            self._duck.execute(f"CREATE OR REPLACE TABLE \"{table}\" AS FROM read_parquet(?)", [str(path)])
        except duckdb.Error as wrong:
            raise StoreError(f"{path}: expected a Parquet file, got {wrong}") from wrong

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
