"""The PN532 driver where anything may come, or the port go, at any moment: named errors only."""

from __future__ import annotations

import contextlib
import os
import random
import threading
import tty
from collections.abc import Iterator
from contextlib import closing

import pytest

from hil.conformance.given import plain
from hil.issuing import issue
from hil.pn532_chip import Waits
from hil.pn532_emulator import Pn532Emulator
from hil.pn532_frames import ACK, TO_HOST, encode
from hil.readers.pn532 import Pn532Reader
from scheme.apdu import select_command
from scheme.errors import ReaderError
from scheme.keys import PURSE_AID

SELECT = select_command(PURSE_AID).encode()
SHORT = Waits(ack_s=0.02, command_s=0.02, exchange_s=0.02)
FIRMWARE = encode(TO_HOST, 0x03, b"\x32\x01\x06\x07")
LISTED = encode(TO_HOST, 0x4B, bytes.fromhex("0101000420040811223305789000") + b"\x00")


def anything(chance: random.Random) -> bytes:
    """Return what a device may say: frames right, wrong and cut, and noise."""
    answers = [encode(TO_HOST, chance.choice((0x11, 0x15, 0x33, 0x41, 0x4B, 0x53)),
                      chance.randbytes(chance.randrange(4))) for _ in range(3)]  # fmt: skip
    parts = chance.choices([ACK, FIRMWARE, LISTED, *answers, chance.randbytes(9)], k=4)
    said = ACK + b"".join(parts)
    return said[: chance.randrange(len(said))] if chance.random() < 0.3 else said


class Wild:
    """A device at a terminal that answers whatever it likes to whatever it hears."""

    def __init__(self, seed: int) -> None:
        self._master, slave = os.openpty()
        tty.setraw(slave)
        self.path = os.ttyname(slave)
        self._slave = slave
        self._chance = random.Random(seed)
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while b"bye" not in os.read(self._master, 4096):
                os.write(self._master, anything(self._chance))

    def stop(self) -> None:
        """End."""
        os.write(self._slave, b"bye")
        self._thread.join()
        os.close(self._master)
        os.close(self._slave)


@pytest.fixture(params=range(6))
def wild(request: pytest.FixtureRequest) -> Iterator[Wild]:
    """Return such a device."""
    device = Wild(request.param)
    yield device
    device.stop()


def test_whatever_a_device_says_is_an_answer_or_a_named_error(wild: Wild) -> None:
    reader = Pn532Reader("pn532://wild", wild.path, 115_200, SHORT)
    told = []
    with closing(reader):
        for _ in range(15):
            try:
                reader.open()
                reader.transceive(SELECT)
            except ReaderError as error:
                told.append(str(error))
    assert told
    assert [said for said in told if "pn532://wild" not in said] == []


def exchange_forever(reader: Pn532Reader, chance: random.Random) -> None:
    """Exchange, and now and then switch the field off."""
    while True:
        reader.transceive(SELECT)
        if chance.random() < 0.1:
            reader.field_off()


@pytest.mark.parametrize("seed", range(10))
def test_a_reader_unplugged_at_any_moment_is_a_named_error(seed: int) -> None:
    chance = random.Random(seed)
    emulator = Pn532Emulator()
    emulator.insert(issue("python", plain()))
    reader = Pn532Reader("pn532://hasty", emulator.path)
    reader.open()
    timer = threading.Timer(chance.uniform(0, 0.05), emulator.unplug)
    timer.start()
    with closing(reader), pytest.raises(ReaderError, match=r"pn532://hasty|/dev/pts"):
        exchange_forever(reader, chance)
    timer.join()
