"""Traces in words: every command by name and field, and whatever is no command of ours."""

from __future__ import annotations

import contextlib
import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hil.apdu_trace import Line
from hil.decode import Decoded, Heard, decode
from hil.gsmtap import file_head, packet
from hil.own_card import own_card_data
from hil.pcap import read_pcap
from hil.shapes import SHAPERS, shape_of, size_of
from hil.traces import read_exchanges
from hil.words import shipped_names
from scheme.apdu import (
    Command,
    Ins,
    Mode,
    Phase,
    Slot,
    authenticate_command,
    init_command,
    select_command,
    value_command,
)
from scheme.errors import BadInputError
from scheme.keys import IDENTITY_AID, PURSE_AID, SAM_AID
from scheme.personalisation import purse_blocks
from scheme.transit_state import Parking, Transit

SELECT = select_command(PURSE_AID).encode()
MAC = bytes(range(8))
AT_S = 1_775_000_000


def told(*exchanges: Heard) -> list[Decoded]:
    """Return exchanges in words."""
    return list(decode(exchanges, shipped_names()))


def words(decoded: Decoded) -> dict[str, str]:
    """Return the fields of command and answer by name."""
    return {field.name: field.words for field in (*decoded.told, *decoded.answered)}


def test_a_select_says_who_the_card_is_in_words() -> None:
    said = own_card_data().image._replace(
        group=3, group_expiry=20_000, transit=Transit(open_place=101).pack()
    )
    (decoded,) = told(Heard(SELECT, said.said() + b"\x90\x00"))
    assert (decoded.name, decoded.parameters, decoded.phase) == (
        "SELECT", "purse by AID", "select",
    )  # fmt: skip
    got = words(decoded)
    assert got["card"] == "9810 1600 0000 0010"
    assert got["issuer"] == "Bank DKI (1016)"
    assert got["balance"] == "Rp 100.000"
    assert got["group"] == "free group 3, KJP Plus and KJMU pupils"
    assert got["group_expiry"] == "2024-10-04"
    assert got["parking"] == "no stay"


def test_a_debit_says_its_place_its_time_and_the_state_it_sets() -> None:
    state = Parking(101, 1, AT_S).pack()
    command = value_command(Ins.debit, Slot.parking, AT_S, 101, 7, state, MAC).encode()
    answer = struct.pack(">II", 95_000, 6) + MAC + MAC + b"\x90\x00"
    (decoded,) = told(Heard(command, answer))
    got = words(decoded)
    assert (decoded.name, decoded.parameters) == ("DEBIT", "slot parking")
    assert got["place"] == "Lebak Bulus (place 101)"
    assert got["at_s"] == "2026-04-01 06:33:20"
    assert got["parking"] == "car at Lebak Bulus (place 101) since 2026-04-01 06:33:20"
    assert (got["S2"], got["balance"], got["nt"]) == (MAC.hex(), "Rp 95.000", "6")


def test_the_modes_purses_phases_and_orders_are_named() -> None:
    init = init_command(Mode.cancel, 0, 1, 2, MAC, 3).encode()
    credit = value_command(Ins.credit, Phase.reserve, AT_S, 1, 1, b"", MAC).encode()
    proven = bytes(109)
    sign = authenticate_command(proven, Ins.debit, Slot.none, bytes(6), purse=2).encode()
    names = [
        f"{decoded.name} {decoded.parameters}"
        for decoded in told(Heard(init, None), Heard(credit, None), Heard(sign, None))
    ]
    assert names == [
        "INIT cancel, KJP periodic purse",
        "CREDIT reserve",
        "AUTHENTICATE for DEBIT, slot none, KJP routine purse",
    ]


def test_what_was_selected_is_remembered_reader_by_reader() -> None:
    store = Command(0x80, Ins.store_data, 0, 1, b"\1").encode()
    exchanges = [
        Heard(select_command(IDENTITY_AID).encode(), b"\x69\x85", "one"),
        Heard(select_command(SAM_AID).encode(), b"\x69\x85", "two"),
        Heard(store, b"\x67\x00", "one"),
        Heard(store, b"\x67\x00", "two"),
    ]
    assert [decoded.parameters for decoded in told(*exchanges)[2:]] == [
        "identity block 1", "SAM block 1",
    ]  # fmt: skip


def test_keys_are_counted_and_not_shown() -> None:
    data = own_card_data()
    for block in purse_blocks(data):
        (decoded,) = told(Heard(block, b"\x90\x00"))
        shown = "\n".join(decoded.lines(1)) + str(decoded.document())
        assert not any(key.hex() in shown for key in data.keys)
    assert words(told(Heard(purse_blocks(data)[1], b"\x90\x00"))[0])["admin"] == (
        "16 bytes, not shown"
    )
    cut = purse_blocks(data)[1][:4] + bytes((20,)) + data.keys.pack()[:20]
    assert data.keys.debit.hex() not in "\n".join(told(Heard(cut, b"\x67\x00"))[0].lines(1))


@pytest.mark.parametrize(
    ("command", "answer", "said"),
    [
        (b"", b"", "no short APDU 0 bytes"),
        (b"\x80\x40", b"\x67\x00", "= 6700 the command is longer or shorter"),
        (b"\x80\xfe\x01\x02", b"\x6d\x00", "unknown command CLA 80 INS FE P1 01 P2 02"),
        (b"\x00\x42\x00\x00", b"\x6d\x00", "unknown command CLA 00 INS 42"),
        (b"\x80\x40\x09\x09\x01\xff", b"\x6a\x86", "INIT unknown mode 9, unknown purse 9"),
        (b"\x80\x42\x00\x07", b"\x12\x34", "= 1234 not a status word of this scheme"),
        (b"\x80\x42\x00\x00\x02\xab\xcd", b"\x90\x00", "2 bytes, expected 18: abcd"),
        (SELECT, b"\x90", "= an answer with no status word"),
        (SELECT, None, "= no answer heard"),
    ],
)
def test_what_is_no_command_of_ours_is_shown_as_it_is(
    command: bytes, answer: bytes | None, said: str
) -> None:
    assert said in "\n".join(told(Heard(command, answer))[0].lines(1))


