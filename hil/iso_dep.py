"""The card's side of ISO/IEC 14443-4: RATS, and blocks that carry commands and answers.

No CID and no NAD, as the ATS says. A card that leaves, or a block that the standard has it ignore,
is silence: None. Section numbers are those of ISO/IEC 14443-4:2018.
"""

from __future__ import annotations

from hil.reader import Card
from scheme.errors import CardGoneError

# 5.2: TL, T0 with TA TB TC and frames of 256 bytes, 106 kbit/s only, FWI 9 (154 ms), neither CID
# nor NAD.
ATS = bytes.fromhex("0578009000")
FRAME_SIZES = (16, 24, 32, 40, 48, 64, 96, 128, 256)  # 5.1, by FSDI
RATS, DESELECT = 0xE0, 0xC2
CHAINED = 0x10
OVERHEAD = 3  # PCB and CRC
COMMAND_MAX = 4096  # a chained command longer than this is no card command


class IsoDepCard:
    """A card that has been selected and waits for RATS.

    Attributes:
        activated: Whether RATS has come, and no DESELECT.
    """

    def __init__(self, card: Card) -> None:
        self.activated = False
        self._card = card
        self._number = 1  # 7.5.3.2, rule C
        self._room = FRAME_SIZES[0] - OVERHEAD
        self._command = b""
        self._answer = b""  # what has not been sent of it
        self._last = b""

    def exchange(self, frame: bytes) -> bytes | None:
        """Return the answer to a frame without its CRC."""
        if not self.activated:
            return self._activate(frame)
        if not frame:
            return None
        pcb = frame[0]
        if pcb == DESELECT:
            self.activated = False
            return frame
        if pcb & 0xEE == 0x02:
            return self._information(pcb, frame[1:])
        if pcb & 0xEE == 0xA2:
            return self._receive_ready(pcb)
        return None

    def activate(self) -> bytes:
        """Take RATS from a chip that has room for 256 bytes; return the ATS."""
        self.activated, self._number = True, 1
        self._room = FRAME_SIZES[-1] - OVERHEAD
        return ATS

    def _activate(self, frame: bytes) -> bytes | None:
        if len(frame) != 2 or frame[0] != RATS:
            return None
        ats = self.activate()
        self._room = FRAME_SIZES[min(frame[1] >> 4, len(FRAME_SIZES) - 1)] - OVERHEAD
        return ats

    def _information(self, pcb: int, data: bytes) -> bytes | None:
        self._number ^= 1  # rule D
        self._command += data
        if pcb & CHAINED:
            if len(self._command) > COMMAND_MAX:
                self._command = b""
                return None
            return self._sent(bytes((0xA2 | self._number,)))
        command, self._command = self._command, b""
        try:
            self._answer = self._card.answer(command)
        except CardGoneError:
            return None
        return self._sent_part()

    def _receive_ready(self, pcb: int) -> bytes | None:
        acknowledged = not pcb & 0x10
        if pcb & 1 == self._number:  # rule 11
            return self._last or None
        if not acknowledged:  # rule 12
            return self._sent(bytes((0xA2 | self._number,)))
        if not self._answer:
            return None
        self._number ^= 1  # rule E
        return self._sent_part()

    def _sent_part(self) -> bytes:
        part, self._answer = self._answer[: self._room], self._answer[self._room :]
        chained = CHAINED if self._answer else 0
        return self._sent(bytes((0x02 | chained | self._number,)) + part)

    def _sent(self, block: bytes) -> bytes:
        self._last = block
        return block
