"""A PN532 on a pseudo-terminal: frames, sleep and speed here, its commands in `hil.pn532_firmware`.

Whoever opens `path` finds a chip: our driver, or nfcpy. It hears nothing at another speed than its
own, and its sleep swallows the first bytes of a wake-up, as the chip's does. For tests it can be
told to misbehave once, and says afterwards that it did.
"""

from __future__ import annotations

import contextlib
import os
import select
import termios
import threading
import tty
from enum import Enum
from typing import NamedTuple

from hil.pn532_firmware import Firmware
from hil.pn532_frames import ACK, ERROR_FRAME, TO_CHIP, TO_HOST, Deframer, Frame, Signal, encode
from hil.pn532_words import BAUDS, START_BAUD, Cmd
from hil.reader import Card

SPEEDS = {getattr(termios, f"B{baudrate}"): baudrate for baudrate in BAUDS}
WAKE_BYTES = 8  # that are lost while it wakes up
NOISE = bytes.fromhex("55AA00FF0312FFFF00FFFFFF0102A500")  # with what looks like frames in it
READ_SIZE = 4096


class Fault(Enum):
    """How the chip can misbehave at a command, once."""

    no_ack = "does nothing and says nothing"
    status = "says that status, and does not ask the card"
    late = "answers that many milliseconds late"
    twice = "answers twice"
    never = "acknowledges, asks the card and does not answer"
    noise = "sends noise before its answer"
    babbling = "sends noise for that many milliseconds instead of an answer"
    corrupt = "sends its answer with a wrong checksum"
    cut = "stops after that many bytes of its answer, 0 for half of it"
    wrong_code = "answers another command"
    syntax = "answers with an error frame"
    unplugged = "loses its port in the middle of its answer"


class Armed(NamedTuple):
    """A fault that waits for its command."""

    fault: Fault
    at: Cmd
    value: int


class Pn532Emulator:
    """One chip on a pty of its own; a thread answers.

    Attributes:
        path: The terminal to open; another one after `plug`.
        firmware: What is behind the line.
        baudrate: The speed it hears.
        fired: The faults that have happened, in order.
    """

    def __init__(self) -> None:
        self.path = ""
        self.firmware = Firmware()
        self.baudrate = START_BAUD
        self.fired: list[Fault] = []
        self._armed: Armed | None = None
        self._last = b""
        self._pending = 0  # the speed that holds once the host has acknowledged
        self._swallow = WAKE_BYTES
        self._master = self._slave = -1
        self._out = threading.Event()
        self._bell = (-1, -1)
        self._thread: threading.Thread | None = None
        self.plug()

    def plug(self) -> None:
        """Have a fresh terminal and a chip that sleeps."""
        self._master, self._slave = os.openpty()
        # Held by us as well, since hosts close and open it again when they change the speed.
        tty.setraw(self._slave)
        os.set_blocking(self._master, False)
        self.path = os.ttyname(self._slave)
        self.baudrate, self._pending, self._swallow, self._last = START_BAUD, 0, WAKE_BYTES, b""
        self._out.clear()
        self._bell = os.pipe()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def unplug(self) -> None:
        """Take the port away from whoever has it open; again is no fault."""
        thread, self._thread = self._thread, None
        if thread is not None:
            self._out.set()
            os.write(self._bell[1], b"\x00")
            thread.join()
            for fd in self._bell:
                os.close(fd)

    def insert(self, card: Card) -> None:
        """Put a card into the field, in place of the one there."""
        self.firmware.insert(card)

    def remove(self) -> None:
        """Take the card out of the field."""
        self.firmware.remove()

    def arm(self, fault: Fault, value: int = 0, at: Cmd = Cmd.in_data_exchange) -> None:
        """Misbehave at the next such command; replaces what was armed."""
        self._armed = Armed(fault, at, value)

    def _serve(self) -> None:
        """Answer until the port is taken away."""
        deframer = Deframer()
        try:
            while not self._out.is_set():
                select.select([self._master, self._bell[0]], [], [])
                if self._out.is_set():
                    break
                with contextlib.suppress(BlockingIOError):
                    for item in deframer.feed(self._heard(os.read(self._master, READ_SIZE))):
                        self._take(item)
        finally:
            os.close(self._master)
            os.close(self._slave)

    def _heard(self, data: bytes) -> bytes:
        """Return what of the bytes the chip understands."""
        speed = SPEEDS.get(termios.tcgetattr(self._master)[5], 0)
        if speed != (self._pending or self.baudrate) and speed != self.baudrate:
            return b""
        if speed == self._pending:
            # The host has changed over. Its ACK may be lost on the way here: some kernels drop what
            # waits in a pty when one who wrote to it closes it, as nfcpy does right after.
            self.baudrate, self._pending = self._pending, 0
        lost, self._swallow = self._swallow, max(0, self._swallow - len(data))
        return data[lost:]

    def _take(self, item: object) -> None:
        if item is Signal.ack and self._pending:
            self.baudrate, self._pending = self._pending, 0
        elif item is Signal.nack:
            self._write(self._last)
        elif isinstance(item, Frame) and item.tfi == TO_CHIP:
            self._obey(item)

    def _obey(self, frame: Frame) -> None:
        armed, fault = self._armed, None
        if armed is not None and armed.at == frame.code:
            self._armed, fault = None, armed.fault
            self.fired.append(fault)
        if fault is Fault.no_ack:
            return
        self._write(ACK)
        if armed is not None and fault is Fault.status:
            answer: bytes | None = bytes((armed.value,))
        else:
            answer = self.firmware.answer(frame.code, frame.data)
        if answer is None or fault is Fault.syntax:
            self._last = ERROR_FRAME
        else:
            other = 2 if fault is Fault.wrong_code else 0
            self._last = encode(TO_HOST, frame.code + 1 + other & 0xFF, answer)
            self._change(frame)
        if armed is not None and fault is not None:
            self._misbehave(fault, armed.value)
        else:
            self._write(self._last)

    def _change(self, frame: Frame) -> None:
        """Get ready for what a command changes on the line itself."""
        if frame.code == Cmd.set_serial_baudrate:
            (self._pending,) = (rate for rate, code in BAUDS.items() if code == frame.data[0])
        elif frame.code == Cmd.power_down:
            self._swallow = WAKE_BYTES

    def _misbehave(self, fault: Fault, value: int) -> None:
        answer, half = self._last, len(self._last) // 2
        if fault is Fault.late:
            self._out.wait(value / 1_000)
        if fault is Fault.cut and value >= len(answer):
            self.fired.pop()  # the answer has no such byte, and goes out whole
        for _ in range(value if fault is Fault.babbling else 0):
            self._write(NOISE)
            self._out.wait(0.001)
        sent = {
            Fault.twice: answer + answer,
            Fault.never: b"",
            Fault.babbling: b"",
            Fault.noise: NOISE + answer,
            Fault.corrupt: answer[:-2] + bytes((answer[-2] ^ 0x10, 0)),
            Fault.cut: answer[: value or half],
            Fault.unplugged: answer[:half],
        }
        self._write(sent.get(fault, answer))
        if fault is Fault.unplugged:
            self._out.set()

    def _write(self, data: bytes) -> None:
        """Send bytes; what a host does not fetch is lost."""
        with contextlib.suppress(BlockingIOError):
            os.write(self._master, data)
