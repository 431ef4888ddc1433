"""How many taps a second the clearing house takes in over HTTP, beside a bare `executemany`.

A tap counts once its verdict is stored and nothing waits behind it: the clock runs from the first
upload until the backlog is 0. The baseline puts the same records in groups of the same size into a
table (device, seq, record) with that primary key, in SQLite with WAL and synchronous=FULL, in this
process. Server, pipeline and client share the machine.
"""

from __future__ import annotations

import asyncio
import resource
import sqlite3
import tempfile
import time
from collections import deque
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks._uploads import Uploads, make_uploads
from load.wire import BATCHES_PATH, TAPS_PATH, Address, Connection, Reply
from scheme.batches import Seal, parse_batch
from scheme.records import RECORD_SIZE
from testbed.reference_process import ReferenceProcess

BATCH = 500
STATION = 8  # records that a station sends a minute, on the mean of the shipped morning
SIZES = (50_000, 100_000, 200_000)
SINGLES = 8_000
STATION_UPLOADS = 6_000
CONNECTIONS = {BATCH: 8, STATION: 32, 1: 32}
DEADLINE_S = 300.0


def measure() -> dict[str, Any]:
    """Return taps a second at batch 500 at three sizes; value and ratio are of the largest."""
    growth = [_beside(taps) for taps in SIZES]
    largest = growth[-1]
    usages = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return {
        "benchmark": "intake",
        "value": largest["value"],
        "baseline": largest["baseline"],
        "ratio": largest["ratio"],
        "unit": f"taps a second with their verdict, batches of {BATCH} over HTTP",
        "peak_rss_mib": round(max(usage.ru_maxrss for usage in usages) / 1_024, 1),
        "growth": growth,
        "batch_1": _small(SINGLES, 1, "single taps a second, AES-CMAC"),
        "station": _small(
            STATION_UPLOADS * STATION, STATION, f"uploads of {STATION} taps a second, Ed25519"
        ),
    }


def _beside(taps: int) -> dict[str, Any]:
    uploads = make_uploads(taps, BATCH)
    seconds = _served(uploads, BATCH)
    bare = _bare(uploads)
    value, baseline = uploads.taps / seconds, uploads.taps / bare
    return {
        "taps": uploads.taps,
        "value": round(value),
        "baseline": round(baseline),
        "ratio": round(value / baseline, 3),
    }


def _small(taps: int, size: int, unit: str) -> dict[str, Any]:
    uploads = make_uploads(taps, size)
    seconds = _served(uploads, size)
    return {
        "value": round(len(uploads.sealed) / seconds),
        "unit": unit,
        "uploads": len(uploads.sealed),
        "taps_a_second": round(uploads.taps / seconds),
    }


def _served(uploads: Uploads, size: int) -> float:
    """Return the seconds from the first upload until everything has its verdict."""
    with (
        tempfile.TemporaryDirectory() as folder,
        ReferenceProcess(Path(folder) / "store") as process,
        process.target() as target,
    ):
        uploads.enrol(target)
        target.wait_until_booked(DEADLINE_S)
        began = time.perf_counter()
        asyncio.run(_send(process.url, uploads.sealed, CONNECTIONS[size]))
        while target.status()["backlog"] > 0:
            time.sleep(0.005)
        seconds = time.perf_counter() - began
        verdicts = target.status()["verdicts"]
    assert verdicts == {"accepted": uploads.taps}, verdicts
    return seconds


class Sender:
    """Keeps so many uploads under way until all are answered."""

    def __init__(self, requests: list[bytes]) -> None:
        self._waiting = deque(enumerate(requests))
        self._left = len(requests)
        self.done = asyncio.get_running_loop().create_future()

    def next(self, connection: Connection) -> None:
        """Send the next upload, if there is one."""
        if self._waiting:
            connection.request(*self._waiting.popleft())

    def replied(self, connection: Connection, reply: Reply) -> None:
        """Count an answer and go on."""
        assert reply.status == 200, reply
        connection.upload = -1
        self._left -= 1
        if not self._left:
            self.done.set_result(None)
        self.next(connection)

    def lost(self, connection: Connection) -> None:
        """Fail: nobody may break off here."""
        if not self.done.done():
            self.done.set_exception(ConnectionError("the server closed a connection"))


async def _send(url: str, sealed: list[bytes], connections: int) -> None:
    address = Address.of(url)
    single = parse_batch(sealed[0]).seal_kind is Seal.cmac
    head = address.head(TAPS_PATH if single else BATCHES_PATH)
    sender = Sender([head + b"%d\r\n\r\n" % len(data) + data for data in sealed])
    loop = asyncio.get_running_loop()
    opened = [await address.connect(loop, sender) for _ in range(connections)]
    for connection in opened:
        sender.next(connection)
    await sender.done
    for connection in opened:
        connection.close()


def _bare(uploads: Uploads) -> float:
    """Return the seconds that the bare table takes for the same records in the same groups."""
    groups = []
    for sealed in uploads.sealed:
        records = parse_batch(sealed).records
        whole = records.tobytes()
        rows = [whole[at : at + RECORD_SIZE] for at in range(0, len(whole), RECORD_SIZE)]
        keys = (records[name].astype(np.int64).tolist() for name in ("recorder", "sequence"))
        groups.append(list(zip(*keys, rows, strict=True)))
    with tempfile.TemporaryDirectory() as folder:
        table = sqlite3.connect(Path(folder) / "bare.sqlite", isolation_level=None)
        table.execute("PRAGMA journal_mode = WAL")
        table.execute("PRAGMA synchronous = FULL")
        table.execute(
            "CREATE TABLE tap (device INTEGER, seq INTEGER, record BLOB, PRIMARY KEY (device, seq))"
        )
        began = time.perf_counter()
        for group in groups:
            table.execute("BEGIN")
            table.executemany("INSERT INTO tap VALUES (?, ?, ?)", group)
            table.execute("COMMIT")
        seconds = time.perf_counter() - began
        table.close()
    return seconds
