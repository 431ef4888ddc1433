"""The tariff: dated rows, what they say on one calendar day, and the bundle they travel in.

A tariff is read from the files of a folder (the caller reads them) or from a *bundle*, one
canonical JSON document with the tables inline, which is what is published, hashed and kept in
`truth/`. It knows rows, not journeys: prices are `scheme.fares`.
"""

from __future__ import annotations

import csv
import datetime as dt
import io
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from scheme.days import date_of
from scheme.errors import TariffError
from scheme.services import PARKING, TRANSIT, Service, VehicleClass
from scheme.tariff_rows import (
    Cap,
    Distance,
    Flat,
    HourBand,
    Matrix,
    MinimumBalance,
    Row,
    StartedHour,
    TransferWindow,
    is_whole,
    read_row,
)

FORMAT = "jakarta-one/tariff/1"
TARIFF_FILE = "tariff.yaml"
TABLE_COLUMNS = {
    "matrix": ("cells", ("from", "to", "idr")),
    "distance": ("metres", ("operator", "from", "to", "metres")),
}
FARE_KINDS = {
    Service.transjakarta_brt: ("flat", "hour_band"),
    Service.transjakarta_bus: ("flat", "hour_band"),
    Service.mikrotrans: ("flat",),
    Service.mrt: ("flat", "hour_band", "matrix"),
    Service.lrt: ("flat", "hour_band", "matrix"),
    Service.erp: ("flat", "hour_band"),
    Service.parking_street: ("started_hour",),
    Service.parking_lot: ("started_hour",),
}

Fare = Flat | HourBand | Matrix


@dataclass(slots=True)
class DayTariff:
    """What a tariff says on one calendar day; what it does not say is not in the mappings.

    Attributes:
        fares: Own fare by (service, vehicle class); the class is `none` but for road pricing.
        free: The row of free riders by service.
        caps: Most a calendar day of one stay costs, by (service, vehicle class).
    """

    version: int
    day: int
    fares: dict[tuple[int, int], Fare] = field(default_factory=dict)
    free: dict[int, Flat] = field(default_factory=dict)
    minimums: dict[int, int] = field(default_factory=dict)
    parking: dict[tuple[int, int], StartedHour] = field(default_factory=dict)
    caps: dict[tuple[int, int], int] = field(default_factory=dict)
    distance: Distance | None = None
    cap_idr: int | None = None
    window: TransferWindow | None = None

    def absent(self, what: str) -> TariffError:
        """Return the error for a row that this day does not have."""
        return TariffError(
            f"tariff version {self.version}: expected {what} on {date_of(self.day)}, got none"
        )


