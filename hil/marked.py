"""A YAML or JSON mapping that is read field by field: card files, key files, card profiles.

Every mistake is one line with file, line, field, expected and got. A field that holds a secret is
never shown. JSON is YAML, so that one reader serves both.
"""

from __future__ import annotations

import datetime as dt
import difflib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from scheme.days import date_of
from scheme.errors import BadInputError

FIRST_DAY, LAST_DAY = date_of(1), date_of(0xFFFF)


class Marked:
    """A mapping of a file.

    Args:
        path: The file.
        node: The mapping as it was parsed.
        place: Where it stands in the file, empty for the document.
        line: The line on which it begins.
    """

    def __init__(self, path: Path, node: Any, place: str = "", line: int = 1) -> None:
        self.path = path
        self._place = place
        self._line = line
        if not isinstance(node, CommentedMap):
            raise self.wrong("", "a mapping", shown(node))
        self._node = node

    def only(self, needed: Sequence[str], others: Sequence[str] = ()) -> None:
        """Raise BadInputError unless it has the keys needed, and none but those and `others`."""
        known = (*needed, *others)
        for key in self._node:
            if key not in known:
                near = difflib.get_close_matches(str(key), known, 1)
                hint = f'; did you mean "{near[0]}"?' if near else ""
                raise self.wrong(key, f"one of {', '.join(known)}", f"the unknown key{hint}")
        missing = [key for key in needed if key not in self._node]
        if missing:
            raise self.wrong("", f"the key {missing[0]}", "none")

    def has(self, key: str) -> bool:
        """Return whether a key is there with a value."""
        return self._node.get(key) is not None

    def names(self) -> Iterator[str]:
        """Return the keys as texts."""
        return (str(key) for key in self._node)

    def number(self, key: str, low: int, high: int) -> int:
        """Return a whole number from `low` to `high`."""
        value = self._node.get(key)
        if type(value) is not bool and isinstance(value, int) and low <= value <= high:
            return int(value)
        raise self.wrong(key, f"a whole number from {low} to {high}", shown(value))

    def numbers(self, key: str, low: int, high: int, most: int) -> tuple[int, ...]:
        """Return a list of at most `most` whole numbers."""
        values = self._node.get(key)
        expected = f"a list of at most {most} whole numbers from {low} to {high}"
        if not isinstance(values, CommentedSeq) or len(values) > most:
            raise self.wrong(key, expected, shown(values))
        for value in values:
            if not isinstance(value, int) or not low <= value <= high:
                raise self.wrong(key, expected, shown(value))
        return tuple(int(value) for value in values)

    def text(self, key: str) -> str:
        """Return a text that is not empty."""
        value = self._node.get(key)
        if isinstance(value, str) and value.strip():
            return str(value)
        raise self.wrong(key, "a text", shown(value))

    def flag(self, key: str) -> bool:
        """Return true or false."""
        value = self._node.get(key)
        if type(value) is bool:
            return value
        raise self.wrong(key, "true or false", shown(value))

    def date(self, key: str) -> dt.date:
        """Return a date, written 2026-12-31, that fits the two bytes of a card."""
        value = self._node.get(key)
        expected = f"a date such as 2026-12-31, from {FIRST_DAY} to {LAST_DAY}"
        try:
            date = value if type(value) is dt.date else dt.date.fromisoformat(str(value))
        except ValueError as error:
            raise self.wrong(key, expected, shown(value)) from error
        if not FIRST_DAY <= date <= LAST_DAY:
            raise self.wrong(key, expected, date)
        return date

    def octets(self, key: str, size: int, *, secret: bool = False) -> bytes:
        """Return the bytes that a text of hex digits stands for; a secret is not shown."""
        value = self._node.get(key)
        expected = f"{2 * size} hex digits in quotes"
        if not isinstance(value, str):
            got = f"a {type(value).__name__}" if secret and value is not None else shown(value)
            raise self.wrong(key, expected, got)
        try:
            data = bytes.fromhex(value)
        except ValueError as error:
            got = "other characters" if secret else shown(value)
            raise self.wrong(key, expected, got) from error if not secret else None
        if len(data) != size:
            raise self.wrong(key, expected, f"{len(value)} characters")
        return data

    def mapping(self, key: str) -> Marked:
        """Return the mapping under a key."""
        return Marked(self.path, self._node.get(key), self._named(key), self.line(key))

    def line(self, key: str) -> int:
        """Return the line of a key, or of the whole where it is not there."""
        return int(self._node.lc.key(key)[0]) + 1 if key in self._node else self._line

    def wrong(self, key: str, expected: str, got: object) -> BadInputError:
        """Return the error for a field, or for the whole if `key` is empty."""
        line = self.line(key) if key else self._line
        where = self._named(key) or "document"
        return BadInputError.at(f"{self.path}:{line}: {where}", expected=expected, got=got)

    def _named(self, key: str) -> str:
        return ".".join(part for part in (self._place, key) if part)


def read_marked(path: Path, kind: str, form: str) -> Marked:
    """Return the mapping in a file of a format.

    Args:
        path: The file.
        kind: What it should be, in words: `key file`.
        form: What its key `format` must say.

    Raises:
        BadInputError: If there is no such file, or it holds anything else.
    """
    try:
        node = YAML(typ="rt").load(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise BadInputError.at(str(path), expected=f"a {kind}", got="no such file") from error
    except (OSError, UnicodeDecodeError) as error:
        got = getattr(error, "strerror", None) or "bytes that are no UTF-8"
        raise BadInputError.at(str(path), expected=f"a readable {kind}", got=got) from error
    except MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        got = " ".join(str(error.problem).split())
        raise BadInputError.at(f"{path}:{line}", expected=f"a {kind}", got=got) from error
    except (YAMLError, ValueError) as error:
        raise BadInputError.at(f"{path}:1", expected=f"a {kind}", got="no YAML") from error
    marked = Marked(path, node)
    if node.get("format") != form:
        raise marked.wrong("format", form, shown(node.get("format")))
    return marked


def shown(value: object) -> str:
    """Return a value as an error prints it: texts quoted, containers by kind."""
    if value is None:
        return "nothing"
    if isinstance(value, CommentedMap):
        return "a mapping"
    if isinstance(value, CommentedSeq):
        return f"a list of {len(value)}"
    return f'"{value}"' if isinstance(value, str) else str(value)
