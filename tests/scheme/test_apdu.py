"""Commands and answers: the bytes of every builder, and lengths that no short command has."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scheme.apdu import (
    Command,
    Ins,
    Mode,
    Phase,
    Response,
    authenticate_command,
    block_command,
    cancel_command,
    confirm_command,
    confirm_purse_command,
    init_command,
    log_command,
    parse_command,
    parse_debited,
    parse_logged,
    parse_proved,
    parse_response,
    parse_selected,
    put_entitlement_command,
    restore_command,
    restricted_debit_command,
    store_commands,
    unblock_command,
    value_command,
)
from scheme.errors import RecordError

BYTE, MAC = st.integers(0, 255), bytes(range(8))
TAIL = "0001020304050607"


@given(BYTE, BYTE, BYTE, BYTE, st.binary(max_size=255), st.booleans())
def test_a_command_is_read_as_it_was_written_with_le_or_without(
    cla: int, ins: int, p1: int, p2: int, data: bytes, le: bool
) -> None:
    command = Command(cla, ins, p1, p2, data)
    assert parse_command(command.encode() + b"\0" * le) == command


@given(st.binary(max_size=300))
def test_bytes_are_a_short_command_or_none(apdu: bytes) -> None:
    command = parse_command(apdu)
    head, rest = apdu[:4], apdu[4:]
    short = len(head) == 4 and (
        len(rest) <= 1 or (rest[0] > 0 and len(rest) - 1 - rest[0] in (0, 1))
    )
    assert (command is not None) == short
    if command is not None:
        assert bytes(command[:4]) == head
        assert command.data == (rest[1 : 1 + rest[0]] if len(rest) > 1 else b"")


@given(st.binary(max_size=64), st.integers(0, 0xFFFF))
def test_an_answer_is_read_as_it_was_written(data: bytes, sw: int) -> None:
    assert parse_response(Response(data, sw).encode()) == (data, sw)


@pytest.mark.parametrize("apdu", [b"", b"\x90"])
def test_an_answer_without_a_status_word_is_none(apdu: bytes) -> None:
    with pytest.raises(RecordError, match="at least 2 bytes"):
        parse_response(apdu)


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        (init_command(Mode.admin, 1, 2, 3, MAC), "8040060114000000010000000200000003" + TAIL),
        (
            value_command(Ins.credit, Phase.commit, 1, 2, 3, b"", MAC),
            "804400021200000001000200000003" + TAIL,
        ),
        (cancel_command(1, 2, 3, MAC), "804600001200000001000200000003" + TAIL),
        (
            restricted_debit_command(1, 2, 3, 4, 5, MAC),
            "80420000160000000100020000000300040005" + TAIL,
        ),
        (confirm_purse_command(MAC), "804a000008" + TAIL),
        (log_command(10, MAC), "804c0a0008" + TAIL),
        (block_command(4, MAC), "804e00010904" + TAIL),
        (unblock_command(MAC), "804e000208" + TAIL),
        (put_entitlement_command(2, 3, MAC), "805400000b020003" + TAIL),
        (authenticate_command(b"!", Ins.debit, 0, b"?", 3), "8022422002213f"),
        (confirm_command(Ins.debit, b"!", sign=True), "802442010121"),
        (restore_command(1, 2, MAC), "80260000100000000100000002" + TAIL),
    ],
)
def test_a_command_has_the_bytes_of_the_specification(command: Command, expected: str) -> None:
    assert command.encode().hex() == expected


def test_blocks_are_numbered_and_the_last_is_marked() -> None:
    assert [block.hex() for block in store_commands({1: b"a", 5: b"bc"})] == [
        "80e200010161",
        "80e28005026263",
    ]


@pytest.mark.parametrize("parse", [parse_selected, parse_debited, parse_proved, parse_logged])
@pytest.mark.parametrize("size", [0, 8, 65])
def test_an_answer_of_another_length_is_not_taken_apart(parse: object, size: int) -> None:
    assert callable(parse)
    with pytest.raises(RecordError, match=f"got {size}"):
        parse(bytes(size))
