"""The tap record and the states on the card, each defined once.

One `Layout` yields the codec, the NumPy dtype and the table of docs/spec/records.md. All integers
are unsigned and big-endian. The *card part* is the first 76 bytes of a tap record, exactly what
the TAC covers; the *device part* lies under the batch's seal. Nothing here knows a fare.
"""

from __future__ import annotations

import hashlib
import struct
from dataclasses import dataclass
from enum import IntEnum, IntFlag
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from scheme.errors import RecordError

RECORD_VERSION = 1


class Field(NamedTuple):
    """One field of a layout: its name, its bytes, whether it is a number, and what it means."""

    name: str
    size: int
    meaning: str
    number: bool = True


class Layout:
    """A fixed-size record: packs, unpacks, and says its NumPy dtype.

    Numbers of 1, 2, 4 and 8 bytes are NumPy integers; 3-byte numbers and byte strings are arrays
    of `u1`, which `read_u24` and `write_u24` and plain slices handle.
    """

    def __init__(self, name: str, fields: tuple[Field, ...]) -> None:
        self.name = name
        self.fields = fields
        self.size = sum(field.size for field in fields)

    @cached_property
    def dtype(self) -> np.dtype[np.void]:
        """The NumPy dtype that views these bytes as they are."""
        return np.dtype([self._column(field) for field in self.fields])

    @cached_property
    def codec(self) -> struct.Struct:
        """The `struct` codec of these bytes: what has no integer of its size comes as bytes."""
        integers = {1: "B", 2: "H", 4: "I", 8: "Q"}
        codes = (
            integers.get(field.size, f"{field.size}s") if field.number else f"{field.size}s"
            for field in self.fields
        )
        return struct.Struct(">" + "".join(codes))

    @staticmethod
    def _column(field: Field) -> tuple[Any, ...]:
        if field.number and field.size in (1, 2, 4, 8):
            return (field.name, f">u{field.size}")
        return (field.name, "u1", (field.size,))

    def pack(self, values: dict[str, int | bytes]) -> bytes:
        """Return the bytes of `values`, which must name every field.

        Raises:
            RecordError: If a value does not fit its field; names the field.
        """
        parts = []
        for field in self.fields:
            value = values[field.name]
            if isinstance(value, bytes):
                if len(value) > field.size:
                    raise self._misfit(field, f"{len(value)} bytes")
                parts.append(value.ljust(field.size, b"\0"))
            elif 0 <= value < 1 << 8 * field.size:
                parts.append(int(value).to_bytes(field.size, "big"))
            else:
                raise self._misfit(field, str(value))
        return b"".join(parts)

    def unpack(self, data: bytes) -> dict[str, Any]:
        """Return the fields of `data`, numbers as int and the rest as bytes.

        Raises:
            RecordError: If the length is wrong.
        """
        if len(data) != self.size:
            raise RecordError(f"{self.name}: expected {self.size} bytes, got {len(data)}")
        values: dict[str, Any] = {}
        at = 0
        for field in self.fields:
            raw = data[at : at + field.size]
            values[field.name] = int.from_bytes(raw, "big") if field.number else bytes(raw)
            at += field.size
        return values

    def offset(self, name: str) -> int:
        """Return where a field begins."""
        at = 0
        for field in self.fields:
            if field.name == name:
                return at
            at += field.size
        raise KeyError(name)

    def table(self) -> str:
        """Return the layout as a Markdown table, one row a field, with its first and last byte."""
        rows = ["| bytes | field | size | meaning |", "|---|---|---|---|"]
        at = 0
        for field in self.fields:
            end = at + field.size - 1
            place = f"{at}" if field.size == 1 else f"{at}–{end}"
            rows.append(f"| {place} | `{field.name}` | {field.size} | {field.meaning} |")
            at = end + 1
        return "\n".join(rows)

    def _misfit(self, field: Field, got: str) -> RecordError:
        return RecordError(
            f"{self.name}.{field.name}: expected a value of {field.size} bytes, got {got}"
        )


STATE_SIZE = 32

