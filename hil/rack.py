"""The rack file: which reader and which SAM stand for which gate of which station.

Reads and checks `jakarta-one/rack/1` whole before anything runs; every mistake is one line with
file, line, expected and got. It opens no reader. Devices under test, leases, limits and agents are
not here.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from hil.reader import check_url
from scheme.errors import BadInputError, InventoryError
from scheme.services import Direction, Service

FORMAT = "jakarta-one/rack/1"
TOP_KEYS = ("format", "title", "places")
PLACE_KEYS = ("name", "reader", "sam", "service", "place", "direction", "simulated")


@dataclass(frozen=True, slots=True)
class RackPlace:
    """One place of the rack: a terminal, and a sender of its own.

    Attributes:
        reader, sam: URLs of `hil.reader`.
        place: The station's name in scenarios/data/places.csv.
        simulated: Whether no hardware takes part.
    """

    name: str
    reader: str
    sam: str
    service: Service
    place: str
    direction: Direction
    simulated: bool


@dataclass(frozen=True, slots=True)
class RackFile:
    """A rack as its file says."""

    path: Path
    title: str
    places: tuple[RackPlace, ...]

    def place(self, name: str) -> RackPlace:
        """Return a place by name.

        Raises:
            InventoryError: If there is none; names those there are.
        """
        for place in self.places:
            if place.name == name:
                return place
        names = ", ".join(place.name for place in self.places)
        raise InventoryError(f'no place "{name}" in {self.path}; there are: {names}')


def kind_of(url: str) -> tuple[str, str]:
    """Return a reader's driver, and what its cards are: python, java, or whatever is there.

    A reader with an address of its own holds what its owner put there, called `own`.
    """
    scheme, _, address = url.partition("://")
    driver = scheme.rpartition("+")[2]
    bare, _, asked = address.partition("?")
    if driver == "java" or "card=java" in asked.split("&"):
        return driver, "java"
    return driver, "python" if driver == "model" or bare in ("", "empty") else "own"


def load_rack(path: Path) -> RackFile:
    """Return the rack of a file.

    Raises:
        BadInputError: If the file is missing, no YAML, or says something it may not say.
    """
    top = _mapping(path, _parsed(path), 1, "document", TOP_KEYS)
    if top["format"] != FORMAT:
        raise _wrong(path, _line(top, "format"), "format", FORMAT, top["format"])
    rows = top["places"]
    if not isinstance(rows, CommentedSeq) or not rows:
        raise _wrong(path, _line(top, "places"), "places", "a list of at least one place", rows)
    places = tuple(_place(path, row, rows.lc.item(at)[0] + 1) for at, row in enumerate(rows))
    _check_names(path, places, rows)
    return RackFile(path, _text(path, top, "title", "title"), places)


def _parsed(path: Path) -> Any:
    try:
        return YAML(typ="rt").load(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise BadInputError.at(str(path), expected="a rack file", got="no such file") from error
    except (OSError, UnicodeDecodeError) as error:
        raise BadInputError.at(str(path), expected="a readable text file", got=error) from error
    except MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise _wrong(path, line, "document", "YAML", error.problem) from error
    except YAMLError as error:
        raise _wrong(path, 1, "document", "YAML", error) from error


def _place(path: Path, row: Any, line: int) -> RackPlace:
    row = _mapping(path, row, line, "place", PLACE_KEYS)
    service = _member(path, row, "service", [s.name for s in Service])
    direction = _member(path, row, "direction", [d.name for d in Direction])
    if not isinstance(row["simulated"], bool):
        raise _wrong(path, _line(row, "simulated"), "simulated", "true or false", row["simulated"])
    return RackPlace(
        name=_text(path, row, "name", "name"),
        reader=_url(path, row, "reader"),
        sam=_url(path, row, "sam"),
        service=Service[service],
        place=_text(path, row, "place", "place"),
        direction=Direction[direction],
        simulated=row["simulated"],
    )


def _mapping(path: Path, node: Any, line: int, what: str, keys: Iterable[str]) -> CommentedMap:
    """Return a mapping that has exactly the keys."""
    known = list(keys)
    if not isinstance(node, CommentedMap):
        raise _wrong(path, line, what, "a mapping", node)
    for key in node:
        if key not in known:
            raise _wrong(path, _line(node, key), what, f"one of {', '.join(known)}", f'"{key}"')
    missing = [key for key in known if key not in node]
    if missing:
        raise _wrong(path, line, what, f"{', '.join(known)}", f"no {', '.join(missing)}")
    return node


def _text(path: Path, node: CommentedMap, key: str, what: str) -> str:
    value = node[key]
    if not isinstance(value, str) or not value.strip():
        raise _wrong(path, _line(node, key), what, "a text", value)
    return str(value)


def _member(path: Path, node: CommentedMap, key: str, names: list[str]) -> str:
    value = node[key]
    if value not in names:
        near = difflib.get_close_matches(str(value), names, 1)
        hint = f'; did you mean "{near[0]}"?' if near else ""
        raise _wrong(path, _line(node, key), key, f"one of {', '.join(names)}", f'"{value}"{hint}')
    return str(value)


def _url(path: Path, node: CommentedMap, key: str) -> str:
    url = _text(path, node, key, key)
    try:
        check_url(url)
    except InventoryError as error:
        raise _wrong(path, _line(node, key), key, "the URL of a reader", error) from error
    return url


def _check_names(path: Path, places: tuple[RackPlace, ...], rows: CommentedSeq) -> None:
    """Raise unless each name, and each gate, stands for one place."""
    seen: dict[object, str] = {}
    for at, place in enumerate(places):
        line = rows.lc.item(at)[0] + 1
        for key in (place.name, (place.service, place.place, place.direction)):
            if key in seen:
                what = "name" if key == place.name else "service, place and direction"
                raise _wrong(path, line, what, "one of its own", f'those of "{seen[key]}" again')
            seen[key] = place.name


def _line(node: CommentedMap, key: str) -> int:
    return int(node.lc.key(key)[0]) + 1


def _wrong(path: Path, line: int, what: str, expected: str, got: object) -> BadInputError:
    return BadInputError.at(f"{path}:{line}: {what}", expected=expected, got=got)
