"""The host's side of a PN532: commands, acknowledgements, answers over a port; every wait bounded.

A command is sent once, never again: what a card was not heard to answer is the dialogue's to
recover. An answer that came garbled is asked for again by NACK, which the chip repeats without the
card. After any error host and chip may be out of step; the next command first brings them into
step again, so that a late answer is never taken for another's.
"""

from __future__ import annotations

import contextlib
from collections import Counter, deque
from collections.abc import Callable
from time import monotonic, sleep
from typing import NamedTuple, Protocol, TypeVar

from hil.pn532_frames import (
    ACK,
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
from hil.pn532_words import BAUDS, CHIP, MORE, START_BAUD, STATUS, STATUS_BITS, TARGET, Cmd
from scheme.errors import CardGoneError, ReaderError

WAKE = b"\x55\x55" + bytes(14)  # the first edges wake the chip, the rest gives it time
WAKE_BAUDS = (START_BAUD, START_BAUD, 921_600, 460_800, 230_400, START_BAUD)
GAP_S = 0.1  # a silence as long as this inside a frame ends it
ASK_AGAIN = 2
SETTLE_S = 0.001  # between the ACK that ends SetSerialBaudrate and the first byte at the new speed
TYPE_A = 0
T = TypeVar("T")


class Port(Protocol):
    """A serial line. Its methods raise OSError when it is gone."""

    def write(self, data: bytes) -> None:
        """Send bytes."""
        ...

    def read(self) -> bytes:
        """Return what has come, waiting 0.05 s at most for the first byte."""
        ...

    def read_now(self) -> bytes:
        """Return what has come, without waiting."""
        ...

    def set_baudrate(self, baudrate: int) -> None:
        """Change the speed, once all that was sent has left."""
        ...


class Waits(NamedTuple):
    """How long a chip may take, in seconds.

    Attributes:
        ack_s: To acknowledge; the chip needs 15 ms, some USB adapters on some hosts 1 s.
        command_s: To answer what no card takes part in, or what looks for one.
        exchange_s: To answer InDataExchange: the chip's own limit, thrice, and a second.
    """

    ack_s: float = 0.5
    command_s: float = 1.0
    exchange_s: float = 6.0


class Target(NamedTuple):
    """A card of ISO/IEC 14443-4 type A that was activated."""

    uid: bytes
    ats: bytes


class Pn532Chip:
    """One chip at a port.

    Attributes:
        sent: How often each command was sent.
        asked_again: How many garbled answers were asked for again.
        gone: Whether the port has failed.
    """

    def __init__(self, port: Port, name: str, waits: Waits) -> None:
        self.sent: Counter[Cmd] = Counter()
        self.asked_again = 0
        self.gone = False
        self._port = port
        self._name = name
        self._waits = waits
        self._deframer = Deframer()
        self._items: deque[Item] = deque()
        self._in_step = True

    def wake_up(self) -> str:
        """Wake the chip and return its firmware, as `1.6`; raises ReaderError if none answers."""
        last: ReaderError | None = None
        for baudrate in WAKE_BAUDS:
            self._set_port(baudrate)
            try:
                self._send(WAKE)
                return self._firmware()
            except ReaderError as error:
                if self.gone:
                    raise
                last = error
        raise ReaderError(
            f"{self._name}: wake-up: expected a PN532, got no answer in {len(WAKE_BAUDS)} tries; "
            f"is it powered, set to HSU (UART), and TX wired to RX? Last: {last}"
        ) from last

    def configure(self, baudrate: int) -> None:
        """Leave sleep, go to a speed, and bound what the chip does by itself."""
        self.command(Cmd.sam_configuration, b"\x01\x00\x00")  # normal mode, no SAM beside the chip
        if baudrate != START_BAUD:
            self.set_baudrate(baudrate)
        # A card is looked for twice a command, so that the wait is ours; an exchange times out in
        # 1.6 s (code 0F), and the chip extends that by itself where the card asks for it.
        self.command(Cmd.rf_configuration, b"\x05\xff\x01\x01")
        self.command(Cmd.rf_configuration, b"\x02\x00\x0b\x0f")

    def set_baudrate(self, baudrate: int) -> None:
        """Have chip and port change their speed, and prove that they understand each other."""
        self.command(Cmd.set_serial_baudrate, bytes((BAUDS[baudrate],)))
        self._acknowledge(baudrate)
        try:
            self._firmware()
        except ReaderError as error:
            raise ReaderError(
                f"{self._name}: expected the chip at {baudrate} baud, got none; use a lower speed, "
                f"as ?baud={START_BAUD}. Last: {error}"
            ) from error

    def find_card(self) -> Target | None:
        """Return the card in the field, activated; the chip switches the field on."""
        told = self.command(Cmd.in_list_passive_target, bytes((TARGET, TYPE_A)))
        if told[:1] == b"\x00":
            return None
        uid_end = 6 + (told[5] if len(told) > 5 else 0)
        ats = told[uid_end:]
        if len(told) < 7 or told[0] != TARGET or not ats or ats[0] != len(ats):
            # Perhaps a card of another kind: no ATS, so nobody to exchange APDUs with.
            raise ReaderError(
                f"{self._name}: {Cmd.in_list_passive_target.title}: expected no card or one of "
                f"ISO/IEC 14443-4, got {told.hex()}"
            )
        return Target(told[6:uid_end], ats)

    def exchange(self, apdu: bytes) -> bytes:
        """Return the card's answer; raises CardGoneError if the card was not heard."""
        told = self.command(
            Cmd.in_data_exchange, bytes((TARGET,)) + apdu, self._waits.exchange_s
        )
        status, where = told[0] if told else None, f"{self._name}: {Cmd.in_data_exchange.title}"
        if status is None or status & MORE:
            raise ReaderError(f"{where}: expected a status and one whole answer, got {told.hex()}")
        if code := status & STATUS_BITS:
            meaning = STATUS.get(code)
            said = f"status {code:02X}, {meaning.words if meaning else 'which is unknown'}"
            if meaning and meaning.card:
                raise CardGoneError(f"card left {where}: {said}")
            raise ReaderError(f"{where}: {said}")
        return told[1:]

    def field_off(self) -> None:
        """Take power from whatever is in the field."""
        self.command(Cmd.rf_configuration, b"\x01\x00")

    def release(self) -> None:
        """Have the chip forget its target, and go back to the speed it wakes up with."""
        self.command(Cmd.in_release, b"\x00")
        self.field_off()
        self.command(Cmd.set_serial_baudrate, bytes((BAUDS[START_BAUD],)))
        self._acknowledge(START_BAUD)

    def command(self, cmd: Cmd, data: bytes = b"", wait_s: float | None = None) -> bytes:
        """Return the data of the answer to a command.

        Raises:
            ReaderError: Within its time, whatever else comes: nothing, too late, twice, garbled.
        """
        if not self._in_step:
            self._firmware()
        wait_s = self._waits.command_s if wait_s is None else wait_s
        try:
            self._check_silence(cmd)
            self.sent[cmd] += 1
            self._send(encode(TO_CHIP, cmd, data), cmd)
            self._await_ack(cmd)
            return self._await_answer(cmd, wait_s)
        except ReaderError:
            self._abort()
            raise

    def _firmware(self) -> str:
        """Ask for the firmware, whatever else still comes before it; host and chip are in step."""
        cmd, until = Cmd.get_firmware_version, monotonic() + self._waits.ack_s
        self.sent[cmd] += 1
        self._send(encode(TO_CHIP, cmd, b""), cmd)
        while (item := self._item(until, cmd)) is not None:
            if isinstance(item, Frame) and item.tfi == TO_HOST and item.code == cmd + 1:
                if len(item.data) != 4 or item.data[0] != CHIP:
                    raise self._wrong(cmd, f"a PN532, whose IC is {CHIP:02X}", item.data.hex())
                self._in_step = True
                return f"{item.data[1]}.{item.data[2]}"
        raise self._wrong(cmd, f"an answer within {self._waits.ack_s} s", "none")

    def _check_silence(self, cmd: Cmd) -> None:
        """Raise if an answer is here before its command: it is the second one to another."""
        self._items.extend(self._deframer.feed(self._guarded(self._port.read_now, cmd)))
        strays = [item for item in self._items if not isinstance(item, Flaw)]
        self._items.clear()
        if strays:
            raise self._wrong(cmd, "silence before the command", f"once more {_said(strays[0])}")

    def _await_ack(self, cmd: Cmd) -> None:
        until, flaw = monotonic() + self._waits.ack_s, "nothing"
        while (item := self._item(until, cmd)) is not None:
            if item is Signal.ack:
                return
            if not isinstance(item, Flaw):
                raise self._wrong(cmd, "an acknowledgement", _said(item))
            flaw = _said(item)
        raise self._wrong(cmd, f"an acknowledgement within {self._waits.ack_s} s", flaw)

    def _await_answer(self, cmd: Cmd, wait_s: float) -> bytes:
        until, asked, flaw = monotonic() + wait_s, 0, ""
        while True:
            item = self._item(min(until, monotonic() + GAP_S) if flaw else until, cmd)
            if item is None:
                if not flaw or monotonic() >= until or asked == ASK_AGAIN:
                    said = f"an answer within {wait_s} s"
                    raise self._wrong(cmd, said, flaw or "none")
                asked += 1
                self.asked_again += 1
                self._send(NACK, cmd)
                flaw = ""
            elif isinstance(item, Flaw):
                flaw = _said(item)
            elif isinstance(item, Frame) and (item.tfi, item.code) == (TO_HOST, cmd + 1):
                return item.data
            else:
                raise self._wrong(cmd, f"its answer, {cmd + 1:02X}", _said(item))

    def _item(self, until: float, cmd: Cmd) -> Item | None:
        """Return what comes next, or None if nothing came in time."""
        heard = monotonic()
        if heard >= until:  # however much noise still waits to be looked at
            return None
        while not self._items:
            data = self._guarded(self._port.read, cmd)
            self._items.extend(self._deframer.feed(data))
            now = monotonic()
            heard = now if data else heard
            late = now >= until
            if not self._items and (late or (self._deframer.held and now - heard > GAP_S)):
                self._items.extend(self._deframer.finish())
            if late:
                break
        return self._items.popleft() if self._items else None

    def _abort(self) -> None:
        """Have the chip stop what it does."""
        self._in_step = False
        self._items.clear()
        if not self.gone:
            with contextlib.suppress(ReaderError):
                self._send(ACK)

    def _acknowledge(self, baudrate: int) -> None:
        """Have the chip change its speed, and do likewise."""
        self._send(ACK)
        self._set_port(baudrate)
        sleep(SETTLE_S)

    def _send(self, data: bytes, cmd: Cmd | None = None) -> None:
        self._guarded(lambda: self._port.write(data), cmd)

    def _set_port(self, baudrate: int) -> None:
        self._guarded(lambda: self._port.set_baudrate(baudrate), None)

    def _guarded(self, work: Callable[[], T], cmd: Cmd | None) -> T:
        """Do something with the port; if it is gone, say so."""
        try:
            return work()
        except OSError as error:
            self.gone = True
            raise ReaderError(
                f"{self._name}: {cmd.title if cmd else 'serial line'}: the port is gone: {error}; "
                "plug the reader in again"
            ) from error

    def _wrong(self, cmd: Cmd, expected: str, got: str) -> ReaderError:
        return ReaderError(f"{self._name}: {cmd.title}: expected {expected}, got {got}")


def _said(item: Item) -> str:
    if isinstance(item, Frame):
        return f"answer {item.code:02X}"
    return f"an {item.value}" if item is Signal.ack else item.value
