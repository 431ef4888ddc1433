"""`trace+URL?trace=FILE`: a reader that writes down every exchange, in JSON lines.

If the file ends in `.pcap` it is GSMTAP in pcap instead, for Wireshark. What passes is not changed,
and an exchange is written down after it is over, so that no time is added to it.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import BinaryIO

from hil.apdu_trace import Line, phase_of, shown
from hil.exchange import Exchange
from hil.gsmtap import file_head, packet
from hil.reader import Card, Reader, await_card, held, uid_of
from scheme.errors import BadInputError, CardGoneError, StoreError
from scheme.personalisation import CardData
from scheme.sam_personalisation import SamData

OPTIONS = ("trace",)  # of its URL, that are this wrapper's
PCAP = ".pcap"


class TraceReader:
    """A wrapper round a reader.

    Attributes:
        path: The file, written anew when the reader is opened.
        phase: What the exchanges from now on are for; None takes it from each instruction.
    """

    def __init__(self, inner: Reader, path: Path | None) -> None:
        self.url = f"trace+{inner.url}"
        self.path = path
        self.phase: str | None = None
        self._inner = inner
        self._file: BinaryIO | None = None

    def open(self) -> None:
        """Open the reader within, and the file."""
        if self.path is None:
            raise BadInputError.at(self.url, expected="a file, as in ?trace=FILE", got="none")
        self._inner.open()
        if self._file is not None:
            return
        try:
            self._file = self.path.open("wb", buffering=0)  # so that a killed run leaves its trace
            self._file.write(file_head() if self._pcap else b"")
        except OSError as error:
            self._inner.close()
            raise StoreError(f"{self.path}: expected to write the trace, got {error}") from error

    def close(self) -> None:
        """Close the file, and the reader within."""
        self._inner.close()
        if self._file is not None:
            self._file.close()
        self._file = None

    def field_off(self) -> None:
        """Take power from the card."""
        self._inner.field_off()

    def issue(self, data: CardData | SamData) -> Card:
        """Return a fresh card, if the reader within can make one."""
        return held(self._inner).issue(data)

    def insert(self, card: Card) -> None:
        """Put a card into the field, if the reader within can."""
        held(self._inner).insert(card)

    def remove(self) -> None:
        """Take the card out of the field, if the reader within can."""
        held(self._inner).remove()

    def detect(self, timeout_s: float) -> int:
        """Return the instant after a card was seen, by a reader within that can see one come."""
        await_card(self._inner, timeout_s)
        return time.monotonic_ns()

    def uid(self) -> bytes | None:
        """Return the UID that the reader within tells, None if it tells none."""
        return uid_of(self._inner)

    def transceive(self, apdu: bytes) -> Exchange:
        """Return the card's answer, written down; a card that left unheard is written down too."""
        sent_ns = time.monotonic_ns()
        try:
            exchange = self._inner.transceive(apdu)
        except CardGoneError:
            self._write(apdu, Exchange(b"", sent_ns, time.monotonic_ns()), heard=False)
            raise
        self._write(apdu, exchange, heard=True)
        return exchange

    @property
    def _pcap(self) -> bool:
        return self.path is not None and self.path.suffix == PCAP

    def _write(self, apdu: bytes, exchange: Exchange, heard: bool) -> None:
        if self._file is None:
            return
        response, sent_ns, received_ns = exchange
        at_ns, command = time.time_ns(), shown(apdu)
        if self._pcap:
            written = packet(at_ns, command, response)
        else:
            answer = response if heard else None
            phase = self.phase or phase_of(apdu)
            line = Line(at_ns, sent_ns, received_ns, self._inner.url, command, answer, phase)
            written = line.encode().encode() + b"\n"
        try:
            self._file.write(written)
        except OSError as error:
            raise StoreError(f"{self.path}: expected to write the trace, got {error}") from error


def wrap(inner: Reader, trace: str = "") -> TraceReader:
    """Return a reader wrapped; without a file it has to be given one before it is opened."""
    return TraceReader(inner, Path(trace) if trace else None)
