"""Sealing a plan: every upload's bytes made before any clock starts.

Batches are signed (Ed25519), single taps carry an AES-CMAC, and each names the digest of its
sender's batch before, so that a sender's uploads form a chain. A copy is the very bytes of the
upload that it repeats. In an epoch above 0 cards, terminals, SAMs and senders get fresh numbers,
and so fresh proofs and seals; trace ids stay, since they name presentations of the plan.
"""

from __future__ import annotations

import multiprocessing
import signal
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from load.epoch import records_in_epoch
from load.parquet import Columns
from load.plan import Plan, check_epoch, read_plan
from scheme.batches import Batch, Seal, batch_body, parse_batch, seal_cmac, seal_ed25519
from scheme.keys import TestKeys
from scheme.numbers import in_epoch_device
from scheme.records import TAP_DTYPE, records_view

POOL_FROM_UPLOADS = 8_000  # below it a second process costs more than it brings


@dataclass(frozen=True, slots=True)
class SealedPlan:
    """Uploads ready to be sent, in order of their intended instants.

    Attributes:
        from_ms: City instant at which a driver's clock starts, milliseconds UTC.
        epoch: The epoch of its numbers.
        upload: The plan's id of each upload, shape (n,).
        sender: Who sends it, in the epoch's numbers.
        at_ms: Its intended instant in city time, milliseconds UTC, rising.
        count: How many records it holds.
        single: Whether it is a single tap (sealed with a CMAC).
        copy: Whether it repeats an earlier upload of the same bytes.
        payloads: The sealed bytes, in the same order.
    """

    from_ms: int
    epoch: int
    upload: NDArray[np.uint32]
    sender: NDArray[np.uint32]
    at_ms: NDArray[np.int64]
    count: NDArray[np.int64]
    single: NDArray[np.bool_]
    copy: NDArray[np.bool_]
    payloads: list[bytes]

    def __len__(self) -> int:
        return len(self.payloads)

    @property
    def copies_planned(self) -> int:
        """How many answers are planned to say `repeated`."""
        return int(self.copy.sum())

    def batches(self) -> list[Batch]:
        """Return the uploads as batches; for people and tests, not for the wire."""
        return [parse_batch(payload) for payload in self.payloads]

    def between(self, from_ms: int, to_ms: int) -> SealedPlan:
        """Return the uploads of a window of city time, end excluded; its clock starts with it."""
        return self._only(np.flatnonzero((self.at_ms >= from_ms) & (self.at_ms < to_ms)), from_ms)

    def first(self, uploads: int) -> SealedPlan:
        """Return the first so many uploads."""
        return self._only(np.arange(min(uploads, len(self))), self.from_ms)

    def _only(self, rows: NDArray[np.intp], from_ms: int) -> SealedPlan:
        return SealedPlan(
            from_ms, self.epoch, self.upload[rows], self.sender[rows], self.at_ms[rows],
            self.count[rows], self.single[rows], self.copy[rows],
            [self.payloads[row] for row in rows.tolist()],
        )  # fmt: skip


class _Job(NamedTuple):
    """Whole chains of some senders, to be sealed in one process."""

    uploads: Columns  # `sender` in epoch 0, sorted by sender and batch; `first` counts in `records`
    records: NDArray[np.void]
    key_versions: dict[int, int]
    seed: int
    epoch: int


def seal(
    city: Path,
    keys: TestKeys,
    epoch: int = 0,
    rack_records: bytes | NDArray[np.void] | None = None,
    workers: int = 2,
) -> SealedPlan:
    """Return a city's uploads, sealed under a run's test keys in the numbers of an epoch.

    Args:
        city: The folder that `jakarta-one city generate` wrote.
        keys: The run's test keys; the seed is the manifest's `key_seed`.
        epoch: 0 for the plan's own numbers, up to 41 for fresh ones.
        rack_records: What the rack's terminals recorded, in order per terminal; it replaces the
            city's records of the rack's senders. An upload that is left without records is
            withheld.
        workers: Processes to seal with; a small plan is sealed in this one.

    Raises:
        BadInputError: If the plan is missing or broken, or the epoch does not exist.
    """
    check_epoch(epoch)
    plan = read_plan(city)
    if rack_records is not None:
        plan = with_rack_records(plan, rack_records)
    return seal_plan(plan, keys, epoch, workers)


