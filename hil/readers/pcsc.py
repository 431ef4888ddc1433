"""`pcsc://NAME`: a PC/SC reader, by its exact name or a part that only it has.

Bare, it is a virtual one: a pcscd with vpcd (`hil.pcscd`) and a card of our own in it, the Python
card or, with `?card=java`, the applet; a machine has two such slots. Only this module knows
pyscard, and of pyscard only `smartcard.scard`: its monitors poll, and are not safe among threads.
One context watches for cards and another talks, since they would block each other.
"""

from __future__ import annotations

from time import monotonic, monotonic_ns, sleep
from typing import Any

from hil.address import EMPTY, Address, parse_address
from hil.exchange import Exchange
from hil.issuing import Socket, issue
from hil.own_card import own_card_data
from hil.pcscd import Slot, VirtualPcsc, answers, virtual_pcsc
from hil.reader import Card
from hil.uid import ask_uid
from scheme.errors import CardGoneError, InventoryError, ReaderError
from scheme.personalisation import CardData
from scheme.sam_personalisation import SamData

try:
    from smartcard import scard
except ModuleNotFoundError as error:
    raise ReaderError(
        "pcsc://: expected pyscard, got none; do: .venv/bin/pip install pyscard, which builds it "
        "and wants Debian's swig, gcc, python3-dev and libpcsclite-dev"
    ) from error

BUSY_S = 2.0  # how long another program may hold the card before it is a fault
BUSY_STEP_S = 0.02
ARRIVE_S = 5.0  # pcscd looks for cards every 0.4 s
LEAVE_S = 1.0
BUSY = {scard.SCARD_E_SHARING_VIOLATION, scard.SCARD_E_SERVER_TOO_BUSY}
GONE = {
    scard.SCARD_S_SUCCESS,  # with no answer: vpcd's card left while it was asked
    scard.SCARD_E_NO_SMARTCARD,
    scard.SCARD_E_NOT_TRANSACTED,
    scard.SCARD_E_TIMEOUT,
    scard.SCARD_W_REMOVED_CARD,
    scard.SCARD_W_RESET_CARD,
    scard.SCARD_W_UNPOWERED_CARD,
    scard.SCARD_W_UNRESPONSIVE_CARD,
}
PROTOCOLS = scard.SCARD_PROTOCOL_T0 | scard.SCARD_PROTOCOL_T1
NO_DAEMON = (
    "PC/SC: expected a pcscd that answers, got none; do: systemctl start pcscd; "
    "to install it on Debian: apt-get install pcscd"
)
REPORTED = 0xFFFFFFFF  # a code as PC/SC prints it


