"""Partitions: what they prove, and that nobody else can open them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import reference_server
from reference_server.keystore import KeyStore, Proof
from scheme.errors import BadInputError
from scheme.keys import KEY_VERSION, Role
from scheme.records import TapRecord, records_view
from tests.reference_server.town import CARDS, DKI, KEYS, MANDIRI, tap

ANN, BEN, _ = CARDS
PACKAGE = Path(reference_server.__file__).parent


def master(issuer: int, version: int = KEY_VERSION) -> bytes:
    """Return a bank's TAC master."""
    return KEYS.issuer_master(issuer, Role.tac, version)


def proofs(keys: KeyStore, issuer: int, *records: TapRecord) -> list[int]:
    """Return what an issuer's partition says of records."""
    partition = keys.partition(issuer)
    assert partition is not None
    said: list[int] = partition.prove(records_view(b"".join(r.data for r in records))).tolist()
    return said


def test_a_partition_proves_its_own_cards_by_the_version_they_name(tmp_path: Path) -> None:
    keys = KeyStore(tmp_path)
    keys.take(DKI, 1, master(DKI))
    keys.take(DKI, 2, master(DKI, 2))
    good, second = tap(ANN, 1, "shop", "08:00"), tap(ANN, 2, "shop", "08:01", key_version=2)
    forged = TapRecord.of(**(good.fields() | {"amount": 1}))
    third = TapRecord.of(**(good.fields() | {"key_version": 3}))
    assert proofs(keys, DKI, good, second, forged, third) == [
        Proof.holds, Proof.holds, Proof.tac_does_not_match, Proof.key_version_unknown,
    ]  # fmt: skip


def test_a_partition_never_speaks_for_another_banks_card(tmp_path: Path) -> None:
    keys = KeyStore(tmp_path)
    keys.take(MANDIRI, KEY_VERSION, master(MANDIRI))
    stolen = tap(ANN, 1, "shop", "08:00", issuer=MANDIRI)  # proved under Mandiri's key
    assert proofs(keys, MANDIRI, stolen) == [Proof.tac_does_not_match]
    assert proofs(keys, MANDIRI, tap(BEN, 1, "shop", "08:00")) == [Proof.holds]


def test_keys_are_found_again_and_never_change(tmp_path: Path) -> None:
    KeyStore(tmp_path).take(DKI, KEY_VERSION, master(DKI))
    keys = KeyStore(tmp_path)
    keys.take(DKI, KEY_VERSION, master(DKI))
    with pytest.raises(BadInputError, match="expected the key it holds already") as refused:
        keys.take(DKI, KEY_VERSION, master(DKI, 2))
    assert master(DKI, 2).hex() not in str(refused.value)
    assert proofs(keys, DKI, tap(ANN, 1, "shop", "08:00")) == [Proof.holds]
    assert keys.partition(MANDIRI) is None


def test_a_partition_gives_no_key_out(tmp_path: Path) -> None:
    keys = KeyStore(tmp_path)
    keys.take(DKI, KEY_VERSION, master(DKI))
    partition = keys.partition(DKI)
    public = {name for name in dir(partition) if not name.startswith("_")}
    assert public == {"issuer", "prove"}


def test_nobody_but_the_key_store_knows_where_keys_lie_or_how_they_are_made() -> None:
    for path in PACKAGE.glob("*.py"):
        if path.name == "keystore.py":
            continue
        text = path.read_text()
        assert "tac_keys" not in text, path
        assert "issuer-" not in text, path
        assert "_Partition__" not in text, path


def test_no_records_are_proved_at_once(tmp_path: Path) -> None:
    keys = KeyStore(tmp_path)
    keys.take(DKI, KEY_VERSION, master(DKI))
    partition = keys.partition(DKI)
    assert partition is not None
    empty = records_view(tap(ANN, 1, "shop", "08:00").data)[:0]
    assert partition.prove(empty).tolist() == np.empty(0).tolist()
