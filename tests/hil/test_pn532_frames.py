"""PN532 frames: what was written is read back, and whatever else comes is noise or a named flaw."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hil.pn532_frames import (
    ACK,
    ERROR_FRAME,
    LENGTH_MAX,
    NACK,
    TO_CHIP,
    TO_HOST,
    Deframer,
    Flaw,
    Frame,
    Item,
    Signal,
    encode,
)

LONGEST = bytes(index & 0xFF for index in range(LENGTH_MAX - 2))
FRAMES = st.builds(
    Frame,
    st.sampled_from((TO_CHIP, TO_HOST)),
    st.integers(0, 0xFF),
    st.binary(max_size=60) | st.binary(min_size=250, max_size=LENGTH_MAX - 2),
)
SIGNALS = st.sampled_from(Signal)
WIRE = {Signal.ack: ACK, Signal.nack: NACK, Signal.error: ERROR_FRAME}
QUIET = st.lists(st.integers(0x01, 0xFE), max_size=20).map(bytes)


def wire(item: Frame | Signal) -> bytes:
    """Return the bytes of a frame."""
    return encode(*item) if isinstance(item, Frame) else WIRE[item]


def read(data: bytes) -> list[Item]:
    """Return all that is in some bytes, to the end."""
    deframer = Deframer()
    return deframer.feed(data) + deframer.finish()


@pytest.mark.parametrize(
    ("frame", "data"),
    [
        # As nfcpy 1.0.4 sends and expects them.
        ("0000ff02fed4022a00", Frame(TO_CHIP, 0x02, b"")),
        ("0000ff05fbd4140100001700", Frame(TO_CHIP, 0x14, b"\x01\x00\x00")),
        ("0000ff02fed5151600", Frame(TO_HOST, 0x15, b"")),
        ("0000ff06fad50332010607e800", Frame(TO_HOST, 0x03, b"\x32\x01\x06\x07")),
    ],
)
def test_the_frames_of_others_are_ours(frame: str, data: Frame) -> None:
    assert encode(*data) == bytes.fromhex(frame)
    assert read(bytes.fromhex(frame)) == [data]


@given(st.lists(st.tuples(FRAMES | SIGNALS, QUIET), max_size=6), st.data())
def test_frames_come_out_whole_however_they_are_cut_and_with_noise_between(
    sent: list[tuple[Frame | Signal, bytes]], data: st.DataObject
) -> None:
    stream = b"".join(noise + bytes(3) + wire(item) for item, noise in sent)
    deframer, got, at = Deframer(), list[Item](), 0
    while at < len(stream):
        count = data.draw(st.integers(1, 400))
        got += deframer.feed(stream[at : at + count])
        at += count
    assert got == [item for item, _ in sent]
    assert deframer.noise == sum(len(noise) for _, noise in sent)


@given(FRAMES, st.integers(0, 300), st.integers(0, 7))
def test_a_flipped_bit_never_gives_another_frame(frame: Frame, at: int, bit: int) -> None:
    whole = wire(frame)
    changed = bytearray(whole)
    changed[at % len(whole)] ^= 1 << bit
    # A flip in preamble or postamble changes nothing; one elsewhere may uncover frames in the data.
    assert frame in read(bytes(changed)) or encode(*frame)[1:-1] != bytes(changed[1:-1])


@given(st.binary(max_size=2_000))
def test_noise_gives_frames_and_named_flaws_only_and_is_not_kept(noise: bytes) -> None:
    deframer = Deframer()
    for at in range(0, len(noise), 7):
        for item in deframer.feed(noise[at : at + 7]):
            assert isinstance(item, (Frame, Signal, Flaw))
        assert deframer.held <= LENGTH_MAX + 8
    assert Frame(TO_HOST, 3, b"") in deframer.feed(bytes(300) + encode(TO_HOST, 3, b""))


@pytest.mark.parametrize(
    ("frame", "items"),
    [
        ("0000ff02ffd4022a00", [Flaw.length_checksum]),
        ("0000ffffff010000d402", [Flaw.length_checksum]),
        ("0000ffffff0200fe", [Flaw.length]),  # 512 bytes
        ("0000ffffff000000", [Flaw.length]),
        ("0000ff01ffd42c00", [Flaw.length]),  # a TFI and no command
        ("0000ff02fed4022b00", [Flaw.data_checksum]),
        ("0000ff02fed6022800", [Flaw.direction]),
        ("0000ff04fcd402", [Flaw.cut_short]),
        ("0000ff", [Flaw.cut_short]),
        ("0000ff01ff7f8100", [Signal.error]),
        ("5555000000", []),
    ],
)
def test_what_is_malformed_is_named(frame: str, items: list[Item]) -> None:
    assert read(bytes.fromhex(frame)) == items


def test_a_frame_in_the_middle_of_another_is_found() -> None:
    inner = encode(TO_HOST, 0x41, b"\x00\x90\x00")
    outer = encode(TO_HOST, 0x41, LONGEST)
    assert read(outer[:40] + inner) == [Flaw.cut_short, Frame(TO_HOST, 0x41, b"\x00\x90\x00")]
    hidden = read(outer[:40] + inner + bytes(300))
    assert hidden == [Flaw.data_checksum, Frame(TO_HOST, 0x41, b"\x00\x90\x00")]


@pytest.mark.parametrize(("data", "head"), [(253, "0000ffff01"), (254, "0000ffffff0100ff")])
def test_a_frame_is_extended_only_if_it_has_to_be(data: int, head: str) -> None:
    assert encode(TO_CHIP, 0, bytes(data)).hex().startswith(head)


def test_a_minute_of_noise_is_skipped_in_little_time_and_no_room() -> None:
    deframer = Deframer()
    worst = b"\x00\xff\xff\xff\x01\x09\xf6" * 600  # every start claims the longest frame
    for _ in range(5_529_600 // len(worst)):  # a minute at 921,600 baud
        deframer.feed(worst)
        assert deframer.held <= LENGTH_MAX + 8
    assert read(b"\x00\xff" * 5_000).count(Flaw.cut_short) <= 1
