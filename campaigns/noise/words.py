"""The decoders of what is kept or said in lines: journal, APDUs, traces, the control side."""

from __future__ import annotations

import json
import string
import struct
import zlib
from collections.abc import Iterator
from random import Random
from typing import Any

from campaigns.noise.trial import FRAMES_A_TRIAL, Wrong, missing, spoilt
from hil.apdu_trace import Line, parse_line
from hil.decode import Heard, decode
from hil.validator.control import ORDERS, read_order
from hil.validator.journal import MAGIC, Entry, Kind, encode, scan
from hil.words import Names
from scheme.apdu import Ins, parse_command, parse_response
from scheme.errors import RecordError

BODY_MAX = 40
DEEP = 4_000
CLASSES = (0x00, 0x80)
NAMES = Names()
VALUES: tuple[Any, ...] = (None, True, -1, 1.5, "", "00", "zz", [], {}, [[]], 10**30)


def journal(chance: Random) -> Iterator[Wrong]:
    """Scan a journal with damage anywhere; what is whole comes out, and the rest is told."""
    sent, data = list[object](), bytearray(MAGIC)
    for _ in range(FRAMES_A_TRIAL):
        entry = Entry(chance.choice(list(Kind)), chance.randbytes(chance.randint(0, BODY_MAX)))
        way = chance.randrange(6)
        if way == 0:
            data += spoilt(encode(entry), chance)
        elif way == 1:
            data += chance.randbytes(chance.randint(1, BODY_MAX))
        elif way == 2:
            data += _sealed_nonsense(chance)
        else:
            data += encode(entry)
            sent.append(entry)
    entries, damage = scan(bytes(data))
    if lost := missing(sent, list(entries)):
        yield "journal", f"{len(sent)} entries found again", f"not {lost[0]}"
    told = len(MAGIC) + sum(len(encode(entry)) for entry in entries)
    if told + sum(part.size for part in damage) != len(data):
        yield "journal", f"{len(data)} bytes told as entries or as damage", f"{told}, {damage}"


def _sealed_nonsense(chance: Random) -> bytes:
    """Return an entry whose checksum is right and that is none: empty, or of an unknown kind."""
    content = chance.choice((b"", b"\x00", b"\xff" + chance.randbytes(4)))
    length = len(content).to_bytes(4, "big")
    return struct.pack(">4sI", length, zlib.crc32(length + content)) + content


def apdu(chance: Random) -> Iterator[Wrong]:
    """Read commands and answers of any bytes, in words too."""
    for _ in range(FRAMES_A_TRIAL):
        size = chance.choice((0, 1, 2, 4, 5, chance.randrange(80), chance.randrange(300)))
        command, answer = chance.randbytes(size), chance.randbytes(chance.randrange(80))
        if chance.random() < 0.7:
            head = (chance.choice(CLASSES), chance.choice(list(Ins)), chance.randrange(8), 0)
            command = bytes(head) + bytes((min(size, 255),)) + command[:255]
        read = parse_command(command)
        if read is not None and parse_command(read.encode()) != read:
            yield "command", "the same when read again", f"{command.hex()} another"
        try:
            parse_response(answer)
        except RecordError:
            if len(answer) >= 2:
                yield "answer", f"an answer of {len(answer)} bytes", "none"
        list(decode([Heard(command, answer)], NAMES))


def trace_line(chance: Random) -> Iterator[Wrong]:
    """Read lines of a trace."""
    for _ in range(FRAMES_A_TRIAL):
        line = Line(1, 2, 3, "model://", chance.randbytes(8), chance.randbytes(4), "init")
        text = line.encode()
        if chance.random() < 0.2:
            if parse_line(text, "noise:1") != line:
                yield "trace line", "the line that was written", "another"
            continue
        try:
            parse_line(_nonsense(text, chance), "noise:1")
        except RecordError:
            continue


def control(chance: Random) -> Iterator[Wrong]:
    """Read orders of the control side: what is none is the order `wrong`, and never raises."""
    for _ in range(FRAMES_A_TRIAL):
        order = {"do": chance.choice(list(ORDERS))}
        text = json.dumps(order)
        if chance.random() < 0.2:
            if read_order(text.encode()) != order:
                yield "control line", f"{order}", "another"
            continue
        read_order(_nonsense(text, chance).encode("utf-8", "replace"))


def _nonsense(text: str, chance: Random) -> str:
    """Return a line of JSON with something wrong, in its bytes or in its values."""
    way = chance.randrange(10)
    if way == 0:
        return chance.choice("[{") * chance.randint(1, DEEP)
    if way < 4:
        return spoilt(text.encode(), chance).decode("latin-1")
    if way == 4:
        return "".join(chance.choices(string.printable, k=chance.randrange(60)))
    fields = json.loads(text)
    fields[chance.choice([*fields, "other"])] = chance.choice(VALUES)
    if way == 5:
        fields.pop(chance.choice(list(fields)))
    return json.dumps(fields if way < 9 else chance.choice(VALUES))
