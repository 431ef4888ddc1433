"""`vpcd://`: we play vpcd, and a virtual card comes to us over TCP. No pcscd, any number of them.

Bare, it listens on a free loopback port and puts a card of its own in, the Python card or, with
`?card=java`, the applet. `vpcd://HOST:PORT` listens there for whoever connects: jCardSim, vicc, a
telephone. A command of one byte cannot be carried: to a virtual card one byte is an order.
"""

from __future__ import annotations

import contextlib
import socket
from time import monotonic_ns

from hil.address import EMPTY, Address, parse_address
from hil.exchange import Exchange
from hil.faults.plan import Kind
from hil.issuing import Socket, issue
from hil.own_card import own_card_data
from hil.reader import Card
from hil.uid import ask_uid
from hil.vpcd_wire import HOST, Order, prepare, receive_frame, send_frame
from scheme.errors import CardGoneError, ReaderError
from scheme.personalisation import CardData
from scheme.sam_personalisation import SamData

EXPECTED = "vpcd://, vpcd://empty or vpcd://HOST:PORT"
ANSWER_S = 10.0  # ISO/IEC 14443-4: a frame waiting time is at most 4.95 s; and one extension
ARRIVE_S = 5.0


class VpcdReader:
    """A slot to which one card at a time may connect.

    Attributes:
        port: Where cards have to connect, once it is open.
    """

    def __init__(self, url: str, host: str, port: int) -> None:
        self.url = url
        self.port = port
        self._host = host
        self._listener: socket.socket | None = None
        self._line: socket.socket | None = None
        self._powered = False

    def open(self) -> None:
        """Listen; raises ReaderError if the port is taken."""
        if self._listener is not None:
            return
        try:
            self._listener = socket.create_server((self._host, self.port))
        except OSError as error:
            raise ReaderError(
                f'reader "{self.url}": expected to listen at {self._host}:{self.port}, got {error}'
            ) from error
        self.port = self._listener.getsockname()[1]

    def close(self) -> None:
        """Stop listening and take power from the card."""
        self._let_go()
        if self._listener is not None:
            self._listener.close()
        self._listener = None

    def detect(self, timeout_s: float) -> int:
        """Return the instant at which a card was seen; raise CardGoneError if none came in time."""
        if self._line is None:
            self._admit(timeout_s)
        if self._line is None:
            raise CardGoneError(f'no card in reader "{self.url}" after {timeout_s:.1f} s')
        return monotonic_ns()

    def field_off(self) -> None:
        """Take power from the card, which gets it again with the next command."""
        self._admit(0)
        if self._line is not None and self._powered:
            with contextlib.suppress(OSError):
                send_frame(self._line, bytes((Order.power_off,)))
        self._powered = False

    def transceive(self, apdu: bytes) -> Exchange:
        """Return the card's answer."""
        if self._line is None:
            self._admit(0)
        line = self._line
        if line is None:
            raise CardGoneError(f'no card in reader "{self.url}"')
        if len(apdu) < 2:
            raise ReaderError(
                f'reader "{self.url}": expected a command of 2 bytes or more, got {len(apdu)}; '
                "vpcd cannot carry it"
            )
        try:
            if not self._powered:
                send_frame(line, bytes((Order.power_on,)))
                self._powered = True
            sent_ns = monotonic_ns()
            send_frame(line, apdu)
            response = receive_frame(line)
        except OSError as error:
            self._let_go()
            raise CardGoneError(f'card left reader "{self.url}": {error}') from error
        if len(response) < 2:
            self._let_go()
            raise CardGoneError(f'card left reader "{self.url}" without an answer')
        return Exchange(response, sent_ns, monotonic_ns())

    def uid(self) -> bytes | None:
        """Return the UID of the card in the field, None where none is told."""
        return ask_uid(self)

    def _admit(self, timeout_s: float) -> None:
        """Take in a card that connects; a second one is shown the door, so that it knows."""
        if self._listener is None:
            raise ReaderError(f'"{self.url}" is not open')
        self._listener.settimeout(timeout_s)
        with contextlib.suppress(TimeoutError, BlockingIOError):
            line, _ = self._listener.accept()
            if self._line is not None:
                line.close()
                return
            try:
                line.settimeout(ANSWER_S)
                prepare(line)
                send_frame(line, bytes((Order.tell_atr,)))
                atr = receive_frame(line)
            except OSError:
                atr = b""
            if atr:
                self._line = line
            else:
                line.close()

    def _let_go(self) -> None:
        if self._line is not None:
            self._line.close()
        self._line, self._powered = None, False


class OwnVpcdReader(VpcdReader):
    """Likewise, with virtual cards of its own.

    Attributes:
        wire_kinds: The faults that its card can make on the connection.
    """

    def __init__(self, address: Address) -> None:
        super().__init__(address.url, HOST, 0)
        self._kind = address.card_kind()
        self._empty = address.place == EMPTY
        self._card: Card | None = None
        self._socket: Socket | None = None
        self.wire_kinds = frozenset({Kind.cut} if self._kind == "python" else ())
        self.wire_fired = 0

    def open(self) -> None:
        """Listen, and put the card in."""
        if self._socket is not None:
            return
        super().open()
        self._socket = Socket(self.port)
        if self._card is None and not self._empty:
            self._card = issue(self._kind, own_card_data())
        if self._card is not None:
            self.insert(self._card)

    def close(self) -> None:
        """Take the card out and stop listening."""
        if self._socket is not None:
            self._socket.remove()
        self._socket = None
        super().close()

    def arm_wire(self, kind: Kind, number: int) -> None:
        """Have the connection end after so many bytes of the next answer's frame."""
        assert kind is Kind.cut, kind
        if self._socket is None or not self._socket.cut(number, self._note_cut):
            raise ReaderError(f'reader "{self.url}": expected a Python card in it, got none')

    def _note_cut(self) -> None:
        self.wire_fired += 1

    def issue(self, data: CardData | SamData) -> Card:
        """Return a fresh virtual card or SAM of the kind that the URL names."""
        return issue(self._kind, data)

    def insert(self, card: Card) -> None:
        """Put a card in, in place of the one there."""
        if self._socket is None:
            self._card = card
        elif self._line is None or not self._socket.swap(card):
            self.remove()
            self._socket.insert(card)
            self.detect(ARRIVE_S)
        self._card = card

    def remove(self) -> None:
        """Take the card out."""
        self._card = None
        if self._socket is not None:
            self._socket.remove()
        self._let_go()


def make(address: str) -> VpcdReader:
    """Return a reader; raises BadInputError if the address is none of vpcd's."""
    parsed = parse_address("vpcd", address, ("card",))
    if parsed.place in ("", EMPTY):
        return OwnVpcdReader(parsed)
    if parsed.options:
        raise parsed.bad("a card of its own only with vpcd:// and vpcd://empty")
    host, port = parsed.host_and_port(EXPECTED)
    return VpcdReader(parsed.url, host, port)
