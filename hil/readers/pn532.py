"""`pn532:///dev/...`: a PN532 on a serial port, driven directly: one host command an APDU.

Name the port by `/dev/serial/by-id/...`, which stays when it is plugged in elsewhere; `?baud=`
gives the speed of the line, 921,600 unless said. Bare, it is an emulator (`hil.pn532_emulator`)
with a card of our own, the Python card or, with `?card=java`, the applet. Only this module knows
pyserial. A command longer than 262 bytes is refused: the chip cannot carry it.
"""

from __future__ import annotations

import contextlib
import termios
from collections.abc import Iterator
from pathlib import Path
from time import monotonic, monotonic_ns, sleep

from hil.address import EMPTY, Address, parse_address
from hil.exchange import Exchange
from hil.faults.plan import Kind
from hil.issuing import issue
from hil.own_card import own_card_data
from hil.pn532_chip import Pn532Chip, Target, Waits
from hil.pn532_emulator import Fault, Pn532Emulator
from hil.pn532_words import BAUDS, DATA_MAX, START_BAUD
from hil.reader import Card
from scheme.errors import BadInputError, CardGoneError, ReaderError
from scheme.personalisation import CardData
from scheme.sam_personalisation import SamData

try:
    import serial
except ModuleNotFoundError as error:
    raise ReaderError(
        'pn532://: expected pyserial, got none; do: pip install "jakarta-one-testbed[rack]"'
    ) from error

EXPECTED = "pn532://, pn532://empty or pn532:///dev/serial/by-id/..."
BY_ID = Path("/dev/serial/by-id")
BAUD = 921_600
POLL_S = 0.05
WRITE_S = 1.0
OFF_S = 0.006  # ISO/IEC 14443-3, 5.1 ms without a field make a card forget; and a margin
LOOK_S = 0.005  # between two looks for a card
ARRIVE_S = 2.0
COLLISION = 0x06
ON_WIRE = {
    Kind.cut: Fault.cut,
    Kind.corrupt: Fault.corrupt,
    Kind.duplicate: Fault.twice,
    Kind.collide: Fault.status,
    Kind.unplug: Fault.unplugged,
}
WAITS = Waits()


class SerialPort:
    """A serial port that is ours alone, as far as others ask."""

    def __init__(self, path: str) -> None:
        try:
            with _as_os_errors():
                self._serial = serial.Serial(
                    path, START_BAUD, timeout=POLL_S, write_timeout=WRITE_S, exclusive=True
                )
        except (OSError, ValueError) as error:
            raise ReaderError(
                f"{path}: expected a serial port, got {error}; {_remedy(path, error)}"
            ) from error

    def write(self, data: bytes) -> None:
        """Send bytes; they may not have left yet."""
        self._serial.write(data)

    def read(self) -> bytes:
        """Return what has come, waiting 0.05 s at most for the first byte."""
        return bytes(self._serial.read(self._serial.in_waiting or 1))

    def read_now(self) -> bytes:
        """Return what has come, without waiting."""
        waiting = self._serial.in_waiting
        return bytes(self._serial.read(waiting)) if waiting else b""

    def set_baudrate(self, baudrate: int) -> None:
        """Change the speed, once all that was sent has left."""
        with _as_os_errors():
            self._serial.flush()
            self._serial.baudrate = baudrate

    def close(self) -> None:
        """Give the port back."""
        with contextlib.suppress(OSError):
            self._serial.close()


