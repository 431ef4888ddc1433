"""The tap record: its bytes against the specification, vectors made of them, and every codec."""

from __future__ import annotations

import csv
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import ECB
from hypothesis import given
from hypothesis import strategies as st

from scheme.cryptograms import tacs
from scheme.errors import RecordError
from scheme.records import (
    CARD_PART,
    PARKING_STATE,
    TAP_DTYPE,
    TAP_RECORD,
    TRANSIT_STATE,
    ZERO_TAC,
    Layout,
    OpenLeg,
    RecordFlag,
    RecordKind,
    TapRecord,
    TransitFlag,
    card_parts,
    read_u24,
    records_view,
    trace_id,
    trace_ids,
    write_u24,
)

ROOT = Path(__file__).parents[2]
SPEC = (ROOT / "docs/spec/records.md").read_text(encoding="utf-8")
LAYOUTS = [TAP_RECORD, CARD_PART, TRANSIT_STATE, PARKING_STATE]


def vectors() -> list[dict[str, str]]:
    with (ROOT / "vectors/records.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def spec_table(name: str) -> str:
    """Return a table of the specification, as it stands there."""
    found = re.search(rf"<!-- table: {name} -->\n(.*?)\n<!-- end -->", SPEC, re.DOTALL)
    assert found, name
    return found[1]


@pytest.mark.parametrize("layout", [TAP_RECORD, TRANSIT_STATE, PARKING_STATE], ids=lambda x: x.name)
def test_the_specification_has_the_layout_of_the_code(layout: Layout) -> None:
    assert spec_table(layout.name) == layout.table()


@pytest.mark.parametrize("codes", [RecordKind, RecordFlag, TransitFlag, OpenLeg])
def test_the_specification_names_every_code(codes: Any) -> None:
    rows = re.findall(r"^\| (\d+) \| `(\w+)` \|", spec_table(codes.__name__), re.MULTILINE)
    assert [(int(code), name) for code, name in rows] == [(m.value, m.name) for m in codes]


def read_by_the_specification(record: bytes) -> dict[str, str]:
    """Take a record apart by the byte ranges that are printed there, and by nothing else."""
    rows = re.findall(r"^\| (\d+)(?:–(\d+))? \| `(\w+)` \|", spec_table("tap record"), re.MULTILINE)
    strings = {"state", "tac", "trace"}
    fields = {}
    for first, last, name in rows:
        raw = record[int(first) : int(last or first) + 1]
        fields[name] = raw.hex() if name in strings else str(int.from_bytes(raw, "big"))
    return fields


def cbc_mac(key: bytes, message: bytes) -> bytes:
    """Work out an AES-CMAC block by block, as RFC 4493 §2.4 tells it."""
    encrypt = Cipher(AES(key), ECB()).encryptor().update
    subkey = int.from_bytes(encrypt(bytes(16)), "big")
    for _ in range(2):  # 76 bytes end in a part of a block, so K2
        subkey = (subkey << 1) % (1 << 128) ^ (0x87 if subkey >> 127 else 0)
    padded = message + b"\x80" + bytes(-len(message) - 1 & 15)
    state = 0
    for at in range(0, len(padded), 16):
        state ^= int.from_bytes(padded[at : at + 16], "big")
        if at + 16 == len(padded):
            state ^= subkey
        state = int.from_bytes(encrypt(state.to_bytes(16, "big")), "big")
    return state.to_bytes(16, "big")


@pytest.mark.parametrize("row", vectors(), ids=lambda row: row["case"])
def test_a_vector_reads_by_the_specification_and_its_tac_holds(row: dict[str, str]) -> None:
    record = bytes.fromhex(row["record"])
    fields = read_by_the_specification(record)
    assert fields == {name: row[name] for name in fields}
    proved = row["refusal"] == "0"
    made = cbc_mac(bytes.fromhex(row["tac_key"]), record[:76])[:8] if proved else ZERO_TAC
    assert made.hex() == row["tac"]


@pytest.mark.parametrize("row", vectors(), ids=lambda row: row["case"])
def test_a_vector_is_packed_and_viewed_by_the_code(row: dict[str, str]) -> None:
    record = bytes.fromhex(row["record"])
    fields = TapRecord(record).fields()
    assert TapRecord.of(**fields).data == record
    (viewed,) = records_view(record)
    for field in TAP_RECORD.fields:
        value = viewed[field.name]
        got = value.tobytes().hex() if value.ndim else str(int(value))
        assert got == row[field.name], field.name


def test_vectors_in_bulk_have_their_tacs() -> None:
    rows = [row for row in vectors() if row["refusal"] == "0"]
    records = records_view(b"".join(bytes.fromhex(row["record"]) for row in rows))
    keys = np.frombuffer(b"".join(bytes.fromhex(row["tac_key"]) for row in rows), np.uint8)
    assert np.array_equal(tacs(keys.reshape(-1, 16), card_parts(records)), records["tac"])


def values_of(layout: Layout) -> st.SearchStrategy[dict[str, Any]]:
    """Return strategies for every field of a layout."""
    return st.fixed_dictionaries(
        {
            field.name: st.integers(0, 2 ** (8 * field.size) - 1)
            if field.number
            else st.binary(min_size=field.size, max_size=field.size)
            for field in layout.fields
        }
    )


@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda layout: layout.name)
@given(data=st.data())
def test_every_layout_gives_back_what_was_packed(layout: Layout, data: st.DataObject) -> None:
    values = data.draw(values_of(layout))
    packed = layout.pack(values)
    assert len(packed) == layout.size == layout.dtype.itemsize == layout.codec.size
    assert layout.unpack(packed) == values
    names = [field.name for field in layout.fields]
    by_codec = dict(zip(names, layout.codec.unpack(packed), strict=True))
    wide = {field.name for field in layout.fields if field.number and field.size == 3}
    for name, value in by_codec.items():
        assert (int.from_bytes(value, "big") if name in wide else value) == values[name]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"amount": 2**32}, "tap record.amount: expected a value of 4 bytes, got 4294967296"),
        ({"amount": -1}, "tap record.amount: expected a value of 4 bytes, got -1"),
        ({"state": bytes(33)}, "tap record.state: expected a value of 32 bytes, got 33 bytes"),
    ],
)
def test_a_value_that_does_not_fit_is_named(change: dict[str, Any], said: str) -> None:
    with pytest.raises(RecordError, match=said):
        TapRecord.of(**change)