class PcscReader:
    """A PC/SC reader, held for ourselves alone while a card is in it.

    Attributes:
        name: Its whole name, once it is open.
    """

    def __init__(self, url: str, wanted: str) -> None:
        self.url = url
        self.name = ""
        self._wanted = wanted
        self._watch: Any = None
        self._talk: Any = None
        self._card: Any = None
        self._protocol = scard.SCARD_PCI_T1
        self._open = False
        self._left = False  # whether the card that was in has gone by itself

    def open(self) -> None:
        """Find the reader; raises InventoryError if it is not there, or not the only such."""
        if not self._open:
            self._reach()
            self._open = True

    def close(self) -> None:
        """Take power from the card and leave pcscd."""
        self._let_go(scard.SCARD_UNPOWER_CARD)
        self._leave()
        self._open = False

    def detect(self, timeout_s: float) -> int:
        """Return the instant at which a card was seen; raise CardGoneError if none came in time."""
        self._opened()
        if not self._await(scard.SCARD_STATE_PRESENT, timeout_s):
            raise CardGoneError(f'no card in reader "{self.name}" after {timeout_s:.1f} s')
        return monotonic_ns()

    def field_off(self) -> None:
        """Take power from the card and give it back, so that it forgets its session."""
        self._opened()
        if self._card is None:
            return
        result, _ = scard.SCardReconnect(
            self._card, scard.SCARD_SHARE_EXCLUSIVE, PROTOCOLS, scard.SCARD_UNPOWER_CARD
        )
        if result != scard.SCARD_S_SUCCESS:
            self._let_go(scard.SCARD_LEAVE_CARD)

    def transceive(self, apdu: bytes) -> Exchange:
        """Return the card's answer."""
        if self._card is None:
            self._connect()
        sent_ns = monotonic_ns()
        result, response = scard.SCardTransmit(self._card, self._protocol, list(apdu))
        received_ns = monotonic_ns()
        if result != scard.SCARD_S_SUCCESS or not response:
            raise self._fault(result, "SCardTransmit")
        return Exchange(bytes(response), sent_ns, received_ns)

    def uid(self) -> bytes | None:
        """Return the UID of the card in the field, None where none is told."""
        return ask_uid(self)

    def _connect(self) -> None:
        """Take the card for ourselves, once nobody else holds it any more."""
        self._opened()
        until = monotonic() + BUSY_S
        while True:
            result, card, protocol = scard.SCardConnect(
                self._talk, self.name, scard.SCARD_SHARE_EXCLUSIVE, PROTOCOLS
            )
            if result == scard.SCARD_S_SUCCESS:
                break
            if result not in BUSY or monotonic() > until:
                raise self._fault(result, "SCardConnect")
            sleep(BUSY_STEP_S)
        self._card = card
        first = protocol == scard.SCARD_PROTOCOL_T0
        self._protocol = scard.SCARD_PCI_T0 if first else scard.SCARD_PCI_T1

    def _opened(self) -> None:
        if not self._open:
            raise ReaderError(f'"{self.url}" is not open')
        if self._talk is None:  # pcscd or the reader had gone; perhaps it is back
            self._reach()

    def _reach(self) -> None:
        self._watch, self._talk = _context(), _context()
        self.name = _chosen(self._wanted, _names(self._talk))

    def _leave(self) -> None:
        for context in (self._watch, self._talk):
            if context is not None:
                scard.SCardReleaseContext(context)
        self._watch = self._talk = None

    def _let_go(self, disposition: int) -> None:
        if self._card is not None:
            scard.SCardDisconnect(self._card, disposition)
        self._card = None

    def _fault(self, result: int, call: str) -> ReaderError:
        """Return the error for a result, and let go of what it says is lost."""
        self._let_go(scard.SCARD_LEAVE_CARD)
        said = f"{call}: {_said(result)}"
        if result in GONE:
            self._left = True
            return CardGoneError(f'no card in reader "{self.name}", or it left: {said}')
        if result in BUSY:
            return ReaderError(
                f'reader "{self.name}": expected to have it alone within {BUSY_S:.1f} s, got '
                f"{said}; close the other program that holds its card"
            )
        self._leave()
        return ReaderError(
            f'reader "{self.name}": {said}; is it plugged in, and does pcscd run? '
            "systemctl status pcscd"
        )

    def _await(self, state: int, timeout_s: float) -> bool:
        """Return whether the reader got to a state in time."""
        result = _wait(self._watch, self.name, state, timeout_s)
        if result not in (scard.SCARD_S_SUCCESS, scard.SCARD_E_TIMEOUT):
            raise self._fault(result, "SCardGetStatusChange")
        return bool(result == scard.SCARD_S_SUCCESS)


