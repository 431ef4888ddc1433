"""An APDU trace in words: commands and answers by name, every field, status words, phase and time.

Three inputs: the JSON lines that `trace+` writes, a pcap with GSMTAP, and hex. Bytes that are no
command of this scheme are shown as they are and never raise; a file that is no trace is told with
file, line, expected and got. Keys in STORE DATA and PUT KEY are counted, not shown.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from hil.shapes import APPLICATIONS, NONE, Fields, Shape, shape_of, size_of
from hil.words import Names, field_words
from scheme.apdu import Ins, parse_command
from scheme.status import Sw, meaning

STATUS_SIZE = 2


class Heard(NamedTuple):
    """One exchange of a trace.

    Attributes:
        command, answer: Their bytes; an answer of None was not heard.
        reader: Who said it, empty if the trace does not tell.
        at: When, in words, empty if the trace does not tell.
        took_us: How long it took, in microseconds, if the trace tells.
        phase: The part of the tap, if the trace tells.
    """

    command: bytes
    answer: bytes | None
    reader: str = ""
    at: str = ""
    took_us: float | None = None
    phase: str = ""


class Told(NamedTuple):
    """A field of a command or answer: its name, its bytes (empty if hidden) and its words."""

    name: str
    data: bytes
    words: str


class Decoded(NamedTuple):
    """One exchange in words."""

    heard: Heard
    name: str
    parameters: str
    phase: str
    told: tuple[Told, ...]
    sw: int | None
    answered: tuple[Told, ...]

    def document(self) -> dict[str, Any]:
        """Return it for a machine; what is hidden is not in it."""
        heard = self.heard
        return {
            "reader": heard.reader, "at": heard.at, "took_us": heard.took_us,
            "phase": self.phase, "name": self.name, "parameters": self.parameters,
            "fields": [_field_document(told) for told in self.told],
            "sw": None if self.sw is None else f"{self.sw:04X}",
            "meaning": self.meaning,
            "answer": [_field_document(told) for told in self.answered],
        }  # fmt: skip

    @property
    def meaning(self) -> str:
        """The status word in words."""
        if self.sw is not None:
            return meaning(self.sw)
        return "no answer heard" if self.heard.answer is None else "an answer with no status word"

    def lines(self, number: int) -> list[str]:
        """Return it for a person: a headline, then a line a field."""
        heard = self.heard
        took = "" if heard.took_us is None else f"{heard.took_us / 1_000:.2f} ms"
        about = "  ".join(part for part in (heard.at, heard.reader, self.phase, took) if part)
        head = f"{number:>4}  {' '.join(part for part in (self.name, self.parameters) if part)}"
        return [
            f"{head}  [{about}]" if about else head,
            *(f"        {told.name:<20} {told.words}" for told in self.told),
            f"      = {self.meaning}",
            *(f"        {told.name:<20} {told.words}" for told in self.answered),
        ]


def decode(exchanges: Iterable[Heard], names: Names) -> Iterator[Decoded]:
    """Yield exchanges in words; what was selected is remembered reader by reader."""
    selected: dict[str, str] = {}
    for heard in exchanges:
        yield _decoded(heard, selected, names)


def _decoded(heard: Heard, selected: dict[str, str], names: Names) -> Decoded:
    command = parse_command(heard.command)
    if command is None:
        shape, told = None, _raw(heard.command, "command")
    else:
        if command.ins == Ins.select and command.data in APPLICATIONS:
            selected[heard.reader] = APPLICATIONS[command.data]
        shape = shape_of(command, selected.get(heard.reader, "purse"))
        told = _raw(command.data, "data")
        if command.ins == Ins.store_data and command.data and not any(command.data):
            told = (Told("data", b"", f"{len(command.data)} bytes, left out of the trace"),)
        elif shape:
            told = _fields(shape.data, command.data, names, shape.hidden)
    sw, answered = _answer(heard.answer, shape, names)
    if command is None:
        name, words = "no short APDU", f"{len(heard.command)} bytes"
    elif shape is None:
        head = f"CLA {command.cla:02X} INS {command.ins:02X}"
        name, words = "unknown command", f"{head} P1 {command.p1:02X} P2 {command.p2:02X}"
    else:
        name, words = shape.name, shape.parameters
    phase = heard.phase or (shape.phase if shape else "")
    return Decoded(heard, name, words, phase, told, sw, answered)


def _answer(
    answer: bytes | None, shape: Shape | None, names: Names
) -> tuple[int | None, tuple[Told, ...]]:
    if answer is None:
        return None, ()
    if len(answer) < STATUS_SIZE:
        return None, _raw(answer, "answer")
    data, sw = answer[:-STATUS_SIZE], int.from_bytes(answer[-STATUS_SIZE:], "big")
    if shape is None or sw != Sw.ok:
        return sw, _raw(data, "data")
    return sw, _fields(shape.answer, data, names)


def _fields(
    fields: Fields, data: bytes, names: Names, hidden: frozenset[str] = NONE
) -> tuple[Told, ...]:
    expected = size_of(fields)
    if len(data) != expected:
        words = f"{len(data)} bytes, expected {expected}"
        if hidden:  # its keys may stand anywhere
            return (Told("data", b"", f"{words}, not shown"),)
        return (Told("data", data, f"{words}: {data.hex() or 'none'}"),)
    told, at = [], 0
    for field in fields:
        raw = data[at : at + field.size]
        at += field.size
        if field.name in hidden:
            told.append(Told(field.name, b"", f"{field.size} bytes, not shown"))
        else:
            value = int.from_bytes(raw, "big") if field.number else raw
            told.append(Told(field.name, raw, field_words(field.name, value, names)))
    return tuple(told)


def _raw(data: bytes, name: str) -> tuple[Told, ...]:
    return (Told(name, data, data.hex()),) if data else ()


def _field_document(told: Told) -> dict[str, str]:
    return {"name": told.name, "hex": told.data.hex(), "words": told.words}
