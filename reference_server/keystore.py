"""Each issuer's TAC keys in a partition of its own, which answers one question: are these proved?

A partition never gives a key out, and nothing else in this package reads its file. It proves only
cards of its own issuer, so that one bank's key can never speak for another's card. The same
question can be asked over HTTP at a bank; then there is no key here at all.
"""

from __future__ import annotations

import json
import os
from enum import IntEnum
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from scheme.cryptograms import tacs_hold
from scheme.errors import BadInputError, StoreError
from scheme.keys import tac_keys
from scheme.records import card_parts

KEY_SIZE = 16
FORMAT = "jakarta-one/keystore/1"


class Proof(IntEnum):
    """What a partition says of a record."""

    holds = 0
    key_version_unknown = 1
    tac_does_not_match = 2


class Partition:
    """One issuer's keys, behind `prove`."""

    def __init__(self, issuer: int, masters: dict[int, bytes]) -> None:
        self.issuer = issuer
        self.__masters = dict(masters)

    def prove(self, records: NDArray[np.void]) -> NDArray[np.uint8]:
        """Return a `Proof` for each record. Records sorted by card are proved fastest."""
        answer = np.full(len(records), Proof.key_version_unknown, np.uint8)
        versions = records["key_version"]
        own = records["card"].astype(np.int64) // 10**10 % 10_000 == self.issuer
        for version, master in self.__masters.items():
            rows = np.flatnonzero(versions == version)
            if len(rows):
                holds = self._tacs_hold(master, version, records[rows]) & own[rows]
                answer[rows] = np.where(holds, Proof.holds, Proof.tac_does_not_match)
        return answer

    def _tacs_hold(
        self, master: bytes, version: int, records: NDArray[np.void]
    ) -> NDArray[np.bool_]:
        cards = records["card"].astype(np.uint64)
        keys = tac_keys(master, cards, self.issuer, version)
        return tacs_hold(keys, card_parts(records), records["tac"])


class KeyStore:
    """The folder of partitions, one file an issuer, readable by its owner alone."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._partitions: dict[int, Partition] = {}

    def partition(self, issuer: int) -> Partition | None:
        """Return an issuer's partition, or None if it never handed in a key."""
        if issuer not in self._partitions and self._path(issuer).exists():
            self._partitions[issuer] = Partition(issuer, self._read(issuer))
        return self._partitions.get(issuer)

    def reload(self) -> None:
        """Forget what was read: keys were handed in."""
        self._partitions.clear()

    def take(self, issuer: int, version: int, tac_master: bytes) -> None:
        """Keep a key of an issuer; the same again is no change.

        Raises:
            BadInputError: If it is no AES-128 key, or the version holds another key already.
        """
        if len(tac_master) != KEY_SIZE:
            raise BadInputError.at(
                f"issuer {issuer} tac_master", expected="16 bytes", got=f"{len(tac_master)} bytes"
            )
        masters = self._read(issuer) if self._path(issuer).exists() else {}
        if masters.get(version, tac_master) != tac_master:
            raise BadInputError.at(
                f"issuer {issuer} key version {version}",
                expected="the key it holds already",
                got="another; hand it in under a new version",
            )
        masters[version] = tac_master
        self._write(issuer, masters)
        self._partitions.pop(issuer, None)

    def _path(self, issuer: int) -> Path:
        return self._folder / f"issuer-{issuer:04d}.json"

    def _read(self, issuer: int) -> dict[int, bytes]:
        path = self._path(issuer)
        document = json.loads(path.read_text())
        if document.get("format") != FORMAT:
            raise StoreError(f"{path}: expected {FORMAT}, got {document.get('format')}")
        return {int(v): bytes.fromhex(key) for v, key in document["tac_masters"].items()}

    def _write(self, issuer: int, masters: dict[int, bytes]) -> None:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        document = {"format": FORMAT, "tac_masters": {str(v): k.hex() for v, k in masters.items()}}
        path = self._path(issuer)
        part = path.with_suffix(".part")
        handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(handle, "w") as file:
            file.write(json.dumps(document))
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
