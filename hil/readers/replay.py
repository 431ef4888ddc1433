"""`replay://FILE`: a trace that answers, command by command, as its card once did.

Another command than the recorded one is a fault of the bench: a replay knows nothing but its file.
Instants are those of the replay, not of the trace.
"""

from __future__ import annotations

from pathlib import Path
from time import monotonic_ns

from hil.address import parse_address
from hil.apdu_trace import Line, read_trace, shown
from hil.exchange import Exchange
from scheme.errors import CardGoneError, ReaderError


class ReplayReader:
    """A field whose card is a file."""

    def __init__(self, address: str, path: Path) -> None:
        self.url = f"replay://{address}"
        self._path = path
        self._lines: list[Line] | None = None
        self._next = 0

    def open(self) -> None:
        """Read the file and begin at its first exchange; raises RecordError if it is no trace."""
        if self._lines is None:
            self._lines = read_trace(self._path)
            self._next = 0

    def close(self) -> None:
        """Forget the file."""
        self._lines = None

    def field_off(self) -> None:
        """Have nothing happen: resets are not in a trace."""
        self._opened()

    def transceive(self, apdu: bytes) -> Exchange:
        """Return the recorded answer, if this is the command that was recorded."""
        lines = self._opened()
        where = f"{self._path}:{self._next + 1}"
        if self._next == len(lines):
            raise ReaderError(f"{where}: expected no further command, got {apdu.hex()}")
        line = lines[self._next]
        if shown(apdu) != line.command:
            raise ReaderError(
                f"{where}: expected the command {line.command.hex()}, got {shown(apdu).hex()}; "
                "a trace answers what was asked then, which a fresh challenge is not"
            )
        self._next += 1
        if line.response is None:
            raise CardGoneError(f"{where}: the card left here, as recorded")
        sent_ns = monotonic_ns()
        return Exchange(line.response, sent_ns, monotonic_ns())

    def _opened(self) -> list[Line]:
        if self._lines is None:
            raise ReaderError(f'"{self.url}" is not open')
        return self._lines


def make(address: str) -> ReplayReader:
    """Return a reader; raises BadInputError if no file is named."""
    parsed = parse_address("replay", address)
    if not parsed.place:
        raise parsed.bad("replay://FILE")
    return ReplayReader(address, Path(parsed.place))
