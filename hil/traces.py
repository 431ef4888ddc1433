"""Exchanges from what people have: a trace file, a pcap, hex in the command line or on stdin."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from hil.decode import Heard
from scheme.errors import BadInputError

STDIN = "-"
PCAP_MAGIC = (b"\xa1\xb2\xc3\xd4", b"\xd4\xc3\xb2\xa1", b"\xa1\xb2\x3c\x4d", b"\x4d\x3c\xb2\xa1")
NO_ANSWER = "-"
HEX = frozenset("0123456789abcdefABCDEF")


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
    """Yield the exchanges of a text, one a line."""
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        raise BadInputError.at(
            name, expected="a trace, a pcap or hex", got="bytes that are no text"
        ) from error
    for number, line in enumerate(text.splitlines(), 1):
        stripped = line.strip()
        if stripped and not stripped.startswith("#"):
            yield _exchange(f"{name}:{number}", stripped.split())


def _exchange(where: str, words: Sequence[str]) -> Heard:
    """Return the exchange of a command and, if it was heard, its answer."""
    if len(words) > 2:
        raise BadInputError.at(where, expected="a command and its answer", got=len(words))
    for word in words:
        if not _is_hex(word) and word != NO_ANSWER:
            raise BadInputError.at(where, expected="bytes as hex digits", got=f'"{word[:24]}"')
    answer = words[1] if len(words) == 2 else NO_ANSWER
    return Heard(bytes.fromhex(words[0]), None if answer == NO_ANSWER else bytes.fromhex(answer))


def _is_hex(word: str) -> bool:
    return len(word) % 2 == 0 and word != "" and all(digit in HEX for digit in word)
