"""The door on loopback: receipts, problems, and what is kept. Nothing here may ever be a 500."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import duckdb
import pytest

from scheme.batches import BATCH_SIZE_MAX, HEADER_SIZE, Seal, batch_body
from scheme.keys import KEY_VERSION
from scheme.records import records_view
from scheme.verdicts import Verdict
from tests.reference_server.running import Running
from tests.reference_server.town import (
    CARDS,
    CLOSE_AT_MS,
    DAY,
    batch,
    number,
    parsed,
    sender_of,
    single,
    tap,
)

ANN, BEN, _ = CARDS
IN, OUT = "lebak bulus in", "blok m out"
STATION, SHOP = sender_of(IN), sender_of("shop")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """One server for the whole module, with the town enrolled."""
    running = Running(tmp_path_factory.mktemp("intake") / "store")
    running.enrol()
    yield running
    assert running.stop() == 0


def two_taps(first: int, batch_number: int) -> bytes:
    """Return a batch of two taps that nobody has sent before."""
    records = [tap(ANN, first + i, IN, "07:00", 0, first + i) for i in range(2)]
    return batch(STATION, batch_number, records)


def flipped(data: bytes, at: int) -> bytes:
    """Return the bytes with one bit flipped."""
    return data[:at] + bytes([data[at] ^ 0x10]) + data[at + 1 :]


GOOD = two_taps(900, 900)
ALONE = single(SHOP, 900, tap(ANN, 910, "shop", "08:00", 100, 910))
FORGED = batch(STATION, 901, [tap(ANN, 920, IN, "07:00")], signer=number(2))
STRANGER = batch(number(77), 1, [tap(ANN, 930, IN, "07:00")])
UNSEALED = batch_body(
    Seal.cmac, KEY_VERSION, SHOP, 902, bytes(32), records_view(tap(BEN, 940, "shop", "08:00").data)
)

# what is sent, where, and: status, problem, taps that are kept, their verdict
BAD = {
    "nothing": (b"", "batches", 400, "record_malformed", 0, None),
    "text": (b"hello, is this the clearing house?", "batches", 400, "record_malformed", 0, None),
    "truncated in the head": (GOOD[:40], "batches", 400, "record_malformed", 0, None),
    "truncated in the second record": (
        GOOD[: HEADER_SIZE + 200], "batches", 400, "record_malformed", 1, Verdict.record_malformed,
    ),
    "truncated in the seal": (
        GOOD[:-1], "batches", 400, "record_malformed", 2, Verdict.record_malformed,
    ),
    "longer than it says": (
        GOOD + b"\0", "batches", 400, "record_malformed", 2, Verdict.record_malformed,
    ),
    "oversized": (
        GOOD + bytes(BATCH_SIZE_MAX), "batches", 413, "oversized", 2, Verdict.record_malformed,
    ),
    "a bit of the magic flipped": (
        flipped(GOOD, 0), "batches", 400, "record_malformed", 2, Verdict.record_malformed,
    ),
    "a bit of the count flipped": (
        flipped(GOOD, 17), "batches", 400, "record_malformed", 2, Verdict.record_malformed,
    ),
    "a bit of an amount flipped": (
        flipped(GOOD, HEADER_SIZE + 23), "batches", 401, "batch_signature_wrong", 2,
        Verdict.batch_signature_wrong,
    ),
    "a bit of the seal flipped": (
        flipped(GOOD, len(GOOD) - 5), "batches", 401, "batch_signature_wrong", 2,
        Verdict.batch_signature_wrong,
    ),
    "signed by another sender": (
        FORGED, "batches", 401, "batch_signature_wrong", 1, Verdict.batch_signature_wrong,
    ),
    "from a sender that nobody enrolled": (
        STRANGER, "batches", 403, "device_unknown", 1, Verdict.device_unknown,
    ),
    "a single tap on the way of batches": (
        ALONE, "batches", 400, "wrong-route", 1, Verdict.record_malformed,
    ),
    "a batch on the way of single taps": (
        GOOD, "taps", 400, "wrong-route", 2, Verdict.record_malformed,
    ),
    "a tap sealed with a wrong key": (
        UNSEALED + bytes(16), "taps", 401, "batch_signature_wrong", 1,
        Verdict.batch_signature_wrong,
    ),
}  # fmt: skip


def column(server: Running, table: str, name: str, where: str) -> list[Any]:
    """Return one column of a freshly written export."""
    assert server.operator.get("/v1/export").status_code == 200
    path = server.store / "column.test.parquet"
    path.write_bytes(server.operator.get(f"/v1/export/{table}").content)
    with duckdb.connect() as duck:
        rows = duck.execute(f"SELECT {name} FROM '{path}' WHERE {where} ORDER BY ALL").fetchall()
    return [row[0] for row in rows]


@pytest.mark.parametrize("name", BAD)
def test_bad_uploads_are_problems_counted_and_exported_and_move_nothing(
    server: Running, name: str
) -> None:
    data, route, status, problem, taps, verdict = BAD[name]
    before, counted = server.booked(), server.figures()
    answer = server.upload(data, f"/v1/{route}")
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert (answer.json()["type"], answer.json()["status"]) == (problem, status)
    after = server.booked()
    label = f'jk1_uploads_total{{result="{problem}"}}'
    assert server.figures()[label] == counted.get(label, 0) + 1
    assert after["received"]["refused"] == before["received"]["refused"] + 1
    assert after["received"]["uploads"] == before["received"]["uploads"]
    arrival = after["received"]["arrivals"]
    kept = column(server, "taps", "verdict", f"arrival = {arrival}")
    assert kept == [verdict] * taps
    assert column(server, "uploads", "result", f"arrival = {arrival}") == [problem]
    assert server.operator.get("/v1/ledger").json()["transfers"] == 0


def test_the_same_bytes_again_get_the_same_receipt_and_no_second_row(server: Running) -> None:
    sealed = two_taps(1, 1)
    first, again = server.upload(sealed), server.upload(sealed)
    assert (first.status_code, again.status_code) == (200, 200)
    assert first.json() == {
        "format": "jakarta-one/receipt/1", "sender": STATION, "batch": 1,
        "digest": parsed(sealed).digest.hex(), "count": 2, "repeated": False, "high_water": 1,
        "missing": [],
    }  # fmt: skip
    assert again.json() == first.json() | {"repeated": True}
    server.booked()
    where = f"sender = {STATION} AND batch = 1"
    assert column(server, "uploads", "repeats", where) == [1]
    assert column(server, "taps", "verdict", where) == [0, 0]


def test_other_bytes_under_a_taken_number_are_a_conflict_and_both_are_kept(
    server: Running,
) -> None:
    kept, other = two_taps(10, 2), two_taps(20, 2)
    assert server.upload(kept).status_code == 200
    answer = server.upload(other)
    assert answer.status_code == 409
    assert answer.json()["type"] == "batch-digest-differs"
    assert answer.json()["expected"] == parsed(kept).digest.hex()
    assert answer.json()["got"] == parsed(other).digest.hex()
    server.booked()
    results = column(server, "uploads", "result", f"sender = {STATION} AND batch = 2")
    assert results == ["accepted", "batch-digest-differs"]


def test_a_gap_in_the_numbers_is_stored_and_said_and_closed_later(server: Running) -> None:
    gate = sender_of(OUT)
    said = [
        server.upload(batch(gate, n, [tap(BEN, 20 + n, OUT, "08:00", 0, n)])).json()
        for n in (1, 4, 2, 3)
    ]
    assert [(r["high_water"], r["missing"]) for r in said] == [
        (1, []), (1, [2, 3]), (2, [3]), (4, []),
    ]  # fmt: skip
    cursor = server.operator.get(f"/v1/cursor/{gate}").json()
    assert cursor == {"sender": gate, "high_water": 4, "missing": []}


def test_a_sender_that_breaks_off_leaves_the_door_open_for_the_next(server: Running) -> None:
    url = urlsplit(str(server.anybody.base_url))
    assert url.hostname is not None
    with socket.create_connection((url.hostname, url.port)) as raw:
        raw.sendall(b"POST /v1/batches HTTP/1.1\r\nhost: x\r\ncontent-length: 900\r\n\r\nJK1B")
    with socket.create_connection((url.hostname, url.port)) as raw:
        raw.sendall(b"\x16\x03\x01 what is this\r\n\r\n")
        assert b"500" not in raw.recv(200)[:16]
    assert server.anybody.get("/healthz").status_code == 200


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
def test_the_way_in_takes_nothing_but_post(server: Running, method: str) -> None:
    answer = server.anybody.request(method, "/v1/batches")
    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")


def test_a_closed_day_answers_with_positions_that_sum_to_zero(server: Running) -> None:
    server.upload(single(SHOP, 1, tap(BEN, 1, "shop", "09:00", 10_000, 1)), "/v1/taps")
    closed = server.operator.post(f"/v1/days/{DAY}/close", params={"at_ms": CLOSE_AT_MS}).json()
    assert closed["positions"] == {"1024": -10_000, "2063": 9_930, "6015": 70}
    positions = server.operator.get(f"/v1/days/{DAY}/positions").json()["positions"]
    assert positions == closed["positions"]
    assert server.operator.get("/v1/ledger").json()["ledger_hash"] == closed["ledger_hash"]
