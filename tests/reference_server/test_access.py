"""The operator's token: made once, for its owner alone, and never empty."""

from __future__ import annotations

from pathlib import Path

from reference_server.access import bears_token, make_token


def test_a_token_is_made_once_and_readable_by_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "operator.token"
    token = make_token(path)
    assert len(token) > 40
    assert path.stat().st_mode & 0o777 == 0o600
    assert make_token(path) == token
    assert [entry.name for entry in tmp_path.iterdir()] == ["operator.token"]


def test_a_token_file_that_a_broken_start_left_empty_opens_nothing(tmp_path: Path) -> None:
    path = tmp_path / "operator.token"
    path.write_text("")
    token = make_token(path)
    assert token
    assert not bears_token("Bearer ", token)
    assert not bears_token("Bearer", token)
    assert bears_token(f"Bearer {token}", token)
