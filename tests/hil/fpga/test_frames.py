"""Frames: there and back in any portions, and what is wrong with those that are none."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hil.fpga import frames
from hil.fpga.frames import BadFrame, Deframer, Event, Events, Frame, Hello, Latency, encode
from hil.fpga.regs import ANSWER, ESCAPE, FLAG, Command, Mark
from scheme.errors import RecordError

BODIES = st.lists(st.sampled_from([FLAG, ESCAPE, 0, 0x5E, 0xFF]), max_size=5).map(bytes)
GOOD = encode(Frame(3, *frames.read(1)))


@given(st.lists(st.builds(Frame, st.integers(0, 255), st.integers(0, 255), BODIES)), st.data())
def test_frames_come_back_in_whatever_portions_they_arrive(
    sent: list[Frame], data: st.DataObject
) -> None:
    wire = b"".join(map(encode, sent))
    cut = data.draw(st.integers(0, len(wire)))
    deframer = Deframer()
    assert [*deframer.feed(wire[:cut]), *deframer.feed(wire[cut:])] == sent


@given(st.binary(max_size=200))
def test_after_any_bytes_a_flag_is_enough_to_hear_the_next_frame(noise: bytes) -> None:
    *_, last = Deframer().feed(noise + bytes([FLAG]) + GOOD)
    assert last == Frame(3, *frames.read(1))


@pytest.mark.parametrize(
    ("wire", "expected"),
    [
        (bytes([FLAG, FLAG]), []),
        (GOOD[:2] + bytes([GOOD[2] ^ 1]) + GOOD[3:], [BadFrame.BAD_CHECKSUM]),
        (bytes([FLAG, 1, FLAG]), [BadFrame.BAD_LENGTH]),
        (bytes([FLAG, ESCAPE, FLAG]), [BadFrame.BAD_LENGTH]),
        (encode(Frame(0, 1, bytes(6))), [BadFrame.BAD_LENGTH]),
        (GOOD[:3] + GOOD, [BadFrame.BAD_LENGTH, Frame(3, *frames.read(1))]),
    ],
)
def test_what_is_no_frame_is_told_by_its_kind(
    wire: bytes, expected: list[Frame | BadFrame]
) -> None:
    assert list(Deframer.of_requests().feed(wire)) == expected


def test_answers_are_parsed_to_what_they_say() -> None:
    event = Event(1 << 47, 3, 1, Mark.LOST | Mark.FIRED)
    assert Event.parse(event.encode()) == event
    found = Events.parse(bytes.fromhex("0005 0002 00000007") + event.encode())
    assert found == (5, 2, 7, (event,))
    assert Hello.parse(bytes(12) + bytes([8, 4, 2, 0])) == (0, 0, 0, 8, 4, 512)
    assert Latency.parse(bytes(19) + bytes([9])).total == 9
    assert frames.value(bytes(7) + bytes([5])) == 5


@pytest.mark.parametrize("parse", [Hello.parse, Latency.parse, Events.parse, frames.value])
def test_an_answer_of_another_length_is_refused(parse: type) -> None:
    with pytest.raises(RecordError, match="bytes, got"):
        parse(bytes(9 if parse == Events.parse else 3))


def test_an_answer_belongs_to_the_request_with_its_sequence_and_command() -> None:
    request = Frame(9, Command.READ, b"\x01")
    assert frames.answers(request, Frame(9, Command.READ | ANSWER, b""))
    assert frames.answers(request, Frame(9, frames.ERROR, b"\x03"))
    assert not frames.answers(request, Frame(8, Command.READ | ANSWER, b""))
    assert not frames.answers(request, Frame(9, Command.WRITE | ANSWER, b""))
