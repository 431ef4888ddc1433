"""The outbox: order, the same bytes again, what counts as a receipt, an office that is away."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hil.validator.book import Book
from hil.validator.memory import record_entry
from hil.validator.office import CONFLICT, HttpOffice, Said
from hil.validator.outbox import BackOff, Outbox, Sealer
from scheme.batches import NO_PREVIOUS, Batch, parse_batch, seal_holds
from scheme.errors import TargetError
from scheme.records import TapRecord
from tests.cards import KEYS, TERMINAL

MOST = 3
AWAY = "away"


class Desk:
    """An office that keeps what it is given by number, and now and then fails."""

    def __init__(self, moods: list[str] | None = None) -> None:
        self.moods = moods or []
        self.taken: dict[int, bytes] = {}
        self.heard: list[bytes] = []

    def upload(self, sealed: bytes) -> Said:
        mood = self.moods.pop(0) if self.moods else "well"
        if mood == AWAY:
            raise TargetError("nobody answers")
        batch = parse_batch(sealed)
        self.heard.append(sealed)
        if mood != "refuses":
            assert self.taken.setdefault(batch.number, sealed) == sealed
        if mood == "dies":  # it has the batch, and nobody hears that it has
            raise TargetError("the connection broke")
        said = {"refuses": Said(503, b"full", 7.0), "lies": Said(200, b"<html>Welcome</html>")}
        return said.get(mood) or receipt(batch)


def receipt(batch: Batch) -> Said:
    """Return the receipt of a batch."""
    document = {"sender": batch.sender, "batch": batch.number, "digest": batch.digest.hex()}
    return Said(200, json.dumps(document).encode())


class Case:
    """A book with an outbox."""

    def __init__(self, folder: Path, desk: Any) -> None:
        self.book = Book(folder, TERMINAL)
        self.told: list[tuple[str, dict[str, Any]]] = []
        sealer = Sealer(TERMINAL, 1, KEYS.sender_signing_key(TERMINAL))
        back_off = BackOff(7, TERMINAL)
        self.box = Outbox(self.book, sealer, desk, back_off, MOST, self._tell)

    def _tell(self, event: str, fields: dict[str, Any]) -> None:
        self.told.append((event, fields))

    def record(self, sequence: int) -> None:
        """Keep a record."""
        data = TapRecord.of(sequence=sequence, recorder=TERMINAL, terminal=TERMINAL, card=sequence)
        self.book.keep(record_entry(sequence, sequence, data))


MOODS = st.lists(st.sampled_from(["well", AWAY, "dies", "refuses", "lies"]), max_size=12)
ACTS = st.lists(st.sampled_from(["record", "seal", "send", "restart"]), max_size=30)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(MOODS, ACTS)
def test_whatever_happens_every_record_arrives_once_in_order_and_in_one_chain(
    tmp_path_factory: pytest.TempPathFactory, moods: list[str], acts: list[str]
) -> None:
    folder, desk, made = tmp_path_factory.mktemp("outbox"), Desk(moods), 0
    case = Case(folder, desk)
    for act in acts:
        if act == "record":
            made += 1
            case.record(made)
        elif act == "seal":
            case.box.seal()
        elif act == "send":
            case.box.send()
        else:
            case.book.close()
            case = Case(folder, desk)
    while case.box.seal() or case.book.memory.unsent:
        case.box.send()
    case.book.close()
    batches = [parse_batch(desk.taken[number]) for number in sorted(desk.taken)]
    assert [batch.number for batch in batches] == list(range(1, len(batches) + 1))
    got = [s for batch in batches for s in batch.records["sequence"].tolist()]
    assert got == list(range(1, made + 1))
    previous = NO_PREVIOUS
    for batch in batches:
        assert seal_holds(batch, KEYS.sender_signing_key(TERMINAL).public_key(), b"")
        assert (batch.previous, batch.count <= MOST) == (previous, True)
        previous = batch.digest


def test_a_batch_is_sent_again_as_the_same_bytes_over_a_restart(tmp_path: Path) -> None:
    desk = Desk(["dies"])
    case = Case(tmp_path, desk)
    case.record(1)
    case.box.seal()
    assert case.box.send() > 0
    case.book.close()
    again = Case(tmp_path, desk)
    again.record(2)
    assert again.box.send() == 0
    assert desk.heard[0] == desk.heard[1]
    assert again.told == [("uploaded", {"batch": 1, "records": 1})]
    again.book.close()


def test_a_status_of_200_that_is_no_receipt_acknowledges_nothing(tmp_path: Path) -> None:
    case = Case(tmp_path, Desk(["lies"]))
    case.record(1)
    case.box.seal()
    case.box.send()
    assert "no receipt" in case.told[0][1]["text"]
    assert list(case.book.memory.unsent) == [1]
    case.book.close()


def test_an_office_that_asks_to_wait_for_ever_is_asked_again(tmp_path: Path) -> None:
    class Sleepy(Desk):
        def upload(self, sealed: bytes) -> Said:
            return Said(503, b"", float("inf"))

    case = Case(tmp_path, Sleepy([]))
    case.record(1)
    case.box.seal()
    assert case.box.send() == 300
    case.book.close()


def test_an_office_that_asks_to_wait_is_obeyed(tmp_path: Path) -> None:
    case = Case(tmp_path, Desk(["refuses"]))
    case.record(1)
    case.box.seal()
    assert case.box.send() == 7.0
    case.book.close()


def test_a_conflict_is_set_aside_and_what_is_behind_it_goes_on(tmp_path: Path) -> None:
    class Other(Desk):
        def upload(self, sealed: bytes) -> Said:
            batch = parse_batch(sealed)
            return Said(CONFLICT, b"another stands") if batch.number == 1 else receipt(batch)

    case = Case(tmp_path, Other())
    for sequence in (1, 2):
        case.record(sequence)
        case.box.seal()
    assert [case.box.send() for _ in range(3)] == [0.0, 0.0, float("inf")]
    assert (list(case.book.memory.unsent), case.box.set_aside) == ([1], 1)
    case.book.close()


@given(st.integers(0, 1 << 40), st.integers(1, 1 << 32), st.integers(1, 10_000))
def test_waits_double_up_to_a_bound_and_are_drawn_by_sender_and_attempt(
    seed: int, sender: int, failures: int
) -> None:
    wait_s = BackOff(seed, sender).seconds(failures)
    bound = min(300.0, 0.5 * 2.0 ** min(failures - 1, 20))
    assert bound / 2 <= wait_s <= bound
    assert wait_s == BackOff(seed, sender).seconds(failures)


def test_two_senders_do_not_come_back_together() -> None:
    waits = {BackOff(7, sender).seconds(5) for sender in range(1, 50)}
    assert len(waits) == 49


class Server:
    """An HTTP server on loopback that answers as it is told."""

    def __init__(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                self.send_response_only(status)
                for name, value in ({"content-length": str(len(body))} | headers).items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *args: object) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def __enter__(self) -> HttpOffice:
        self._office = HttpOffice(self.url, TERMINAL, bytes(16), 5.0)
        return self._office

    def __exit__(self, *_: object) -> None:
        self._office.close()
        self._server.shutdown()
        self._server.server_close()


def test_an_office_without_a_time_endpoint_is_read_by_its_date() -> None:
    with Server(404, b"{}", {"date": "Thu, 01 Jan 2026 00:00:00 GMT"}) as office:
        low, high = office.time()
    assert 1_000 <= high - low <= 20_000
    with Server(404, b"{}", {}) as office, pytest.raises(TargetError, match="Date header"):
        office.time()


@pytest.mark.parametrize(
    "body",
    [b'{"at_ms": Infinity}', b'{"at_ms": 1' + b"0" * 30 + b"}", b'{"at_ms": -1}', b"[" * 9_999],
)
def test_an_office_that_tells_no_time_is_a_named_fault(body: bytes) -> None:
    with Server(200, body, {}) as office, pytest.raises(TargetError, match="/v1/time: expected"):
        office.time()


def test_a_list_that_is_not_there_yet_is_none_and_another_answer_is_a_named_fault() -> None:
    with Server(404, b"{}", {}) as office:
        assert office.published("hotlists", 1, 0) is None
    with Server(401, b"no", {}) as office, pytest.raises(TargetError, match="status 401"):
        office.published("hotlists", 1, 0)
