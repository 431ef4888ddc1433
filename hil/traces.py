"""Exchanges from what people have: a trace file, a pcap, hex in the command line or on stdin."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from string import hexdigits

from hil.apdu_trace import Line, parse_line
from hil.decode import Heard
from hil.pcap import is_pcap, read_pcap
from hil.words import stamp_words
from scheme.errors import BadInputError

STDIN = "-"
NS_IN_MS = 1_000_000
NS_MAX = 1 << 63  # past the year 2200
NO_ANSWER = "-"
HEX = frozenset(hexdigits)


def read_exchanges(source: Sequence[str]) -> Iterator[Heard]:
    """Yield the exchanges of a source.

    Args:
        source: One file, `-` for stdin, or hex words: command, answer, command, answer.

    Raises:
        BadInputError: If it is none of those; names file, line, expected and got.
    """
    if list(source) == [STDIN]:
        yield from _lines("stdin", sys.stdin.buffer.read())
    elif len(source) == 1 and not _is_hex(source[0]):
        yield from _file(Path(source[0]))
    else:
        for at in range(0, len(source), 2):
            yield _exchange(f"word {at + 1}", source[at : at + 2])


def _file(path: Path) -> Iterator[Heard]:
    try:
        content = path.read_bytes()
    except FileNotFoundError as error:
        expected = "a trace, a pcap or hex"
        raise BadInputError.at(str(path), expected=expected, got="no such file") from error
    except OSError as error:
        raise BadInputError.at(
            str(path), expected="a readable trace", got=error.strerror
        ) from error
    yield from _lines(str(path), content)


def _lines(name: str, content: bytes) -> Iterator[Heard]:
    """Yield the exchanges of a pcap, or of a text with one a line: JSON of `trace+`, or hex."""
    if is_pcap(content):
        for at_ms, command, answer in read_pcap(name, content):
            yield Heard(command, answer, at=stamp_words(at_ms))
        return
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise BadInputError.at(
            name, expected="a trace, a pcap or hex", got="bytes that are no text"
        ) from error
    for number, line in enumerate(text.splitlines(), 1):
        stripped, where = line.strip(), f"{name}:{number}"
        if stripped.startswith("{"):
            yield _traced(parse_line(stripped, where), where)
        elif stripped and not stripped.startswith("#"):
            yield _exchange(where, stripped.split())


def _traced(line: Line, where: str) -> Heard:
    instants, texts = (line.at_ns, line.sent_ns, line.received_ns), (line.reader, line.phase)
    right = all(type(at) is int and 0 <= at < NS_MAX for at in instants)
    if not right or not all(isinstance(text, str) for text in texts):
        expected = "nanoseconds as whole numbers, reader and phase as texts"
        raise BadInputError.at(where, expected=expected, got=(*instants, *texts))
    took_us = (line.received_ns - line.sent_ns) / 1_000
    at = stamp_words(line.at_ns // NS_IN_MS)
    return Heard(line.command, line.response, line.reader, at, took_us, line.phase)


def _exchange(where: str, words: Sequence[str]) -> Heard:
    """Return the exchange of a command and, if it was heard, its answer."""
    if len(words) > 2:
        raise BadInputError.at(where, expected="a command and its answer", got=len(words))
    for at, word in enumerate(words):
        if not _is_hex(word) and (word, at) != (NO_ANSWER, 1):
            raise BadInputError.at(where, expected="bytes as hex digits", got=f'"{word[:24]}"')
    answer = words[1] if len(words) == 2 else NO_ANSWER
    return Heard(bytes.fromhex(words[0]), None if answer == NO_ANSWER else bytes.fromhex(answer))


def _is_hex(word: str) -> bool:
    return len(word) % 2 == 0 and word != "" and all(digit in HEX for digit in word)