class Pn532Reader:
    """A PN532 and its field.

    Attributes:
        apdus: How many commands for a card were carried, or tried.
        host_commands: How many commands the chip was sent to carry them.
        firmware: The chip's, as `1.6`, once it is open.
    """

    def __init__(self, url: str, path: str, baud: int = BAUD, waits: Waits = WAITS) -> None:
        self.url = url
        self.apdus = 0
        self.host_commands = 0
        self.firmware = ""
        self._path = path
        self._baud = baud
        self._waits = waits
        self._open = False
        self._port: SerialPort | None = None
        self._chip: Pn532Chip | None = None
        self._target: Target | None = None
        self._doubtful = False  # whether the card may still have power and a session
        self._off_until = 0.0

    @property
    def asked_again(self) -> int:
        """How many garbled answers the chip was asked for again since the port was opened."""
        return self._chip.asked_again if self._chip else 0

    def open(self) -> None:
        """Take the port, wake the chip, and have it go to its speed."""
        if not self._open:
            self._reach()
            self._open = True

    def close(self) -> None:
        """Switch the field off, and leave the chip as it wakes up."""
        if self._chip is not None:
            with contextlib.suppress(ReaderError):
                self._chip.release()
        self._leave()
        self._open = False

    def detect(self, timeout_s: float) -> int:
        """Return the instant at which a card was seen; raise CardGoneError if none came in time."""
        until = monotonic() + timeout_s
        while not self._activate(self._opened()):
            if monotonic() >= until:
                raise CardGoneError(f'no card in reader "{self.url}" after {timeout_s:.1f} s')
            sleep(LOOK_S)
        return monotonic_ns()

    def uid(self) -> bytes:
        """Return the UID as of the last activation; raise CardGoneError if there is no card."""
        return self._card(self._opened()).uid

    def field_off(self) -> None:
        """Take power from the card, which gets it again with the next command."""
        chip = self._opened()
        self._target = None
        try:
            chip.field_off()
        except ReaderError:
            self._lose()
            raise
        self._off_until = monotonic() + OFF_S

    def transceive(self, apdu: bytes) -> Exchange:
        """Return the card's answer."""
        chip = self._opened()
        if not 0 < len(apdu) <= DATA_MAX:
            raise ReaderError(
                f'reader "{self.url}": expected a command of 1 to {DATA_MAX} bytes, got {len(apdu)}'
            )
        self._card(chip)
        before, sent_ns = chip.sent.total(), monotonic_ns()
        try:
            response = chip.exchange(apdu)
        except ReaderError:
            self._lose()
            raise
        finally:
            self.apdus += 1
            self.host_commands += chip.sent.total() - before
        if len(response) < 2:
            self._lose()
            raise CardGoneError(f'card left reader "{self.url}" without an answer')
        return Exchange(response, sent_ns, monotonic_ns())

    def _card(self, chip: Pn532Chip) -> Target:
        if self._target is None and not self._activate(chip):
            raise CardGoneError(f'no card in reader "{self.url}"')
        assert self._target is not None
        return self._target

    def _activate(self, chip: Pn532Chip) -> bool:
        """Return whether a card is in the field, activated."""
        if self._target is None:
            while (left_s := self._off_until - monotonic()) > 0:
                sleep(left_s)
            try:
                if self._doubtful:
                    self.field_off()
                    self._doubtful = False
                self._target = chip.find_card()
            except ReaderError:
                self._lose()
                raise
        return self._target is not None

    def _opened(self) -> Pn532Chip:
        if not self._open:
            raise ReaderError(f'"{self.url}" is not open')
        if self._chip is None:  # it had been unplugged; perhaps it is back
            self._reach()
        assert self._chip is not None
        return self._chip

    def _reach(self) -> None:
        self._port = SerialPort(self._path)
        self._chip = Pn532Chip(self._port, f'reader "{self.url}"', self._waits)
        try:
            self.firmware = self._chip.wake_up()
            self._chip.configure(self._baud)
        except ReaderError:
            self._leave()
            raise

    def _lose(self) -> None:
        """Forget the card, and the port if that has failed."""
        self._target, self._doubtful = None, True
        if self._chip is not None and self._chip.gone:
            self._leave()

    def _leave(self) -> None:
        if self._port is not None:
            self._port.close()
        self._port = self._chip = self._target = None


