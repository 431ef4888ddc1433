"""One exchange with a card or a SAM and its two instants, and a whole dialogue over two readers.

The clock is the host's monotonic one in nanoseconds; it stamps just before the command goes and
just after the answer is here.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol

from scheme.apdu import Ins, Response, parse_response
from scheme.dialogue import Device, Dialogue, Outcome
from scheme.errors import CardGoneError

_SAM = Device.sam
_new = tuple.__new__
_new = tuple.__new__
_INSTRUCTIONS = {int(ins): ins for ins in Ins}


class Exchange(NamedTuple):
    """An answer with its status word, and when command and answer passed."""

    response: bytes
    sent_ns: int
    received_ns: int


class Transceiver(Protocol):
    """What can exchange a command for an answer."""

    def transceive(self, apdu: bytes) -> Exchange:
        """Return the answer; raise CardGoneError if nobody answers any more."""
        ...


class Timed(NamedTuple):
    """An exchange of a dialogue by name, with the bytes of command and answer."""

    device: Device
    ins: Ins
    sent_ns: int
    received_ns: int
    command_bytes: int
    response_bytes: int

    @property
    def name(self) -> str:
        """For example `card DEBIT`."""
        return f"{self.device.value} {self.ins.name.upper()}"


def conduct(dialogue: Dialogue, card: Transceiver, sam: Transceiver) -> tuple[Outcome, list[Timed]]:
    """Carry a dialogue over two readers; return its outcome and its exchanges.

    An exchange that a card did not answer is not among them; the dialogue is told None.
    """
    timed: list[Timed] = []
    answer: Response | None = None
    # Looked up once: what follows runs six times a tap.
    send, at_card, at_sam = dialogue.send, card.transceive, sam.transceive
    while True:
        try:
            device, command = send(answer)
        except StopIteration as end:
            outcome: Outcome = end.value
            return outcome, timed
        apdu = command.encode()
        try:
            response, sent_ns, received_ns = at_sam(apdu) if device is _SAM else at_card(apdu)
        except CardGoneError:
            if device is _SAM:
                raise
            answer = None
            continue
        ins = _INSTRUCTIONS[command.ins]
        # As calling the class does, at half the cost: this runs six times a tap.
        whole = (device, ins, sent_ns, received_ns, len(apdu), len(response))
        timed.append(_new(Timed, whole))
        answer = parse_response(response)
