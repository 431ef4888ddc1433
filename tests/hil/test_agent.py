"""The rack agent over HTTPS on loopback, and the reader that reaches through it."""

from __future__ import annotations

import datetime as dt
import http.client
import ipaddress
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from hil.agent.bench import AgentBench
from hil.agent.serve import make_server, token_of
from hil.leases import LeaseLostError
from hil.own_card import own_card_data
from hil.play import play
from hil.presence import check_ready
from hil.rack import kind_of, load_rack
from hil.reader import CardHolder, Reader, make_reader, open_reader
from hil.reader_conformance import judge
from scheme.apdu import parse_response, parse_selected, select_command
from scheme.errors import (
    BadInputError,
    CardGoneError,
    EnvironmentFaultError,
    InventoryError,
    ReaderError,
)
from scheme.keys import PURSE_AID, SAM_AID
from scheme.status import Sw
from testbed.rack_leases import lines, there
from tests.hil.test_play import FAST
from tests.hil.test_readers import debit, own_sam
from tests.hil.tiny_city import morning

TOKEN = "a token of more than sixteen characters"
VARIABLE = "RACK_AGENT_TOKEN"
SELECT = select_command(PURSE_AID).encode()
RACK = """\
format: jakarta-one/rack/2
title: What an agent offers
resources:
  slot: {kind: reader, url: "vpcd://127.0.0.1:PORT", simulated: true}
  sick: {kind: reader, by_id: usb-sick-if00, simulated: false}
quarantine:
  - {serial: sick, reason: it resets}
places:
  - {name: in, reader: "model://", sam: "model://empty", service: mrt, place: Lebak Bulus,
     direction: entry, features: [sam]}
  - {name: shut, reader: slot, service: mrt, place: Bundaran HI, direction: exit}
  - {name: ill, reader: sick, service: mrt, place: Blok A, direction: exit}
  - {name: out, reader: "model://empty", sam: "model://empty", service: mrt, place: Blok M,
     direction: exit}
"""
SPANNING = """format: jakarta-one/rack/2
title: Two gates, one of whose readers is here and the rest at an agent
resources:
  far-in: {kind: reader, agent: lab, place: in, simulated: true}
  far-sam: {kind: reader, agent: lab, place: in/sam, simulated: true}
  far-out: {kind: reader, agent: lab, place: out, simulated: true}
agents:
  lab: {url: "https://127.0.0.1:PORT", token_env: RACK_AGENT_TOKEN, certificate: CERTIFICATE}
places:
  - {name: in, reader: far-in, sam: far-sam, service: mrt, place: Lebak Bulus, direction: entry}
  - {name: out, reader: far-out, sam: "model://empty", service: mrt, place: Bundaran HI,
     direction: exit}
"""


SAM_OF_NO_ROLE = (
    b'{"sam": {"sam": 1, "terminal": 1, "may": 1, "masters": [[1, 99, 1, ""]], "receipt_key": "", '
    b'"operator": 1, "category": 1, "ceiling_idr": 1, "counter": 1}}'
)


class Agent(NamedTuple):
    """An agent that runs."""

    bench: AgentBench
    port: int
    certificate: Path

    def url(self, place: str) -> str:
        """Return the URL of the reader of a place."""
        trusted = f"certificate={self.certificate}"
        return f"agent+https://127.0.0.1:{self.port}/{place}?token_env={VARIABLE}&{trusted}"


class Clock:
    """A clock that is set."""

    def __init__(self) -> None:
        self.now_s = 1_000.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a certificate of this machine, with its key beside it."""
    folder = tmp_path_factory.mktemp("certificate")
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), False
        )
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    (folder / "agent.pem").write_bytes(made.public_bytes(pem))
    plain = serialization.NoEncryption()
    text = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, plain)
    (folder / "agent.key").write_bytes(text)
    return folder / "agent.pem"


@pytest.fixture
def clock() -> Clock:
    """Return the agent's clock."""
    return Clock()


@pytest.fixture
def agent(
    tmp_path: Path, certificate: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Agent]:
    """Return an agent with a place that is a program, and one whose port cannot be had."""
    monkeypatch.setenv(VARIABLE, TOKEN)
    key = certificate.with_suffix(".key")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = str(listener.getsockname()[1])
        (tmp_path / "rack.yaml").write_text(RACK.replace("PORT", port))
        bench = AgentBench(load_rack(tmp_path / "rack.yaml"), clock=clock)
        server = make_server(bench, token_of(VARIABLE), "127.0.0.1", 0, certificate, key)
        thread = threading.Thread(target=server.run, args=([listener],))
        thread.start()
        yield Agent(bench, int(port), certificate)
        server.should_exit = True
        thread.join()
    bench.close()


def test_a_reader_through_an_agent_passes_every_case_of_readers(agent: Agent) -> None:
    wrong = [result for result in judge(agent.url("in")) if result.verdict != "PASS"]
    assert wrong == []