class OwnPcscReader(PcscReader):
    """A slot of the virtual reader, with virtual cards of its own."""

    def __init__(self, address: Address) -> None:
        super().__init__(address.url, "")
        self._kind = address.card_kind()
        self._empty = address.place == EMPTY
        self._inserted: Card | None = None
        self._slot: Slot | None = None
        self._daemon: VirtualPcsc | None = None
        self._socket: Socket | None = None

    def open(self) -> None:
        """Have a pcscd, take a slot of it, and put the card in."""
        if self._open:
            return
        if self._inserted is None and not self._empty:
            self._inserted = issue(self._kind, own_card_data())
        self._daemon = virtual_pcsc(names)
        self._slot = self._daemon.claim(occupied)
        self._wanted = self._slot.reader
        self._socket = Socket(self._slot.port)
        super().open()
        if self._inserted is not None:
            self.insert(self._inserted)

    def close(self) -> None:
        """Take the card out and give the slot back once pcscd has seen it leave."""
        if self._socket is not None and self._open:
            self._socket.remove()
            self._await(scard.SCARD_STATE_EMPTY, ARRIVE_S)
        super().close()
        if self._daemon is not None and self._slot is not None:
            self._daemon.release(self._slot)
        self._daemon = self._slot = self._socket = None

    def issue(self, data: CardData | SamData) -> Card:
        """Return a fresh virtual card or SAM of the kind that the URL names."""
        return issue(self._kind, data)

    def insert(self, card: Card) -> None:
        """Put a card in, in place of the one there; returns when pcscd has seen it.

        In place of a card one of its kind is at once; else pcscd takes up to 0.8 s.
        """
        if self._socket is not None and self._open:
            if not self._left and self._socket.swap(card):
                self.field_off()
            else:
                self._socket.remove()
                self._let_go(scard.SCARD_LEAVE_CARD)
                self._await(scard.SCARD_STATE_EMPTY, ARRIVE_S)
                self._socket.insert(card)
                self.detect(ARRIVE_S)
                self._left = False
        self._inserted = card

    def remove(self) -> None:
        """Take the card out; pcscd sees it up to 0.4 s later."""
        self._inserted = None
        if self._socket is not None:
            self._socket.remove()
        self._let_go(scard.SCARD_LEAVE_CARD)


def make(address: str) -> PcscReader:
    """Return a reader; raises BadInputError if the address is none of pcsc's."""
    parsed = parse_address("pcsc", address, ("card",))
    if parsed.place in ("", EMPTY):
        return OwnPcscReader(parsed)
    if parsed.options:
        raise parsed.bad("a card of its own only with pcsc:// and pcsc://empty")
    return PcscReader(parsed.url, parsed.place)


def names() -> list[str] | None:
    """Return the readers that pcscd knows, or None if no pcscd answers."""
    result, context = scard.SCardEstablishContext(scard.SCARD_SCOPE_USER)
    if result != scard.SCARD_S_SUCCESS:
        return None
    try:
        return _names(context)
    finally:
        scard.SCardReleaseContext(context)


def _context() -> Any:
    if not answers():  # asked before libpcsclite, which keeps to the socket that it first looked at
        raise ReaderError(NO_DAEMON)
    result, context = scard.SCardEstablishContext(scard.SCARD_SCOPE_USER)
    if result != scard.SCARD_S_SUCCESS:
        raise ReaderError(f"{NO_DAEMON}; {_said(result)}")
    return context


def _names(context: Any) -> list[str]:
    result, found = scard.SCardListReaders(context, [])
    return list(found) if result == scard.SCARD_S_SUCCESS else []


def _chosen(wanted: str, there: list[str]) -> str:
    """Return the reader of that name, or the only one that has it as a part."""
    fitting = [wanted] if wanted in there else [name for name in there if wanted in name]
    if len(fitting) == 1:
        return fitting[0]
    if fitting:
        raise InventoryError(
            f'reader "{wanted}": expected one of that name, got {len(fitting)}: '
            f"{', '.join(fitting)}; say more of it"
        )
    raise InventoryError(
        f'no PC/SC reader "{wanted}"; there are: {", ".join(there) or "none"}'
    )


def occupied(name: str) -> bool:
    """Return whether a card is in a reader; one that has just left may still be thought there."""
    context = _context()
    try:
        return bool(_wait(context, name, scard.SCARD_STATE_EMPTY, LEAVE_S))
    finally:
        scard.SCardReleaseContext(context)


def _wait(context: Any, name: str, state: int, timeout_s: float) -> int:
    """Return how waiting for a reader's state ended: with success, a timeout, or a fault."""
    until = monotonic() + timeout_s
    known = scard.SCARD_STATE_UNAWARE
    while True:
        left_ms = max(0, round((until - monotonic()) * 1_000))
        result, states = scard.SCardGetStatusChange(context, left_ms, [(name, known)])
        if result != scard.SCARD_S_SUCCESS:
            return int(result)
        known = states[0][1] & ~scard.SCARD_STATE_CHANGED
        if known & state:
            return int(result)
        if left_ms == 0:
            return int(scard.SCARD_E_TIMEOUT)


def _said(result: int) -> str:
    return f"{scard.SCardGetErrorMessage(result)} ({result & REPORTED:08X})"
