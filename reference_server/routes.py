"""The operator's and the devices' routes. Uploads are in `intake`.

An operator call that changes something is stored like an upload, in order of arrival, and obeyed
by the pipeline; bad input is answered with a problem document and not stored.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from typing import Annotated, Any

import numpy as np
from fastapi import APIRouter, Depends, Header, HTTPException, Path, Query, Request, Response
from fastapi.responses import FileResponse

from reference_server.access import bears_token, is_device
from reference_server.books import Books
from reference_server.devices import NO_LIMIT_IDR, read_rows
from reference_server.door import Door
from reference_server.export_tables import EXPORT_FOLDER, TABLES
from reference_server.store import RawReader
from scheme.errors import BadInputError
from scheme.services import Service
from scheme.target import CARD_DTYPE, SENDER_DTYPE, TERMINAL_DTYPE
from scheme.tariffs import parse_bundle

U16 = 65_535
PARTICIPANTS_FORMAT = "jakarta-one/participants/1"


def door_of(request: Request) -> Door:
    """Return the door that this request came through."""
    door = request.app.state.door
    assert isinstance(door, Door)
    return door


AtDoor = Annotated[Door, Depends(door_of)]


def operator(door: AtDoor, authorization: Annotated[str | None, Header()] = None) -> None:
    """Let an operator's call through."""
    if not bears_token(authorization, door.token):
        raise HTTPException(401, "expected Authorization: Bearer and the operator's token")


def device(
    request: Request,
    door: AtDoor,
    x_jk1_sender: Annotated[str | None, Header()] = None,
    x_jk1_at: Annotated[str | None, Header()] = None,
    x_jk1_mac: Annotated[str | None, Header()] = None,
) -> None:
    """Let an enrolled sender's fresh download through."""
    now_s = door.clock.at_us() // 1_000_000
    headers = (x_jk1_sender, x_jk1_at, x_jk1_mac)
    if not is_device(door.senders, request.url.path, now_s, headers):
        raise HTTPException(401, "expected x-jk1-sender, x-jk1-at within 300 s, and x-jk1-mac")


async def body_of(request: Request, door: AtDoor) -> bytes:
    """Return the body of a call, which may not be larger than a call may be."""
    size_max = door.settings.limits.call_bytes_max
    parts, size = [], 0
    async for part in request.stream():
        parts.append(part)
        size += len(part)
        if size > size_max:
            raise HTTPException(413, f"expected at most {size_max} bytes")
    return b"".join(parts)


Body = Annotated[bytes, Depends(body_of)]
Version = Annotated[int, Path(ge=1, le=U16)]
Instant = Annotated[int, Query(ge=0, lt=1 << 62, description="milliseconds UTC")]
Day = Annotated[int, Path(ge=0, le=U16, description="days since 1970-01-01")]

opened = APIRouter()
operators = APIRouter(prefix="/v1", dependencies=[Depends(operator)])
devices = APIRouter(prefix="/v1", dependencies=[Depends(device)])


@opened.get("/healthz")
async def healthz() -> dict[str, str]:
    """The door's process answers."""
    return {"status": "ok"}