def seal_plan(plan: Plan, keys: TestKeys, epoch: int = 0, workers: int = 2) -> SealedPlan:
    """Return a plan's uploads sealed; as `seal`, for a plan that is read already."""
    uploads = plan.uploads
    # A copy is sealed as nothing: it takes its original's bytes. Stable, so the original is first.
    order = np.lexsort((uploads["upload"], uploads["copy"], uploads["batch"], uploads["sender"]))
    originals = order[uploads["copy"][order] == 0]
    shards = workers if len(originals) >= POOL_FROM_UPLOADS else 1
    rows_of = _chains(uploads["sender"][originals], originals, shards)
    jobs = [_job(plan, rows, keys.seed, epoch) for rows in rows_of]
    if shards == 1:
        made = [_sealed(job) for job in jobs]
    else:
        # Spawned: a fork of a process with DuckDB's threads in it may hang.
        context = multiprocessing.get_context("spawn")
        # Ctrl-C reaches every process: theirs end at once and say nothing, ours tells it.
        quiet = (signal.SIGINT, signal.SIG_DFL)
        with ProcessPoolExecutor(shards, context, signal.signal, quiet) as pool:
            made = list(pool.map(_sealed, jobs))
    payloads: list[bytes] = [b""] * len(uploads["upload"])
    for rows, sealed in zip(rows_of, made, strict=True):
        for row, payload in zip(rows.tolist(), sealed, strict=True):
            payloads[row] = payload
    _fill_copies(uploads, payloads)
    return _plan_of(plan, payloads, epoch)


def with_rack_records(plan: Plan, rack_records: bytes | NDArray[np.void]) -> Plan:
    """Return the plan with the rack's records in place of the city's for the rack's senders.

    A terminal that recorded as many as the city planned keeps the plan's split into uploads. Where
    taps were displaced, each record goes with the first upload not before it, and uploads that
    are left empty are dropped.
    """
    if isinstance(rack_records, np.ndarray):
        rack_records = rack_records.astype(TAP_DTYPE).tobytes()  # NumPy joins in its own byte order
    made = records_view(rack_records)
    uploads = {name: column.copy() for name, column in plan.uploads.items()}
    parts: list[NDArray[np.void]] = [plan.records]
    at = len(plan.records)
    on_rack = (uploads["rack"] != 0) & (uploads["copy"] == 0)
    for sender in np.unique(uploads["sender"][on_rack]).tolist():
        rows = np.flatnonzero(on_rack & (uploads["sender"] == sender))
        rows = rows[np.argsort(uploads["batch"][rows], kind="stable")]
        planned = int(uploads["count"][rows].sum())
        first = int(uploads["first"][rows[0]])
        recorder = int(plan.records["recorder"][first])
        own = made[made["recorder"] == recorder]
        if len(own) != planned:
            uploads["count"][rows] = _split_by_time(own, uploads["at_ms"][rows])
        counts = uploads["count"][rows].astype(np.int64)
        uploads["first"][rows] = at + np.cumsum(counts) - counts
        parts.append(own)
        at += len(own)
    return Plan(
        plan.folder,
        plan.manifest,
        _kept(uploads),
        plan.senders,
        np.concatenate(parts, dtype=TAP_DTYPE),
    )


