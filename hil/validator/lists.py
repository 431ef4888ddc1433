"""The tariff and the hotlist that a validator holds, by version, in files that are whole.

A new version replaces the one held once it has been read and is on the disk; a broken one is
refused and the old one stays. Versions of the back office are asked for one after the other.
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from scheme.decision import Versions
from scheme.errors import BadInputError, RecordError, StoreError
from scheme.hotlist import Hotlist
from scheme.tariffs import Tariff, parse_bundle

TARIFF, HOTLIST = "tariff.json", "hotlist.bin"
HEAD_SIZE = 2  # of hotlist.bin: the version


class Lists:
    """The lists in a folder."""

    def __init__(self, folder: Path, tariff: Path) -> None:
        """Read what is held.

        Args:
            tariff: The bundle to begin with; a newer one that was fetched goes before it.

        Raises:
            BadInputError: If there is no tariff, or it is none.
        """
        self._folder = folder
        begun = parse_bundle(_read(tariff))
        fetched = folder / TARIFF
        held = parse_bundle(_read(fetched)) if fetched.exists() else begun
        self._tariff = held if held.version > begun.version else begun
        self._hotlist = Hotlist()
        if (folder / HOTLIST).exists():
            data = _read(folder / HOTLIST)
            self._hotlist = parse_hotlist(int.from_bytes(data[:HEAD_SIZE], "big"), data[HEAD_SIZE:])

    @property
    def versions(self) -> Versions:
        """What is held now."""
        return Versions(self._tariff, self._hotlist)

    def take_tariff(self, data: bytes) -> Tariff:
        """Hold a tariff bundle from now on; raises TariffError if it is none, or StoreError."""
        tariff = parse_bundle(data)
        self._write(TARIFF, data)
        self._tariff = tariff
        return tariff

    def take_hotlist(self, version: int, data: bytes) -> Hotlist:
        """Hold a hotlist from now on; raises RecordError if it is none, or StoreError."""
        hotlist = parse_hotlist(version, data)
        self._write(HOTLIST, version.to_bytes(HEAD_SIZE, "big") + data)
        self._hotlist = hotlist
        return hotlist

    def _write(self, name: str, data: bytes) -> None:
        part = self._folder / f"{name}.part"
        try:
            with part.open("wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            part.replace(self._folder / name)
        except OSError as error:
            raise StoreError(
                f"{part}: expected the disk to take it, got {error.strerror or error}"
            ) from error


def parse_hotlist(version: int, data: bytes) -> Hotlist:
    """Return a hotlist from card numbers of 8 bytes, little-endian."""
    if len(data) % 8:
        raise RecordError(f"hotlist {version}: expected 8 bytes a card, got {len(data)} bytes")
    return Hotlist(version, frozenset(np.frombuffer(data, "<u8").tolist()))


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        got = error.strerror or "another file"
        raise BadInputError.at(str(path), expected="a tariff or hotlist", got=got) from error
