"""A city's plan as the crowd reads it: uploads, their records, and what must be enrolled for them.

It reads the folder that `jakarta-one city generate` writes (manifest.json, plan/, records/) and
nothing of truth/. It seals nothing and sends nothing: see `load.sealing` and `load.driver`.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from load.parquet import Columns, read_columns
from scheme.batches import Seal
from scheme.errors import BadInputError
from scheme.keys import TestKeys
from scheme.numbers import EPOCH_MAX, in_epoch_card, in_epoch_device
from scheme.records import RECORD_SIZE, records_view
from scheme.target import CARD_DTYPE, SENDER_DTYPE, TERMINAL_DTYPE

PLAN_FORMAT = "jakarta-one/plan/1"
UPLOAD_COLUMNS = (
    "upload", "sender", "batch", "at_ms", "first", "count", "single", "copy", "rack",
)  # fmt: skip
SENDER_COLUMNS = ("sender", "seal", "key_version")


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything that is to be sent, in city time and in the numbers of epoch 0.

    Attributes:
        folder: The city's folder.
        manifest: Its manifest.json.
        uploads: Columns `UPLOAD_COLUMNS`, one row an upload, sorted by upload.
        senders: Columns `SENDER_COLUMNS`, one row a sender, sorted by sender.
        records: Every record of `TAP_DTYPE`, where the uploads' `first` and `count` point into.
    """

    folder: Path
    manifest: dict[str, Any]
    uploads: Columns
    senders: Columns
    records: NDArray[np.void]

    @property
    def window_ms(self) -> tuple[int, int]:
        """From when to when the plan runs, milliseconds UTC; uploads may follow its end."""
        return int(self.manifest["from_ms"]), int(self.manifest["to_ms"])

    def shard(self, index: int, shards: int) -> Plan:
        """Return the plan of every `shards`-th sender: whole chains, the same clock."""
        ranks = np.searchsorted(self.senders["sender"], self.uploads["sender"])
        mine = ranks % shards == index
        uploads = {name: column[mine] for name, column in self.uploads.items()}
        return Plan(self.folder, self.manifest, uploads, self.senders, self.records)


class Enrolment(NamedTuple):
    """What a back office must know before the plan's uploads mean anything to it."""

    terminals: NDArray[np.void]  # TERMINAL_DTYPE
    senders: NDArray[np.void]  # SENDER_DTYPE
    cards: NDArray[np.void]  # CARD_DTYPE


def read_plan(city: Path) -> Plan:
    """Return the plan in a city's folder.

    Raises:
        BadInputError: If a file is missing, of another format, or points outside the records.
    """
    manifest = read_manifest(city)
    uploads = read_columns(city / "plan" / "uploads.parquet", UPLOAD_COLUMNS, "upload")
    senders = read_columns(city / "plan" / "senders.parquet", SENDER_COLUMNS, "sender")
    records = _read_records(city / "records" / "records.bin")
    plan = Plan(city, manifest, uploads, senders, records)
    _check(plan)
    return plan


def read_manifest(city: Path) -> dict[str, Any]:
    """Return a city's manifest.

    Raises:
        BadInputError: If there is none, or it is of another format.
    """
    path = city / "manifest.json"
    if not path.is_file():
        raise BadInputError(
            f"{path}: expected the manifest of a generated city, got no file; "
            "`jakarta-one city generate SCENARIO --out DIR` writes one"
        )
    try:
        manifest: dict[str, Any] = json.loads(path.read_text())
    except json.JSONDecodeError as error:
        raise BadInputError.at(str(path), expected="a JSON document", got=str(error)) from error
    if manifest.get("format") != PLAN_FORMAT:
        raise BadInputError.at(
            f"{path}: format", expected=PLAN_FORMAT, got=repr(manifest.get("format"))
        )
    return manifest


def enrolment(city: Path, keys: TestKeys, epoch: int = 0) -> Enrolment:
    """Return terminals, senders and cards of a city, in the numbers of an epoch.

    Terminals that the plan calls unknown devices (`enrolled` false) are left out; their senders
    are not. Every sender has a MAC key, which also opens the lists that devices fetch; those that
    sign batches have a public key beside it.

    Raises:
        BadInputError: If a file of the plan is missing or lacks a column.
    """
    check_epoch(epoch)
    plan = city / "plan"
    terminals = _read_rows(plan / "terminals.parquet", TERMINAL_DTYPE, "terminal", "enrolled")
    cards = _read_rows(plan / "cards.parquet", CARD_DTYPE, "card")
    table = read_columns(plan / "senders.parquet", SENDER_COLUMNS, "sender")
    if epoch:
        cards["card"] = in_epoch_card(cards["card"].astype(np.int64), epoch)
        for name in ("terminal", "sender", "sam"):
            terminals[name] = in_epoch_device(terminals[name].astype(np.int64), epoch)
        table["sender"] = in_epoch_device(table["sender"].astype(np.int64), epoch)
    return Enrolment(terminals, _sender_rows(table, keys), cards)


def check_epoch(epoch: int) -> None:
    """Raise `BadInputError` if an epoch does not fit the numbers."""
    if not 0 <= epoch <= EPOCH_MAX:
        raise BadInputError.at("--epoch", expected=f"0 to {EPOCH_MAX}", got=epoch)


def _sender_rows(table: Columns, keys: TestKeys) -> NDArray[np.void]:
    rows = np.zeros(len(table["sender"]), SENDER_DTYPE)
    rows["sender"] = table["sender"]
    rows["key_version"] = table["key_version"]
    for row, sender, seal in zip(
        rows, table["sender"].tolist(), table["seal"].tolist(), strict=True
    ):
        row["mac_key"] = np.frombuffer(keys.sender_mac_key(sender), np.uint8)
        if seal == Seal.ed25519:
            row["public_key"] = np.frombuffer(keys.sender_public_key(sender), np.uint8)
    return rows


def _read_rows(
    path: Path, dtype: np.dtype[np.void], order_by: str, only: str | None = None
) -> NDArray[np.void]:
    names = tuple(dtype.names or ())
    columns = read_columns(path, (*names, only) if only else names, order_by)
    rows = np.zeros(len(columns[order_by]), dtype)
    for name in names:
        rows[name] = columns[name]
    return rows[columns[only].astype(bool)] if only else rows


def _read_records(path: Path) -> NDArray[np.void]:
    if not path.is_file():
        raise BadInputError.at(str(path), expected="the records of a city", got="no file")
    size = path.stat().st_size
    if size % RECORD_SIZE:
        raise BadInputError.at(
            str(path), expected=f"whole records of {RECORD_SIZE} bytes", got=f"{size} bytes"
        )
    return records_view(path.read_bytes())


def _check(plan: Plan) -> None:
    uploads, where = plan.uploads, plan.folder / "plan" / "uploads.parquet"
    ends = uploads["first"].astype(np.int64) + uploads["count"]
    if len(ends) and int(ends.max()) > len(plan.records):
        raise BadInputError.at(
            f"{where}: first + count",
            expected=f"at most {len(plan.records)} records", got=int(ends.max()),
        )  # fmt: skip
    signers = plan.senders["sender"][plan.senders["seal"] == Seal.ed25519]
    signed = uploads["sender"][uploads["single"] == 0]
    strangers = np.setdiff1d(signed, signers)
    if len(strangers):
        raise BadInputError.at(
            f"{where}: sender of a batch",
            expected="one with seal 1 in senders.parquet", got=int(strangers[0]),
        )  # fmt: skip
