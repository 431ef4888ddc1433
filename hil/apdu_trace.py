"""One exchange as a line of a trace file: JSON, one object a line, bytes as hexadecimal.

| field | what |
|---|---|
| `at_ns` | when it was written down, nanoseconds since 1970 |
| `sent_ns`, `received_ns` | the host's monotonic clock before the command, after the answer |
| `reader` | the URL of the reader |
| `command`, `response` | bytes; the response is null if the card left unheard |
| `phase` | what it was for: `select`, `init`, `sam`, `debit` ..., or what the caller says |

A trace may be handed on, so the data of STORE DATA, which are keys, are shown as zeros.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import NamedTuple

from scheme.apdu import Ins
from scheme.errors import RecordError

HEAD_SIZE = 5
NAMES = {ins.value: ins.name for ins in Ins}
AT_SAM = (Ins.challenge, Ins.authenticate, Ins.confirm)


class Line(NamedTuple):
    """A line of a trace; fields as the module says."""

    at_ns: int
    sent_ns: int
    received_ns: int
    reader: str
    command: bytes
    response: bytes | None
    phase: str

    def encode(self) -> str:
        """Return the line's text without its end."""
        response = None if self.response is None else self.response.hex()
        return json.dumps(
            self._asdict() | {"command": self.command.hex(), "response": response}
        )


def shown(command: bytes) -> bytes:
    """Return a command as a trace may show it."""
    if command[1:2] != bytes((Ins.store_data,)):
        return command
    return command[:HEAD_SIZE] + bytes(max(0, len(command) - HEAD_SIZE))


def phase_of(command: bytes) -> str:
    """Return what a command is for, by its instruction."""
    ins = command[1] if len(command) > 1 else -1
    if ins in AT_SAM:
        return "sam"
    return NAMES.get(ins, "other")


def read_trace(path: Path) -> list[Line]:
    """Return the lines of a trace file.

    Raises:
        RecordError: If a line is none, with its number, or the file cannot be read.
    """
    try:
        texts = path.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        expected = "a trace of APDUs in JSON lines"
        raise RecordError(f"{path}: expected {expected}, got {error}") from error
    return [parse_line(text, f"{path}:{number}") for number, text in enumerate(texts, 1)]


def parse_line(text: str, where: str) -> Line:
    """Return a line of a trace; raises RecordError, which names `where`, if it is none."""
    try:
        fields = json.loads(text)
        response = fields["response"]
        fields["command"] = bytes.fromhex(fields["command"])
        fields["response"] = None if response is None else bytes.fromhex(response)
        return Line(**fields)
    except (ValueError, TypeError, KeyError, RecursionError) as error:
        raise RecordError(
            f"{where}: expected an exchange as one JSON object, got {text[:60]!r}: {error}"
        ) from error