@given(st.binary(max_size=40), st.binary(max_size=80) | st.none())
def test_no_bytes_raise(command: bytes, answer: bytes | None) -> None:
    (decoded,) = told(Heard(command, answer))
    assert decoded.lines(1)
    assert decoded.document()


@given(
    st.sampled_from([*SHAPERS, 0xA4]), st.integers(0, 255), st.integers(0, 255),
    st.sampled_from(["purse", "identity", "SAM"]), st.data(),
)  # fmt: skip
def test_no_fields_raise(ins: int, p1: int, p2: int, application: str, data: st.DataObject) -> None:
    shape = shape_of(Command(0x80, ins, p1, p2), application)
    assert shape is not None
    size, answered = size_of(shape.data), size_of(shape.answer)
    body = data.draw(st.binary(min_size=size, max_size=size))
    answer = data.draw(st.binary(min_size=answered, max_size=answered))
    (decoded,) = told(Heard(Command(0x80, ins, p1, p2, body).encode(), answer + b"\x90\x00"))
    assert decoded.lines(1)


def test_a_trace_of_ours_is_read_with_its_time_and_phase(tmp_path: Path) -> None:
    line = Line(AT_S * 10**9, 1_000, 251_000, "model://", SELECT, b"\x6a\x82", "select")
    file = tmp_path / "trace.jsonl"
    file.write_text(line.encode() + "\n\n")
    (heard,) = read_exchanges([str(file)])
    assert (heard.command, heard.answer, heard.reader) == (SELECT, b"\x6a\x82", "model://")
    assert (heard.at[:19], heard.took_us, heard.phase) == ("2026-04-01 06:33:20", 250.0, "select")


def test_a_pcap_of_ours_is_parted_into_commands_and_answers(tmp_path: Path) -> None:
    challenge = bytes((0x80, Ins.challenge, 0, 0))
    file = tmp_path / "trace.pcap"
    file.write_bytes(
        file_head()
        + packet(AT_S * 10**9 + 5_000_000, SELECT, b"\x6a\x82")
        + packet(AT_S * 10**9, challenge, bytes(20) + b"\x90\x00")
        + packet(AT_S * 10**9, SELECT, b"")
    )
    exchanges = list(read_exchanges([str(file)]))
    assert [(heard.command, heard.answer) for heard in exchanges] == [
        (SELECT, b"\x6a\x82"), (challenge, bytes(20) + b"\x90\x00"), (SELECT, None),
    ]  # fmt: skip
    assert exchanges[0].at == "2026-04-01 06:33:20.005+07:00"


def test_hex_is_a_command_and_its_answer_in_turn(tmp_path: Path) -> None:
    words = [SELECT.hex(), "6a82", "80200000"]
    assert [(heard.command, heard.answer) for heard in read_exchanges(words)] == [
        (SELECT, b"\x6a\x82"), (b"\x80\x20\0\0", None),
    ]  # fmt: skip
    file = tmp_path / "lines.txt"
    file.write_text("# by hand\n80200000\n80200000 -\n80200000 9000\n")
    assert [heard.answer for heard in read_exchanges([str(file)])] == [None, None, b"\x90\x00"]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"80200000\nzz", 'file:2: expected bytes as hex digits, got "zz"'),
        (b"8020000", "file:1: expected bytes as hex digits"),
        (b"8020 0000 9000", "file:1: expected a command and its answer, got 3"),
        (b"- 9000", 'file:1: expected bytes as hex digits, got "-"'),
        (b'{"command": 3}', "file:1: expected an exchange as one JSON object"),
        (b"\xff\xfe\x00", "file: expected a trace, a pcap or hex, got bytes that are no text"),
        (file_head()[:10], "expected a pcap of 24 bytes, got 10"),
        (file_head() + bytes(7), "file: packet 1: expected a whole packet, got the end"),
        (
            file_head() + struct.pack("<IIII", 0, 0, 99, 99),
            "file: packet 1: expected a whole packet, got the end",
        ),
        (file_head()[:20] + struct.pack("<I", 147), "expected raw IPv4 or Ethernet, got link"),
    ],
)
def test_a_bad_file_is_one_line_with_its_place(content: bytes, said: str, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(content)
    with pytest.raises(BadInputError) as raised:
        list(read_exchanges([str(file)]))
    assert said in str(raised.value)
    assert len(str(raised.value).splitlines()) == 1


def test_a_trace_line_with_instants_of_another_kind_is_told(tmp_path: Path) -> None:
    line = Line(AT_S, 0, 0, "model://", SELECT, None, "select")
    file = tmp_path / "trace.jsonl"
    file.write_text(line.encode().replace(str(AT_S), '"noon"'))
    with pytest.raises(BadInputError, match=r":1: expected nanoseconds as whole numbers"):
        list(read_exchanges([str(file)]))


@given(st.binary(max_size=120))
def test_no_pcap_raises_anything_but_bad_input(body: bytes) -> None:
    with contextlib.suppress(BadInputError):
        list(read_pcap("some.pcap", file_head() + body))


@given(st.binary(max_size=80))
def test_no_packet_raises(body: bytes) -> None:
    head = struct.pack("<IIII", AT_S, 0, len(body), len(body))
    list(read_pcap("some.pcap", file_head() + head + body))