def _split_by_time(records: NDArray[np.void], at_ms: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return how many records go with each upload; those after the last go with the last."""
    tapped_ms = np.maximum.accumulate(records["at_s"].astype(np.int64) * 1_000 + records["ms"])
    upload = np.minimum(np.searchsorted(at_ms, tapped_ms), len(at_ms) - 1)
    return np.bincount(upload, minlength=len(at_ms))


def _kept(uploads: Columns) -> Columns:
    """Return uploads without the empty ones and their copies; copies follow their originals."""
    key = uploads["sender"].astype(np.int64) << 32 | uploads["batch"].astype(np.int64)
    originals = np.flatnonzero(uploads["copy"] == 0)
    originals = originals[np.argsort(key[originals])]
    source = originals[np.searchsorted(key[originals], key)]
    for name in ("first", "count"):
        uploads[name] = uploads[name][source]
    keep = uploads["count"] > 0
    return {name: column[keep] for name, column in uploads.items()}


def _chains(
    senders: NDArray[np.uint32], rows: NDArray[np.intp], shards: int
) -> list[NDArray[np.intp]]:
    """Return the rows, sorted by sender and batch, cut into shards of whole chains."""
    if shards == 1:
        return [rows]
    ranks = np.unique(senders, return_inverse=True)[1]
    return [rows[ranks % shards == shard] for shard in range(shards)]


def _job(plan: Plan, rows: NDArray[np.intp], seed: int, epoch: int) -> _Job:
    uploads = {name: column[rows] for name, column in plan.uploads.items()}
    counts = uploads["count"].astype(np.int64)
    starts = np.cumsum(counts) - counts
    total = int(counts.sum())
    # Records of the rows one after the other: where each row begins, then one by one from there.
    picked = np.repeat(uploads["first"].astype(np.int64) - starts, counts) + np.arange(total)
    uploads["first"] = starts
    versions = dict(
        zip(plan.senders["sender"].tolist(), plan.senders["key_version"].tolist(), strict=True)
    )
    return _Job(uploads, plan.records[picked], versions, seed, epoch)


def _sealed(job: _Job) -> list[bytes]:
    """Return the sealed bytes of a job's uploads, in the job's order."""
    keys = TestKeys(job.seed)
    records = records_in_epoch(job.records, keys, job.epoch) if job.epoch else job.records
    sealed: list[bytes] = []
    sender, previous = -1, b""
    columns = (
        job.uploads[name].tolist() for name in ("sender", "batch", "first", "count", "single")
    )
    for own, number, first, count, single in zip(*columns, strict=True):
        if own != sender:
            sender, previous = own, bytes(32)
            signing, mac, shown = _sender_keys(keys, own, job.epoch)
        kind = Seal.cmac if single else Seal.ed25519
        version = job.key_versions[own]
        body = batch_body(kind, version, shown, number, previous, records[first : first + count])
        sealed.append(seal_cmac(body, mac) if single else seal_ed25519(body, signing))
        previous = Batch(kind, version, shown, number, count, 0, previous, body, b"").digest
    return sealed


def _sender_keys(keys: TestKeys, sender: int, epoch: int) -> tuple[Any, bytes, int]:
    shown = int(in_epoch_device(sender, epoch)) if epoch else sender
    return keys.sender_signing_key(shown), keys.sender_mac_key(shown), shown


def _fill_copies(uploads: Columns, payloads: list[bytes]) -> None:
    columns = [uploads[name].tolist() for name in ("sender", "batch", "copy")]
    originals = {
        (sender, batch): row for row, (sender, batch, copy) in enumerate(zip(*columns, strict=True))
        if not copy
    }  # fmt: skip
    for row, (sender, batch, copy) in enumerate(zip(*columns, strict=True)):
        if copy:
            payloads[row] = payloads[originals[sender, batch]]


def _plan_of(plan: Plan, payloads: list[bytes], epoch: int) -> SealedPlan:
    uploads = plan.uploads
    order = np.lexsort((uploads["upload"], uploads["at_ms"]))
    sender = uploads["sender"].astype(np.int64)
    shown = in_epoch_device(sender, epoch) if epoch else sender
    return SealedPlan(
        plan.window_ms[0],
        epoch,
        uploads["upload"][order].astype(np.uint32),
        shown[order].astype(np.uint32),
        uploads["at_ms"][order].astype(np.int64),
        uploads["count"][order].astype(np.int64),
        uploads["single"][order] != 0,
        uploads["copy"][order] != 0,
        [payloads[row] for row in order.tolist()],
    )