@opened.get("/v1/time")
async def time_now(door: AtDoor) -> dict[str, int]:
    """Return the server's instant, by which devices set their clocks before they can prove one."""
    return {"at_ms": door.clock.at_us() // 1_000}


@opened.get("/readyz")
async def readyz(door: AtDoor) -> Response:
    """Door and pipeline work; 503 says what does not."""
    link = door.link
    why = "" if link.running else "the pipeline process is not running"
    why = why or link.stalled or ("" if link.ready else "the pipeline is starting")
    body = json.dumps({"status": why or "ok"})
    return Response(body, 503 if why else 200, media_type="application/json")


@operators.post("/registry/participants")
async def enrol_participants(door: AtDoor, body: Body) -> dict[str, Any]:
    """Make banks, operators, billers, shares, fees and card profiles known, as JSON."""
    check_participants(body)
    return await _obeyed(door, "participants", 0, body)


@operators.post("/registry/terminals")
async def enrol_terminals(door: AtDoor, body: Body) -> dict[str, Any]:
    """Make terminals known: rows of `TERMINAL_DTYPE`."""
    read_rows("terminals", body, TERMINAL_DTYPE)
    return await _obeyed(door, "terminals", 0, body)


@operators.post("/registry/senders")
async def enrol_senders(door: AtDoor, body: Body) -> dict[str, Any]:
    """Make senders known: rows of `SENDER_DTYPE`."""
    read_rows("senders", body, SENDER_DTYPE)
    return await _obeyed(door, "senders", 0, body)


@operators.post("/registry/cards")
async def enrol_cards(door: AtDoor, body: Body) -> dict[str, Any]:
    """Make cards known: rows of `CARD_DTYPE`."""
    read_rows("cards", body, CARD_DTYPE)
    return await _obeyed(door, "cards", 0, body)


@operators.post("/registry/keys")
async def take_keys(door: AtDoor, body: Body) -> dict[str, Any]:
    """Hand issuers' TAC masters to their partitions: [{issuer, version, tac_master}], in hex.

    Only that there is such a key is stored among the calls, never the key.
    """
    keys = read_keys(body)
    for issuer, version, master in keys:
        door.keys.take(issuer, version, master)
    known = [{"issuer": issuer, "version": version} for issuer, version, _ in keys]
    return await _obeyed(door, "keys", 0, json.dumps(known).encode())


@operators.post("/tariffs/{version}")
async def publish_tariff(door: AtDoor, body: Body, version: Version) -> dict[str, Any]:
    """Publish a tariff bundle under a version; other bytes under it are refused."""
    parse_bundle(body)
    return await _obeyed(door, "tariff", version, body)


@operators.post("/hotlists/{version}")
async def publish_hotlist(
    door: AtDoor, body: Body, version: Version, published_at_ms: Instant
) -> dict[str, Any]:
    """Publish a hotlist, the whole list: card numbers of 8 bytes, little-endian."""
    read_rows("hotlist", body, np.dtype([("card", "<u8")]))
    return await _obeyed(door, "hotlist", version, published_at_ms.to_bytes(8, "big") + body)


@operators.post("/days/{day}/close")
async def close_day(door: AtDoor, day: Day, at_ms: Instant) -> dict[str, Any]:
    """Close a business day as of an instant; the net positions are those of the closed window."""
    stored = await door.call("close", day, at_ms.to_bytes(8, "big"))
    await door.link.wait_for(stored.arrival)
    books = Books.reader(door.settings.store)
    try:
        close = next(c for c in books.closes() if c.arrival == stored.arrival)
        return {
            "format": "jakarta-one/day-close/1",
            "day": day,
            "at_ms": at_ms,
            "window": close.window,
            "positions": dict(books.net_of_window(close.window)),
            "ledger_hash": close.ledger_hash,
            "transfers": books.transfer_count(),
        }
    finally:
        books.close()


@operators.get("/days/{day}/positions")
def positions(door: AtDoor, day: Day) -> dict[str, Any]:
    """Return the net positions of a day, all its windows summed; 404 before its first close."""
    books = Books.reader(door.settings.store)
    try:
        found = {owner: idr for of, owner, idr in books.positions() if of == day}
        if not any(close.operating_day == day for close in books.closes()):
            raise HTTPException(404, f"day {day} was never closed")
        return {"format": "jakarta-one/positions/1", "day": day, "positions": found}
    finally:
        books.close()


@operators.get("/exceptions")
def exceptions(door: AtDoor, limit: Annotated[int, Query(ge=1, le=10_000)] = 100) -> dict[str, Any]:
    """Return the newest exceptions."""
    names = ("id", "arrival", "item", "reason", "amount", "detail")
    books = Books.reader(door.settings.store)
    try:
        rows = [dict(zip(names, row, strict=True)) for row in books.exceptions(limit)]
    finally:
        books.close()
    return {"format": "jakarta-one/exceptions/1", "exceptions": rows}


@operators.get("/status")
async def status(door: AtDoor) -> dict[str, Any]:
    """Return what was received, the backlog, and the taps by verdict."""
    return door.figures()


@operators.get("/ledger")
async def ledger(door: AtDoor) -> dict[str, Any]:
    """Return the ledger hash and the number of transfers."""
    return {"format": "jakarta-one/ledger/1"} | await door.link.ask("ledger")


@operators.get("/cursor/{sender}")
def cursor(door: AtDoor, sender: Annotated[int, Path(ge=0, lt=1 << 32)]) -> dict[str, Any]:
    """Return up to which batch nothing of a sender is missing, and what is missing above it."""
    raw = RawReader(door.settings.store)
    try:
        held = raw.batch_cursor(sender)
    finally:
        raw.close()
    return {"sender": sender, "high_water": held.high_water, "missing": held.missing()}


@operators.get("/export")
async def export(door: AtDoor) -> dict[str, Any]:
    """Write the export as the books stand, and return its manifest (docs/spec/export.md)."""
    async with door.exporting:
        return await door.link.ask("export")


@operators.get("/export/{table}")
async def export_table(door: AtDoor, table: str) -> FileResponse:
    """Return one table of the export that was written last, as Parquet."""
    if table not in TABLES:
        raise HTTPException(404, f"no table {table!r}; there are: {', '.join(TABLES)}")
    path = door.settings.store / EXPORT_FOLDER / f"{table}.parquet"
    async with door.exporting:
        if not path.exists():
            await door.link.ask("export")
        return FileResponse(path, media_type="application/vnd.apache.parquet")


@opened.get("/metrics", dependencies=[Depends(operator)])
async def metrics(door: AtDoor) -> Response:
    """Return every figure for Prometheus."""
    door.metrics.pipeline_up.set(int(door.link.running))
    return Response(door.metrics.text(), media_type="text/plain; version=0.0.4; charset=utf-8")


@devices.get("/tariffs/{version}")
async def tariff(door: AtDoor, version: Version) -> Response:
    """Return a tariff bundle to a device."""
    return await _published(door, "tariff", version, 0)


@devices.get("/hotlists/{version}")
async def hotlist(door: AtDoor, version: Version) -> Response:
    """Return a hotlist to a device: card numbers of 8 bytes, little-endian."""
    return await _published(door, "hotlist", version, 8)


async def _published(door: Door, name: str, version: int, skip: int) -> Response:
    body = await asyncio.to_thread(door.published, name, version)
    if body is None:
        held = ", ".join(map(str, door.versions(name))) or "none"
        raise HTTPException(404, f"no {name} version {version}; there are: {held}")
    return Response(body[skip:], media_type="application/octet-stream")


async def _obeyed(door: Door, name: str, number: int, body: bytes) -> dict[str, Any]:
    stored = await door.call(name, number, body)
    return {"arrival": stored.arrival, "repeated": stored.repeated}


def check_participants(body: bytes) -> None:
    """Check what the postings rely on.

    Raises:
        BadInputError: If the document is not one of participants; says where.
    """
    document = _document(body, dict)
    if document.get("format") != PARTICIPANTS_FORMAT:
        raise BadInputError.at("format", expected=PARTICIPANTS_FORMAT, got=document.get("format"))
    for where, holds in _participant_rules(document):
        if not holds:
            raise BadInputError.at(where, expected="the form of participants.yaml", got="another")


def _participant_rules(document: dict[str, Any]) -> Iterator[tuple[str, bool]]:
    """Yield each place of the document that postings rely on, and whether it is as they need it."""
    rows, fees = document.get("participants"), document.get("fees", [])
    yield "participants", isinstance(rows, list) and isinstance(fees, list)
    for i, row in enumerate(rows or []):
        yield f"participants[{i}]", isinstance(row, dict)
        yield f"participants[{i}].number", is_number(row.get("number"), 9_999)
        yield f"participants[{i}].roles", isinstance(row.get("roles"), list)
    for i, fee in enumerate(fees):
        yield f"fees[{i}]", isinstance(fee, dict)
        yield f"fees[{i}].service", fee.get("service") in Service.__members__
        yield f"fees[{i}].payee", is_number(fee.get("payee"), 9_999)
        yield f"fees[{i}].bps", is_number(fee.get("bps"), 10_000)
        yield f"fees[{i}].code", fee.get("code") in ("fee", "share")
    profiles = document.get("profiles", [])
    yield "profiles", isinstance(profiles, list)
    for i, profile in enumerate(profiles):
        yield f"profiles[{i}]", isinstance(profile, dict)
        yield f"profiles[{i}].profile", is_number(profile.get("profile"), 255)
        yield f"profiles[{i}].limit_idr", is_number(profile.get("limit_idr"), NO_LIMIT_IDR)


def is_number(value: object, maximum: int) -> bool:
    """Return whether a value is a whole number from 0 to a maximum."""
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= maximum


def read_keys(body: bytes) -> list[tuple[int, int, bytes]]:
    """Return (issuer, version, TAC master) of every key handed in.

    Raises:
        BadInputError: If the document has another form; never says a key.
    """
    keys = []
    for i, row in enumerate(_document(body, list)):
        try:
            key = int(row["issuer"]), int(row["version"]), bytes.fromhex(row["tac_master"])
        except (KeyError, TypeError, ValueError) as error:
            raise BadInputError.at(
                f"keys[{i}]", expected="issuer, version and tac_master in hex", got="another form"
            ) from error
        if not (0 < key[0] < 10_000 and 0 < key[1] < 256 and len(key[2]) == 16):
            raise BadInputError.at(
                f"keys[{i}]", expected="issuer to 9999, version to 255, 16 bytes", got="others"
            )
        keys.append(key)
    return keys


def _document(body: bytes, kind: type) -> Any:
    try:
        document = json.loads(body)
    except ValueError as error:
        raise BadInputError.at("body", expected="a JSON document", got=str(error)) from error
    if not isinstance(document, kind):
        raise BadInputError.at("body", expected=kind.__name__, got=type(document).__name__)
    return document
