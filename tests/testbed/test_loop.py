"""The loop with real dialogues: both queues beside the theory, and a rack that stands still."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import duckdb
import numpy as np
import pytest

from hil.lanes import Freeze
from scenarios.shipped import FOLDER
from scheme.errors import BadInputError, ReaderError
from sim.lindley import lindley
from sim.pacer import Pacing, Policy
from testbed.loop import Asked, loop_station, verify_loop
from testbed.loop_record import checks_of, gate_figures
from tests.testbed.test_cli import jakarta_one

SMOKE, RACK = FOLDER / "smoke.yaml", FOLDER / "rack.sim.yaml"
STANDS_STILL = Freeze(2_000, 3_000)
BRISK = {"speed": 10.0, "budget_ns": 100_000_000}  # so that 3 s of the city are 0.3 of ours
ANY_LATENESS = {"tolerance_ns": 60_000_000_000, "budget_ns": 60_000_000_000}
GATES = ("mrt-lebak-bulus-in", "brt-blok-m-in")
BROKEN = """\
format: jakarta-one/rack/2
title: A reader that goes away
places:
  - {name: in, reader: "fault+model://empty?unplug=@DEBIT.4", sam: "model://empty", service: mrt,
     place: Lebak Bulus, direction: entry}
"""


def busy(**how: Any) -> Asked:
    """Return a loop of few real seconds at one gate with a queue."""
    asked: dict[str, Any] = {"seconds": 6.0, "per_minute": 60.0, "gates": 1, "slow_ms": 0}
    return Asked(**asked | how)


def table(path: Path) -> dict[str, Any]:
    """Return a Parquet file's columns."""
    with duckdb.connect() as connection:
        return dict(connection.execute("FROM read_parquet(?)", [str(path)]).fetchnumpy())


@pytest.fixture(scope="module")
def looped(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Any], Path]:
    """Return the record and folder of a loop with three gates, two of them on the rack."""
    out = tmp_path_factory.mktemp("loop") / "run"
    asked = Asked(
        stand_ins=GATES, seconds=20.0, per_minute=90.0, gates=3, slow_ms=400,
        pacing=Pacing(speed=20.0, **ANY_LATENESS),  # type: ignore[arg-type]
    )  # fmt: skip
    return loop_station(SMOKE, RACK, asked, out=out), out


def test_both_runs_pass_and_every_delay_fired(looped: tuple[dict[str, Any], Path]) -> None:
    record, out = looped
    assert (record["verdict"], record["reasons"]) == ("PASS", [])
    assert json.loads((out / "record.json").read_text("utf-8")) == record
    reference, slow = record["runs"]
    on_rack = sum(gate["riders"] for gate in slow["gates"] if gate["place"])
    assert record["faults"] == {"armed": on_rack, "fired": on_rack}
    assert [gate["place"] for gate in slow["gates"]] == [*GATES, ""]
    for run in (reference, slow):
        assert sum(gate["riders"] for gate in run["gates"]) == record["riders"]
        assert all(set(gate["outcomes"]) <= {"accepted", "reference"} for gate in run["gates"])


def test_a_slow_reader_takes_longer_and_the_gate_beside_it_does_not(
    looped: tuple[dict[str, Any], Path],
) -> None:
    reference, slow = looped[0]["runs"]
    for before, after in zip(reference["gates"], slow["gates"], strict=True):
        if before["place"]:
            assert after["tap_p50_us"] >= 400_000
        else:
            assert {**after} == {**before}
            assert before["lindley_max_us"] == 0


