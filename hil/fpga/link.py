"""Requests and answers over a byte port: each wait has an end, each end has a name.

`open_port` opens what stands behind `fpga://`: a serial port, by pyserial; `model:`, the model in
this process; `cocotb:`, the RTL in Icarus Verilog. The latter two are served on pseudo-terminals
and opened by pyserial too, so that the driver of the bench is the driver that was tried.
"""

from __future__ import annotations

import contextlib
import termios
import threading
from collections.abc import Iterator
from time import monotonic, monotonic_ns
from typing import NamedTuple

from hil.fpga import frames
from hil.fpga.frames import BadFrame, Deframer, Frame, encode
from hil.fpga.regs import Command, Control, ErrorCode, Reg
from scheme.errors import ReaderError

try:
    import serial
except ModuleNotFoundError as error:
    raise ReaderError(
        'fpga://: expected pyserial, got none; do: pip install "jakarta-one-testbed[rack]"'
    ) from error

BAUD = 1_000_000
POLL_S = 0.02
WRITE_S = 1.0
ANSWER_S = 0.25  # a USB bridge holds an answer back for up to 16 ms
TRIES = 3
QUIET_POLLS = 3


class FpgaSilentError(ReaderError):
    """No answer came in time, however often it was asked."""


class FpgaGoneError(ReaderError):
    """The port failed: unplugged, or the simulator behind it has ended."""


class FpgaStrangerError(ReaderError):
    """Something else answers, or another version of it."""


class FpgaRefusedError(ReaderError):
    """The FPGA refused a request.

    Attributes:
        code: Why.
    """

    def __init__(self, message: str, code: int) -> None:
        super().__init__(message)
        self.code = code


class Asked(NamedTuple):
    """An answer's body, and the monotonic nanoseconds between which the FPGA judged the request."""

    body: bytes
    sent_ns: int
    received_ns: int


class SerialPort:
    """A serial port that is ours alone, as far as others ask."""

    def __init__(self, path: str, name: str) -> None:
        self._name = name
        with self._guarded(f"expected a serial port at {path}", "; do: jakarta-one rack doctor"):
            self._serial = serial.Serial(
                path, BAUD, timeout=POLL_S, write_timeout=WRITE_S, exclusive=True
            )
            self._serial.reset_input_buffer()

    def write(self, data: bytes) -> None:
        """Send bytes; raise FpgaGoneError if the port fails."""
        with self._guarded("expected to send"):
            self._serial.write(data)

    def read(self) -> bytes:
        """Return what has come, waiting 0.02 s at most; raise FpgaGoneError if the port fails."""
        with self._guarded("expected to receive"):
            return bytes(self._serial.read(self._serial.in_waiting or 1))

    def close(self) -> None:
        """Give the port back."""
        with contextlib.suppress(OSError, termios.error):
            self._serial.close()

    @contextlib.contextmanager
    def _guarded(self, expected: str, remedy: str = "") -> Iterator[None]:
        """Have every error of the port be FpgaGoneError; a terminal's own are no OSError."""
        try:
            yield
        except (OSError, ValueError, TypeError, termios.error) as error:
            # TypeError is what pyserial raises when its port was closed under it.
            raise FpgaGoneError(f'timer "{self._name}": {expected}, got {error}{remedy}') from error


class Link:
    """One host's end of the line.

    Attributes:
        noise: Frames that were none, and answers to nobody, since it was made.
        again: Requests that were sent again.
        round_trips_ns: Of answers to first tries, the last 10,000.
    """

    def __init__(self, port: SerialPort, name: str, time_scale: float = 1.0) -> None:
        self.noise = 0
        self.again = 0
        self.round_trips_ns: list[int] = []
        self._port = port
        self._name = name
        self._answer_s = ANSWER_S * time_scale
        self._sequence = 0
        self._deframer = Deframer()
        self._turn = threading.Lock()

    def ask(self, asked: tuple[Command | int, bytes], tries: int = 0) -> Asked:
        """Return the answer to a request, sent again only if that does no harm.

        Args:
            tries: How often it may be sent; 0 for 3, or 1 if it would do something twice.

        Raises:
            FpgaSilentError: If no answer came within 0.25 s, stretched by the scale, to any try.
            FpgaRefusedError: If it was refused.
            FpgaGoneError: If the port failed.
        """
        tries = tries or (TRIES if is_idempotent(asked) else 1)
        with self._turn:
            for attempt in range(tries):
                self.again += attempt > 0
                told = self._once(asked)
                if told is None:
                    continue
                answer, sent_ns, received_ns = told
                if not attempt:
                    self._note(received_ns - sent_ns)
                if answer.command == frames.ERROR:
                    raise self._refused(asked, answer.body)
                return Asked(answer.body, sent_ns, received_ns)
        said = f"{tries} time" + "s" * (tries > 1)
        raise FpgaSilentError(
            f'timer "{self._name}": expected an answer to {_named(asked)} within '
            f"{self._answer_s:g} s, got none, asked {said}"
        )

    def send_raw(self, data: bytes) -> None:
        """Put bytes on the line that need be no request."""
        with self._turn:
            self._port.write(data)

    def settle(self) -> None:
        """Take in what still comes, until the line is quiet or an answer's time is over."""
        until, quiet = monotonic() + self._answer_s, 0
        with self._turn:
            while quiet < QUIET_POLLS and monotonic() < until:
                data = self._port.read()
                quiet = 0 if data else quiet + 1
                self.noise += sum(1 for _ in self._deframer.feed(data))

    def close(self) -> None:
        """Give the port back."""
        self._port.close()

    def _once(self, asked: tuple[Command | int, bytes]) -> tuple[Frame, int, int] | None:
        """Send a request; return its answer and when both were, None if none came in time."""
        self._sequence = (self._sequence + 1) % 256
        request = Frame(self._sequence, *asked)
        sent_ns = monotonic_ns()
        self._port.write(encode(request))
        until = monotonic() + self._answer_s
        while True:
            data = self._port.read()
            received_ns = monotonic_ns()
            for item in self._deframer.feed(data):
                if not isinstance(item, BadFrame) and frames.answers(request, item):
                    return item, sent_ns, received_ns
                self.noise += 1
            if monotonic() >= until:
                return None

    def _note(self, taken_ns: int) -> None:
        if len(self.round_trips_ns) >= 10_000:
            del self.round_trips_ns[:5_000]
        self.round_trips_ns.append(taken_ns)

    def _refused(self, asked: tuple[Command | int, bytes], body: bytes) -> FpgaRefusedError:
        code = body[0] if len(body) == 1 else 0
        known = code in list(ErrorCode)
        why = ErrorCode(code).name if known else f"an error answer of {body.hex() or 'no bytes'}"
        return FpgaRefusedError(
            f'timer "{self._name}": expected {_named(asked)} to be done, got {why}', code
        )


def is_idempotent(asked: tuple[Command | int, bytes]) -> bool:
    """Return whether a request may be done twice: CONTROL does something, the rest says what is.

    Of what CONTROL does, only disarming is the same twice.
    """
    command, body = asked
    if command != Command.WRITE or body[:1] != bytes([Reg.CONTROL]):
        return True
    return int.from_bytes(body[1:]) == Control.DISARM


def _named(asked: tuple[Command | int, bytes]) -> str:
    command, body = asked
    name = Command(command).name if command in list(Command) else f"command {command:02X}"
    if command in (Command.READ, Command.WRITE) and body[:1] and body[0] in list(Reg):
        return f"{name} {Reg(body[0]).name}"
    return name
