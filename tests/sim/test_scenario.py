"""A wrong scenario is one line: file, line, place, expected, got; and nothing is written."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from scheme.days import clock_text
from scheme.errors import ScenarioError
from scheme.services import Direction, Service
from sim.scenario import (
    SHIPPED,
    CapacityFactor,
    Freeze,
    RemoveGates,
    load_scenario,
    with_rack,
)

SMOKE = (SHIPPED / "smoke.yaml").read_text(encoding="utf-8")


def written(folder: Path, old: str = "", new: str = "") -> Path:
    """Write the smoke scenario with one text replaced, beside nothing else."""
    assert old in SMOKE, old
    file = folder / "mine.yaml"
    file.write_text(SMOKE.replace(old, new, 1) if old else SMOKE, encoding="utf-8")
    return file


def line_of(file: Path, text: str) -> int:
    """Return the first line that holds a text, from 1."""
    lines = file.read_text(encoding="utf-8").splitlines()
    return 1 + next(i for i, line in enumerate(lines) if text in line)


CHANGE = "  changes: []"
# (replaced, by what, on which line, place, expected, got)
WRONG = [
    ("torn_tap: 0.03", "torn_tap: 1.5", "torn_tap", "faults.torn_tap", "0 to 1", "1.5"),
    ("torn_tap: 0.03", "torn_tap: -0.1", "torn_tap", "faults.torn_tap", "0 to 1", "-0.1"),
    ("torn_tap: 0.03", "torn_tap: .nan", "torn_tap", "faults.torn_tap", "0 to 1", "nan"),
    ("torn_tap: 0.03", "torn_tap: often", "torn_tap", "faults.torn_tap", "0 to 1", "'often'"),
    ("torn_tap: 0.03", "torn_taps: 0.03", "torn_taps", "faults.torn_taps",
     "one of missing_tap_out, double_tap", "the unknown key (did you mean 'torn_tap'"),
    ("measure:", "mesure:", "mesure:", "mesure", "one of format, id", "the unknown key"),
    ("seed: 7", "seed: seven", "seed:", "seed", "a whole number from 0", "'seven'"),
    ("level: smoke", "level: tiny", "level:", "level", "one of smoke, full", "'tiny'"),
    ("id: smoke", "id: My Smoke", "id:", "id", "lower-case letters", "'My Smoke'"),
    ("scenario/1", "scenario/9", "format:", "format", "the file is newer", "scenario/9"),
    ("scenario/1", "elsewhere/1", "format:", "format", "jakarta-one/scenario/1", "elsewhere/1"),
    ("participants: data/participants.yaml", "participants: data/nobody.yaml", "participants:",
     "participants", "a file that exists", "'data/nobody.yaml'"),
    ("tariff: data/tariffs/jakarta-2026", "tariff: data/tariffs", "tariff:", "tariff",
     "a folder with tariff.yaml", "'data/tariffs'"),
    ("rack: rack.sim.yaml", "rack: rack.mine.yaml", "rack:", "rack", "a file that exists",
     "'rack.mine.yaml'"),
    ("target: ours", "target: theirs.yaml", "target:", "target", "a file", "'theirs.yaml'"),
    ("date: 2026-01-28", "date: 2026-02-30", "date:", "city.date", "a date of the calendar",
     "'2026-02-30'"),
    ('to: "09:00"', 'to: "05:00"', "to:", "city.to", "later than 06:00", "'05:00'"),
    ('to: "09:00"', 'to: "9 am"', "to:", "city.to", 'a clock reading', "'9 am'"),
    ("riders: 420", "riders: 3", "riders:", "city.riders", "50 to 2000000", "3"),
    ("    levy: 8", "    levies: 8", "levies", "city.services.levies", "one of parking_street",
     "did you mean 'levy'"),
    (CHANGE, "  changes:\n    - remove_gates: {service: mrt, place: Blok N, direction: entry, "
     "count: 1}", "Blok N", "city.changes[0].remove_gates.place",
     "a place of mrt (did you mean 'Blok M'", "'Blok N'"),
    (CHANGE, '  changes:\n    - capacity_factor: {line: "99", factor: 0.5}', "99",
     "city.changes[0].capacity_factor.line", "a line of lines.csv", "'99'"),
    (CHANGE, "  changes:\n    - close_line: 1", "close_line", "city.changes[0].close_line",
     "one of remove_gates", "the unknown key"),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "line", "place", "expected", "got"), WRONG)
def test_a_mistake_is_one_line_with_file_line_place_expected_and_got(
    tmp_path: Path, old: str, new: str, line: str, place: str, expected: str, got: str
) -> None:
    file = written(tmp_path, old, new)
    with pytest.raises(ScenarioError) as caught:
        load_scenario(file)
    said = str(caught.value)
    assert "\n" not in said
    found = re.fullmatch(r"(.+?):(\d+): (\S+): expected (.+), got (.+)", said)
    assert found is not None, said
    assert Path(found[1]) == file
    assert (int(found[2]), found[3]) == (line_of(file, line), place), said
    assert expected in found[4], said
    assert got in said, said
    assert [path.name for path in tmp_path.iterdir()] == ["mine.yaml"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: 1\nb: [1", ":2: document: expected YAML"),
        ("seed: 1\nseed: 2\n", "expected YAML"),
        ("- a\n- b\n", ":1: document: expected a mapping, got a list"),
        ("format: jakarta-one/scenario/1\n", ":1: document: expected the key 'id', got none"),
    ],
)
def test_what_is_no_scenario_is_said_with_its_line(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(ScenarioError, match=re.escape(str(file))) as caught:
        load_scenario(file)
    assert said in str(caught.value)


def test_a_missing_file_and_no_text_are_said(tmp_path: Path) -> None:
    with pytest.raises(ScenarioError, match="expected a scenario file, got no such file"):
        load_scenario(tmp_path / "none.yaml")
    (tmp_path / "mine.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ScenarioError, match="got bytes that are no UTF-8"):
        load_scenario(tmp_path / "mine.yaml")


@pytest.mark.parametrize("name", ["smoke.yaml", "morning_peak.yaml"])
def test_shipped_scenarios_are_read(name: str) -> None:
    scenario = load_scenario(SHIPPED / name)
    assert scenario.level == ("smoke" if name == "smoke.yaml" else "full")
    assert clock_text(scenario.city.from_ms).startswith("2026-01-28 06:00:00")
    assert clock_text(scenario.close_at_ms).startswith("2026-01-29 03:00:00")
    assert len(scenario.faults) == 10
    assert all(path.is_file() for path in scenario.inputs.values())


def test_a_wrong_station_in_the_rack_file_is_said_before_anything_is_made(tmp_path: Path) -> None:
    rack = (SHIPPED / "rack.sim.yaml").read_text(encoding="utf-8")
    (tmp_path / "rack.mine.yaml").write_text(rack.replace("Lebak Bulus", "Lebak Bulu", 1))
    file = written(tmp_path, "rack: rack.sim.yaml", "rack: rack.mine.yaml")
    with pytest.raises(ScenarioError) as caught:
        load_scenario(file)
    line = line_of(tmp_path / "rack.mine.yaml", "Lebak Bulu")
    assert f"rack.mine.yaml:{line}: places[0].place: expected a place of mrt" in str(caught.value)
    assert "did you mean 'Lebak Bulus'?" in str(caught.value)


def test_another_rack_gives_the_city_other_places_and_the_manifest_another_input(
    tmp_path: Path,
) -> None:
    rack = (SHIPPED / "rack.sim.yaml").read_text(encoding="utf-8")
    mine = tmp_path / "rack.mine.yaml"
    mine.write_text(rack.replace("Bundaran HI", "Blok M", 1), encoding="utf-8")
    scenario = with_rack(load_scenario(SHIPPED / "smoke.yaml"), mine)
    assert scenario.rack == mine
    assert scenario.inputs["rack/rack.mine.yaml"] == mine
    assert "rack/rack.sim.yaml" not in scenario.inputs


def test_changes_name_places_by_number_and_instants(tmp_path: Path) -> None:
    file = written(
        tmp_path, CHANGE,
        "  changes:\n"
        "    - remove_gates: {service: mrt, place: Blok M, direction: entry, count: 1}\n"
        '    - capacity_factor: {line: "1", factor: 0.5}\n'
        '    - freeze: {line: M1, vehicle: 3, at: "07:30", minutes: 10}',
    )  # fmt: skip
    scenario = load_scenario(file, seed=11)
    half_past = scenario.city.from_ms + 90 * 60_000
    assert scenario.seed == 11
    assert scenario.city.changes == (
        RemoveGates(Service.mrt, 106, Direction.entry, 1),
        CapacityFactor("1", 0.5),
        Freeze("M1", 3, half_past, 600_000),
    )
