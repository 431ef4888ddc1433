"""The validator's file: every mistake is told with file, line, expected and got."""

from __future__ import annotations

from pathlib import Path

import pytest

from hil.validator.config import read_config
from scheme.errors import BadInputError
from scheme.services import Direction, Service

PLAIN = {
    "format": "jakarta-one/validator/1", "terminal": "18", "service": "mrt", "kind": "gate",
    "direction": "entry", "place": "101", "reader": '"model://"', "sam": '"model://empty"',
    "folder": "state", "tariff": "tariff.json", "test_keys": "7",
}  # fmt: skip


def written(folder: Path, changes: dict[str, str | None]) -> Path:
    """Write a file with changes and return where; None leaves a key out."""
    said = {key: value for key, value in (PLAIN | changes).items() if value is not None}
    path = folder / "gate.yaml"
    path.write_text("".join(f"{key}: {value}\n" for key, value in said.items()), encoding="utf-8")
    return path


def test_a_plain_file_says_what_a_gate_is(tmp_path: Path) -> None:
    config = read_config(written(tmp_path, {"control": '"127.0.0.1:9500"'}))
    assert (config.terminal, config.sender, config.control) == (18, 18, ("127.0.0.1", 9500))
    assert (config.facts.service, config.facts.direction) == (Service.mrt, Direction.entry)
    assert config.folder == tmp_path / "state"


def test_a_real_one_has_keys_of_its_own(tmp_path: Path) -> None:
    keys = {"signing_key": f'"{"ab" * 32}"', "mac_key": f'"{"cd" * 16}"', "test_keys": None}
    config = read_config(written(tmp_path, keys))
    assert config.mac_key == b"\xcd" * 16
    assert config.test_keys is None


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"terminal": "0"}, "gate.yaml:2: terminal: expected a whole number from 1"),
        ({"service": "metro"}, "gate.yaml:3: service: expected one of transjakarta_brt"),
        ({"reader": '"modl://"'}, 'gate.yaml:7: reader: expected the URL of a reader, got no'),
        ({"control": "here"}, "gate.yaml:12: control: expected HOST:PORT"),
        ({"readr": "x"}, 'expected one of format, terminal'),
        ({"place": None}, "expected the key place"),
        ({"test_keys": None}, "signing_key: expected 64 hex digits in quotes"),
        ({"test_keys": None, "signing_key": '"ab"'}, "expected 64 hex digits in quotes, got 2"),
        (
            {"test_keys": None, "issue": "1016", "signing_key": f'"{"ab" * 32}"',
             "mac_key": f'"{"cd" * 16}"'},
            "issue: expected test_keys beside it",
        ),
    ],
)  # fmt: skip
def test_a_mistake_is_told(tmp_path: Path, changes: dict[str, str | None], told: str) -> None:
    with pytest.raises(BadInputError) as caught:
        read_config(written(tmp_path, changes))
    assert told in str(caught.value)
