"""Write-ahead: before a card is told to move money, the journal knows that it may have.

Stands between the dialogue and the reader. What it writes is what recovery needs if power goes
between the card's write and the record: the tap is completed by PROOF when the card is presented
again, or told as torn after 120 s.
"""

from __future__ import annotations

from collections.abc import Callable

from hil.exchange import Exchange, Transceiver
from hil.validator.memory import Intent
from scheme.apdu import KIND_OF, Ins, Slot
from scheme.layouts import DEBIT_HEAD, INIT_DATA, SELECTED
from scheme.presentation import Presentation, Signed, TornTap
from scheme.records import RecordKind

HEADER_SIZE = 5  # of a command: class, instruction, P1, P2, Lc


class WriteAhead:
    """A reader's exchanges, watched.

    Attributes:
        intent: What this presentation wrote ahead, if it came so far.
    """

    def __init__(self, reader: Transceiver, keep: Callable[[Intent], None]) -> None:
        self._reader = reader
        self._keep = keep
        self.intent: Intent | None = None
        self._number = 0
        self._presented: Presentation | None = None
        self._selected = b""
        self._sam = 0

    def begin(self, number: int, presented: Presentation) -> None:
        """Begin a presentation."""
        self.intent, self._selected = None, b""
        self._number, self._presented = number, presented

    def transceive(self, apdu: bytes) -> Exchange:
        """Return the card's answer; what moves money goes out once the journal has it."""
        ins = apdu[1]
        if ins == Ins.init:
            said = apdu[HEADER_SIZE : HEADER_SIZE + INIT_DATA.size]
            self._sam = INIT_DATA.unpack(said)["sam"]
        elif ins in (Ins.debit, Ins.credit):
            self._write(apdu)
        exchange = self._reader.transceive(apdu)
        if ins == Ins.select:
            self._selected = exchange.response[: SELECTED.size]
        return exchange

    def left(self, torn: TornTap) -> Intent:
        """Return a tap that was torn before any money could move."""
        return Intent(self._number, torn.presented, torn.kind, torn.signed, self._selected)

    def _write(self, apdu: bytes) -> None:
        assert self._presented is not None
        head = DEBIT_HEAD.unpack(apdu[HEADER_SIZE : HEADER_SIZE + DEBIT_HEAD.size])
        kind = RecordKind.load if apdu[1] == Ins.credit else KIND_OF[Slot(apdu[3])]
        signed = Signed(self._sam, head["sam_counter"])
        self.intent = Intent(self._number, self._presented, kind, signed, self._selected)
        self._keep(self.intent)