def test_a_debit_with_card_and_sam_at_an_agent_moves_what_it_should(agent: Agent) -> None:
    urls = agent.url("in"), agent.url("in/sam")
    with closing(make_reader(urls[0])) as card, closing(make_reader(urls[1])) as sam:
        assert isinstance(card, CardHolder)
        assert isinstance(sam, CardHolder)
        card.open()
        sam.open()
        module = sam.issue(own_sam())
        sam.insert(module)
        assert parse_response(module.answer(select_command(SAM_AID).encode())).sw == Sw.ok
        debit(card, sam, 4_000)
        selected = parse_selected(parse_response(card.transceive(SELECT).response).data)
        assert selected.balance == 96_000


def test_a_rack_that_spans_machines_is_played_like_any_other(agent: Agent, tmp_path: Path) -> None:
    city = morning()
    city.write(tmp_path / "city")
    text = SPANNING.replace("PORT", str(agent.port)).replace("CERTIFICATE", str(agent.certificate))
    (tmp_path / "spanning.yaml").write_text(text)
    rack = load_rack(tmp_path / "spanning.yaml")
    check_ready(rack)
    with closing(open_reader(rack.places[0].reader)):
        (lease,) = there(rack)
    assert (lease["resource"], lease["agent"]) == ("in", "lab")
    assert lines([lease])[0].startswith("in at lab: held by ")
    whole = play(tmp_path / "city", rack, tmp_path / "out", FAST, city.keys, lambda *_: None)
    assert (whole["mismatches"], whole["displaced"]) == (0, 0)
    assert whole["taps"] == whole["planned"] > 5


def test_an_exchange_takes_what_it_took_at_the_agent(agent: Agent) -> None:
    with closing(open_reader(agent.url("in"))) as reader:
        exchanges = [reader.transceive(SELECT) for _ in range(3)]
    instants = [ns for each in exchanges for ns in (each.sent_ns, each.received_ns)]
    assert instants == sorted(instants)


def test_a_place_is_one_callers_and_free_when_he_closes(agent: Agent) -> None:
    with closing(open_reader(agent.url("in"))):
        (told, *_) = agent.bench.places()
        assert told.lease is not None
        assert told.lease.left_s == 3_600
        with pytest.raises(ReaderError, match=r'"in": expected it free, got leased by .* 3600 s'):
            open_reader(agent.url("in"))
    assert agent.bench.places()[0].lease is None
    with closing(open_reader(agent.url("in"))) as reader:
        reader.transceive(SELECT)
    assert [event.kind for event in agent.bench.events(0)] == ["leased", "ended"] * 2


def test_a_lease_that_ends_is_lost_at_the_next_step_and_the_place_is_free(
    agent: Agent, clock: Clock
) -> None:
    with closing(open_reader(agent.url("in"))) as reader:
        reader.transceive(SELECT)
        clock.now_s += 3_601
        with pytest.raises(LeaseLostError, match="its deadline has passed"):
            reader.transceive(SELECT)
        with closing(open_reader(agent.url("in"))) as other:
            other.transceive(SELECT)
            with pytest.raises(LeaseLostError, match="take it again"):
                reader.transceive(SELECT)
    assert "lost" in [event.kind for event in agent.bench.events(0)]


def test_a_caller_that_is_not_heard_of_loses_its_place(agent: Agent, clock: Clock) -> None:
    with closing(open_reader(agent.url("in"))) as reader:
        clock.now_s += 11
        agent.bench.sweep()
        with pytest.raises(LeaseLostError):
            reader.field_off()
    assert agent.bench.events(1)[0].said.endswith("got nothing for 11 s")


