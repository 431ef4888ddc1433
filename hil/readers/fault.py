"""`fault+URL`: a reader at which something goes wrong, once, when it is told; and the proof of it.

What can go wrong, and how it is written, is `hil.faults.plan`: `fault+model://?tear=lost@DEBIT`
arms it when the reader is opened (several of one kind are joined by commas), `arm` at any time. A
fault that this reader cannot make is refused by name. After a tear the card has no power and the
caller sees it gone.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from hil.exchange import Exchange
from hil.faults.air import answered_us, heard_us
from hil.faults.evidence import Evidence, FaultLog
from hil.faults.plan import Fault, Kind, Tear, parse_fault
from hil.faults.wires import BreaksWire
from hil.harness import JavaCard, Point
from hil.reader import Card, Reader, await_card, held, uid_of
from scheme.apdu import Ins
from scheme.errors import BadInputError, CardGoneError, ReaderError
from scheme.personalisation import CardData
from scheme.sam_personalisation import SamData

OPTIONS = tuple(kind.value for kind in Kind)  # of its URL, that are this wrapper's
FLIPPED = 0x10
BY_TIMER_ONLY = "a timer that tears, as rack sweep --timer"
ON_WIRE_ONLY = "pn532:// or vpcd:// with a Python card of its own, where both ends are ours"


@dataclass
class Armed:
    """A fault that waits, and how many commands it lets pass before."""

    fault: Fault
    evidence: Evidence
    passing: int


class FaultReader:
    """A wrapper round a reader.

    Attributes:
        log: What was armed and what has fired.
        has_timer: Whether a timer makes its tears.
    """

    has_timer = False

    def __init__(self, inner: Reader, at_open: tuple[Fault, ...] = ()) -> None:
        self.url = f"fault+{inner.url}"
        self.log = FaultLog()
        self._inner = inner
        self._at_open = at_open
        self._armed: list[Armed] = []
        self._card: Card | None = None
        self._unplugged = False
        self._makes: dict[Kind, Callable[[Armed, bytes], Exchange]] = {
            Kind.tear: self._tear,
            Kind.delay: self._delay,
            Kind.corrupt: self._corrupt,
            Kind.duplicate: self._duplicate,
            Kind.swallow: self._swallow,
            Kind.collide: self._collide,
            Kind.unplug: self._unplug,
        }

    def arm(self, fault: Fault) -> Evidence:
        """Have a fault happen once; return its evidence, which says afterwards whether it did.

        Raises:
            BadInputError: If this reader cannot make it.
        """
        on_wire = isinstance(self._inner, BreaksWire) and fault.kind in self._inner.wire_kinds
        if fault.kind not in self._makes and not on_wire:
            raise BadInputError.at(f"{self.url}: {fault}", expected=ON_WIRE_ONLY, got=self.url)
        if fault.tear is Tear.ticks and not self.has_timer:
            raise BadInputError.at(f"{self.url}: {fault}", expected=BY_TIMER_ONLY, got="none")
        evidence = self.log.arm(str(fault), self.url)
        self._armed.append(Armed(fault, evidence, fault.nth - 1))
        return evidence

    def disarm(self) -> bool:
        """Take back what is armed; return whether anything had not fired."""
        waiting, self._armed = bool(self._armed), []
        return waiting

    def open(self) -> None:
        """Open the reader within, and arm what its URL says, the first time."""
        self._inner.open()
        self._unplugged = False
        at_open, self._at_open = self._at_open, ()
        for fault in at_open:
            self.arm(fault)

    def close(self) -> None:
        """Close the reader within."""
        self._inner.close()

    def field_off(self) -> None:
        """Take power from the card."""
        self._plugged().field_off()

    def issue(self, data: CardData | SamData) -> Card:
        """Return a fresh card, if the reader within can make one."""
        return held(self._plugged()).issue(data)

    def insert(self, card: Card) -> None:
        """Put a card into the field, if the reader within can."""
        held(self._plugged()).insert(card)
        self._card = card

    def remove(self) -> None:
        """Take the card out of the field, if the reader within can."""
        held(self._plugged()).remove()
        self._card = None

    def detect(self, timeout_s: float) -> int:
        """Return the instant after a card was seen, by a reader within that can see one come."""
        await_card(self._plugged(), timeout_s)
        return time.monotonic_ns()

    def uid(self) -> bytes | None:
        """Return the UID that the reader within tells, None if it tells none."""
        return uid_of(self._plugged())

    def transceive(self, apdu: bytes) -> Exchange:
        """Return the card's answer, or have happen what is armed for it; one fault a command."""
        inner = self._plugged()
        armed = self._due(apdu) if self._armed else None
        if armed is None:
            return inner.transceive(apdu)
        self._armed.remove(armed)
        kind = armed.fault.kind
        if isinstance(inner, BreaksWire) and kind in inner.wire_kinds:
            return self._on_wire(inner, armed, apdu)
        return self._makes[kind](armed, apdu)

    def _plugged(self) -> Reader:
        if self._unplugged:
            raise ReaderError(f'"{self.url}" is unplugged, as asked; open it again')
        return self._inner

    def _due(self, apdu: bytes) -> Armed | None:
        """Return the fault for a command; the others for it count it as passed."""
        ins, due = apdu[1] if len(apdu) > 1 else -1, None
        for armed in self._armed:
            if armed.fault.at and ins not in armed.fault.at:
                continue
            if armed.passing:
                armed.passing -= 1
            elif due is None:
                due = armed
        return due

    def _on_wire(self, wire: BreaksWire, armed: Armed, apdu: bytes) -> Exchange:
        before = wire.wire_fired
        wire.arm_wire(armed.fault.kind, armed.fault.number)
        try:
            return self._inner.transceive(apdu)
        finally:
            if wire.wire_fired > before:
                armed.evidence.fire(f"on the wire at {_name(apdu)}")

    def _tear(self, armed: Armed, apdu: bytes) -> Exchange:
        tear = armed.fault.tear
        if tear is Tear.write:
            return self._tear_write(armed, apdu)
        if tear is Tear.us:
            return self._tear_at(armed, apdu, armed.fault.number)
        if tear is Tear.unheard:
            self._inner.transceive(apdu)
        self._inner.field_off()
        side = "unheard" if tear is Tear.unheard else "lost"
        armed.evidence.fire(f"{side} at {_name(apdu)}")
        raise self._gone(apdu)

    def _tear_at(self, armed: Armed, apdu: bytes, us: float, proof: str = "") -> Exchange:
        """Tear so long after the command began, on the side where the model of the air has it."""
        heard = us >= heard_us(len(apdu))
        exchange = self._inner.transceive(apdu) if heard else None
        self._inner.field_off()
        if exchange is not None and us >= answered_us(len(apdu), len(exchange.response)):
            armed.evidence.fire(f"after the answer to {_name(apdu)} was heard{proof}")
            return exchange
        armed.evidence.fire(f"{'unheard' if heard else 'lost'} at {_name(apdu)}{proof}")
        raise self._gone(apdu)

    def _tear_write(self, armed: Armed, apdu: bytes) -> Exchange:
        card = self._card
        if not isinstance(card, JavaCard):
            raise BadInputError.at(
                f"{self.url}: {armed.fault}", expected="a Java card that was put in", got="none"
            )
        card.tear(Point.in_write, armed.fault.number)
        try:
            return self._inner.transceive(apdu)
        except CardGoneError:
            armed.evidence.fire(f"in write {armed.fault.number} of {_name(apdu)}")
            raise
        finally:
            card.tear(Point.disarm)

    def _delay(self, armed: Armed, apdu: bytes) -> Exchange:
        exchange = self._inner.transceive(apdu)
        time.sleep(armed.fault.number / 1_000)
        armed.evidence.fire(f"{armed.fault.number} ms after the answer to {_name(apdu)}")
        return exchange._replace(received_ns=time.monotonic_ns())

    def _corrupt(self, armed: Armed, apdu: bytes) -> Exchange:
        exchange = self._inner.transceive(apdu)
        told, at = bytearray(exchange.response), armed.fault.number
        if at >= len(told):  # no such byte in this answer: it did not happen
            return exchange
        told[at] ^= FLIPPED
        armed.evidence.fire(f"byte {at} of the answer to {_name(apdu)}")
        return exchange._replace(response=bytes(told))

    def _duplicate(self, armed: Armed, apdu: bytes) -> Exchange:
        exchange = self._inner.transceive(apdu)
        for _ in range(armed.fault.number - 1):
            self._inner.transceive(apdu)
        armed.evidence.fire(f"{_name(apdu)} heard {armed.fault.number} times")
        return exchange

    def _swallow(self, armed: Armed, apdu: bytes) -> Exchange:
        self._inner.transceive(apdu)
        time.sleep(armed.fault.number / 1_000)
        armed.evidence.fire(f"the answer to {_name(apdu)}, given up after {armed.fault.number} ms")
        raise self._gone(apdu)

    def _collide(self, armed: Armed, apdu: bytes) -> Exchange:
        self._inner.field_off()  # neither of two cards is selected any more
        armed.evidence.fire(f"bit collision at {_name(apdu)}")
        raise CardGoneError(f'two cards in reader "{self.url}" at {_name(apdu)}, as asked')

    def _unplug(self, armed: Armed, apdu: bytes) -> Exchange:
        self._inner.close()
        self._unplugged = True
        armed.evidence.fire(f"at {_name(apdu)}")
        raise ReaderError(f'"{self.url}" was unplugged at {_name(apdu)}, as asked')

    def _gone(self, apdu: bytes) -> CardGoneError:
        return CardGoneError(f'card left reader "{self.url}" at {_name(apdu)}, as asked')


def _name(apdu: bytes) -> str:
    ins = apdu[1] if len(apdu) > 1 else -1
    return next((known.name.upper() for known in Ins if known == ins), f"INS {ins:02X}")


def wrap(inner: Reader, **options: str) -> FaultReader:
    """Return a reader wrapped; raises BadInputError if an option is no fault."""
    faults = [
        parse_fault(kind, text, f"fault+{inner.url}: {kind}")
        for kind, said in options.items()
        for text in said.split(",")
    ]
    return FaultReader(inner, tuple(faults))
