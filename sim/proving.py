"""TACs and trace ids of records, in parallel: the part of the city that costs most.

Records are divided by card, the same way whatever the number of workers, so that one worker meets a
card's records together.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from scheme.cryptograms import tacs
from scheme.keys import Role, TestKeys, tac_keys
from scheme.records import card_parts, trace_ids
from scheme.verdicts import Verdict
from sim.chance import keyed_bits

SHARDS = 16
Map = Callable[[Callable[[Any], Any], Iterable[Any]], Iterable[Any]]


def shard_of(cards: NDArray[np.uint64]) -> NDArray[np.int64]:
    """Return the shard, 0 to 15, of each card number; it depends on nothing else."""
    return (keyed_bits(0, "shard", cards) >> np.uint64(60)).astype(np.int64)


class ProofTask(NamedTuple):
    """Some records to be proved, all of them accepted, sorted by card."""

    seed: int
    issuer: NDArray[np.uint16]
    card: NDArray[np.uint64]
    key_version: NDArray[np.uint8]
    parts: NDArray[np.uint8]


def prove(records: NDArray[np.void], seed: int, each: Map) -> None:
    """Write the TAC of every record that has one."""
    proved = np.flatnonzero(records["refusal"] == Verdict.accepted)
    shard = shard_of(records["card"][proved].astype(np.uint64))
    rows = [proved[shard == n] for n in range(SHARDS)]
    rows = [some[np.argsort(records["card"][some], kind="stable")] for some in rows]
    tasks = [
        ProofTask(
            seed,
            records["issuer"][some].astype(np.uint16),
            records["card"][some].astype(np.uint64),
            records["key_version"][some],
            card_parts(records[some]),
        )
        for some in rows
    ]
    for some, made in zip(rows, each(_tacs, tasks), strict=True):
        records["tac"][some] = made


def _tacs(task: ProofTask) -> NDArray[np.uint8]:
    keys = TestKeys(task.seed)
    own = np.empty((len(task.card), 16), np.uint8)
    for issuer in np.unique(task.issuer).tolist():
        for version in np.unique(task.key_version[task.issuer == issuer]).tolist():
            rows = np.flatnonzero((task.issuer == issuer) & (task.key_version == version))
            cards, back = np.unique(task.card[rows], return_inverse=True)
            master = keys.issuer_master(issuer, Role.tac, version)
            own[rows] = tac_keys(master, cards, issuer, version)[back]
    return tacs(own, task.parts)


class TraceTask(NamedTuple):
    """Presentations whose trace ids are wanted."""

    seed: int
    terminal: NDArray[np.uint32]
    number: NDArray[np.uint32]


def traces(
    seed: int, terminal: NDArray[np.uint32], number: NDArray[np.uint32], each: Map
) -> NDArray[np.uint8]:
    """Return the trace ids of presentations, shape (n, 12)."""
    parts = [
        TraceTask(seed, some, their)
        for some, their in zip(
            np.array_split(terminal, SHARDS), np.array_split(number, SHARDS), strict=True
        )
    ]
    return np.concatenate(list(each(_traces, parts)))


def _traces(task: TraceTask) -> NDArray[np.uint8]:
    return trace_ids(task.seed, task.terminal, task.number)