class OwnPn532Reader(Pn532Reader):
    """An emulated PN532, with virtual cards of its own.

    Attributes:
        emulator: The chip, once it is open.
        wire_kinds: The faults that its chip can make on the line to the host.
    """

    wire_kinds = frozenset(ON_WIRE)

    def __init__(self, address: Address, waits: Waits = WAITS) -> None:
        super().__init__(address.url, "", BAUD, waits)
        self.emulator: Pn532Emulator | None = None
        self._kind = address.card_kind()
        self._empty = address.place == EMPTY
        self._inserted: Card | None = None

    @property
    def wire_fired(self) -> int:
        """How many faults its chip has made."""
        return len(self.emulator.fired) if self.emulator else 0

    def arm_wire(self, kind: Kind, number: int) -> None:
        """Have the chip misbehave at the next command to the card."""
        if self.emulator is None:
            raise ReaderError(f'"{self.url}" is not open')
        value = COLLISION if kind is Kind.collide else number
        # Nothing of the answer is no answer; of the emulator's cut, 0 is half.
        silent = kind is Kind.cut and not number
        self.emulator.arm(Fault.never if silent else ON_WIRE[kind], value)

    def open(self) -> None:
        """Start the emulator, with the card in its field."""
        if self._open:
            return
        if self._inserted is None and not self._empty:
            self._inserted = issue(self._kind, own_card_data())
        self.emulator = Pn532Emulator()
        if self._inserted is not None:
            self.emulator.insert(self._inserted)
        try:
            super().open()
        except ReaderError:
            self._stop()
            raise

    def close(self) -> None:
        """Stop the emulator; the card stays as it is."""
        super().close()
        self._stop()

    def issue(self, data: CardData | SamData) -> Card:
        """Return a fresh virtual card or SAM of the kind that the URL names."""
        return issue(self._kind, data)

    def insert(self, card: Card) -> None:
        """Put a card in, in place of the one there; returns when the chip has activated it."""
        self._inserted = card
        if self.emulator is not None:
            self._put_out()
            self.emulator.insert(card)
            self.detect(ARRIVE_S)

    def remove(self) -> None:
        """Take the card out."""
        self._inserted = None
        if self.emulator is not None:
            self._put_out()

    def _put_out(self) -> None:
        if self.emulator is not None:
            self.emulator.remove()
        self._target = None

    def _reach(self) -> None:
        if self.emulator is not None:
            self._path = self.emulator.path
        super()._reach()

    def _stop(self) -> None:
        if self.emulator is not None:
            self.emulator.remove()
            self.emulator.unplug()
        self.emulator = None


def make(address: str) -> Pn532Reader:
    """Return a reader; raises BadInputError if the address is none of pn532's."""
    parsed = parse_address("pn532", address, ("card", "baud"))
    if parsed.place in ("", EMPTY):
        if "baud" in parsed.options:
            raise parsed.bad("a speed only with a port")
        return OwnPn532Reader(parsed)
    if not parsed.place.startswith("/"):
        raise parsed.bad(EXPECTED)
    if "card" in parsed.options:
        raise parsed.bad("a card of its own only with pn532:// and pn532://empty")
    return Pn532Reader(parsed.url, parsed.place, _baud(parsed))


@contextlib.contextmanager
def _as_os_errors() -> Iterator[None]:
    """Have a terminal's own errors, which pyserial lets through, be errors of the system."""
    try:
        yield
    except termios.error as error:
        raise OSError(*error.args) from error


def _baud(address: Address) -> int:
    told = address.options.get("baud", str(BAUD))
    if told not in {str(known) for known in BAUDS}:
        speeds = ", ".join(str(known) for known in BAUDS)
        raise BadInputError.at(f"{address.url}: baud", expected=f"one of {speeds}", got=told)
    return int(told)


def _remedy(path: str, error: Exception) -> str:
    """Return what to do about a port that cannot be opened."""
    said = str(error)
    if "exclusively lock" in said:
        return f"another program holds it: fuser {path}"
    if "Permission denied" in said:
        return "its group may: sudo usermod -aG dialout $USER, and log in again"
    there = ", ".join(str(found) for found in sorted(BY_ID.glob("*"))) if BY_ID.is_dir() else ""
    return f"plugged in are: {there or 'none'}"
