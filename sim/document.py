"""A YAML document that remembers its lines, and the one-line error for whatever is wrong in it.

It knows JSON Schema and nothing of scenarios. A schema's `description` is the text that stands
behind "expected"; where there is none, the keyword that failed says it.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.constructor import RoundTripConstructor
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from scheme.errors import ScenarioError

Place = tuple[str | int, ...]


class PlainDates(RoundTripConstructor):
    """Leaves dates as they are written, so that a wrong one is told by its place."""


PlainDates.add_constructor("tag:yaml.org,2002:timestamp", PlainDates.construct_scalar)


@dataclass(frozen=True)
class Document:
    """A parsed file: plain values for use, and the marked tree for line numbers."""

    file: Path
    marked: Any
    plain: Any

    def line(self, place: Place) -> int:
        """Return the line, from 1, on which the value at a place (or its nearest parent) stands."""
        node, line = self.marked, 1
        for step in place:
            if isinstance(node, CommentedMap) and step in node:
                line = node.lc.key(step)[0] + 1
            elif isinstance(node, CommentedSeq) and isinstance(step, int) and step < len(node):
                line = node.lc.item(step)[0] + 1
            else:
                break
            node = node[step]
        return line

    def error(self, place: Place, expected: str, got: object) -> ScenarioError:
        """Return the error for the value at a place, in one line."""
        where = f"{self.file}:{self.line(place)}: {_dotted(place)}"
        return ScenarioError(f"{where}: expected {expected}, got {shown(got)}")


def read_document(file: Path) -> Document:
    """Return the YAML 1.2 document in a file.

    Raises:
        ScenarioError: If there is no such file, or it is no YAML mapping; one line, with place.
    """
    try:
        text = file.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise ScenarioError(f"{file}: expected a scenario file, got no such file") from error
    except (OSError, UnicodeDecodeError) as error:
        undecodable = isinstance(error, UnicodeDecodeError)
        what = "bytes that are no UTF-8" if undecodable else getattr(error, "strerror", error)
        raise ScenarioError(f"{file}: expected a readable text file, got {what}") from error
    try:
        yaml = YAML(typ="rt")
        yaml.Constructor = PlainDates
        marked = yaml.load(text)
    except MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        problem = " ".join(str(error.problem).split())
        raise ScenarioError(f"{file}:{line}: document: expected YAML, got {problem}") from error
    except (YAMLError, ValueError) as error:
        raise ScenarioError(f"{file}:1: document: expected YAML, got {error}") from error
    document = Document(file, marked, _plain(marked))
    if not isinstance(document.plain, dict):
        raise document.error((), "a mapping", document.plain)
    return document


def check(document: Document, schema: dict[str, Any]) -> None:
    """Return if the document holds to the schema.

    Raises:
        ScenarioError: For the first line that does not; names place, expected and got.
    """
    errors = list(Draft202012Validator(schema).iter_errors(document.plain))
    if errors:
        found = [_sentence(error) for error in errors]
        raise document.error(*min(found, key=lambda parts: document.line(parts[0])))


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """Return ' (did you mean ...?)' with the nearest known names, or nothing."""
    lowered = {word.casefold(): word for word in known}
    near = difflib.get_close_matches(name.casefold(), lowered, n=2, cutoff=0.6)
    return f" (did you mean {' or '.join(repr(lowered[word]) for word in near)}?)" if near else ""


def shown(value: object) -> str:
    """Return a value as an error prints it: strings quoted, containers by kind."""
    if value is None:
        return "nothing"
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list):
        return "a list"
    return repr(value) if isinstance(value, str) else str(value)


def _dotted(place: Place) -> str:
    if not place:
        return "document"
    return "".join(f"[{p}]" if isinstance(p, int) else f".{p}" for p in place).removeprefix(".")


def _plain(node: Any) -> Any:
    if isinstance(node, CommentedMap):
        return {key: _plain(value) for key, value in node.items()}
    if isinstance(node, CommentedSeq):
        return [_plain(value) for value in node]
    if isinstance(node, bool) or node is None:
        return node
    for kind in (int, float, str):
        if isinstance(node, kind):
            return kind(node)
    return node


def _sentence(error: ValidationError) -> tuple[Place, str, object]:
    """Return place, expected and got for one failure of the schema."""
    place: Place = tuple(error.absolute_path)
    given: Any = error.instance
    schema = error.schema if isinstance(error.schema, dict) else {}
    if error.validator == "additionalProperties":
        known = list(schema.get("properties", {}))
        unknown = next(key for key in given if key not in known)
        hint = did_you_mean(str(unknown), known)
        return (*place, unknown), f"one of {', '.join(known)}", _Verbatim(f"the unknown key{hint}")
    if error.validator == "required":
        missing = next(key for key in schema["required"] if key not in given)
        return place, f"the key {missing!r}", _Verbatim("none")
    return place, _expected(error, schema), error.instance


def _expected(error: ValidationError, schema: dict[str, Any]) -> str:
    if "enum" in schema:
        return f"one of {', '.join(str(choice) for choice in schema['enum'])}"
    if "description" in schema:
        return str(schema["description"])
    if "minimum" in schema and "maximum" in schema:
        return f"{schema['minimum']} to {schema['maximum']}"
    return f"{error.validator} {error.validator_value}"


class _Verbatim:
    """A 'got' that is a phrase, not a value."""

    def __init__(self, phrase: str) -> None:
        self.phrase = phrase

    def __str__(self) -> str:
        return self.phrase
