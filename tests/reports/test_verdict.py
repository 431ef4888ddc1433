"""The verdict over a run directory, and that a record can be checked against its evidence."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from reports.bundle import verify
from reports.verdict import judge, masked
from scheme.errors import StoreError
from scheme.services import Service, TerminalKind
from tests.reports.handmade import BLOK_M, LEBAK_BULUS, HandMade
from tests.reports.run_made import drive, make_run

KEYS = {
    "schema", "verdict", "planned", "sent", "accepted", "refused", "duplicates", "late",
    "explained", "unexplained", "idr_truth", "idr_ledger", "services", "ledger_hash",
    "plan_digest", "latency_us", "driver_lag_us_p99", "rack", "report",
}  # fmt: skip


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run directory that only lacks its load: two MRT taps and a purchase."""
    hand = HandMade()
    hand.card(1)
    hand.rail(1, (LEBAK_BULUS, "07:00:00"), (BLOK_M, "07:20:00"))
    hand.tap(
        1, hand.terminal(Service.shop, TerminalKind.till, 5001), "07:30:00", act=2, amount=25_000
    )
    return make_run(hand, tmp_path_factory.mktemp("run"))


def judged(run: Path, **asked: Any) -> dict[str, Any]:
    """Judge a run directory that was made by hand."""
    return judge(
        run / "city", run / "export", run / "load", None, run, asked.pop("expect", {}), **asked
    )


def test_a_good_run_passes_with_every_figure(run: Path, tmp_path: Path) -> None:
    record = judged(drive(run, tmp_path), expect={"verdict": "PASS", "taps_min": 3})
    assert set(record) >= KEYS
    assert (record["verdict"], record["reasons"]) == ("PASS", [])
    assert (record["planned"], record["sent"], record["accepted"]) == (3, 3, 3)
    assert record["idr_truth"] == record["idr_ledger"] == 33_000
    assert record["ledger_hash"] == record["ledger_hash_expected"]
    assert record["latency_us"]["service"] == dict.fromkeys(("p50", "p95", "p99", "p999"), 3_000)
    assert record["latency_us"]["intended"]["p99"] == 3_200
    assert json.loads((tmp_path / "record.json").read_text("utf-8")) == record


def test_a_wrong_tap_fails_and_is_named(run: Path, tmp_path: Path) -> None:
    record = judged(drive(run, tmp_path, "DELETE FROM told_taps WHERE nt = 13"))
    trace = record["discrepancies"][0]["trace"]
    assert record["verdict"] == "FAIL"
    assert f"1 tap lost: expected Rp 25.000, got Rp 0 (trace {trace})" in record["reasons"]


@pytest.mark.parametrize(("over", "reason"), [
    ({"lag_us": 50_001}, "the driver's lag p99 was 50,001 us, more than 50,000 us"),
    ({"sent_us": {1: -1}, "answered_us": {1: -1}}, "2 of 3 planned records were sent"),
    ({"repeated": {0: 1}}, "1 records were answered as known, 0 were planned: the store already "
                           "holds these taps; use a fresh store"),
])  # fmt: skip
def test_a_run_that_cannot_be_judged_is_invalid(
    run: Path, tmp_path: Path, over: dict[str, Any], reason: str
) -> None:
    record = judged(drive(run, tmp_path, **over))
    assert (record["verdict"], record["reasons"]) == ("INVALID", [reason])


def test_a_fault_that_did_not_fire_makes_the_run_invalid(run: Path, tmp_path: Path) -> None:
    drive(run, tmp_path)
    manifest = json.loads((tmp_path / "city" / "manifest.json").read_text())
    manifest["faults"] = {"torn_tap": {"asked_rate": 0.5, "fired": 0}}
    (tmp_path / "city" / "manifest.json").write_text(json.dumps(manifest))
    record = judged(tmp_path)
    assert record["verdict"] == "INVALID"
    assert record["reasons"] == ["faults that were asked for did not fire: torn_tap"]


def test_a_tear_that_was_armed_and_did_not_fire_makes_the_run_invalid(
    run: Path, tmp_path: Path
) -> None:
    drive(run, tmp_path)
    rack = tmp_path / "rack"
    rack.mkdir()
    said = {"format": "jakarta-one/rack-play/1", "taps": 9, "tears": {"armed": 3, "fired": 2}}
    (rack / "rack.json").write_text(json.dumps(said))
    record = judge(tmp_path / "city", tmp_path / "export", tmp_path / "load", rack, tmp_path, {})
    assert record["verdict"] == "INVALID"
    assert record["reasons"] == ["3 tears were armed on the rack and 2 fired"]


