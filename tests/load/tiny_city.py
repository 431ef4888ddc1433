"""A city of a few senders, written as `jakarta-one city generate` writes one, for tests."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from load.parquet import write_columns
from scheme.batches import Seal
from scheme.cryptograms import tacs
from scheme.keys import KEY_VERSION, Role, TestKeys, tac_keys
from scheme.numbers import SAM_SERIAL_OFFSET, card_numbers, device_numbers, participant_number
from scheme.records import TAP_DTYPE, card_parts, trace_ids
from scheme.target import CARD_DTYPE, TERMINAL_DTYPE

SEED = 7
FROM_MS = 1_767_567_600_000  # 2026-01-05 06:00 in Jakarta
CARDS = 8
ISSUERS = tuple(participant_number(serial) for serial in (101, 102))


class Planned(NamedTuple):
    """One upload to be planned; a copy repeats the sender's upload before it."""

    sender: int  # serial
    at_ms: int  # after FROM_MS
    records: int = 1
    single: bool = False
    copy: bool = False
    rack: bool = False


def write_city(
    folder: Path,
    planned: list[Planned],
    *,
    corrupted: tuple[int, ...] = (),
    refused: tuple[int, ...] = (),
    unknown: tuple[int, ...] = (),
) -> Path:
    """Write a city with these uploads.

    Args:
        folder: Where to.
        planned: Its uploads, in any order.
        corrupted: Records whose TAC is wrong by one bit, by index.
        refused: Records of refused taps, with a zero TAC, by index.
        unknown: Serials of terminals that are not enrolled.
    """
    (folder / "plan").mkdir(parents=True)
    (folder / "records").mkdir()
    serials = sorted({upload.sender for upload in planned})
    uploads = _uploads(sorted(planned, key=lambda upload: upload.at_ms))
    write_columns(folder / "plan" / "uploads.parquet", uploads)
    write_columns(folder / "plan" / "senders.parquet", _senders(serials, planned))
    write_columns(folder / "plan" / "terminals.parquet", _terminals(serials, unknown))
    cards = _cards()
    write_columns(folder / "plan" / "cards.parquet", {n: cards[n] for n in CARD_DTYPE.names or ()})
    records = _records(uploads, cards, corrupted, refused)
    (folder / "records" / "records.bin").write_bytes(records.tobytes())
    last_ms = FROM_MS + max(upload.at_ms for upload in planned) + 1
    manifest = {
        "format": "jakarta-one/plan/1", "seed": SEED, "key_seed": SEED,
        "from_ms": FROM_MS, "to_ms": last_ms,
    }  # fmt: skip
    (folder / "manifest.json").write_text(json.dumps(manifest))
    return folder


def _uploads(planned: list[Planned]) -> dict[str, NDArray[Any]]:
    numbers: dict[int, int] = {}
    batches = []
    for upload in planned:
        numbers[upload.sender] = numbers.get(upload.sender, 0) + (not upload.copy)
        batches.append(numbers[upload.sender])
    sender = device_numbers(np.array([upload.sender for upload in planned], np.int64))
    batch = np.array(batches, np.uint32)
    copy = np.array([upload.copy for upload in planned], np.uint8)
    count = np.array([upload.records for upload in planned], np.uint32)
    first = np.zeros(len(planned), np.uint32)
    at, seen = 0, {}
    for row in np.lexsort((copy, batch, sender)).tolist():
        key = int(sender[row]), int(batch[row])
        if not copy[row]:
            seen[key] = at, int(count[row])
            at += int(count[row])
        first[row], count[row] = seen[key]
    return {
        "upload": np.arange(len(planned), dtype=np.uint32),
        "sender": sender,
        "batch": batch,
        "at_ms": FROM_MS + np.array([upload.at_ms for upload in planned], np.int64),
        "first": first,
        "count": count,
        "single": np.array([upload.single for upload in planned], np.uint8),
        "copy": copy,
        "rack": np.array([upload.rack for upload in planned], np.uint8),
    }


def _senders(serials: list[int], planned: list[Planned]) -> dict[str, NDArray[Any]]:
    single = {upload.sender: upload.single for upload in planned}
    seals = [Seal.cmac if single[serial] else Seal.ed25519 for serial in serials]
    return {
        "sender": device_numbers(np.array(serials, np.int64)),
        "seal": np.array(seals, np.uint8),
        "key_version": np.full(len(serials), KEY_VERSION, np.uint8),
    }


def _terminals(serials: list[int], unknown: tuple[int, ...]) -> dict[str, NDArray[Any]]:
    own = np.array(serials, np.int64)
    rows = np.zeros(len(serials), TERMINAL_DTYPE)
    rows["terminal"] = rows["sender"] = device_numbers(own)
    rows["sam"] = device_numbers(own + SAM_SERIAL_OFFSET)
    columns: dict[str, NDArray[Any]] = {name: rows[name] for name in TERMINAL_DTYPE.names or ()}
    return columns | {"enrolled": ~np.isin(own, unknown)}


def _cards() -> NDArray[np.void]:
    rows = np.zeros(CARDS, CARD_DTYPE)
    rows["issuer"] = np.resize(ISSUERS, CARDS)
    rows["card"] = card_numbers(rows["issuer"], np.arange(1, CARDS + 1))
    rows["key_version"] = KEY_VERSION
    rows["balance"] = 100_000
    return rows


def _records(
    uploads: dict[str, NDArray[Any]],
    cards: NDArray[np.void],
    corrupted: tuple[int, ...],
    refused: tuple[int, ...],
) -> NDArray[np.void]:
    originals = uploads["copy"] == 0
    order = np.lexsort((uploads["batch"][originals], uploads["sender"][originals]))
    count = uploads["count"][originals][order]
    sender = np.repeat(uploads["sender"][originals][order], count).astype(np.int64)
    total = len(sender)
    rows = np.zeros(total, TAP_DTYPE)
    holder = cards[np.arange(total) % CARDS]
    rows["version"] = rows["kind"] = rows["purse"] = 1
    for name in ("card", "issuer", "key_version"):
        rows[name] = holder[name]
    rows["nt"] = np.arange(total) // CARDS + 1
    rows["amount"] = 3_500
    at_ms = np.repeat(uploads["at_ms"][originals][order], count)
    rows["at_s"], rows["ms"] = np.divmod(at_ms - 1, 1_000)
    rows["terminal"] = rows["recorder"] = sender
    rows["sam"] = device_numbers(sender // 10 + SAM_SERIAL_OFFSET)
    rows["sequence"] = np.arange(total) + 1
    rows["trace"] = trace_ids(SEED, rows["terminal"], rows["sequence"])
    rows["amount"][list(refused)] = 0
    rows["refusal"][list(refused)] = 8
    rows["tac"] = proofs_of(rows)
    rows["tac"][list(refused)] = 0
    rows["tac"][list(corrupted), 0] ^= 1
    return rows


def proofs_of(records: NDArray[np.void]) -> NDArray[np.uint8]:
    """Return the right TAC of each record, one card at a time."""
    keys = TestKeys(SEED)
    own = np.empty((len(records), 16), np.uint8)
    for row, record in enumerate(records):
        issuer, version = int(record["issuer"]), int(record["key_version"])
        master = keys.issuer_master(issuer, Role.tac, version)
        card = np.array([record["card"]], np.uint64)
        own[row] = tac_keys(master, card, issuer, version)[0]
    return tacs(own, card_parts(records))
