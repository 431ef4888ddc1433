"""The emulated chip, command by command: what it answers, and that no bytes break it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hil.conformance.given import plain
from hil.iso_dep import ATS
from hil.issuing import issue
from hil.pn532_firmware import Firmware
from hil.pn532_words import Cmd
from scheme.apdu import select_command
from scheme.keys import PURSE_AID

SELECT = select_command(PURSE_AID).encode()
LIST = b"\x01\x00"
OK, TIMEOUT, NO_TARGET = b"\x00", b"\x01", b"\x27"


def chip(card: bool = True) -> Firmware:
    """Return a chip, with a card in its field or none."""
    made = Firmware()
    if card:
        made.insert(issue("python", plain()))
    return made


@pytest.mark.parametrize(
    ("cmd", "data", "answer"),
    [
        (Cmd.diagnose, b"\x00\x01\x02", b"\x00\x01\x02"),
        (Cmd.diagnose, b"\x01", OK),
        (Cmd.diagnose, b"\x09", None),
        (Cmd.get_firmware_version, b"", b"\x32\x01\x06\x07"),
        (Cmd.get_firmware_version, b"\x00", None),
        (Cmd.get_general_status, b"", bytes.fromhex("00000080")),
        (Cmd.read_register, b"\x63\x02\x63\x03", b"\x00\x00"),
        (Cmd.read_register, b"\x63", None),
        (Cmd.write_register, b"\x63\x02\x80", b""),
        (Cmd.write_register, b"\x63\x02", None),
        (Cmd.set_serial_baudrate, b"\x07", b""),
        (Cmd.set_serial_baudrate, b"\x09", None),
        (Cmd.sam_configuration, b"\x01\x00\x00", b""),
        (Cmd.sam_configuration, b"\x05\x00\x00", None),
        (Cmd.rf_configuration, b"\x05\xff\x01\x01", b""),
        (Cmd.rf_configuration, b"\x01", None),
        (Cmd.in_data_exchange, b"\x01" + SELECT, NO_TARGET),
        (Cmd.in_communicate_thru, b"\xe0\x80", TIMEOUT),
        (Cmd.in_deselect, b"\x01", NO_TARGET),
        (Cmd.in_release, b"\x00", OK),
        (Cmd.in_release, b"", None),
        (Cmd.in_list_passive_target, b"\x01\x03\x00", b"\x00"),  # type B
        (Cmd.in_list_passive_target, b"\x03\x00", None),  # three cards at once
        (Cmd.power_down, b"\xb0\x00", OK),
    ],
)
def test_a_fresh_chip_answers_a_command(cmd: Cmd, data: bytes, answer: bytes | None) -> None:
    assert chip(card=False).answer(cmd, data) == answer


def test_a_command_that_it_does_not_have_is_a_syntax_error() -> None:
    made = chip()
    assert made.answer(0xFE, b"") is None
    assert made.done.total() == 0


def test_a_listed_card_is_activated_and_answers() -> None:
    made = chip()
    told = made.answer(Cmd.in_list_passive_target, LIST)
    assert told is not None
    assert (told[:6], told[10:]) == (bytes.fromhex("010100042004"), ATS)
    answer = made.answer(Cmd.in_data_exchange, b"\x01" + SELECT)
    assert answer is not None
    assert (answer[:1], answer[-2:]) == (OK, b"\x90\x00")
    assert made.answer(Cmd.get_general_status, b"") == bytes.fromhex("000101010000108" + "0")
    assert made.answer(Cmd.in_data_exchange, b"\x02" + SELECT) == NO_TARGET


def test_without_automatic_rats_a_card_waits_for_it() -> None:
    made = chip()
    made.answer(Cmd.set_parameters, b"\x00")
    told = made.answer(Cmd.in_list_passive_target, LIST)
    assert told is not None
    assert len(told) == 10
    assert made.answer(Cmd.in_data_exchange, b"\x01" + SELECT) == TIMEOUT
    assert made.answer(Cmd.in_communicate_thru, b"\xe0\x80") == OK + ATS
    answer = made.answer(Cmd.in_communicate_thru, b"\x02" + SELECT)
    assert answer is not None
    assert answer[:2] == OK + b"\x02"


def test_a_card_is_found_by_its_uid_and_under_no_other() -> None:
    made = chip()
    told = made.answer(Cmd.in_list_passive_target, LIST)
    assert told is not None
    uid = told[6:10]
    assert made.answer(Cmd.in_list_passive_target, LIST + uid) == told
    assert made.answer(Cmd.in_list_passive_target, LIST + uid[:3] + b"\xff\xff") == b"\x00"


@pytest.mark.parametrize("after", [Cmd.in_deselect, Cmd.in_release])
def test_a_card_that_was_let_go_answers_no_more(after: Cmd) -> None:
    made = chip()
    made.answer(Cmd.in_list_passive_target, LIST)
    assert made.answer(after, b"\x01") == OK
    told = made.answer(Cmd.in_data_exchange, b"\x01" + SELECT)
    assert told == (TIMEOUT if after is Cmd.in_deselect else NO_TARGET)


@given(
    st.lists(
        st.tuples(st.sampled_from(Cmd) | st.integers(0, 255), st.binary(max_size=20)), max_size=12
    )
)
def test_no_commands_in_any_order_break_it(commands: list[tuple[int, bytes]]) -> None:
    made = chip()
    for code, data in commands:
        answer = made.answer(code, data)
        assert answer is None or len(answer) <= 263
    made.insert(issue("python", plain()))
    made.answer(Cmd.set_parameters, b"\x14")
    told = made.answer(Cmd.in_list_passive_target, LIST)
    assert told is not None
    assert told[:1] == b"\x01"
