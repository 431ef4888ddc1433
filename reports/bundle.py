"""A record checked again: every figure worked out from the raw evidence beside it, and compared.

Every file that it was made from is held against its digest, too. The evidence lies where the record
says, seen from the run directory. Nothing that a figure needs is taken from the record but what was
asked of the run.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from reports.digests import changes, digests
from reports.document import read_document
from reports.verdict import SCHEMA, work_out
from scheme.errors import StoreError

NOT_FIGURES = frozenset({"report", "evidence", "asked", "files", "schema"})


def verify(root: Path) -> dict[str, Any]:
    """Return how many figures and files a record has, and a sentence for each that is not so.

    Raises:
        StoreError: If the record or its evidence cannot be read.
        TargetError: If the export has lost its form.
    """
    record = read_record(root)
    places = {
        name: None if place is None else root / place for name, place in record["evidence"].items()
    }
    city, export = places["city"], places["export"]
    if city is None or export is None:
        raise StoreError(f"{root}/record.json: evidence: expected city and export, got none")
    again = work_out(city, export, places["load"], places["rack"], root, record["asked"]).record
    return checked(root, record, again, digests(root, record["evidence"].values()))


def checked(
    root: Path, record: dict[str, Any], again: dict[str, Any], now: dict[str, str]
) -> dict[str, Any]:
    """Return what `verify` tells, given a record, the same worked out again, and the digests."""
    said, found = dict(_figures("", record)), dict(_figures("", again))
    differences = [
        f"{name}: the record says {said.get(name, 'nothing')!r}, the evidence "
        f"{found.get(name, 'nothing')!r}"
        for name in sorted(said.keys() | found.keys())
        if said.get(name) != found.get(name)
    ]
    return {
        "schema": "jakarta-one/verify/1",
        "run": str(root),
        "figures": len(found),
        "files": len(now),
        "differences": [*differences, *changes(record.get("files", {}), now)],
    }


def read_record(root: Path) -> dict[str, Any]:
    """Return a run's record.json.

    Raises:
        StoreError: If there is none, or it is another or a newer document.
    """
    return read_document(root / "record.json", SCHEMA, "jakarta-one report build", key="schema")


def _figures(where: str, value: Any) -> Iterator[tuple[str, Any]]:
    """Yield every leaf of a record by its path, but for what is no figure."""
    if isinstance(value, dict):
        for key, part in value.items():
            if where or key not in NOT_FIGURES:
                yield from _figures(f"{where}.{key}" if where else key, part)
    elif isinstance(value, list):
        for index, part in enumerate(value):
            yield from _figures(f"{where}[{index}]", part)
    else:
        yield where, value
