"""Which back office is under test, and what a target file may say."""

from __future__ import annotations

from pathlib import Path

import pytest

from scheme.errors import InventoryError, JakartaOneError, ScenarioError
from testbed.targets import adapter, open_target, read_target

GOOD = """\
format: jakarta-one/target/1
name: Office of Bank X
url: http://127.0.0.1:8443
credentials: {token: OFFICE_TOKEN}
"""


@pytest.fixture
def token(monkeypatch: pytest.MonkeyPatch) -> None:
    """Put the token where the file says it is."""
    monkeypatch.setenv("OFFICE_TOKEN", "secret")


def written(folder: Path, text: str) -> Path:
    """Return the path of a target file with this text."""
    path = folder / "target.yaml"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.usefixtures("token")
def test_a_target_file_names_the_variable_and_not_the_secret(tmp_path: Path) -> None:
    target = read_target(written(tmp_path, GOOD))
    assert (target.name, target.token, target.adapter) == ("Office of Bank X", "secret", "http")


@pytest.mark.usefixtures("token")
def test_another_back_office_is_driven_where_it_listens(tmp_path: Path) -> None:
    with open_target(str(written(tmp_path, GOOD)), tmp_path / "store") as office:
        assert office.url == "http://127.0.0.1:8443"
        assert not office.ours
    assert not (tmp_path / "store").exists()


@pytest.mark.parametrize(
    ("change", "error", "said"),
    [
        (("format: jakarta-one/target/1", "format: jakarta-one/target/2"), ScenarioError,
         "target.yaml:1: format: expected jakarta-one/target/1"),
        (("url: http://127.0.0.1:8443", "url: 127.0.0.1:8443"), ScenarioError, "yaml:3: url"),
        (("name:", "named: x\nname:"), ScenarioError, "named"),
        (("OFFICE_TOKEN", "NO_SUCH_VARIABLE_4711"), InventoryError, "target.yaml:4: credentials"),
        (("credentials:", "tls: {ca: none.pem}\ncredentials:"), JakartaOneError, "tls: expected"),
    ],
)  # fmt: skip
@pytest.mark.usefixtures("token")
def test_a_wrong_target_file_is_one_line_with_its_place(
    change: tuple[str, str], error: type[Exception], said: str, tmp_path: Path
) -> None:
    with pytest.raises(error) as caught:
        read_target(written(tmp_path, GOOD.replace(*change)))
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_adapter_that_nobody_installed_is_named_with_those_that_are() -> None:
    with pytest.raises(InventoryError, match=r"no adapter 'htpp'.*there are: http.*did you mean"):
        adapter("htpp")