def test_bytes_of_another_length_are_no_record() -> None:
    with pytest.raises(RecordError, match="expected 112 bytes, got 111"):
        TapRecord(bytes(111))
    with pytest.raises(RecordError, match="multiple of 112 bytes, got 113 bytes"):
        records_view(bytes(113))
    with pytest.raises(RecordError, match="parking state: expected 7 bytes, got 6"):
        PARKING_STATE.unpack(bytes(6))


def test_a_field_that_is_not_there_has_no_offset() -> None:
    assert TAP_RECORD.offset("tac") == 76
    with pytest.raises(KeyError):
        TAP_RECORD.offset("price")


def test_the_instant_is_seconds_and_milliseconds() -> None:
    assert TapRecord.of(at_s=1_775_000_000, ms=250).at_ms == 1_775_000_000_250


@given(st.lists(st.integers(0, 2**24 - 1), max_size=20))
def test_three_byte_numbers_come_back(values: list[int]) -> None:
    column = np.zeros((len(values), 3), np.uint8)
    write_u24(column, np.array(values, np.int64))
    assert read_u24(column).tolist() == values
    assert [int.from_bytes(row.tobytes(), "big") for row in column] == values


def test_card_parts_are_the_first_76_bytes_of_each_record() -> None:
    records = np.zeros(3, TAP_DTYPE)
    records["card"] = [7, 8, 9]
    parts = card_parts(records)
    assert parts.shape == (3, 76)
    assert [part.tobytes() for part in parts] == [r.tobytes()[:76] for r in records]


def test_trace_ids_name_presentations_and_come_again() -> None:
    made = trace_ids(7, np.array([18, 18, 26], np.uint32), np.array([1, 2, 1], np.uint32))
    assert [row.tobytes() for row in made] == [
        trace_id(7, 18, 1),
        trace_id(7, 18, 2),
        trace_id(7, 26, 1),
    ]
    assert len({row.tobytes() for row in made} | {trace_id(8, 18, 1)}) == 4