CARD_PART = Layout(
    "card part",
    (
        Field("version", 1, "layout version, 1"),
        Field("kind", 1, "what the card knows of it: `RecordKind`"),
        Field("issuer", 2, "participant number of the issuing bank"),
        Field("card", 8, "card number"),
        Field("nt", 4, "the card's transaction counter after this transaction"),
        Field("purse", 1, "purse, 1 = main"),
        Field("key_version", 1, "version of the issuer's keys"),
        Field("place", 2, "place number, scenarios/data/places.csv"),
        Field("amount", 4, "rupiah debited or loaded"),
        Field("balance", 4, "rupiah on the purse after it"),
        Field("at_s", 4, "whole seconds UTC"),
        Field("terminal", 4, "terminal whose SAM took part"),
        Field("sam", 4, "SAM number"),
        Field("sam_counter", 4, "the SAM's counter, +1 a transaction"),
        Field("state", STATE_SIZE, "state after it, of the slot of `kind`, zero-padded", False),
    ),
)

TAP_RECORD = Layout(
    "tap record",
    (
        *CARD_PART.fields,
        Field("tac", 8, "the card's proof to its issuer; zero if refused or torn", False),
        Field("sequence", 4, "the recording terminal's number of this record, from 1"),
        Field("ms", 2, "milliseconds to add to `at_s`"),
        Field("tariff", 2, "tariff version that the recording terminal held"),
        Field("hotlist", 2, "hotlist version that the recording terminal held"),
        Field("refusal", 1, "0 or the device's `Verdict`"),
        Field("flags", 1, "`RecordFlag` bits"),
        Field("recorder", 4, "recording terminal"),
        Field("trace", 12, "trace id of the presentation", False),
    ),
)

TRANSIT_STATE = Layout(
    "transit state",
    (
        Field("flags", 1, "`TransitFlag` bits, and the open leg's `OpenLeg` in bits 5 to 7"),
        Field("first_at_s", 4, "first tap-in of the journey, seconds UTC"),
        Field("charged", 3, "would-be debits of this journey so far, rupiah"),
        Field("own_fares", 3, "sum of own fares of counted legs, rupiah"),
        Field("metres", 3, "sum of metres of ended counted legs"),
        Field("open_place", 2, "place where the open leg began"),
        Field("open_vehicle", 3, "vehicle on which the open leg began, 0 at a gate"),
        Field("open_at_s", 4, "instant at which the open leg began, seconds UTC"),
        Field("unsettled_mrt_place", 2, "MRT station of an unsettled entry, 0 if none"),
        Field("unsettled_mrt_day", 1, "calendar day of that entry modulo 256"),
        Field("unsettled_lrt_place", 2, "LRT station of an unsettled entry, 0 if none"),
        Field("unsettled_lrt_day", 1, "calendar day of that entry modulo 256"),
    ),
)

PARKING_STATE = Layout(
    "parking state",
    (
        Field("place", 2, "place of the open stay, 0 if none"),
        Field("vehicle_class", 1, "`VehicleClass` of the open stay"),
        Field("at_s", 4, "start of the open stay, seconds UTC"),
    ),
)

assert (CARD_PART.size, TAP_RECORD.size) == (76, 112)
assert (TRANSIT_STATE.size, PARKING_STATE.size) == (29, 7)

CARD_PART_SIZE = CARD_PART.size
RECORD_SIZE = TAP_RECORD.size
TAP_DTYPE = TAP_RECORD.dtype
ZERO_TAC = bytes(8)


class RecordKind(IntEnum):
    """What the card knows of a transaction."""

    debit = 1  # without state
    debit_transit = 2  # with transit state
    debit_parking = 3  # with parking state
    load = 4
    refund = 5  # of a debit without state
    refund_transit = 6
    refund_parking = 7


class RecordFlag(IntFlag):
    """What a device says about a record beside its refusal."""

    recovered = 1  # completed by PROOF
    torn = 2  # not recovered within 120 s; zero TAC, the counter as SELECT gave it