def test_every_figure_follows_from_the_evidence(looped: tuple[dict[str, Any], Path]) -> None:
    record, out = looped
    for run in record["runs"]:
        columns = table(out / "evidence" / f"{run['name']}.parquet")
        assert gate_figures(columns, record["on_rack"]) == run["gates"]
        taps = columns["on_rack"]
        assert (columns["planned_us"] <= columns["dispatched_us"]).all()
        assert (columns["dispatched_us"] < columns["answered_us"])[taps].all()
        assert not columns["answered_us"][~taps].any()
        for gate in run["gates"]:
            rows = columns["gate"] == gate["gate"]
            arrived, service = columns["arrived_us"][rows], columns["service_us"][rows]
            wait = columns["begun_us"][rows] - arrived
            late = columns["left_us"][rows] - columns["begun_us"][rows] - service
            assert np.abs(wait - lindley(arrived, service)).max() <= np.abs(late).sum()


def test_a_record_is_verified_and_a_figure_that_was_changed_is_named(
    looped: tuple[dict[str, Any], Path], tmp_path: Path
) -> None:
    kept = tmp_path / "run"
    shutil.copytree(looped[1], kept)
    told = verify_loop(kept)
    assert told["differences"] == []
    assert told["figures"] >= 100
    record = json.loads((kept / "record.json").read_text("utf-8"))
    record["runs"][1]["gates"][0]["wait_max_us"] += 1
    (kept / "record.json").write_text(json.dumps(record), encoding="utf-8")
    (kept / "evidence" / "faults.jsonl").write_text("", encoding="utf-8")
    figure, file = verify_loop(kept)["differences"]
    assert figure.startswith("runs[1].gates[0].wait_max_us: the record says ")
    assert file == "evidence/faults.jsonl: is not the file that the record was made from"
    ran = jakarta_one("report", "verify", str(kept), cwd=tmp_path)
    assert ran.returncode == 1
    assert ran.stdout.endswith("2 differ\n")


def test_a_queue_that_lets_somebody_push_in_fails(looped: tuple[dict[str, Any], Path]) -> None:
    record, out = looped
    columns = table(out / "evidence" / "slow.parquet")
    assert all(check.holds for check in checks_of(record["runs"][1], columns, 20.0))
    columns["begun_us"] = columns["begun_us"] + 1_000
    columns["left_us"] = columns["left_us"] + 1_000
    wrong = [check.name for check in checks_of(record["runs"][1], columns, 20.0) if check.sentence]
    assert "slow_is_first_come_first_served" in wrong


def test_the_page_draws_both_queues_beside_their_theory(
    looped: tuple[dict[str, Any], Path],
) -> None:
    page = (looped[1] / "report.html").read_text("utf-8")
    for css in ("line1", "line1 theory", "line2", "line2 theory"):
        assert page.count(f'class="{css}"') == (2 if "theory" in css else 4), css
    assert "Lindley" in page
    suite = ElementTree.parse(looped[1] / "junit.xml").getroot()
    assert (suite.get("failures"), suite.get("errors")) == ("0", "0")


def test_riders_of_the_scenario_come_in_its_fullest_seconds(tmp_path: Path) -> None:
    asked = Asked("Lebak Bulus", seconds=30.0, slow_ms=0, pacing=Pacing(60.0, **ANY_LATENESS))  # type: ignore[arg-type]
    record = loop_station(SMOKE, RACK, asked, out=tmp_path / "run")
    assert record["verdict"] == "PASS"
    assert record["riders"] >= 2
    assert record["source"] == "riders of smoke in the fullest 30 s of its morning"


def test_a_rack_that_stands_still_makes_the_run_invalid(tmp_path: Path) -> None:
    asked = busy(freeze=STANDS_STILL, pacing=Pacing(**BRISK))  # type: ignore[arg-type]
    record = loop_station(SMOKE, RACK, asked, out=tmp_path / "run")
    assert record["verdict"] == "INVALID"
    assert "lateness: expected at most 100 ms" in record["reasons"][0]
    assert record["faults"] == {"armed": 1, "fired": 1}
    late = table(tmp_path / "run" / "evidence" / "reference-late.parquet")
    worst = int(np.argmax(np.where(late["rider"] >= 0, late["lateness_us"], 0)))
    assert late["lateness_us"][worst] >= 290_000
    assert late["planned_us"][worst] < late["dispatched_us"][worst] < late["answered_us"][worst]
    assert "tap of rider" in (tmp_path / "run" / "report.html").read_text("utf-8")


