"""A plan that is missing or broken is one line that names the file."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from load.parquet import Columns, write_columns
from load.plan import enrolment, read_plan
from load.sealing import seal
from scheme.batches import Seal
from scheme.errors import BadInputError
from scheme.keys import TestKeys
from scheme.numbers import device_numbers
from tests.load.tiny_city import SEED, Planned, write_city

KEYS = TestKeys(SEED)
SERIALS = np.array([11, 12, 21], np.int64)
PLANNED = [Planned(11, 1_000, records=2), Planned(21, 2_000, single=True), Planned(12, 3_000)]


def without_manifest(city: Path) -> None:
    (city / "manifest.json").unlink()


def of_another_format(city: Path) -> None:
    (city / "manifest.json").write_text(json.dumps({"format": "jakarta-one/plan/9"}))


def no_json(city: Path) -> None:
    (city / "manifest.json").write_text("{")


def without_uploads(city: Path) -> None:
    (city / "plan" / "uploads.parquet").unlink()


def without_a_column(city: Path) -> None:
    write_columns(city / "plan" / "senders.parquet", {"sender": device_numbers(SERIALS)})


def cut_records(city: Path) -> None:
    path = city / "records" / "records.bin"
    path.write_bytes(path.read_bytes()[:-1])


def fewer_records(city: Path) -> None:
    path = city / "records" / "records.bin"
    path.write_bytes(path.read_bytes()[:-112])


def a_signer_without_a_key(city: Path) -> None:
    sender, one = device_numbers(SERIALS), np.ones(len(SERIALS), np.uint8)
    columns: Columns = {"sender": sender, "seal": one * int(Seal.cmac), "key_version": one}
    write_columns(city / "plan" / "senders.parquet", columns)


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        (without_manifest, r"manifest.json: expected .* got no file; .*city generate"),
        (of_another_format, r"manifest.json: format: expected jakarta-one/plan/1, got .*plan/9"),
        (no_json, r"manifest.json: expected a JSON document"),
        (without_uploads, r"uploads.parquet: expected .* got no file"),
        (without_a_column, r'senders.parquet: expected columns .*"seal"'),
        (cut_records, r"records.bin: expected whole records of 112 bytes, got 447 bytes"),
        (fewer_records, r"first \+ count: expected at most 3 records, got 4"),
        (a_signer_without_a_key, r"sender of a batch: expected one with seal 1"),
    ],
)
def test_a_broken_plan_is_one_line_that_names_the_file(
    tmp_path: Path, broken: Callable[[Path], None], said: str
) -> None:
    city = write_city(tmp_path / "city", PLANNED)
    broken(city)
    with pytest.raises(BadInputError, match=said) as caught:
        read_plan(city)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("epoch", [-1, 42])
def test_an_epoch_that_no_number_can_hold_is_refused(tmp_path: Path, epoch: int) -> None:
    city = write_city(tmp_path / "city", PLANNED)
    with pytest.raises(BadInputError, match="--epoch: expected 0 to 41"):
        seal(city, KEYS, epoch)


def test_an_unknown_device_is_not_enrolled_but_its_sender_is(tmp_path: Path) -> None:
    enrolled = enrolment(write_city(tmp_path / "city", PLANNED, unknown=(12,)), KEYS)
    assert enrolled.terminals["terminal"].tolist() == device_numbers(SERIALS[[0, 2]]).tolist()
    assert enrolled.senders["sender"].tolist() == device_numbers(SERIALS).tolist()


def test_only_a_sender_that_signs_batches_has_a_public_key(tmp_path: Path) -> None:
    senders = enrolment(write_city(tmp_path / "city", PLANNED), KEYS).senders
    assert senders["public_key"].any(axis=1).tolist() == [True, True, False]
    assert senders["mac_key"].any(axis=1).all()
