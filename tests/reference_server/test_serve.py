"""The command that serves: start, end, and what it does when the machine says no."""

from __future__ import annotations

import asyncio
import json
import socket
import sqlite3
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from reference_server.access import device_mac
from reference_server.app import create_app, listen, openapi
from reference_server.group_commit import GroupCommit, QueueFullError
from reference_server.schema import BOOKS, RAW, ArrivalKind, Schema
from reference_server.settings import Limits, Settings
from reference_server.store import Arrival, RawStore
from scheme.errors import EnvironmentFaultError, StoreError
from tests.reference_server import town
from tests.reference_server.running import ROOT, Running

STATION = town.sender_of("lebak bulus in")
CARD = town.CARDS[0]


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """Where a store is not yet."""
    return tmp_path / "store"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """One server for the whole module, with the town enrolled."""
    running = Running(tmp_path_factory.mktemp("serve") / "store")
    running.enrol()
    yield running
    assert running.stop() == 0


def serve(store: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run a server that cannot start, to its end."""
    command = [sys.executable, "-m", "reference_server", "--store", str(store), *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)


def test_a_busy_port_is_exit_3_and_writes_nothing(store: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as busy:
        port = busy.getsockname()[1]
        ended = serve(store, "--port", str(port))
    assert ended.returncode == 3
    assert ended.stderr == (
        f"127.0.0.1:{port}: expected a free port, got Address already in use;"
        " give another with --port\n"
    )
    assert not store.exists()


@pytest.mark.parametrize("schema", [RAW, BOOKS])
def test_a_store_of_another_version_is_exit_3_and_stays_as_it_was(
    store: Path, schema: Schema
) -> None:
    file_name = schema.file_name
    store.mkdir()
    with sqlite3.connect(store / file_name) as newer:
        newer.execute("CREATE TABLE tomorrow (a INTEGER)")
        newer.execute(f"PRAGMA application_id = {0x4A4B3101}")
        newer.execute("PRAGMA user_version = 2")
    newer.close()
    before = (store / file_name).read_bytes()
    ended = serve(store)
    assert ended.returncode == 3
    assert "expected store version 1, got 2" in ended.stderr
    assert [path.name for path in store.iterdir()] == [file_name]
    assert (store / file_name).read_bytes() == before


@pytest.mark.parametrize("content", [b"not a database, but long enough to be read as one" * 20])
def test_a_file_that_is_no_store_is_exit_3(store: Path, content: bytes) -> None:
    store.mkdir()
    (store / RAW.file_name).write_bytes(content)
    ended = serve(store)
    assert ended.returncode == 3
    assert "expected a store of Jakarta One" in ended.stderr


@pytest.mark.parametrize("file_bytes_max", [20_000, 33_000])  # too little for raw, for the books
@pytest.mark.parametrize("made_before", [False, True])
def test_a_disk_too_small_for_a_new_store_is_exit_3_and_leaves_nothing(
    store: Path, file_bytes_max: int, made_before: bool
) -> None:
    if made_before:
        store.mkdir()
    limit = ["prlimit", f"--fsize={file_bytes_max}"]
    command = [*limit, sys.executable, "-m", "reference_server", "--store", str(store)]
    ended = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, timeout=20, check=False
    )
    assert ended.returncode == 3, ended.stderr
    assert "cannot be opened for writing" in ended.stderr
    assert len(ended.stderr.splitlines()) == 1
    assert not list(store.iterdir())


def test_two_servers_never_share_a_store(server: Running) -> None:
    ended = serve(server.store)
    assert ended.returncode == 3
    assert ended.stderr == f"{server.store}: is in use by another serve; give --store another\n"


def test_a_folder_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    blocker = tmp_path / "file"
    blocker.touch()
    with pytest.raises(StoreError, match="cannot be written"):
        create_app(Settings(store=blocker / "store"))


def test_a_port_of_nobody_is_taken() -> None:
    with listen("127.0.0.1", 0) as listening, pytest.raises(EnvironmentFaultError):
        listen("127.0.0.1", listening.getsockname()[1])


def test_the_token_is_made_once_and_readable_by_its_owner_alone(server: Running) -> None:
    assert stat.S_IMODE(server.token_file.stat().st_mode) == 0o600
    assert len(server.token_file.read_text().strip()) >= 40


ROUTES = [
    ("POST", "/v1/registry/participants"), ("POST", "/v1/registry/terminals"),
    ("POST", "/v1/registry/senders"), ("POST", "/v1/registry/cards"),
    ("POST", "/v1/registry/keys"), ("POST", "/v1/tariffs/1"),
    ("POST", "/v1/hotlists/1?published_at_ms=1"), ("POST", "/v1/days/1/close?at_ms=1"),
    ("GET", "/v1/days/1/positions"), ("GET", "/v1/exceptions"), ("GET", "/v1/status"),
    ("GET", "/v1/ledger"), ("GET", "/v1/cursor/1"), ("GET", "/v1/export"),
    ("GET", "/v1/export/taps"), ("GET", "/metrics"), ("GET", "/openapi.json"),
    ("GET", "/v1/tariffs/1"), ("GET", "/v1/hotlists/1"),
]  # fmt: skip


@pytest.mark.parametrize(("method", "path"), ROUTES)
@pytest.mark.parametrize("authorization", [None, "Bearer wrong", "Basic b3BlcmF0b3I6"])
def test_nothing_is_open_but_health(
    server: Running, method: str, path: str, authorization: str | None
) -> None:
    headers = {"authorization": authorization} if authorization else {}
    answer = server.anybody.request(method, path, headers=headers)
    assert answer.status_code == 401
    assert answer.json()["type"] == "not-authorised"


def test_every_route_of_the_document_is_in_the_table_above(tmp_path: Path) -> None:
    app = create_app(Settings(store=tmp_path))
    paths = openapi(app)["paths"]
    known = {path.split("?")[0].replace("/1", "/{}").replace("/taps", "/{}") for _, path in ROUTES}
    opened = {"/healthz", "/readyz", "/v1/time", "/v1/batches", "/v1/taps"}
    shapes = {path if "{" not in path else _shape(path) for path in paths}
    assert shapes - known == opened
    app.state.door.store.close()


def _shape(path: str) -> str:
    return "/".join("{}" if part.startswith("{") else part for part in path.split("/"))


def test_health_and_readiness_are_open(server: Running) -> None:
    server.booked()
    assert server.anybody.get("/healthz").json() == {"status": "ok"}
    assert server.anybody.get("/readyz").json() == {"status": "ok"}


def device_headers(path: str, at_s: int, sender: int = STATION) -> dict[str, str]:
    """Return the headers that a device puts on a download."""
    mac = device_mac(town.KEYS.sender_mac_key(sender), path, at_s)
    return {"x-jk1-sender": str(sender), "x-jk1-at": str(at_s), "x-jk1-mac": mac.hex()}


def test_a_device_downloads_lists_and_tariffs_with_a_fresh_mac(server: Running) -> None:
    listed = town.cards()["card"].astype("<u8").tobytes()
    published = server.operator.post("/v1/hotlists/1?published_at_ms=5", content=listed)
    assert published.status_code == 200
    now_s = int(time.time())
    for path, body in (("/v1/tariffs/1", town.tariff()), ("/v1/hotlists/1", listed)):
        answer = server.anybody.get(path, headers=device_headers(path, now_s))
        assert (answer.status_code, answer.content) == (200, body)
    for path, at_s in (("/v1/tariffs/1", now_s - 301), ("/v1/tariffs/1", now_s + 301)):
        assert server.anybody.get(path, headers=device_headers(path, at_s)).status_code == 401
    stolen = device_headers("/v1/hotlists/1", now_s)
    assert server.anybody.get("/v1/tariffs/1", headers=stolen).status_code == 401
    absent = server.anybody.get("/v1/tariffs/9", headers=device_headers("/v1/tariffs/9", now_s))
    assert absent.json()["detail"] == "no tariff version 9; there are: 1"


def test_a_published_version_never_changes(server: Running) -> None:
    again = server.operator.post("/v1/tariffs/1", content=town.tariff())
    assert again.json() == {"arrival": 0, "repeated": True}
    other = server.operator.post("/v1/tariffs/1", content=town.tariff().replace(b"8000", b"8001"))
    assert other.status_code == 409


BAD_CALLS = {
    "registry/terminals": (b"123", "terminals: expected rows of 24 bytes, got 3 bytes"),
    "registry/senders": (b"1", "senders: expected rows of 53 bytes, got 1 bytes"),
    "registry/cards": (b"1", "cards: expected rows of 26 bytes, got 1 bytes"),
    "registry/keys": (b"{}", "body: expected list, got dict"),
    "registry/participants": (
        b'{"format": "jakarta-one/participants/1", "participants": [{"number": "x"}]}',
        "participants[0].number: expected the form of participants.yaml, got another",
    ),
    "tariffs/2": (b"[", "tariff bundle: expected JSON, got b'['"),
    "tariffs/0": (b"", "path.version: Input should be greater than or equal to 1"),
    "days/x/close?at_ms=1": (b"", "path.day: Input should be a valid integer"),
    "days/1/close": (b"", "query.at_ms: Field required"),
    "hotlists/2": (b"", "query.published_at_ms: Field required"),
}


@pytest.mark.parametrize("path", BAD_CALLS)
def test_bad_operator_calls_say_what_was_expected_and_are_not_stored(
    server: Running, path: str
) -> None:
    body, detail = BAD_CALLS[path]
    before = server.booked()["received"]["arrivals"]
    answer = server.operator.post(f"/v1/{path}", content=body)
    assert answer.status_code == 422
    assert answer.json()["detail"].startswith(detail)
    assert server.booked()["received"]["arrivals"] == before


def test_a_key_is_in_no_store_but_its_partition(server: Running) -> None:
    server.booked()
    masters = [bytes.fromhex(row["tac_master"]) for row in json.loads(town.keys())]
    for path in server.store.glob("*.sqlite*"):
        content = path.read_bytes()
        assert not any(key in content or key.hex().encode() in content for key in masters)
    for path in (server.store / "keystore").iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_what_was_acknowledged_survives_a_kill_at_any_moment(store: Path) -> None:
    running = Running(store)
    running.enrol()
    acknowledged = set()
    for n in range(1, 31):
        record = town.tap(CARD, n, "lebak bulus in", "07:00", 0, n)
        answer = running.upload(town.batch(STATION, n, [record]))
        assert answer.status_code == 200
        acknowledged.add(n)
    running.kill()
    again = Running(store)
    try:
        status = again.booked()
        assert status["received"]["uploads"] == len(acknowledged)
        assert status["verdicts"] == {"accepted": len(acknowledged)}
        repeated = again.upload(
            town.batch(STATION, 7, [town.tap(CARD, 7, "lebak bulus in", "07:00", 0, 7)])
        )
        assert repeated.json()["repeated"] is True
    finally:
        assert again.stop() == 0


def test_a_pipeline_that_dies_is_started_again_and_misses_nothing(store: Path) -> None:
    running = Running(store)
    try:
        running.enrol()
        running.booked()
        pipeline = _child_of(running.process.pid)
        running.upload(town.batch(STATION, 1, [town.tap(CARD, 1, "lebak bulus in", "07:00")]))
        subprocess.run(["kill", "-9", str(pipeline)], check=True)
        record = town.tap(CARD, 2, "shop", "07:30", 500)
        running.upload(town.single(town.sender_of("shop"), 1, record), "/v1/taps")
        assert running.booked()["verdicts"] == {"accepted": 2}
    finally:
        assert running.stop() == 0


def test_the_pipeline_ends_with_its_door(store: Path) -> None:
    running = Running(store)
    running.booked()
    pipeline = _child_of(running.process.pid)
    running.kill()
    while Path(f"/proc/{pipeline}/cmdline").exists():
        time.sleep(0.01)


def _child_of(pid: int) -> int:
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return int(children[0])


def test_uploads_beyond_the_queue_are_told_to_come_back(tmp_path: Path) -> None:
    limits = Limits(queue_uploads_max=1)
    raw = RawStore(tmp_path, limits)
    call = Arrival(0, ArrivalKind.call, 0, 0, 0, 0, 0, b"", "x", b"")

    async def fill() -> None:
        commits = GroupCommit(raw, limits)
        commits._loop = asyncio.get_running_loop()
        waiting = commits.submit(call)
        with pytest.raises(QueueFullError, match="1 uploads wait for the disk"):
            commits.submit(call)
        waiting.cancel()

    asyncio.run(fill())
    raw.close()


def test_a_client_that_asks_for_nothing_known_gets_a_problem(server: Running) -> None:
    answer: httpx.Response = server.anybody.get("/v2/everything")
    assert (answer.status_code, answer.json()["type"]) == (404, "not-found")
