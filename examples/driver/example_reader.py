"""`example://`: a reader on a line of text, for which a process stands in here."""

from __future__ import annotations

import select
import subprocess
import sys
from time import monotonic_ns

from hil.exchange import Exchange
from scheme.errors import BadInputError, CardGoneError, ReaderError

ANSWER_S = 5.0


class ExampleReader:
    """The driver: it carries commands, and says what went wrong when one did not come back."""

    def __init__(self, address: str) -> None:
        self.url = f"example://{address}"
        self._device: subprocess.Popen[str] | None = None

    def open(self) -> None:
        """Take hold of the device."""
        if self._device is None:
            self._device = subprocess.Popen(
                [sys.executable, "-m", "example_device"],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            )  # fmt: skip

    def close(self) -> None:
        """Let it go."""
        if self._device is not None:
            self._device.communicate()
        self._device = None

    def transceive(self, apdu: bytes) -> Exchange:
        """Return the card's answer."""
        sent_ns = monotonic_ns()
        return Exchange(bytes.fromhex(self._ask(apdu.hex())), sent_ns, monotonic_ns())

    def field_off(self) -> None:
        """Take power from the card."""
        self._ask("off")

    def _ask(self, line: str) -> str:
        device = self._device
        if device is None or device.stdin is None or device.stdout is None:
            raise ReaderError(f'"{self.url}" is not open')
        try:
            device.stdin.write(line + "\n")
            device.stdin.flush()
        except OSError as error:
            raise ReaderError(f'"{self.url}": expected the device, got {error}') from error
        if not select.select([device.stdout], [], [], ANSWER_S)[0]:
            raise CardGoneError(f'no card in reader "{self.url}": no answer in {ANSWER_S:.0f} s')
        answer = device.stdout.readline().strip()
        if not answer:
            raise ReaderError(f'"{self.url}": expected an answer, got the end of the line')
        return answer


def make(address: str) -> ExampleReader:
    """Return a reader, not opened yet; this is what the entry point names."""
    if address:
        raise BadInputError.at(f"example://{address}", expected="example://", got=address)
    return ExampleReader(address)
