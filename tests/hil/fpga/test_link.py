"""The host's end of the line against devices that are silent, late, noisy, wrong or unplugged."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager

import pytest

from hil.fpga import frames
from hil.fpga.frames import ERROR, Frame, encode
from hil.fpga.link import (
    TRIES,
    FpgaGoneError,
    FpgaRefusedError,
    FpgaSilentError,
    FpgaStrangerError,
    Link,
    SerialPort,
    is_idempotent,
)
from hil.fpga.regs import Command, Control, ErrorCode, Reg
from hil.fpga.timer import FpgaTimer, Served
from scheme.errors import BadInputError, ReaderError
from tests.hil.fpga.odd_device import UNPLUG, OddDevice, Says, answer

SHORT = 0.2  # 50 ms an answer
READ = frames.read(Reg.TICK)
ARM = frames.write(Reg.CONTROL, Control.ARM)
VALUE = bytes(7) + b"\x05"


@contextmanager
def linked(says: Says, scale: float = SHORT) -> Iterator[tuple[Link, OddDevice]]:
    """Yield a link to a device that says so."""
    with closing(OddDevice(says)) as device:
        link = Link(SerialPort(device.path, "odd"), "odd", scale)
        with closing(link):
            yield link, device


def good(request: Frame) -> Iterator[bytes]:
    yield answer(request, VALUE)


def test_each_request_has_a_number_of_its_own_and_gets_its_answer() -> None:
    with linked(good) as (link, device):
        for _ in range(300):
            assert frames.value(link.ask(READ).body) == 5
    numbers = [request.sequence for request in device.heard]
    assert numbers == [(number + 1) % 256 for number in range(300)]


def test_of_a_silent_device_is_asked_again_only_what_does_no_harm() -> None:
    def silent(_: Frame) -> Iterator[bytes]:
        yield from ()

    with linked(silent) as (link, device):
        with pytest.raises(FpgaSilentError, match=r"READ TICK within 0.05 s, got none, asked 3"):
            link.ask(READ)
        assert len(device.heard) == TRIES
        with pytest.raises(FpgaSilentError, match=r"WRITE CONTROL .* asked 1 time"):
            link.ask(ARM)
        assert len(device.heard) == TRIES + 1


def test_an_answer_that_was_lost_is_asked_for_again() -> None:
    lost = iter([True, False])

    def forgetful(request: Frame) -> Iterator[bytes]:
        yield b"" if next(lost) else answer(request, VALUE)

    with linked(forgetful) as (link, _):
        assert frames.value(link.ask(READ).body) == 5
        assert link.again == 1


def test_noise_wrong_checksums_and_answers_to_others_are_passed_over() -> None:
    chance = random.Random(3)

    def noisy(request: Frame) -> Iterator[bytes]:
        mine = answer(request, VALUE)
        yield chance.randbytes(200) + b"\x7e"
        yield mine[:-3] + bytes([mine[-3] ^ 0x01]) + mine[-2:]
        yield answer(request._replace(sequence=(request.sequence + 9) % 256), b"")
        yield mine[:5] + mine + mine

    with linked(noisy) as (link, _):
        for _ in range(20):
            assert frames.value(link.ask(READ).body) == 5
        assert link.noise >= 60
        assert not link.again


def test_noise_without_end_is_silence_in_time() -> None:
    def babbling(_: Frame) -> Iterator[bytes]:
        while True:
            yield b"\x7e\x01\x02\x03\x55\x7e" * 20
            time.sleep(0.001)

    with linked(babbling) as (link, _), pytest.raises(FpgaSilentError):
        link.ask(ARM)


def test_a_port_that_goes_in_the_middle_of_a_frame_is_named() -> None:
    def leaving(request: Frame) -> Iterator[bytes | None]:
        yield answer(request, VALUE)[:6]
        time.sleep(0.02)
        yield UNPLUG

    with linked(leaving) as (link, _):
        for _ in range(2):
            with pytest.raises(FpgaGoneError, match="odd"):
                link.ask(READ)


@pytest.mark.parametrize(("scale", "answers"), [(SHORT, False), (20 * SHORT, True)])
def test_the_scale_stretches_the_wait_for_an_answer(scale: float, answers: bool) -> None:
    def late(request: Frame) -> Iterator[bytes]:
        time.sleep(0.15)
        yield answer(request)

    with linked(late, scale) as (link, _):
        if answers:
            assert link.ask(ARM).body == b""
        else:
            with pytest.raises(FpgaSilentError):
                link.ask(ARM)


def test_a_refusal_says_which_and_is_not_asked_again() -> None:
    def refusing(request: Frame) -> Iterator[bytes]:
        yield encode(Frame(request.sequence, ERROR, bytes([ErrorCode.IS_SAFE])))

    with linked(refusing) as (link, device):
        with pytest.raises(FpgaRefusedError, match="WRITE CONTROL to be done, got IS_SAFE") as told:
            link.ask(ARM)
        assert (told.value.code, len(device.heard)) == (ErrorCode.IS_SAFE, 1)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"\x4a\x4b\x31\x00" + bytes(4) + b"\x00\xb7\x1b\x00\x08\x04\x02\x00", "4A4B3100"),
        (b"\x4a\x4b", "expected 16 bytes, got 2"),
    ],
)
def test_a_stranger_is_not_taken_for_an_fpga(body: bytes, said: str) -> None:
    def stranger(request: Frame) -> Iterator[bytes]:
        yield answer(request, body)

    with closing(OddDevice(stranger)) as device:
        ended: list[bool] = []
        served = Served(device.path, SHORT, lambda: ended.append(True))
        timer = FpgaTimer("/dev/odd", serve=lambda _: served)
        with pytest.raises(FpgaStrangerError, match=said):
            timer.open()
        assert ended == [True]
        with pytest.raises(ReaderError, match="is not open"):
            timer.ticks()


def test_a_port_that_is_not_there_or_taken_is_named() -> None:
    with pytest.raises(FpgaGoneError, match=r"/dev/no-such-port, got .*; do: .* rack doctor"):
        SerialPort("/dev/no-such-port", "odd")
    with (
        closing(OddDevice(good)) as device,
        closing(SerialPort(device.path, "first")),
        pytest.raises(FpgaGoneError, match="second"),
    ):
        SerialPort(device.path, "second")


def test_an_address_that_is_none_is_bad_input() -> None:
    with pytest.raises(BadInputError, match=r"expected a port /dev/..., model: or cocotb:, got x"):
        FpgaTimer("x").open()


@pytest.mark.parametrize(
    ("asked", "twice"),
    [
        (frames.hello(), True),
        (READ, True),
        (frames.events(7), True),
        (frames.latency(), True),
        (frames.write(Reg.TEAR_DELAY, 5), True),
        (frames.write(Reg.CONTROL, Control.DISARM), True),
        (ARM, False),
        (frames.write(Reg.CONTROL, Control.DISARM | Control.TRIGGER), False),
        (frames.write(Reg.CONTROL, Control.CLEAR_LATENCY), False),
    ],
)
def test_what_may_be_asked_twice(asked: tuple[Command, bytes], twice: bool) -> None:
    assert is_idempotent(asked) == twice
