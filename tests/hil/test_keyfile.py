"""Key files: what a good one gives, and each mistake in one line that shows no key."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from hil.keyfile import document_of, exposure, keys_of_seed, read_keys
from scheme.errors import BadInputError
from scheme.keys import Role, TestKeys, kcv

ISSUER = 1016


def document(**changes: Any) -> dict[str, Any]:
    """Return the document of the test keys of seed 7 with changes at its top."""
    plain: dict[str, Any] = json.loads(document_of(keys_of_seed(7, ISSUER)))
    return plain | changes


def written(folder: Path, content: dict[str, Any]) -> Path:
    """Return a key file."""
    file = folder / "keys.json"
    file.write_text(json.dumps(content, indent=1))
    return file


def test_a_key_check_value_is_the_zero_block_encrypted() -> None:
    # FIPS 197's key of zeros: E(0) begins 66 e9 4b.
    assert kcv(bytes(16)).hex() == "66e94b"


def test_a_key_file_gives_the_masters_it_was_written_from(tmp_path: Path) -> None:
    keys = read_keys(written(tmp_path, document()))
    assert (keys.issuer, keys.version) == (ISSUER, 1)
    assert {role: keys.master(role) for role in Role} == {
        role: TestKeys(7).issuer_master(ISSUER, role) for role in Role
    }


def test_a_key_file_may_be_yaml_and_hold_one_role(tmp_path: Path) -> None:
    row = document()["masters"]["debit"]
    file = tmp_path / "keys.yaml"
    file.write_text(
        "format: jakarta-one/keys/1\nissuer: 1016\nversion: 1\nmasters:\n"
        f'  debit: {{key: "{row["key"]}", kcv: "{row["kcv"]}"}}\n'
    )
    keys = read_keys(file)
    assert keys.master(Role.debit) == TestKeys(7).issuer_master(ISSUER, Role.debit)
    with pytest.raises(BadInputError, match="expected the role load, got only debit"):
        keys.master(Role.load)


def test_a_key_that_is_not_the_one_its_check_value_tells_is_named_by_its_role(
    tmp_path: Path,
) -> None:
    content = document()
    secret = bytes(16).hex()
    told = content["masters"]["load"]["kcv"]
    content["masters"]["load"]["key"] = secret
    with pytest.raises(BadInputError) as raised:
        read_keys(written(tmp_path, content))
    said = str(raised.value)
    assert f"masters.load.kcv: expected KCV {told} of the load key, got 66e94b" in said
    assert secret not in said


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"format": "jakarta-one/keys/2"}, ':2: format: expected jakarta-one/keys/1, got "jak'),
        ({"issuer": "Bank DKI"}, "issuer: expected a whole number from 1 to 9999"),
        ({"version": 0}, "version: expected a whole number from 1 to 255, got 0"),
        ({"masters": {}}, "masters: expected at least one role, got none"),
        ({"masters": {"debt": {}}}, 'the unknown key; did you mean "debit"?'),
        ({"masters": {"debit": {"key": "00"}}}, "expected the key kcv, got none"),
        ({"masters": {"debit": {"key": 7, "kcv": "000000"}}}, "32 hex digits in quotes, got a"),
        ({"masters": {"debit": {"key": "f" * 31, "kcv": "000000"}}}, "got other characters"),
        ({"masters": {"debit": {"key": "f" * 30, "kcv": "000000"}}}, "got 30 characters"),
        ({"surprise": 1}, "surprise: expected one of format, issuer, version, masters, title"),
    ],
)
def test_a_mistake_is_one_line_with_its_place(
    change: dict[str, Any], said: str, tmp_path: Path
) -> None:
    with pytest.raises(BadInputError) as raised:
        read_keys(written(tmp_path, document(**change)))
    assert said in str(raised.value)
    assert "f" * 30 not in str(raised.value)
    assert len(str(raised.value).splitlines()) == 1


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"\xff\xfe", "expected a readable key file, got bytes that are no UTF-8"),
        (b"{", ":1: expected a key file, got"),
        (b"[1, 2]", ":1: document: expected a mapping, got a list of 2"),
        (b"", ":1: document: expected a mapping, got nothing"),
    ],
)
def test_what_is_no_key_file_is_told(content: bytes, said: str, tmp_path: Path) -> None:
    file = tmp_path / "keys.json"
    file.write_bytes(content)
    with pytest.raises(BadInputError, match=said):
        read_keys(file)


def test_a_missing_key_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match="expected a key file, got no such file"):
        read_keys(tmp_path / "none.json")


@pytest.mark.parametrize(("mode", "warned"), [(0o600, False), (0o644, True), (0o640, True)])
def test_a_key_file_that_others_may_read_is_warned_of(
    mode: int, warned: bool, tmp_path: Path
) -> None:
    file = written(tmp_path, document())
    file.chmod(mode)
    assert (f"got mode {mode:03o}" in exposure(file)) is warned


def test_keys_of_another_issuer_or_version_are_told_before_a_card_is_asked() -> None:
    keys = keys_of_seed(7, ISSUER)
    assert keys.of(ISSUER, 1) is keys
    with pytest.raises(BadInputError, match="version 2, as the card says, got issuer 1016"):
        keys.of(ISSUER, 2)


def test_printing_keys_shows_none() -> None:
    keys = keys_of_seed(7, ISSUER)
    assert keys.master(Role.debit).hex() not in repr(keys)
    assert str(keys.master(Role.debit)) not in repr(keys)