def test_a_place_that_took_too_long_to_open_is_not_kept(
    agent: Agent, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    def slow(url: str) -> Reader:
        clock.now_s += 11
        agent.bench.sweep()
        return open_reader(url)

    with monkeypatch.context() as patched:
        patched.setattr("hil.agent.bench.open_reader", slow)
        with pytest.raises(LeaseLostError):
            open_reader(agent.url("in"))
    with closing(open_reader(agent.url("in"))) as reader:
        reader.transceive(SELECT)


def test_what_fails_at_the_agent_fails_here_as_the_same(agent: Agent) -> None:
    with closing(open_reader(agent.url("in"))) as reader:
        assert isinstance(reader, CardHolder)
        card = reader.issue(own_card_data())
        reader.remove()
        with pytest.raises(CardGoneError, match='no card in reader "model://"'):
            reader.transceive(SELECT)
        reader.insert(card)
        assert parse_response(card.answer(SELECT)).sw == Sw.ok
        card.reset()
    with pytest.raises(ReaderError, match=r"expected to listen at 127\.0\.0\.1"):
        open_reader(agent.url("shut"))
    assert agent.bench.places()[1].lease is None
    with pytest.raises(InventoryError, match='no place "ill" at this agent; there are: in'):
        open_reader(agent.url("ill"))


@pytest.mark.parametrize(
    ("token", "said"),
    [
        ("another token of many characters", "the token was refused"),
        ("", "expected a token in"),
        (TOKEN + "\n", "expected a token of visible ASCII"),
    ],
)
def test_a_caller_without_the_token_gets_nothing(
    agent: Agent, monkeypatch: pytest.MonkeyPatch, token: str, said: str
) -> None:
    monkeypatch.setenv(VARIABLE, token)
    with pytest.raises(ReaderError, match=said):
        open_reader(agent.url("in"))


def test_a_certificate_that_is_not_trusted_ends_it(agent: Agent) -> None:
    url = agent.url("in").partition("&certificate")[0]
    with pytest.raises(ReaderError, match="certificate"):
        open_reader(url)


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/v1/leases", b"{", 400),
        ("/v1/leases", b'{"place": "in"}', 400),
        ("/v1/leases", b'{"place": "in", "owner": "x", "run": "y", "seconds": 1, "more": 1}', 400),
        ("/v1/leases/0/exchange", b'{"apdu": "no base64"}', 400),
        ("/v1/leases/0/exchange", b'{"apdu": "AKQEAA=="}', 410),
        ("/v1/leases/0/issue", b"{}", 400),
        ("/v1/leases/0/issue", SAM_OF_NO_ROLE, 400),
        ("/v1/leases/%C3%A9/beat", b"", 410),
        ("/v1/leases", b"x" * 70_000, 413),
        ("/v1/none", b"", 404),
    ],
)
def test_a_call_that_makes_no_sense_is_answered_so(
    agent: Agent, path: str, body: bytes, status: int
) -> None:
    trusted = ssl.create_default_context(cafile=agent.certificate)
    line = http.client.HTTPSConnection("127.0.0.1", agent.port, timeout=10, context=trusted)
    with closing(line):
        line.request("POST", path, body, {"Authorization": f"Bearer {TOKEN}"})
        assert line.getresponse().status == status


@pytest.mark.parametrize("path", ["/v1/places", "/v1/events?after=0"])
def test_places_and_events_are_told_to_whoever_has_the_token(agent: Agent, path: str) -> None:
    trusted = ssl.create_default_context(cafile=agent.certificate)
    line = http.client.HTTPSConnection("127.0.0.1", agent.port, timeout=10, context=trusted)
    with closing(line):
        line.request("GET", path, headers={"Authorization": f"Bearer {TOKEN}"})
        answer = line.getresponse()
        assert (answer.status, answer.read()[:1]) == (200, b"[")
        line.request("GET", path)
        assert line.getresponse().status == 401


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("agent+http://lab.example/in", "expected agent\\+https:// to another machine"),
        ("agent+https://lab.example", "expected agent\\+https://HOST:PORT/PLACE, got no place"),
        ("agent+https://lab.example/in?tokn=x", "expected options token_env"),
        ("agent+https://lab.example/in?minutes=0", "expected a whole number above 0, got 0"),
    ],
)
def test_a_url_that_reaches_no_agent_is_told(url: str, said: str) -> None:
    with pytest.raises(BadInputError, match=said):
        make_reader(url)


@pytest.mark.parametrize("url", ["agent+ftp://lab/in", "agent://lab/in", "agent+model://"])
def test_an_agent_is_reached_by_http_alone(url: str) -> None:
    with pytest.raises(InventoryError, match="no reader driver"):
        make_reader(url)


def test_a_wrapper_stands_before_an_agent_as_before_any_reader(agent: Agent) -> None:
    with closing(open_reader(f"fault+{agent.url('in')}")) as reader:
        assert parse_response(reader.transceive(SELECT).response).sw == Sw.ok
    assert kind_of(agent.url("in")) == ("agent", "own")


def test_an_agent_that_is_not_there_is_a_fault_of_the_bench(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(VARIABLE, TOKEN)
    with pytest.raises(ReaderError, match=r"agent http://127.0.0.1:9: expected an answer"):
        open_reader(f"agent+http://127.0.0.1:9/in?token_env={VARIABLE}")


def test_an_agent_does_not_speak_plainly_to_other_machines(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "rack.yaml").write_text(RACK.replace("PORT", "7"))
    bench = AgentBench(load_rack(tmp_path / "rack.yaml"))
    with pytest.raises(BadInputError, match=r"expected 127.0.0.1, or --certificate"):
        make_server(bench, TOKEN, "0.0.0.0", 0, None, None)
    with pytest.raises(EnvironmentFaultError, match="expected a certificate with its key"):
        make_server(bench, TOKEN, "0.0.0.0", 0, tmp_path / "none.pem", tmp_path / "none.key")
    monkeypatch.setenv(VARIABLE, "short")
    with pytest.raises(BadInputError, match="expected a token of 16 characters or more, got 5"):
        token_of(VARIABLE)
    monkeypatch.setenv(VARIABLE, TOKEN + "\n")
    with pytest.raises(BadInputError, match="expected visible ASCII characters"):
        token_of(VARIABLE)
