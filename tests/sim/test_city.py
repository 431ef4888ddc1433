"""A whole city: the same bytes for any number of workers, and what its folder holds."""

from __future__ import annotations

import errno
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from scheme.errors import BadInputError, StoreError
from scheme.records import TAP_DTYPE
from scheme.services import BILLS, LOADS, Service
from scheme.verdicts import Verdict
from sim.card_state import NOBODY
from sim.city import generate
from sim.faults import RATE_OF
from sim.intents import Act, Fault
from sim.plan import read_table
from sim.scenario import load_scenario
from sim.senders import Manner
from tests.sim.settled_city import SMOKE, smoke

ALLOWED_RUPIAH = {
    "truth/presentations": {"amount"},  # till prices, bills and loads
    "truth/cards": {"balance"},  # opening balances
}
TRUTH_COLUMNS = {
    "truth/presentations": [
        "terminal", "presentation", "card", "at_ms", "place", "act", "amount", "torn", "tariff",
        "hotlist", "uploaded_at_ms", "tac_corrupted", "trip", "fault",
    ],
    "truth/cards": [
        "card", "issuer", "group", "group_expiry", "expiry", "nt", "balance", "profile", "blocked",
        "key_version",
    ],
    "truth/terminals": [
        "terminal", "sender", "operator", "service", "kind", "direction", "place", "vehicle",
        "vehicle_class", "sam", "enrolled", "rack_place",
    ],
    "truth/hotlists": ["version", "published_at_ms", "card"],
    "truth/trips": ["trip", "card", "from", "to", "at_ms"],
}  # fmt: skip
APART_MS = 15_000
FAULTY = (Fault.double_tap, Fault.recovery)


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("city") / "smoke"
    generate(load_scenario(SMOKE), folder)
    return folder


def test_workers_do_not_change_a_byte_and_the_seed_does(city: Path, tmp_path: Path) -> None:
    first = json.loads((city / "manifest.json").read_text())
    for workers in (2, 4):
        again = generate(load_scenario(SMOKE), tmp_path / str(workers), workers)
        assert again["plan_digest"] == first["plan_digest"]
        made = (tmp_path / str(workers) / "records" / "records.bin").read_bytes()
        assert made == (city / "records" / "records.bin").read_bytes()
    other = generate(load_scenario(SMOKE, seed=8), tmp_path / "seed")
    assert other["plan_digest"] != first["plan_digest"]


def test_every_fault_fires_in_the_smoke_scenario_and_the_manifest_says_so(city: Path) -> None:
    manifest = json.loads((city / "manifest.json").read_text())
    assert set(manifest["faults"]) == set(RATE_OF)
    for name, told in manifest["faults"].items():
        assert told["asked_rate"] > 0, name
        assert told["fired"] > 0, name
        assert not told["silent"], name
    assert all(len(digest) == 64 for digest in manifest["inputs"].values())
    assert {"smoke.yaml", "data/places.csv", "tariff/tariff.yaml"} <= set(manifest["inputs"])


def test_every_service_has_taps_and_rupiah() -> None:
    records, at = smoke().records, smoke().morning.terminals
    service = at["service"][np.searchsorted(at["terminal"], records["recorder"])]
    for one in Service:
        own = records[service == one]
        assert len(own), one.name
        without = one in (Service.identity, Service.mikrotrans)
        assert (own["amount"].astype(np.int64).sum() > 0) is not without, one.name


def test_no_card_is_presented_twice_within_fifteen_seconds_but_by_a_fault() -> None:
    telling = smoke()
    executed = telling.settled.rows["executed"]
    intents = telling.morning.intents[executed]
    same = intents["card_index"][1:] == intents["card_index"][:-1]
    soon = np.diff(intents["at_ms"]) < APART_MS
    assert np.isin(intents["fault"][1:][same & soon], FAULTY).all()
    assert (np.diff(intents["at_ms"])[same] > 0).all()


def test_opening_balances_and_loads_less_debits_are_the_closing_balances() -> None:
    telling = smoke()
    rows, morning = telling.settled.rows, telling.morning
    moved = rows["executed"] & (rows["verdict"] == Verdict.accepted) & (rows["recovers"] == NOBODY)
    loads = np.isin(morning.at["service"], [int(s) for s in LOADS])
    signed = np.where(loads, 1, -1) * rows["amount"].astype(np.int64) * moved
    net = np.bincount(
        morning.intents["card_index"], weights=signed, minlength=len(morning.cards)
    ).astype(np.int64)
    assert (morning.cards["balance"] + net == telling.settled.balance).all()
    assert telling.settled.balance.min() >= 0
    limit = np.where(morning.cards["profile"] == 2, 10_000_000, 2_000_000)
    assert (telling.settled.balance <= limit).all()


def test_truth_holds_no_rupiah_but_what_a_device_is_given(city: Path) -> None:
    for table, expected in TRUTH_COLUMNS.items():
        columns = read_table(city / f"{table}.parquet")
        assert list(columns) == expected, table
    told = read_table(city / "truth" / "presentations.parquet")
    priced = told["amount"] > 0
    given = {int(Act.purchase), int(Act.bill), int(Act.load)}
    assert set(np.unique(told["act"][priced]).tolist()) == given
    assert (told["amount"][told["act"] == Act.tap] == 0).all()


