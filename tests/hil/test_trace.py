"""Traces: every exchange as it passed, in JSON lines that replay and in pcap that decodes."""

from __future__ import annotations

import json
import struct
from contextlib import closing
from pathlib import Path

import pytest

from hil.apdu_trace import read_trace
from hil.faults.plan import Tear, torn
from hil.gsmtap import file_head, packet
from hil.own_card import own_card_data
from hil.reader import make_reader, open_reader
from hil.readers.fault import FaultReader
from hil.readers.trace import TraceReader
from scheme.apdu import Ins, challenge_command, select_command
from scheme.errors import BadInputError, CardGoneError, ReaderError, RecordError, StoreError
from scheme.keys import PURSE_AID
from scheme.personalisation import purse_blocks

SELECT = select_command(PURSE_AID).encode()
INIT = bytes((0x80, 0x40, 1, 1, 20)) + bytes(20)
CHALLENGE = challenge_command().encode()
SESSION = (SELECT, INIT, CHALLENGE)


def traced(path: Path, inner: str = "model://") -> list[bytes]:
    """Exchange a session over a traced reader; return the answers."""
    with closing(open_reader(f"trace+{inner}?trace={path}")) as reader:
        return [reader.transceive(command).response for command in SESSION]


def test_a_trace_holds_every_exchange_with_its_instants_and_phase(tmp_path: Path) -> None:
    answers = traced(tmp_path / "a.jsonl")
    lines = [json.loads(line) for line in (tmp_path / "a.jsonl").read_text().splitlines()]
    assert [bytes.fromhex(line["command"]) for line in lines] == list(SESSION)
    assert [bytes.fromhex(line["response"]) for line in lines] == answers
    assert [line["phase"] for line in lines] == ["select", "init", "sam"]
    assert {line["reader"] for line in lines} == {"model://"}
    instants = [(line["sent_ns"], line["received_ns"]) for line in lines]
    assert instants == sorted(instants)
    assert all(0 < sent < received for sent, received in instants)
    assert all(line["at_ns"] > 1_700_000_000 * 10**9 for line in lines)


def test_a_trace_names_the_phase_it_is_told_and_the_file_it_is_given(tmp_path: Path) -> None:
    reader = make_reader("trace+model://")
    assert isinstance(reader, TraceReader)
    reader.path, reader.phase = tmp_path / "b.jsonl", "warm-up"
    with closing(reader):
        reader.open()
        reader.transceive(SELECT)
    assert [line.phase for line in read_trace(tmp_path / "b.jsonl")] == ["warm-up"]


def test_a_trace_without_a_file_or_where_none_can_be_is_told(tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match=r"expected a file, as in \?trace=FILE, got none"):
        open_reader("trace+model://")
    with pytest.raises(StoreError, match="expected to write the trace, got"):
        open_reader(f"trace+model://?trace={tmp_path}/no/where.jsonl")


@pytest.mark.parametrize("inner", ["model://", "java://", "vpcd://", "pcsc://"])
def test_a_replay_answers_as_the_card_once_did(inner: str, tmp_path: Path) -> None:
    path = tmp_path / "c.jsonl"
    answers = traced(path, inner)
    with closing(open_reader(f"replay://{path}")) as reader:
        assert [reader.transceive(command).response for command in SESSION] == answers
        reader.field_off()
        with pytest.raises(ReaderError, match=r"c\.jsonl:4: expected no further command, got 00a4"):
            reader.transceive(SELECT)
        reader.close()
        with pytest.raises(ReaderError, match="is not open"):
            reader.transceive(SELECT)
        reader.open()
        assert reader.transceive(SELECT).response == answers[0]


def test_a_replay_of_another_command_says_which_was_recorded(tmp_path: Path) -> None:
    path = tmp_path / "d.jsonl"
    traced(path)
    with closing(open_reader(f"replay://{path}")) as reader:
        reader.transceive(SELECT)
        said = rf"d\.jsonl:2: expected the command {INIT.hex()}, got {SELECT.hex()}"
        with pytest.raises(ReaderError, match=said) as caught:
            reader.transceive(SELECT)
        assert not isinstance(caught.value, CardGoneError)
        assert reader.transceive(INIT).response  # what was not expected has used nothing up