class Tariff:
    """A version of the tariff: all its dated rows."""

    def __init__(self, document: dict[str, Any], rows: tuple[Row, ...]) -> None:
        self.version: int = document["version"]
        self.title: str = document["title"]
        self.rows = rows
        self._document = document
        self._days: dict[int, DayTariff] = {}

    def on(self, day: int) -> DayTariff:
        """Return what the tariff says on a calendar day (days since 1970-01-01)."""
        known = self._days.get(day)
        if known is None:
            known = self._days[day] = _day_tariff(self, day)
        return known

    def bundle(self) -> bytes:
        """Return the tariff as one canonical JSON document, the same bytes for the same rows."""
        text = json.dumps(self._document, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        return text.encode() + b"\n"


def _day_tariff(tariff: Tariff, day: int) -> DayTariff:
    said = DayTariff(tariff.version, day)
    for row in tariff.rows:
        if not row.from_day <= day <= row.until_day:
            continue
        for service in row.services:
            _say(said, row, service)
    return said


def _say(said: DayTariff, row: Row, service: Service) -> None:
    key = (int(service), int(row.vehicle_class))
    match row.rule:
        case Flat(groups=groups) if groups:
            said.free[service] = row.rule
        case Flat() | HourBand() | Matrix():
            said.fares[key] = row.rule
        case StartedHour():
            said.parking[key] = row.rule
        case MinimumBalance():
            said.minimums[service] = row.rule.idr
        case Cap(per="day"):
            said.caps[key] = row.rule.idr
        case Cap():
            said.cap_idr = row.rule.idr
        case Distance():
            said.distance = row.rule
        case TransferWindow():
            said.window = row.rule


def parse_bundle(data: bytes) -> Tariff:
    """Return the tariff of a bundle.

    Raises:
        TariffError: If the bytes are no bundle or a row is wrong; names row, expected and got.
    """
    try:
        document = json.loads(data)
    except (ValueError, RecursionError) as wrong:
        raise TariffError(f"tariff bundle: expected JSON, got {data[:20]!r}") from wrong
    return _tariff("tariff bundle", document, {})


def tables_named(data: bytes) -> list[str]:
    """Return the names of the table files that the rows of a tariff file ask for."""
    rows = _yaml(data).get("rows", [])
    return sorted({str(r["table"]) for r in rows if isinstance(r, Mapping) and "table" in r})


def parse_tariff(files: Mapping[str, bytes]) -> Tariff:
    """Return the tariff of `tariff.yaml` and the tables its rows name, by file name.

    Raises:
        TariffError: If a row is not of the closed kinds; names file, line, row, expected and got.
    """
    document = _yaml(files[TARIFF_FILE])
    rows = document.get("rows")
    lines: dict[int, int] = {}
    if isinstance(rows, list):
        lines = {i: row.lc.line + 1 for i, row in enumerate(rows) if hasattr(row, "lc")}
        document = dict(document) | {"rows": [_inlined(row, files) for row in rows]}
    return _tariff(TARIFF_FILE, _plain(document), lines)


def _yaml(data: bytes) -> dict[str, Any]:
    try:
        document = YAML(typ="rt").load(data.decode("utf-8"))
    except (YAMLError, UnicodeDecodeError) as wrong:
        raise TariffError(f"{TARIFF_FILE}: expected YAML, got {wrong}") from wrong
    if not isinstance(document, dict):
        raise TariffError(f"{TARIFF_FILE}: expected keys and values, got {type(document).__name__}")
    return document


def _plain(value: Any) -> Any:
    """Return YAML values as JSON has them: plain dicts and lists, dates as text."""
    if isinstance(value, Mapping):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, list):
        return [_plain(v) for v in value]
    if isinstance(value, dt.date):
        return value.isoformat()
    if isinstance(value, bool | float) or value is None:
        return value
    return int(value) if isinstance(value, int) else str(value)


def _inlined(row: Any, files: Mapping[str, bytes]) -> Any:
    if not isinstance(row, Mapping) or "table" not in row:
        return row
    name, kind = str(row["table"]), row.get("kind")
    if kind not in TABLE_COLUMNS or name not in files:
        raise TariffError(
            f"{TARIFF_FILE}: row {row.get('row')!r}: table: expected a file of a matrix or "
            f"distance row, got {name!r} for {kind!r}"
        )
    key, columns = TABLE_COLUMNS[str(kind)]
    rest = {k: v for k, v in row.items() if k != "table"}
    return rest | {key: _cells(name, files[name], columns)}


def _cells(name: str, data: bytes, columns: tuple[str, ...]) -> list[list[int | str]]:
    reader = csv.DictReader(io.StringIO(data.decode("utf-8")))
    if not set(columns) <= set(reader.fieldnames or ()):
        raise TariffError(f"{name}: expected columns {', '.join(columns)}, got {reader.fieldnames}")
    return [_cell(f"{name} line {n}", line, columns) for n, line in enumerate(reader, 2)]


def _cell(where: str, line: Mapping[str, str], columns: tuple[str, ...]) -> list[int | str]:
    cell: list[int | str] = []
    for column in columns:
        text = line[column] or ""
        if column != "operator" and not text.isdigit():
            raise TariffError(f"{where}: {column}: expected a whole number from 0, got {text!r}")
        cell.append(text if column == "operator" else int(text))
    return cell


