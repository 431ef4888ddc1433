"""Where shipped files are found, from a checkout and from an empty folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from scenarios.shipped import FOLDER, data_folder, rack_path, scenario_path, tariff_path
from scheme.errors import ScenarioError, TariffError


@pytest.fixture
def empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Stand in an empty folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.usefixtures("empty")
@pytest.mark.parametrize("given", ["smoke", "smoke.yaml", "scenarios/smoke.yaml"])
def test_a_shipped_scenario_is_found_by_its_name(given: str) -> None:
    assert scenario_path(Path(given)) == FOLDER / "smoke.yaml"


def test_a_file_of_ones_own_comes_first(empty: Path) -> None:
    (empty / "smoke.yaml").write_text("mine")
    assert scenario_path(Path("smoke.yaml")) == Path("smoke.yaml")


@pytest.mark.usefixtures("empty")
@pytest.mark.parametrize("given", ["smok", "elsewhere/smoke.yaml", "/smoke.yaml"])
def test_a_scenario_that_is_nowhere_is_named_with_those_that_are(given: str) -> None:
    with pytest.raises(ScenarioError, match=rf"^{given}: .* one of morning_peak, smoke"):
        scenario_path(Path(given))


@pytest.mark.usefixtures("empty")
@pytest.mark.parametrize("given", ["jakarta-2026", "tariffs/jakarta-2026"])
def test_a_shipped_tariff_is_found_by_its_name(given: str) -> None:
    assert tariff_path(Path(given)) == data_folder() / "tariffs" / "jakarta-2026"


def test_a_tariff_may_be_named_by_its_folder_or_its_file(empty: Path) -> None:
    (empty / "mine").mkdir()
    (empty / "mine" / "tariff.yaml").write_text("rows: []")
    assert tariff_path(Path("mine")) == tariff_path(Path("mine/tariff.yaml")) == Path("mine")


@pytest.mark.usefixtures("empty")
def test_a_tariff_that_is_nowhere_is_named_with_those_that_are() -> None:
    with pytest.raises(TariffError, match="one of jakarta-2026"):
        tariff_path(Path("jakarta-1926"))


@pytest.mark.usefixtures("empty")
def test_the_simulated_rack_is_found_by_its_name_and_no_other_is() -> None:
    assert rack_path(Path("rack.sim.yaml")) == FOLDER / "rack.sim.yaml"
    assert rack_path(Path("my_rack.yaml")) == Path("my_rack.yaml")
    assert rack_path(Path("none")) == Path("none")


def test_every_shipped_scenario_stands_on_shipped_files() -> None:
    rack = (FOLDER / "rack.sim.yaml").resolve()
    assert rack == (FOLDER.parent / "rack.sim.yaml").resolve()
