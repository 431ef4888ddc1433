"""The rack's slice of a city's plan, read, and the evidence of a play, written.

The one room of this package that knows DuckDB and Parquet. What a tap is worth is not known here.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import duckdb
import numpy as np
from numpy.typing import NDArray
from ruamel.yaml import YAML

from scheme.decision import Terminal
from scheme.errors import BadInputError, StoreError
from scheme.hotlist import NO_HOTLIST, Hotlist
from scheme.image import Image
from scheme.records import RECORD_SIZE, TAP_DTYPE, TapRecord
from scheme.services import Direction, Service, TerminalKind
from scheme.tariffs import Tariff, parse_bundle

CARD_COLUMNS = (
    "card", "issuer", "profile", "blocked", "key_version", "group", "group_expiry", "expiry", "nt",
    "balance",
)  # fmt: skip
TERMINAL_COLUMNS = (
    "rack_place", "terminal", "sam", "service", "kind", "direction", "place", "vehicle",
    "vehicle_class",
)  # fmt: skip
TAP_COLUMNS = (
    "rack_place", "terminal", "card", "at_ms", "place", "act", "amount", "torn", "record",
)  # fmt: skip


class PlannedTap(NamedTuple):
    """One presentation of the slice.

    Attributes:
        torn: 0, 1 = the card writes and is not heard, 2 = the order never reaches it.
        record: Row of the city's records that it made, or -1 if it made none.
    """

    rack_place: str
    terminal: int
    card: int
    at_ms: int
    place: int
    act: int
    amount: int
    torn: int
    record: int


class RackTerminal(NamedTuple):
    """The terminal of a rack place."""

    number: int
    sam: int
    facts: Terminal


@dataclass(frozen=True)
class Slice:
    """All that a rack must know of a city.

    Attributes:
        seed: What trace ids are derived from.
        terminals: By the name of the rack place.
        cards: What lies on each card when the run opens, by number.
        limits_idr: The most a purse may hold, by profile.
        hotlists: By version; 0 is the empty one.
        records: The city's records, shape (n,), not read before they are asked for.
    """

    seed: int
    taps: list[PlannedTap]
    terminals: dict[str, RackTerminal]
    cards: dict[int, Image]
    limits_idr: dict[int, int]
    tariff: Tariff
    hotlists: dict[int, Hotlist]
    records: NDArray[np.void]

    def planned(self, tap: PlannedTap) -> TapRecord | None:
        """Return the record that the city made of a presentation."""
        return None if tap.record < 0 else TapRecord(self.records[tap.record].tobytes())


def read_slice(city: Path) -> Slice:
    """Return a city's slice.

    Raises:
        BadInputError: If the folder is not a city's; names the file.
    """
    rack, cards = city / "plan" / "rack.parquet", city / "plan" / "cards.parquet"
    taps = _rows(rack, TAP_COLUMNS, "ORDER BY at_ms, card")
    held = _rows(cards, CARD_COLUMNS, f"WHERE card IN (SELECT card FROM {_source(rack)})")
    gates = _rows(city / "plan" / "terminals.parquet", TERMINAL_COLUMNS, "WHERE rack_place <> ''")
    return Slice(
        seed=int(json.loads(_bytes(city / "manifest.json"))["seed"]),
        taps=[PlannedTap(str(name), *(int(v) for v in row)) for name, *row in taps],
        terminals={str(name): _terminal(*(int(v) for v in row)) for name, *row in gates},
        cards={int(row[0]): _image(*(int(value) for value in row)) for row in held},
        limits_idr=profile_limits(city / "truth" / "card_profiles.yaml"),
        tariff=parse_bundle(_bytes(city / "truth" / "tariffs" / "tariff.json")),
        hotlists=_hotlists(city / "truth" / "hotlists.parquet"),
        records=_records(city / "records" / "records.bin"),
    )


def write_columns(path: Path, columns: Mapping[str, Sequence[Any] | NDArray[Any]]) -> None:
    """Write equally long columns as a Parquet file.

    Raises:
        StoreError: If the disk does not take it.
    """
    arrays = {name: np.asarray(values) for name, values in columns.items()}
    target = str(path).replace("'", "''")
    try:
        with duckdb.connect() as connection:
            relation = connection.register("made", arrays)
            relation.execute(f"COPY made TO '{target}' (FORMAT parquet, COMPRESSION zstd)")
    except (duckdb.IOException, OSError) as error:
        raise StoreError(f"{path}: expected to write it, got {error}") from error


def _rows(path: Path, columns: tuple[str, ...], rest: str = "") -> list[tuple[Any, ...]]:
    listed = ", ".join(f'"{name}"' for name in columns)
    try:
        with duckdb.connect() as connection:
            return connection.execute(f"SELECT {listed} FROM {_source(path)} {rest}").fetchall()
    except (duckdb.IOException, duckdb.BinderException, duckdb.InvalidInputException) as error:
        got = "no such file" if not path.is_file() else str(error).splitlines()[0]
        raise BadInputError.at(str(path), expected=f"columns {listed}", got=got) from error


def _source(path: Path) -> str:
    quoted = str(path).replace("'", "''")
    return f"read_parquet('{quoted}')"


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise BadInputError.at(
            str(path), expected="a file of a city's folder", got=error.strerror
        ) from error


def _terminal(
    number: int, sam: int, service: int, kind: int, direction: int, place: int, *vehicle: int
) -> RackTerminal:
    facts = Terminal(Service(service), TerminalKind(kind), Direction(direction), place, *vehicle)
    return RackTerminal(number, sam, facts)


def _image(*fields: int) -> Image:
    return Image(*fields)  # type: ignore[arg-type]  # ten numbers, as CARD_COLUMNS names them


def _hotlists(path: Path) -> dict[int, Hotlist]:
    listed: dict[int, set[int]] = {}
    for version, card in _rows(path, ("version", "card")):
        listed.setdefault(int(version), set()).add(int(card))
    return {0: NO_HOTLIST} | {v: Hotlist(v, frozenset(cards)) for v, cards in listed.items()}


def _records(path: Path) -> NDArray[np.void]:
    if not path.is_file() or path.stat().st_size % RECORD_SIZE:
        raise BadInputError.at(
            str(path), expected=f"records of {RECORD_SIZE} bytes", got="no such file or a part"
        )
    empty = np.zeros(0, TAP_DTYPE)
    return np.memmap(path, TAP_DTYPE, "r") if path.stat().st_size else empty


def profile_limits(path: Path) -> dict[int, int]:
    """Return the most that a purse may hold, by card profile; raises BadInputError if unread."""
    document = YAML(typ="safe").load(_bytes(path))
    return {int(row["profile"]): int(row["limit_idr"]) for row in document["profiles"]}