def test_the_plan_counts_what_it_sends(city: Path) -> None:
    taps = read_table(city / "plan" / "taps.parquet")
    uploads = read_table(city / "plan" / "uploads.parquet")
    records = np.fromfile(city / "records" / "records.bin", TAP_DTYPE)
    manifest = json.loads((city / "manifest.json").read_text())
    assert len(taps["card"]) == len(records) == manifest["counts"]["records"]
    originals = uploads["copy"] == 0
    assert uploads["count"][originals].sum() == len(records)
    assert (uploads["upload"] == np.arange(len(originals))).all()
    assert (np.diff(uploads["at_ms"]) >= 0).all()
    order = np.lexsort((uploads["first"], uploads["batch"], uploads["sender"]))
    chain = {name: column[order][originals[order]] for name, column in uploads.items()}
    same = chain["sender"][1:] == chain["sender"][:-1]
    assert (np.diff(chain["batch"].astype(np.int64))[same] == 1).all()
    assert (np.diff(chain["at_ms"])[same] > 0).all()
    assert (chain["first"] == np.cumsum(chain["count"]) - chain["count"]).all()
    assert (uploads["count"][uploads["single"] == 1] == 1).all()
    assert (taps["sequence"] == records["sequence"]).all()


def test_nothing_is_uploaded_before_it_was_recorded_and_offline_senders_are_late() -> None:
    telling = smoke()
    sent = telling.uploads.rows["at_ms"][telling.uploads.upload]
    recorded, senders = telling.recorded, telling.morning.senders
    order = telling.uploads.order
    assert (sent > recorded.at_ms[order]).all()
    sender = senders.of_terminal[telling.morning.intents["terminal_index"][recorded.row[order]]]
    away = (sent > senders.offline_ms[sender]) & (sent < senders.online_ms[sender])
    assert not away.any()
    concentrated = senders.manner[sender] == Manner.minute
    usual = senders.online_ms[sender] == senders.offline_ms[sender]
    assert (sent - recorded.at_ms[order])[concentrated & usual].max() <= 60_000 + 5_000


def test_a_terminal_holds_the_second_list_only_after_it_was_published() -> None:
    morning = smoke().morning
    newer = morning.hotlist == 2
    assert newer.any()
    assert not newer.all()
    assert morning.intents["at_ms"][newer].min() >= morning.hotlists.published_ms[1]


def test_the_slice_holds_whole_cards_on_places_that_nobody_else_uses() -> None:
    telling = smoke()
    morning, executed = telling.morning, telling.settled.rows["executed"]
    on_rack = morning.rack[morning.intents["terminal_index"]]
    cards = np.unique(morning.intents["card_index"][on_rack & executed])
    theirs = np.isin(morning.intents["card_index"], cards)
    assert (on_rack == theirs)[executed].all()
    assert len(cards) > 20
    senders = morning.terminals["sender"][morning.rack]
    assert len(np.unique(senders)) == morning.rack.sum() == 4
    assert not np.isin(morning.terminals["sender"][~morning.rack], senders).any()


def test_bills_are_whole_and_paid_to_their_biller() -> None:
    morning = smoke().morning
    for service in BILLS:
        own = morning.intents[morning.at["service"] == service]
        assert (own["amount"][own["condition"] != 1] > 0).all(), service.name


def test_a_folder_of_somebody_else_is_left_alone_and_a_city_is_replaced(
    city: Path, tmp_path: Path
) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (other / "thesis.txt").write_text("mine")
    with pytest.raises(BadInputError, match="not ours to replace"):
        generate(load_scenario(SMOKE), other)
    assert [path.name for path in other.iterdir()] == ["thesis.txt"]
    before = (city / "manifest.json").read_text()
    generate(load_scenario(SMOKE), city)
    assert (city / "manifest.json").read_text() == before
    assert [path.name for path in city.parent.iterdir()] == ["smoke"]


def test_nothing_is_left_where_a_city_could_not_be_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: Any) -> None:
        raise BadInputError("stopped half way")

    monkeypatch.setattr("sim.city.write_manifest", fails)
    with pytest.raises(BadInputError, match="half way"):
        generate(load_scenario(SMOKE), tmp_path / "city")
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_is_said_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("sim.city._write_records", full)
    with pytest.raises(StoreError, match=r"write the city, got .*No space left"):
        generate(load_scenario(SMOKE), tmp_path / "city")
    assert list(tmp_path.iterdir()) == []


def test_the_specification_names_the_columns_as_they_are_written(city: Path) -> None:
    text = (Path(__file__).parents[2] / "docs" / "spec" / "plan.md").read_text(encoding="utf-8")
    cells = [line.strip("|").split("|") for line in text.splitlines() if line.startswith("| ")]
    told = {
        row[0].strip(): row[1].split()
        for row in cells
        if len(row) == 2 and row[0].strip().startswith(("plan/", "truth/"))
    }
    for table, columns in told.items():
        assert list(read_table(city / f"{table}.parquet")) == columns, table
    written = {f"{p.parent.name}/{p.stem}" for p in city.rglob("*.parquet")}
    assert set(told) == written
