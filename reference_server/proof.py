"""Whether an upload is what its sender sealed: one seal a batch, checked at the door.

What is said here is said of the upload as a whole; what is said of each record is in `clearing`.
A refused upload is evidence: `salvage` finds the records in it as far as they can be told apart.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from reference_server.devices import Senders
from scheme.batches import (
    BATCH_SIZE_MAX,
    HEADER,
    HEADER_SIZE,
    MAGIC,
    RECORDS_MAX,
    SEAL_SIZE,
    Batch,
    Seal,
    parse_batch,
    seal_holds,
)
from scheme.errors import RecordError
from scheme.records import RECORD_SIZE, RECORD_VERSION, TAP_DTYPE, records_view
from scheme.verdicts import Verdict

# Reason of a refused upload: HTTP status, and the verdict of the taps in it. Where a verdict is the
# reason, it bears the verdict's name. Source: docs/spec/export.md, "Reasons".
REASONS: dict[str, tuple[int, Verdict]] = {
    "record_malformed": (400, Verdict.record_malformed),
    "wrong-route": (400, Verdict.record_malformed),
    "oversized": (413, Verdict.record_malformed),
    "device_unknown": (403, Verdict.device_unknown),
    "batch_signature_wrong": (401, Verdict.batch_signature_wrong),
    "batch-digest-differs": (409, Verdict.record_malformed),
}


class Refusal(NamedTuple):
    """Why an upload is refused: a key of `REASONS`, and a sentence."""

    reason: str
    detail: str


def check_upload(data: bytes, route: Seal, senders: Senders) -> Batch | Refusal:
    """Return the batch that an enrolled sender sealed for this route, or why it is none."""
    if len(data) > BATCH_SIZE_MAX:
        return Refusal("oversized", f"expected at most {BATCH_SIZE_MAX} bytes, got more")
    try:
        batch = parse_batch(data)
    except RecordError as error:
        return Refusal("record_malformed", str(error))
    sender = senders.get(batch.sender)
    if sender is None:
        return Refusal("device_unknown", f"sender {batch.sender} is not enrolled")
    if sender.key_version != batch.key_version or not seal_holds(
        batch, sender.public_key, sender.mac_key
    ):
        return Refusal(
            "batch_signature_wrong",
            f"seal or total is not what sender {batch.sender} seals with key version"
            f" {sender.key_version}",
        )
    if batch.seal_kind is not route:
        return Refusal(
            "wrong-route",
            f"expected seal {route.name}, got {batch.seal_kind.name};"
            " batches go to /v1/batches with Ed25519, single taps to /v1/taps with AES-CMAC",
        )
    if route is Seal.cmac and batch.count != 1:
        return Refusal("wrong-route", f"expected a single tap, got {batch.count} records")
    return batch


class Head(NamedTuple):
    """What can be told of an upload that may be broken."""

    sender: int
    number: int
    taps: int


def head_of(data: bytes) -> Head:
    """Return the sender and number that a broken upload names, and how many records it shows."""
    if len(data) < HEADER_SIZE:
        return Head(0, 0, 0)
    magic, _, _, _, _, sender, number, count, _, _ = HEADER.unpack(data[:HEADER_SIZE])
    whole = (len(data) - HEADER_SIZE) // RECORD_SIZE
    if magic == MAGIC and count:
        return Head(sender, number, min(count, whole, RECORDS_MAX))
    # A flipped bit in the head: the length may still tell, if the first record begins as one.
    lengths = {(len(data) - HEADER_SIZE - size) % RECORD_SIZE for size in SEAL_SIZE.values()}
    if whole and 0 in lengths and data[HEADER_SIZE] == RECORD_VERSION:
        return Head(sender, number, min(whole, RECORDS_MAX))
    return Head(sender, number, 0)


def salvage(data: bytes, taps: int) -> NDArray[np.void]:
    """Return the first records of an upload, without copying."""
    if taps == 0:
        return np.empty(0, TAP_DTYPE)
    return records_view(memoryview(data)[HEADER_SIZE : HEADER_SIZE + taps * RECORD_SIZE])