def test_a_city_that_freezes_with_its_rack_passes_and_says_for_how_long(tmp_path: Path) -> None:
    pacing = Pacing(policy=Policy.freeze, **BRISK)  # type: ignore[arg-type]
    record = loop_station(
        SMOKE, RACK, busy(freeze=STANDS_STILL, pacing=pacing), out=tmp_path / "run"
    )
    (run,) = record["runs"]
    assert record["verdict"] == "PASS", record["reasons"]
    assert run["freezes"] >= 1
    assert run["frozen_us"] >= 240_000
    assert run["late_taps"] >= 1


def test_a_run_that_may_not_be_late_stops_with_the_rack(tmp_path: Path) -> None:
    pacing = Pacing(policy=Policy.abort, **BRISK)  # type: ignore[arg-type]
    record = loop_station(
        SMOKE, RACK, busy(freeze=STANDS_STILL, pacing=pacing), out=tmp_path / "run"
    )
    (run,) = record["runs"]
    assert record["verdict"] == "INVALID"
    assert run["stopped"].startswith("stopped: ")
    assert sum(gate["riders"] for gate in run["gates"]) < record["riders"]


def test_a_bench_that_breaks_is_an_error_and_its_evidence_stays(tmp_path: Path) -> None:
    rack = tmp_path / "rack.yaml"
    rack.write_text(BROKEN, encoding="utf-8")
    pacing = Pacing(speed=20.0, **ANY_LATENESS)  # type: ignore[arg-type]
    with pytest.raises(ReaderError, match="was unplugged at DEBIT, as asked"):
        loop_station(SMOKE, rack, busy(slow_ms=400, pacing=pacing), out=tmp_path / "run")
    record = json.loads((tmp_path / "run" / "record.json").read_text("utf-8"))
    assert record["verdict"] == "ERROR"
    assert [run["name"] for run in record["runs"]] == ["reference"]
    served = table(tmp_path / "run" / "evidence" / "reference.parquet")["left_us"] >= 0
    assert served.sum() == 3


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ({"station": "Lebak Bolus"}, "--station: expected .*did you mean 'Lebak Bulus'"),
        ({"seconds": 0.0}, "--seconds: expected more than 0, got 0"),
        ({"per_minute": 0.0}, "--per-minute: expected more than 0, got 0"),
        ({"per_minute": 1e6}, "expected fewer riders than the scenario's"),
        ({"stand_ins": GATES}, "gates: expected at least those of the rack, got 2 on the rack of"),
        ({"stand_ins": ("nowhere",)}, 'no place "nowhere"'),
        ({"freeze": Freeze(9_000_000, 1)}, "--freeze-at: expected before the last rider comes"),
    ],
)
def test_what_cannot_be_looped_is_refused_before_anything_is_written(
    how: dict[str, Any], said: str, tmp_path: Path
) -> None:
    with pytest.raises(BadInputError, match=said):
        loop_station(SMOKE, RACK, busy(**how), out=tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_the_command_tells_a_record_and_refuses_another_policy(tmp_path: Path) -> None:
    words = ("rack", "loop", "smoke", "--seconds", "5", "--per-minute", "60", "--gates", "1")
    pace = ("--speed", "10", "--slow", "0", "--tolerance", "60000", "--out", "run")
    ran = jakarta_one(*words, *pace, "--json", cwd=tmp_path)
    record = json.loads(ran.stdout)
    assert ran.returncode == {"PASS": 0, "INVALID": 4}[record["verdict"]], ran.stderr
    assert record["on_overrun"] == "continue"
    refused = jakarta_one(*words, "--on-overrun", "hurry", cwd=tmp_path)
    assert refused.returncode == 2
    assert "--on-overrun: expected continue or freeze or abort, got hurry" in refused.stderr
