"""The city's folder: plan/, truth/, records/ and the manifest. The one room here that knows DuckDB.

Tables are columns (name to array) and are written as Parquet. The digest is taken of the values in
their canonical order, not of the files, so it does not depend on how Parquet packs them.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
from numpy.typing import NDArray

from scheme.errors import BadInputError, EnvironmentFaultError, StoreError

FORMAT = "jakarta-one/plan/1"
MANIFEST = "manifest.json"
Columns = Mapping[str, NDArray[Any]]


def columns_of(rows: NDArray[np.void], *names: str) -> dict[str, NDArray[Any]]:
    """Return fields of structured rows as columns, all of them if none is named."""
    return {name: np.ascontiguousarray(rows[name]) for name in names or rows.dtype.names or ()}


def write_tables(folder: Path, tables: Mapping[str, Columns]) -> None:
    """Write tables as Parquet files; a name such as plan/taps is a path without its ending.

    Raises:
        StoreError: If the disk does not take them.
    """
    try:
        with duckdb.connect() as connection:
            connection.execute("SET preserve_insertion_order = true")
            for name, columns in tables.items():
                path = folder / f"{name}.parquet"
                path.parent.mkdir(parents=True, exist_ok=True)
                connection.register("made", dict(columns))
                target = str(path).replace("'", "''")
                connection.execute(
                    f"COPY (FROM made) TO '{target}' (FORMAT parquet, COMPRESSION zstd)"
                )
                connection.unregister("made")
    except (duckdb.Error, OSError) as error:
        raise StoreError(f"{folder}: expected to write the city, got {error}") from error


def read_table(path: Path) -> dict[str, NDArray[Any]]:
    """Return the columns of a Parquet file in the order of its rows.

    Raises:
        StoreError: If there is no such file.
    """
    if not path.is_file():
        raise StoreError(f"{path}: expected a table of a city, got no such file")
    source = str(path).replace("'", "''")
    with duckdb.connect() as connection:
        found: dict[str, NDArray[Any]] = connection.execute(
            f"FROM read_parquet('{source}')"
        ).fetchnumpy()
    return found


def digest(tables: Mapping[str, Columns]) -> str:
    """Return SHA-256 over the values of tables, in the order given."""
    whole = hashlib.sha256()
    for name, columns in tables.items():
        for column, values in columns.items():
            text = values.dtype == object
            plain = np.array(values, np.str_) if text else np.ascontiguousarray(values)
            whole.update(f"{name}.{column} {plain.dtype.str} {plain.shape}\n".encode())
            whole.update(plain.tobytes())
    return whole.hexdigest()


def write_manifest(folder: Path, manifest: Mapping[str, Any]) -> None:
    """Write manifest.json, the last file of a city.

    Raises:
        StoreError: If the disk does not take it.
    """
    try:
        (folder / MANIFEST).write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")
    except OSError as error:
        raise StoreError(f"{folder}: expected to write the manifest, got {error}") from error


@contextmanager
def city_folder(out: Path) -> Iterator[Path]:
    """Give a folder to build in; it becomes `out` when the block ends well, and vanishes if not.

    Raises:
        BadInputError: If `out` is there and no city of ours; nothing was touched.
        StoreError: If the disk does not take it.
    """
    _check_replaceable(out)
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        building = Path(tempfile.mkdtemp(prefix=f".{out.name}.", dir=out.parent))
    except OSError as error:
        raise StoreError(f"{out}: expected a folder to write to, got {error}") from error
    try:
        yield building
        building.chmod(0o755)
        _put_in_place(building, out)
    except EnvironmentFaultError:
        raise
    except OSError as error:
        raise StoreError(f"{out}: expected to write the city, got {error}") from error
    finally:
        shutil.rmtree(building, ignore_errors=True)


def _check_replaceable(out: Path) -> None:
    if not out.exists():
        return
    if out.is_dir() and not any(out.iterdir()):
        return
    try:
        found = json.loads((out / MANIFEST).read_text(encoding="utf-8")).get("format")
    except (OSError, ValueError, AttributeError):
        found = None
    if found != FORMAT:
        expected = f"a new folder, or a city with {MANIFEST} of {FORMAT}"
        got = found or "something else that is not ours to replace"
        raise BadInputError.at(str(out), expected=expected, got=got)


def _put_in_place(building: Path, out: Path) -> None:
    try:
        if out.exists():
            old = Path(tempfile.mkdtemp(prefix=f".{out.name}.old.", dir=out.parent))
            out.rename(old / "city")
            building.rename(out)
            shutil.rmtree(old, ignore_errors=True)
        else:
            building.rename(out)
    except OSError as error:
        raise StoreError(f"{out}: expected to put the city there, got {error}") from error
