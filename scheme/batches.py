"""The sealed batch: what a sender uploads, one record or many.

    magic 4 "JK1B" · version 1 · seal 1 · key version 1 · reserved 1 · sender 4 · number 4 · count 2
    · total 8 (sum of amounts) · previous 32 (digest of the sender's batch before, zero for none)
    · count x 112 bytes of records · seal

The digest is SHA-256 over everything before the seal. A batch carries an Ed25519 signature
(64 bytes) over it; a single tap an AES-CMAC (16 bytes) under the sender's key, which costs the door
a twentieth as much. Source of the choice: docs/decisions/0004-seals.md.
"""

from __future__ import annotations

import hashlib
import hmac
import struct
from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.cmac import CMAC
from numpy.typing import NDArray

from scheme.errors import RecordError
from scheme.records import RECORD_SIZE, records_view

MAGIC = b"JK1B"
BATCH_VERSION = 1
HEADER = struct.Struct(">4sBBBBIIHQ32s")
HEADER_SIZE = HEADER.size
RECORDS_MAX = 5_000
BATCH_SIZE_MAX = HEADER_SIZE + RECORDS_MAX * RECORD_SIZE + 64
NO_PREVIOUS = bytes(32)
SEAL_DOMAIN = b"jakarta-one/batch/1\0"


class Seal(IntEnum):
    """How a batch is sealed, and so how long its seal is."""

    ed25519 = 1
    cmac = 2


SEAL_SIZE = {Seal.ed25519: 64, Seal.cmac: 16}


@dataclass(frozen=True, slots=True)
class Batch:
    """A batch as its bytes say, before anybody has checked the seal.

    Attributes:
        body: Everything the seal covers, header and records.
        seal: The signature or MAC.
    """

    seal_kind: Seal
    key_version: int
    sender: int
    number: int
    count: int
    total_idr: int
    previous: bytes
    body: bytes
    seal: bytes

    @property
    def digest(self) -> bytes:
        """SHA-256 over header and records."""
        return hashlib.sha256(self.body).digest()

    @property
    def records(self) -> NDArray[np.void]:
        """The records, an array of `TAP_DTYPE` without copying."""
        return records_view(memoryview(self.body)[HEADER_SIZE:])


def batch_body(
    seal_kind: Seal,
    key_version: int,
    sender: int,
    number: int,
    previous: bytes,
    records: NDArray[np.void],
) -> bytes:
    """Return header and records, ready to be sealed."""
    assert 0 < len(records) <= RECORDS_MAX, len(records)
    total = int(records["amount"].astype(np.int64).sum())
    header = HEADER.pack(
        MAGIC, BATCH_VERSION, seal_kind, key_version, 0, sender, number, len(records), total,
        previous,
    )  # fmt: skip
    return header + records.tobytes()


def seal_ed25519(body: bytes, key: Ed25519PrivateKey) -> bytes:
    """Return the sealed batch: body and Ed25519 signature."""
    return body + key.sign(SEAL_DOMAIN + hashlib.sha256(body).digest())


def seal_cmac(body: bytes, key: bytes) -> bytes:
    """Return the sealed batch: body and AES-CMAC under the sender's key."""
    return body + _cmac(key, SEAL_DOMAIN + hashlib.sha256(body).digest())


def parse_batch(data: bytes) -> Batch:
    """Return the batch in `data`; its seal is not checked yet.

    Raises:
        RecordError: If the bytes are truncated, oversized or no batch; says where and what.
    """
    if len(data) > BATCH_SIZE_MAX:
        raise RecordError(f"batch: expected at most {BATCH_SIZE_MAX} bytes, got {len(data)}")
    if len(data) < HEADER_SIZE:
        raise RecordError(f"batch: expected at least {HEADER_SIZE} bytes, got {len(data)}")
    magic, version, seal, key_version, _, sender, number, count, total, previous = HEADER.unpack(
        data[:HEADER_SIZE]
    )
    if magic != MAGIC or version != BATCH_VERSION:
        raise RecordError(f"batch head: expected {MAGIC!r} version 1, got {magic!r} {version}")
    if seal not in SEAL_SIZE:
        raise RecordError(f"batch seal kind: expected 1 or 2, got {seal}")
    if number == 0 or count == 0:
        raise RecordError(f"batch number and count: expected from 1, got {number} and {count}")
    body_size = HEADER_SIZE + count * RECORD_SIZE
    whole = body_size + SEAL_SIZE[Seal(seal)]
    if len(data) != whole:
        raise RecordError(f"batch of {count} records: expected {whole} bytes, got {len(data)}")
    return Batch(
        Seal(seal), key_version, sender, number, count, total, previous,
        data[:body_size], data[body_size:],
    )  # fmt: skip


def seal_holds(batch: Batch, public_key: Ed25519PublicKey | None, mac_key: bytes) -> bool:
    """Return whether the seal is the enrolled sender's, and the total that of the records."""
    if batch.total_idr != int(batch.records["amount"].astype(np.int64).sum()):
        return False
    message = SEAL_DOMAIN + batch.digest
    if batch.seal_kind is Seal.cmac:
        return len(mac_key) == 16 and hmac.compare_digest(_cmac(mac_key, message), batch.seal)
    if public_key is None:
        return False
    try:
        public_key.verify(batch.seal, message)
    except InvalidSignature:
        return False
    return True


def _cmac(key: bytes, message: bytes) -> bytes:
    mac = CMAC(AES(key))
    mac.update(message)
    return mac.finalize()
