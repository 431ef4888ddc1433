"""The door's state: everything its routes share in one process, opened and closed together."""

from __future__ import annotations

import asyncio
import fcntl
import hashlib
import os
import shutil
from pathlib import Path
from typing import Any

from reference_server.access import make_token
from reference_server.clock import Clock, make_clock
from reference_server.devices import Senders
from reference_server.group_commit import GroupCommit
from reference_server.keystore import KeyStore
from reference_server.link import PipelineLink
from reference_server.metrics import Metrics
from reference_server.pipeline import KEYS_FOLDER
from reference_server.schema import BOOKS, RAW, ArrivalKind
from reference_server.settings import Settings
from reference_server.store import (
    Arrival,
    RawReader,
    RawStore,
    Stored,
    check_version,
    make_store,
)
from scheme.errors import BadInputError, StoreError

VERSIONED = ("tariff", "hotlist")


class Door:
    """One instance's parts.

    Raises:
        StoreError: If the store is of another version, in use, or not writable; nothing is written.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._versions: dict[tuple[str, int], bytes] = {}
        fresh = _is_fresh(settings.store)
        self._lock = _take_folder(settings.store)
        try:
            self._open_parts()
        except StoreError:
            os.close(self._lock)
            if fresh:  # nobody is left with half a store
                _empty(settings.store)
            raise

    def _open_parts(self) -> None:
        settings = self.settings
        self.clock: Clock = make_clock(settings.clock_epoch_ms, settings.clock_factor)
        self.metrics = Metrics()
        self.senders = Senders()
        self.store = RawStore(settings.store, settings.limits)
        try:
            make_store(settings.store, BOOKS)  # now, so that a full disk ends the start
            self.token = make_token(settings.token_file)
            self.keys = KeyStore(settings.store / KEYS_FOLDER)
        except StoreError:
            self.store.close()
            raise
        self.raw = RawReader(settings.store)
        self.commits = GroupCommit(self.store, settings.limits)
        self.link = PipelineLink(settings)
        self.received = self.raw.counts()
        self.exporting = asyncio.Lock()
        for call in self.raw.calls():
            self._know(call)

    async def open(self) -> None:
        """Start the writer and the pipeline."""
        self.commits.on_commit = self._committed
        self.commits.start()
        self.link.on_progress = self._progressed
        await self.link.start()

    async def close(self) -> None:
        """Write what waits, let the pipeline finish its chunk, let go of the store."""
        await self.commits.close()
        await self.link.close()
        self.raw.close()
        self.store.close()
        os.close(self._lock)

    async def call(self, name: str, number: int, body: bytes) -> Stored:
        """Store an operator call, durably; the pipeline obeys it in its turn.

        Raises:
            BadInputError: If other bytes stand under this version.
        """
        digest = hashlib.sha256(body).digest()
        if name in VERSIONED and (standing := self._versions.get((name, number))) is not None:
            if standing != digest:
                raise BadInputError.at(
                    f"{name} version {number}",
                    expected="the bytes that stand under it",
                    got="others; publish them under a new version",
                )
            return Stored(0, repeated=True)
        arrival = Arrival(
            0, ArrivalKind.call, 0, number, 0, self.clock.at_us(), len(body), digest, name, body
        )
        stored = await self.commits.submit(arrival)
        self._know(arrival)
        return stored

    def published(self, name: str, version: int) -> bytes | None:
        """Return the bytes that stand under a version of a list or tariff."""
        found = [c for c in self.raw.calls(name=name) if c.number == version]
        return found[0].body if found else None

    def versions(self, name: str) -> list[int]:
        """Return the published versions of tariffs or hotlists."""
        return sorted(number for kind, number in self._versions if kind == name)

    @property
    def backlog(self) -> int:
        """How many arrivals have no verdict yet; 1 while only late taps wait for their price."""
        behind = max(0, self.store.last_arrival - self.link.arrival)
        return behind or int(self.link.late)

    def figures(self) -> dict[str, Any]:
        """Return what the server has taken in and how far it is."""
        return {
            "format": "jakarta-one/status/1",
            "received": dict(self.received),
            "backlog": self.backlog,
            "waiting": self.commits.waiting,
            "verdicts": self.link.verdicts,
            "priced": not self.link.late,
            "tariffs": self.versions("tariff"),
            "hotlists": self.versions("hotlist"),
            "pipeline": {
                "running": self.link.running,
                "arrival": self.link.arrival,
                "stalled": self.link.stalled,
            },
        }

    def _know(self, call: Arrival) -> None:
        if call.name == "senders":
            self.senders.enrol(call.body)
        elif call.name in VERSIONED:
            self._versions[call.name, call.number] = call.digest

    def _committed(self, group: list[tuple[Arrival, Stored]]) -> None:
        for arrival, stored in group:
            if stored.repeated:
                self.received["repeats"] += 1
            elif arrival.kind is ArrivalKind.refused or stored.standing is not None:
                self.received["refused"] += 1
            elif arrival.kind is ArrivalKind.upload:
                self.received["uploads"] += 1
                self.received["taps"] += arrival.taps
        self.received["arrivals"] = self.store.last_arrival
        self.link.wake()
        self._gauge()

    def _progressed(self, report: dict[str, Any]) -> None:
        self.metrics.set_taps(report["verdicts"])
        self._gauge()

    def _gauge(self) -> None:
        self.metrics.backlog_uploads.set(self.backlog)
        self.metrics.waiting_uploads.set(self.commits.waiting)


def _is_fresh(folder: Path) -> bool:
    return not folder.is_dir() or not any(folder.iterdir())


def _empty(folder: Path) -> None:
    """Take away what a first start that broke off has made."""
    for path in folder.iterdir():
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)


def _take_folder(folder: Path) -> int:
    """Return a lock on the store's folder, which is made if it is not there."""
    check_version(folder, RAW)
    check_version(folder, BOOKS)
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise StoreError(f"{folder}: cannot be written: {error.strerror}") from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(lock)
        raise StoreError(f"{folder}: is in use by another serve; give --store another") from error
    return lock
