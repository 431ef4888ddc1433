"""A virtual card: a card that is a program, on the card's side of a vpcd connection.

It comes to a vpcd that listens, Debian's or our own `vpcd://`, or waits for one that connects.
The program behind it can be changed while the connection stands; for the reader that is a card that
lost power. What no program of ours answers, the UID, is answered here: a random one for each time
the card gets power, as ISO/IEC 14443-3 has it for cards that are not to be followed.
"""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Callable

from hil.reader import Card
from hil.uid import GET_UID, draw_uid
from hil.vpcd_wire import HOST, Order, framed, prepare, receive_frame, send_frame
from scheme.errors import CardGoneError, ReaderError

# PC/SC part 3, 3.1.3.2.3.1: a contactless card of ISO/IEC 14443-4 with no historical bytes.
ATR = bytes((0x3B, 0x80, 0x80, 0x01, 0x01))
CONNECT_S = 5.0


class VirtualCard:
    """One card and at most one connection; a thread of its own answers."""

    def __init__(self, card: Card) -> None:
        self._card = card
        self._uid = draw_uid()
        self._lock = threading.Lock()  # held while the card answers, and to change it
        self._listener: socket.socket | None = None
        self._line: socket.socket | None = None
        self._out = False
        self._cut: tuple[int, Callable[[], None]] | None = None

    def connect(self, port: int, host: str = HOST) -> None:
        """Go into the reader of a vpcd that listens; raises ReaderError if none does."""
        try:
            line = socket.create_connection((host, port), CONNECT_S)
        except OSError as error:
            raise ReaderError(
                f"virtual card: expected a vpcd at {host}:{port}, got {error}; start it first"
            ) from error
        line.settimeout(None)
        self._line = line
        threading.Thread(target=self._answer, args=(line,), daemon=True).start()

    def listen(self, port: int = 0, host: str = HOST) -> int:
        """Wait for a vpcd that connects (its reversed mode), again after each; return the port."""
        try:
            self._listener = socket.create_server((host, port))
        except OSError as error:
            raise ReaderError(
                f"virtual card: expected port {port} of {host} to be free, got {error}"
            ) from error
        taken: int = self._listener.getsockname()[1]
        threading.Thread(target=self._serve, args=(self._listener,), daemon=True).start()
        return taken

    def put(self, card: Card) -> bool:
        """Have another card answer from now on, as if just put in; False if no reader listens."""
        with self._lock:
            if self._line is None or self._out:
                return False
            self._card.reset()
            self._card = card
            self._power_up()
            return True

    def cut(self, after: int, cut: Callable[[], None]) -> None:
        """Leave the reader after so many bytes of the next answer's frame, and then call `cut`."""
        self._cut = after, cut

    def remove(self) -> None:
        """Leave the reader for good; again is no fault."""
        self._out = True
        for line in (self._listener, self._line):
            if line is not None:
                # A thread that waits in accept or recv is only woken by a shutdown.
                with contextlib.suppress(OSError):
                    line.shutdown(socket.SHUT_RDWR)
                line.close()
        with self._lock:
            self._card.reset()

    def _serve(self, listener: socket.socket) -> None:
        while not self._out:
            try:
                line, _ = listener.accept()
            except OSError:
                return
            self._line = line
            self._answer(line)

    def _answer(self, line: socket.socket) -> None:
        """Answer until either side goes; a card that goes takes the connection along."""
        with contextlib.suppress(OSError, CardGoneError), line:
            prepare(line)
            while not self._out and (frame := receive_frame(line)):
                with self._lock:
                    answer = self._order(frame[0]) if len(frame) == 1 else self._command(frame)
                if answer and len(frame) > 1 and self._leaves_in(line, answer):
                    break
                if answer:
                    send_frame(line, answer)
        self._line = None

    def _leaves_in(self, line: socket.socket, answer: bytes) -> bool:
        """Leave within an answer, if that was asked for and the answer is long enough."""
        told, waiting, self._cut = framed(answer), self._cut, None
        if waiting is None or waiting[0] >= len(told):
            return False
        after, cut = waiting
        with self._lock:
            self._card.reset()
        cut()  # before the other side can see it
        line.sendall(told[:after])
        return True

    def _order(self, order: int) -> bytes:
        if order == Order.tell_atr:
            return ATR
        self._power_up()
        return b""

    def _command(self, apdu: bytes) -> bytes:
        if apdu == GET_UID:
            return self._uid + b"\x90\x00"
        return self._card.answer(apdu)

    def _power_up(self) -> None:
        self._card.reset()
        self._uid = draw_uid()
