"""Digests of what a record rests on, so that a changed file is named though no figure moved."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from scheme.errors import StoreError

BESIDE = ("run.json", "junit.xml", "report.html", "evidence")  # of the run directory itself


def digests(root: Path, places: Iterable[str | None]) -> dict[str, str]:
    """Return the SHA-256 of every file that a record rests on, by its path from the run directory.

    Args:
        root: The run directory.
        places: Where its evidence lies, seen from there, as the record names it.

    Raises:
        StoreError: If a file cannot be read.
    """
    found = {}
    for name in (*BESIDE, *(place for place in places if place is not None)):
        for path in sorted(_files(root / name)):
            seen = path.relative_to(root) if path.is_relative_to(root) else path
            try:
                with path.open("rb") as file:
                    found[str(seen)] = hashlib.file_digest(file, "sha256").hexdigest()
            except OSError as error:
                raise StoreError(f"{path}: expected to read it, got {error}") from error
    return found


def changes(said: Mapping[str, str], found: Mapping[str, str]) -> list[str]:
    """Return a sentence for each file that is not what the record was made from."""
    sentences = {
        name: "is gone" if name not in found
        else "is new since the record was made" if name not in said
        else "is not the file that the record was made from"
        for name in sorted(said.keys() | found.keys())
        if said.get(name) != found.get(name)
    }  # fmt: skip
    return [f"{name}: {what}" for name, what in sentences.items()]


def _files(place: Path) -> Iterator[Path]:
    if place.is_file():
        yield place
    else:
        yield from (path for path in place.rglob("*") if path.is_file())