def _tariff(where: str, document: Any, lines: Mapping[int, int]) -> Tariff:
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        got = document.get("format") if isinstance(document, dict) else document
        raise TariffError(f"{where}: format: expected {FORMAT}, got {got!r}")
    unknown = sorted(set(document) - {"format", "version", "title", "rows"})
    if unknown:
        raise TariffError(f"{where}: expected format, version, title, rows, got {unknown[0]!r}")
    version = document.get("version")
    if not is_whole(version) or not 1 <= int(version or 0) <= 65_535:
        raise TariffError(f"{where}: version: expected 1 to 65535, got {version!r}")
    if not isinstance(document.get("title"), str):
        raise TariffError(f"{where}: title: expected a text, got {document.get('title')!r}")
    rows = document.get("rows")
    if not isinstance(rows, list) or not rows:
        raise TariffError(f"{where}: rows: expected a list that is not empty, got {rows!r}")
    read = tuple(_row(_place(where, lines, i), row) for i, row in enumerate(rows))
    _refuse_overlaps(where, read)
    return Tariff(document, read)


def _place(where: str, lines: Mapping[int, int], index: int) -> str:
    return f"{where} line {lines[index]}" if index in lines else f"{where} row {index + 1}"


def _row(where: str, values: Any) -> Row:
    if not isinstance(values, dict):
        raise TariffError(f"{where}: expected a row, got {values!r}")
    row = read_row(f"{where}, row {values.get('row')!r}", values)
    for service in row.services:
        _check_kind(where, row, service)
    return row


def _check_kind(where: str, row: Row, service: Service) -> None:
    """Refuse a fare that the rules of this service cannot charge (docs/spec/fares.md R3, R14)."""
    fare = row.kind in ("flat", "hour_band", "matrix", "started_hour")
    kinds = FARE_KINDS.get(service, ())
    classed = row.vehicle_class is not VehicleClass.none
    what = f"{where}, row {row.name!r}: {service.name}"
    if fare and row.kind not in kinds:
        raise TariffError(f"{what}: expected a fare of kind {' or '.join(kinds)}, got {row.kind}")
    if classed is not (service is Service.erp or service in PARKING):
        raise TariffError(
            f"{what}: vehicle_class: expected one for parking and erp only, "
            f"got {row.vehicle_class.name}"
        )
    if not fare and row.kind != "cap" and service not in TRANSIT:
        raise TariffError(f"{what}: expected a transit service, got {row.kind} for {service.name}")
    if isinstance(row.rule, Flat) and service is Service.mikrotrans and row.rule.idr:
        raise TariffError(f"{what}: idr: expected 0 (R3), got {row.rule.idr}")
    if isinstance(row.rule, Cap) and (row.rule.per == "day") is not (service in PARKING):
        raise TariffError(
            f"{what}: per: expected journey for transit and day for parking, got {row.rule.per}"
        )


def _refuse_overlaps(where: str, rows: tuple[Row, ...]) -> None:
    """Refuse two rows that price the same thing on the same day."""
    seen: dict[tuple[str, Service, VehicleClass], list[Row]] = {}
    for row in rows:
        role = _role(row)
        for service in row.services:
            for other in seen.setdefault((role, service, row.vehicle_class), []):
                if row.from_day <= other.until_day and other.from_day <= row.until_day:
                    both = date_of(max(row.from_day, other.from_day))
                    raise TariffError(
                        f"{where}: row {row.name!r}: expected dates apart from row "
                        f"{other.name!r} for {service.name}, got both on {both}"
                    )
            seen[role, service, row.vehicle_class].append(row)


def _role(row: Row) -> str:
    if isinstance(row.rule, Flat) and row.rule.groups:
        return "free"
    return "fare" if row.kind in ("flat", "hour_band", "matrix", "started_hour") else row.kind
