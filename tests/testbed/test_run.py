"""A run's stages, each alone: what they leave where, and what they refuse before they begin."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import testbed
from scheme.errors import InventoryError, ReaderError, ScenarioError
from testbed.reference_process import ReferenceProcess
from testbed.run import drive_load, generate_city, play_rack, run_scenario, without_rack

SMOKE = Path(testbed.__file__).parents[1] / "scenarios" / "smoke.yaml"
SPEED = 20_000.0


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the city of the smoke scenario, with a few dozen riders."""
    folder = tmp_path_factory.mktemp("city")
    text = SMOKE.read_text(encoding="utf-8")
    assert "riders: 420" in text
    (folder / "few.yaml").write_text(text.replace("riders: 420", "riders: 60"), encoding="utf-8")
    generate_city(folder / "few.yaml", out=folder / "mine", workers=1)
    return folder / "mine"


def test_a_load_run_of_its_own_starts_afresh_and_keeps_beside_its_city(city: Path) -> None:
    neighbour = city.parent / "load"
    neighbour.mkdir()
    for _ in range(2):
        driven = drive_load(city, speed=SPEED)
        assert driven["duplicates"] == driven["duplicates_planned"]
    assert not list(neighbour.iterdir()), "a run's own evidence, or anybody's folder"
    kept = {path.name for path in (city.parent / "mine-load").iterdir()}
    assert kept == {"clocks.parquet", "load.json"}


def test_a_rack_play_keeps_beside_its_city(city: Path) -> None:
    assert play_rack(city, rack=str(SMOKE.parent / "rack.sim.yaml"))["mismatches"] == 0
    assert (city.parent / "mine-rack").is_dir()
    assert not (city.parent / "rack").exists()


def test_a_back_office_that_holds_a_plan_takes_it_in_another_epoch(
    city: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ReferenceProcess(tmp_path / "store") as office:
        monkeypatch.setenv("TOKEN_OF_MINE", office.token)
        target = tmp_path / "target.yaml"
        target.write_text(
            "format: jakarta-one/target/1\nname: mine\n"
            f"url: {office.url}\ncredentials: {{token: TOKEN_OF_MINE}}\n",
            encoding="utf-8",
        )
        for epoch in (0, 1):
            driven = drive_load(
                city, target=str(target), speed=SPEED, epoch=epoch, out=tmp_path / "load"
            )
            assert driven["duplicates"] == driven["duplicates_planned"]


def test_a_target_that_does_not_exist_costs_nobody_an_earlier_run(tmp_path: Path) -> None:
    earlier = tmp_path / "run"
    earlier.mkdir()
    (earlier / "run.json").write_text("{}", encoding="utf-8")
    (earlier / "report.html").write_text("of yesterday", encoding="utf-8")
    with pytest.raises(ScenarioError, match=r"or the path of a target\.yaml, got no such file"):
        run_scenario(SMOKE, out=earlier, target="nobody")
    assert (earlier / "report.html").read_text(encoding="utf-8") == "of yesterday"


def test_a_rack_that_cannot_be_opened_costs_nobody_an_earlier_run(tmp_path: Path) -> None:
    earlier, rack = tmp_path / "run", tmp_path / "rack.yaml"
    earlier.mkdir()
    (earlier / "run.json").write_text("{}", encoding="utf-8")
    text = (SMOKE.parents[1] / "rack.sim.yaml").read_text(encoding="utf-8")
    away = 'resources:\n  away: {kind: reader, url: "java://127.0.0.1:1", simulated: true}\n'
    rack.write_text(text.replace("sam: model://empty", "sam: away", 1) + away, encoding="utf-8")
    with pytest.raises(ReaderError, match=r"expected one at 127\.0\.0\.1:1"):
        run_scenario(SMOKE, out=earlier, rack=str(rack))
    assert (earlier / "run.json").read_text(encoding="utf-8") == "{}"


def test_a_rack_whose_cards_would_change_their_kind_leaves_no_run(tmp_path: Path) -> None:
    rack, out = tmp_path / "rack.yaml", tmp_path / "run"
    text = (SMOKE.parents[1] / "rack.sim.yaml").read_text(encoding="utf-8")
    mixed = text.replace("reader: model://empty", "reader: vpcd://empty?card=java", 1)
    rack.write_text(mixed, encoding="utf-8")
    with pytest.raises(InventoryError, match="expected cards of one kind"):
        run_scenario(SMOKE, out=out, rack=str(rack), workers=1)
    assert not out.exists()


def test_a_run_that_plays_no_rack_neither_measures_nor_expects_one() -> None:
    measure, expect = without_rack(
        {"speed": 3, "quantities": ["rack", "driver_lag"]}, {"rack_taps_min": 9, "taps_min": 1}
    )
    assert (measure, expect) == ({"speed": 3, "quantities": ["driver_lag"]}, {"taps_min": 1})


def test_a_disk_too_small_for_a_run_is_exit_3_and_leaves_no_run(tmp_path: Path) -> None:
    out = tmp_path / "run"
    limit = ["prlimit", "--fsize=100000"]  # less than the records of the smoke city
    command = [*limit, sys.executable, "-m", "testbed", "run", str(SMOKE), "--out", str(out)]
    ended = subprocess.run(
        command, cwd=SMOKE.parents[1], capture_output=True, text=True, timeout=60, check=False
    )
    assert ended.returncode == 3, ended.stderr
    assert "Traceback" not in ended.stderr
    assert not out.exists()
