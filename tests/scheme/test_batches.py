"""The sealed batch: what is sealed is what is read, and every changed bit is found."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from hypothesis import given
from hypothesis import strategies as st

from scheme.batches import (
    BATCH_SIZE_MAX,
    HEADER_SIZE,
    NO_PREVIOUS,
    Seal,
    batch_body,
    parse_batch,
    seal_cmac,
    seal_ed25519,
    seal_holds,
)
from scheme.errors import RecordError
from scheme.keys import TestKeys
from scheme.records import RECORD_SIZE, TAP_DTYPE

KEYS = TestKeys(7)
SENDER = 18
PUBLIC = Ed25519PublicKey.from_public_bytes(KEYS.sender_public_key(SENDER))
MAC_KEY = KEYS.sender_mac_key(SENDER)


def sealed(kind: Seal, amounts: tuple[int, ...] = (3_500, 0), number: int = 4) -> bytes:
    """Return a batch of records with these amounts."""
    records = np.zeros(len(amounts), TAP_DTYPE)
    records["amount"] = amounts
    body = batch_body(kind, 1, SENDER, number, b"\7" * 32, records)
    if kind is Seal.cmac:
        return seal_cmac(body, MAC_KEY)
    return seal_ed25519(body, KEYS.sender_signing_key(SENDER))


@pytest.mark.parametrize("kind", list(Seal))
def test_what_is_sealed_is_what_is_read(kind: Seal) -> None:
    batch = parse_batch(sealed(kind))
    assert (batch.seal_kind, batch.key_version, batch.sender, batch.number) == (kind, 1, SENDER, 4)
    assert (batch.count, batch.total_idr, batch.previous) == (2, 3_500, b"\7" * 32)
    assert batch.records["amount"].tolist() == [3_500, 0]
    assert batch.digest == hashlib.sha256(batch.body).digest()
    assert seal_holds(batch, PUBLIC, MAC_KEY)


@pytest.mark.parametrize("kind", list(Seal))
@given(data=st.data())
def test_a_flipped_bit_is_malformed_or_breaks_the_seal(kind: Seal, data: st.DataObject) -> None:
    whole = bytearray(sealed(kind))
    bit = data.draw(st.integers(0, len(whole) * 8 - 1))
    whole[bit // 8] ^= 1 << bit % 8
    try:
        batch = parse_batch(bytes(whole))
    except RecordError:
        return
    assert not seal_holds(batch, PUBLIC, MAC_KEY)


@pytest.mark.parametrize("kind", list(Seal))
def test_another_senders_key_does_not_open_the_seal(kind: Seal) -> None:
    batch = parse_batch(sealed(kind))
    other = Ed25519PublicKey.from_public_bytes(KEYS.sender_public_key(26))
    assert not seal_holds(batch, other, KEYS.sender_mac_key(26))


@pytest.mark.parametrize("kind", list(Seal))
def test_a_sender_without_a_key_of_that_kind_seals_nothing(kind: Seal) -> None:
    assert not seal_holds(parse_batch(sealed(kind)), None, b"")


def test_a_total_that_is_not_the_records_is_no_seal_even_if_signed() -> None:
    body = bytearray(parse_batch(sealed(Seal.cmac)).body)
    body[25] ^= 1
    assert not seal_holds(parse_batch(seal_cmac(bytes(body), MAC_KEY)), PUBLIC, MAC_KEY)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda b: b[: HEADER_SIZE - 1], f"expected at least {HEADER_SIZE} bytes"),
        (lambda b: b[:-1], "batch of 2 records: expected 298 bytes, got 297"),
        (lambda b: b + b"\0", "batch of 2 records: expected 298 bytes, got 299"),
        (lambda b: b"XK1B" + b[4:], "batch head: expected b'JK1B' version 1, got b'XK1B' 1"),
        (lambda b: b[:4] + b"\2" + b[5:], "version 1, got b'JK1B' 2"),
        (lambda b: b[:5] + b"\3" + b[6:], "batch seal kind: expected 1 or 2, got 3"),
        (lambda b: b[:12] + bytes(4) + b[16:], "number and count: expected from 1, got 0 and"),
        (lambda b: b[:16] + bytes(2) + b[18:], "number and count: expected from 1, got 4 and 0"),
        (lambda b: b + bytes(BATCH_SIZE_MAX), f"expected at most {BATCH_SIZE_MAX} bytes"),
    ],
)  # fmt: skip
def test_bytes_that_are_no_batch_are_named(change, said: str) -> None:  # type: ignore[no-untyped-def]
    whole = sealed(Seal.cmac)
    assert len(whole) == HEADER_SIZE + 2 * RECORD_SIZE + 16
    with pytest.raises(RecordError, match=said):
        parse_batch(change(whole))


def test_an_empty_batch_is_a_bug() -> None:
    with pytest.raises(AssertionError):
        batch_body(Seal.cmac, 1, SENDER, 1, NO_PREVIOUS, np.zeros(0, TAP_DTYPE))
