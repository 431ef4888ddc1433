"""The same lines in two places of the product."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from tests.tidy.tree import Finding, Source

LINES_MIN = 12


class Line(NamedTuple):
    """A line that says something: its number, and its text without indentation."""

    number: int
    text: str


def duplicates(sources: Iterable[Source], lines_min: int = LINES_MIN) -> Iterator[Finding]:
    """Find runs of at least `lines_min` identical lines, once for each pair of places.

    Blank lines, comments, docstrings, imports and lone brackets do not count.
    """
    first_seen: dict[tuple[str, ...], tuple[str, int]] = {}
    for source in sources:
        lines = significant_lines(source)
        covered = 0
        for start in range(len(lines) - lines_min + 1):
            window = tuple(line.text for line in lines[start : start + lines_min])
            place = (source.path, lines[start].number)
            path, number = first_seen.setdefault(window, place)
            if (path, number) != place and start >= covered:
                covered = start + lines_min
                yield Finding(
                    *place,
                    f"{lines_min} lines as in {path}:{number}",
                    "write the difference as data",
                )


def significant_lines(source: Source) -> list[Line]:
    """Return the lines that say something."""
    silent = set(_silent_numbers(ast.parse(source.text)))
    lines = [Line(n, text.strip()) for n, text in enumerate(source.text.splitlines(), 1)]
    return [
        line
        for line in lines
        if line.number not in silent
        and not line.text.startswith("#")
        and any(letter.isalnum() for letter in line.text)
    ]


def _silent_numbers(tree: ast.Module) -> Iterator[int]:
    for node in ast.walk(tree):
        docstring = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        if isinstance(node, ast.Import | ast.ImportFrom) or docstring:
            assert isinstance(node, ast.stmt)
            yield from range(node.lineno, (node.end_lineno or node.lineno) + 1)