def test_a_card_that_left_unheard_is_in_the_trace_and_leaves_in_the_replay(tmp_path: Path) -> None:
    path = tmp_path / "e.jsonl"
    with closing(open_reader(f"trace+fault+model://?trace={path}")) as reader:
        assert isinstance(reader, TraceReader)
        inner = reader._inner
        assert isinstance(inner, FaultReader)
        inner.arm(torn(Tear.unheard, Ins.init))
        reader.transceive(SELECT)
        with pytest.raises(CardGoneError):
            reader.transceive(INIT)
    assert [line.response is None for line in read_trace(path)] == [False, True]
    with closing(open_reader(f"replay://{path}")) as replay:
        replay.transceive(SELECT)
        with pytest.raises(CardGoneError, match=r"e\.jsonl:2: the card left here, as recorded"):
            replay.transceive(INIT)


def test_no_key_of_a_card_is_in_a_trace(tmp_path: Path) -> None:
    data, path = own_card_data(), tmp_path / "f.jsonl"
    blocks = purse_blocks(data)
    with closing(open_reader(f"trace+model://?trace={path}")) as reader:
        answers = [reader.transceive(block).response for block in blocks]
    text = path.read_text()
    assert not any(key.hex() in text for key in data.keys)
    with closing(open_reader(f"replay://{path}")) as reader:
        assert [reader.transceive(block).response for block in blocks] == answers


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "f.jsonl:1: expected an exchange as one JSON object"),
        ("{}", "f.jsonl:1: expected an exchange as one JSON object, got '{}'"),
        ("[1]", "f.jsonl:1: expected an exchange"),
        (json.dumps({"command": "0", "response": None}), "non-hexadecimal"),
        (json.dumps({"command": "00", "response": None}), "missing"),
        (json.dumps({"command": 1, "response": None}), "f.jsonl:1"),
    ],
)
def test_what_is_no_trace_is_told_with_its_line(text: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "f.jsonl").write_text(text + "\n")
    with pytest.raises(RecordError, match=said):
        open_reader(f"replay://{tmp_path}/f.jsonl")


def test_a_trace_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(RecordError, match="expected a trace of APDUs in JSON lines, got"):
        open_reader(f"replay://{tmp_path}/none.jsonl")


def test_a_pcap_holds_gsmtap_datagrams_byte_by_byte(tmp_path: Path) -> None:
    answers = traced(tmp_path / "g.pcap")
    data = (tmp_path / "g.pcap").read_bytes()
    assert struct.unpack("<IHHiIII", data[:24]) == (0xA1B23C4D, 2, 4, 0, 0, 0xFFFF, 228)
    assert data[:24] == file_head()
    at, held = 24, []
    while at < len(data):
        seconds, rest_ns, kept, size = struct.unpack("<IIII", data[at : at + 16])
        assert seconds > 1_700_000_000
        assert rest_ns < 10**9
        assert kept == size
        held.append(_apdu(data[at + 16 : at + 16 + size]))
        at += 16 + size
    sent = [SELECT, INIT, CHALLENGE + b"\0"]
    assert held == [command + answer for command, answer in zip(sent, answers, strict=True)]


def _apdu(datagram: bytes) -> bytes:
    """Return what a GSMTAP datagram of type SIM carries, every header checked."""
    words = struct.unpack(">10H", datagram[:20])
    folded = sum(words) % 0xFFFF
    assert folded == 0, "expected a right checksum"
    assert datagram[0] == 0x45
    assert words[1] == len(datagram)
    assert (datagram[9], datagram[12:16], datagram[16:20]) == (17, b"\x7f\0\0\1", b"\x7f\0\0\1")
    assert struct.unpack(">HHHH", datagram[20:28]) == (4729, 4729, len(datagram) - 20, 0)
    # version, length in words, type SIM; nothing of a radio; subtype APDU
    assert datagram[28:44] == bytes((2, 4, 4, *(0,) * 13))
    return datagram[44:]


def test_a_packet_of_an_unheard_command_holds_the_command_alone() -> None:
    whole = packet(1_700_000_000_123_456_789, SELECT, b"")
    assert struct.unpack("<II", whole[:8]) == (1_700_000_000, 123_456_789)
    assert _apdu(whole[16:]) == SELECT
