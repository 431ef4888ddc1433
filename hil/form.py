"""A YAML file that is checked whole: every mistake in it is noted, and reading goes on.

Unlike `hil.marked`, which stops at the first, this is for files that people write by hand and that
are long. What a field could not give is None or empty; who reads on looks at `problems` first.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from scheme.errors import BadInputError


class Problem(NamedTuple):
    """One mistake: where, what was expected there, and what is there.

    Attributes:
        line: From 1; 0 for what is wrong with no line of the file.
    """

    file: str
    line: int
    what: str
    expected: str
    got: str

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}" if self.line else self.file
        return f"{where}: {self.what}: expected {self.expected}, got {self.got}"


class Form:
    """A file and the mistakes found in it so far.

    Attributes:
        problems: In the order in which they were found.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.problems: list[Problem] = []

    def parsed(self, kind: str) -> Any:
        """Return the file's tree.

        Raises:
            BadInputError: If there is no such file, or it is no YAML.
        """
        path = self.path
        try:
            return YAML(typ="rt").load(path.read_text(encoding="utf-8"))
        except FileNotFoundError as error:
            raise BadInputError.at(str(path), expected=f"a {kind}", got="no such file") from error
        except (OSError, UnicodeDecodeError) as error:
            raise BadInputError.at(str(path), expected="a readable text file", got=error) from error
        except (YAMLError, ValueError) as error:
            mark = error.problem_mark if isinstance(error, MarkedYAMLError) else None
            said = error.problem if isinstance(error, MarkedYAMLError) else error
            where = f"{path}:{mark.line + 1 if mark else 1}: document"
            got = " ".join(str(said).split())
            raise BadInputError.at(where, expected="YAML", got=got) from error

    def wrong(self, line: int, what: str, expected: str, got: object) -> None:
        """Note a mistake."""
        self.problems.append(Problem(str(self.path), line, what, expected, str(got)))

    def mapping(
        self, node: Any, line: int, what: str, needed: Sequence[str], others: Sequence[str] = ()
    ) -> Fields | None:
        """Return a mapping that has the keys needed and may have the others; None if it is none."""
        if not isinstance(node, CommentedMap):
            self.wrong(line, what, "a mapping", node)
            return None
        fields, known, before = Fields(self, node, line), [*needed, *others], len(self.problems)
        for key in node:
            if key not in known:
                expected = f"one of {', '.join(known)}"
                self.wrong(fields.line(key), what, expected, f'"{key}"{_near(key, known)}')
        missing = [key for key in needed if key not in node]
        if missing and len(self.problems) == before:
            self.wrong(line, what, ", ".join(needed), f"no {', '.join(missing)}")
        return fields

    def rows(self, node: Any, line: int, what: str) -> Iterator[tuple[int, Any]]:
        """Yield the line and the value of each entry of a list."""
        if not isinstance(node, CommentedSeq) or not node:
            self.wrong(line, what, "a list of at least one", node)
            return
        for at, row in enumerate(node):
            yield int(node.lc.item(at)[0]) + 1, row


class Fields:
    """The fields of one mapping."""

    def __init__(self, form: Form, node: CommentedMap, line: int) -> None:
        self._form = form
        self._node = node
        self._line = line

    def __contains__(self, key: str) -> bool:
        return key in self._node

    def raw(self, key: str) -> Any:
        """Return what stands under a key, None if nothing does."""
        return self._node.get(key)

    def entries(self) -> Iterator[tuple[str, int, Any]]:
        """Yield name, line and value of each entry, for mappings whose keys are names."""
        for key, value in self._node.items():
            yield str(key), self.line(key), value

    def line(self, key: str) -> int:
        """Return the line of a key, that of the mapping where it has none."""
        return int(self._node.lc.key(key)[0]) + 1 if key in self._node else self._line

    def wrong(self, key: str, expected: str, got: object) -> None:
        """Note a mistake at a key."""
        self._form.wrong(self.line(key), key, expected, got)

    def text(self, key: str) -> str:
        """Return a text, empty where there is no key."""
        if key not in self._node:
            return ""
        value = self._node[key]
        if not isinstance(value, str) or not value.strip():
            self.wrong(key, "a text", value)
            return ""
        return str(value)

    def member(self, key: str, names: Sequence[str]) -> str:
        """Return one of the names, empty where there is no key or another value."""
        if key not in self._node:
            return ""
        value = self._node[key]
        if value in names:
            return str(value)
        self.wrong(key, f"one of {', '.join(names)}", f'"{value}"{_near(value, names)}')
        return ""

    def members(self, key: str, names: Sequence[str]) -> tuple[str, ...]:
        """Return a list of such names, each at most once."""
        if key not in self._node:
            return ()
        found: list[str] = []
        for line, value in self._form.rows(self._node[key], self.line(key), key):
            if value not in names:
                got = f'"{value}"{_near(value, names)}'
                self._form.wrong(line, key, f"one of {', '.join(names)}", got)
            elif value in found:
                self._form.wrong(line, key, "each once", f'"{value}" again')
            else:
                found.append(str(value))
        return tuple(found)

    def flag(self, key: str) -> bool:
        """Return true or false; false where there is no key."""
        value = self._node.get(key, False)
        if not isinstance(value, bool):
            self.wrong(key, "true or false", value)
            return False
        return value

    def number(self, key: str, low: float, high: float, default: float) -> float:
        """Return a number within its bounds."""
        value = self._node.get(key, default)
        if isinstance(value, bool) or not isinstance(value, int | float):
            self.wrong(key, f"a number from {low:g} to {high:g}", value)
            return default
        if not low <= value <= high:
            self.wrong(key, f"a number from {low:g} to {high:g}", value)
            return default
        return float(value)


def _near(value: object, names: Sequence[str]) -> str:
    near = difflib.get_close_matches(str(value), names, 1)
    return f'; did you mean "{near[0]}"?' if near else ""