class TransitFlag(IntFlag):
    """Bits 0 to 4 of the transit state's flags."""

    tj_counted = 1
    mrt_counted = 2
    lrt_counted = 4
    journey = 8  # a journey stands on the card
    free = 16  # the journey is a free rider's


class OpenLeg(IntEnum):
    """Bits 5 to 7 of the transit state's flags: what kind of leg is open."""

    none = 0
    brt = 1
    bus = 2
    mikrotrans = 3
    mrt = 4
    lrt = 5


OPEN_LEG_SHIFT = 5


@dataclass(frozen=True, slots=True)
class TapRecord:
    """One tap record as its bytes, with the fields people ask for most.

    Arrays of records are NumPy arrays of `TAP_DTYPE`; this class is for one at a time.
    """

    data: bytes

    def __post_init__(self) -> None:
        if len(self.data) != RECORD_SIZE:
            raise RecordError(f"tap record: expected {RECORD_SIZE} bytes, got {len(self.data)}")

    @classmethod
    def of(cls, **values: int | bytes) -> TapRecord:
        """Return a record of the named fields; those not named are zero, the version 1."""
        whole: dict[str, int | bytes] = {f.name: 0 if f.number else b"" for f in TAP_RECORD.fields}
        return cls(TAP_RECORD.pack(whole | {"version": RECORD_VERSION} | values))

    @property
    def card_part(self) -> bytes:
        """The 76 bytes that the TAC covers."""
        return self.data[:CARD_PART_SIZE]

    def fields(self) -> dict[str, Any]:
        """Return every field by name."""
        return TAP_RECORD.unpack(self.data)

    @property
    def at_ms(self) -> int:
        """The instant of the tap, milliseconds UTC."""
        fields = self.fields()
        return int(fields["at_s"]) * 1_000 + int(fields["ms"])


def records_view(data: bytes | bytearray | memoryview) -> NDArray[np.void]:
    """Return whole records as an array without copying.

    Raises:
        RecordError: If the length is not a multiple of the record size.
    """
    if len(data) % RECORD_SIZE:
        raise RecordError(
            f"records: expected a multiple of {RECORD_SIZE} bytes, got {len(data)} bytes"
        )
    return np.frombuffer(data, TAP_DTYPE)


def card_parts(records: NDArray[np.void]) -> NDArray[np.uint8]:
    """Return the card parts of records as bytes, shape (records, 76)."""
    plain = np.ascontiguousarray(records).view(np.uint8).reshape(len(records), RECORD_SIZE)
    return plain[:, :CARD_PART_SIZE]


def read_u24(column: NDArray[np.uint8]) -> NDArray[np.int64]:
    """Return 3-byte numbers, shape (n, 3), as integers, shape (n,)."""
    wide = column.astype(np.int64)
    return (wide[..., 0] << 16) | (wide[..., 1] << 8) | wide[..., 2]


def write_u24(column: NDArray[np.uint8], values: NDArray[np.int64]) -> None:
    """Write integers, shape (n,), into a column of 3-byte numbers, shape (n, 3)."""
    column[..., 0] = values >> 16 & 255
    column[..., 1] = values >> 8 & 255
    column[..., 2] = values & 255


def trace_id(seed: int, terminal: int, presentation: int) -> bytes:
    """Return the 12-byte trace id of a terminal's n-th presentation, counted from 1.

    Derived, so that no column in plan or truth need hold it, and reruns give it again.
    """
    text = b"%d/%d/%d" % (seed, terminal, presentation)
    return hashlib.blake2b(text, digest_size=12, person=b"jk1-trace").digest()


def trace_ids(
    seed: int, terminal: NDArray[np.uint32], presentation: NDArray[np.uint32]
) -> NDArray[np.uint8]:
    """Return trace ids of many presentations, shape (n, 12)."""
    joined = b"".join(
        trace_id(seed, t, p)
        for t, p in zip(terminal.tolist(), presentation.tolist(), strict=True)
    )
    return np.frombuffer(joined, np.uint8).reshape(-1, 12)