@pytest.mark.parametrize(("asked", "reason"), [
    ({"measure": {"quantities": ["rack"]}}, "rack was to be measured and was not"),
    ({"expect": {"taps_min": 4}}, "taps_min: expected at least 4, got 3"),
    ({"expect": {"uploads_max": 2}}, "uploads_max: expected at most 2, got 3"),
    ({"expect": {"intended_p99_ms_max": 3}}, "intended_p99_ms_max: expected at most 3, got 4"),
    ({"expect": {"rack_taps_min": 1}}, "rack_taps_min: expected at least 1, got nothing measured"),
])  # fmt: skip
def test_what_was_declared_and_not_met_fails(
    run: Path, tmp_path: Path, asked: dict[str, Any], reason: str
) -> None:
    record = judged(drive(run, tmp_path), **asked)
    assert (record["verdict"], record["reasons"]) == ("FAIL", [reason])


def test_the_page_is_one_small_file_without_script(run: Path, tmp_path: Path) -> None:
    judged(drive(run, tmp_path, "DELETE FROM told_taps WHERE nt = 13"))
    page = (tmp_path / "report.html").read_text("utf-8")
    assert len(page.encode()) < 300_000
    assert "<script" not in page
    assert "http://" not in page
    assert page.count("<svg") == 3  # taps, money, spectrum; the run was too short for a strip
    assert "1 tap lost" in page


def test_junit_has_a_case_for_every_check(run: Path, tmp_path: Path) -> None:
    judged(drive(run, tmp_path, "DELETE FROM told_taps WHERE nt = 13"))
    suite = ElementTree.parse(tmp_path / "junit.xml").getroot()
    assert suite.attrib["tests"] == str(len(suite.findall("testcase")))
    failed = [case.attrib["name"] for case in suite if len(case)]
    assert failed == ["none_lost"]


def test_verify_finds_nothing_in_a_true_record(run: Path, tmp_path: Path) -> None:
    judged(drive(run, tmp_path))
    checked = verify(tmp_path)
    assert checked["differences"] == []
    assert checked["figures"] > 30


@pytest.mark.parametrize(("path", "value"), [
    (("idr_ledger",), 1), (("latency_us", "intended", "p99"), 1), (("verdict",), "FAIL"),
    (("services", "mrt", "taps"), 7),
])  # fmt: skip
def test_verify_names_a_figure_that_the_evidence_denies(
    run: Path, tmp_path: Path, path: tuple[str, ...], value: object
) -> None:
    record = judged(drive(run, tmp_path))
    part = record
    for key in path[:-1]:
        part = part[key]
    part[path[-1]] = value
    (tmp_path / "record.json").write_text(json.dumps(record))
    (difference,) = verify(tmp_path)["differences"]
    assert difference.startswith(f"{'.'.join(path)}: the record says {value!r}, the evidence ")


@pytest.mark.parametrize("name", ["load/load.json", "report.html", "city/manifest.json"])
def test_verify_names_a_file_that_was_changed_though_no_figure_moved(
    run: Path, tmp_path: Path, name: str
) -> None:
    judged(drive(run, tmp_path))
    file = tmp_path / name
    file.write_text(file.read_text(encoding="utf-8") + "\n", encoding="utf-8")
    said = f"{name}: is not the file that the record was made from"
    assert verify(tmp_path)["differences"] == [said]


def test_verify_names_a_file_that_came_or_went(run: Path, tmp_path: Path) -> None:
    judged(drive(run, tmp_path))
    (tmp_path / "junit.xml").rename(tmp_path / "load" / "junit.xml")
    assert verify(tmp_path)["differences"] == [
        "junit.xml: is gone", "load/junit.xml: is new since the record was made",
    ]  # fmt: skip


def test_a_folder_without_record_is_said_to_have_none(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="expected jakarta-one/record/1"):
        verify(tmp_path)


def test_card_numbers_are_masked() -> None:
    assert masked("tap:1024:9810240000000042:17") == "tap:1024:98…0042:17"
