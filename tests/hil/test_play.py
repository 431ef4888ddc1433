"""Playing a slice: card parts equal the city's, torn taps too; a difference displaces the rest."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import duckdb
import pytest

from hil.parts import SimulatedGate
from hil.play import play
from hil.rack import load_rack
from scheme.errors import BadInputError, InventoryError, ReaderError, StoreError
from scheme.records import RecordFlag, TapRecord, records_view
from scheme.verdicts import Verdict
from tests.hil.tiny_city import CARDS, RACK, TinyCity, morning

FAST = 1e6


def second_version(rack: str) -> str:
    """Return a rack file of the first version as one of today."""
    return rack.replace("rack/1", "rack/2").replace(", simulated: true", "")


def played(city: TinyCity, folder: Path, rack: str = RACK) -> tuple[dict[str, Any], Path]:
    """Write a city, play it as fast as the machine can, and return the summary and its folder."""
    city.write(folder / "city")
    (folder / "rack.yaml").write_text(rack)
    rack_file = load_rack(folder / "rack.yaml")
    out = folder / "rack"
    return play(folder / "city", rack_file, out, FAST, city.keys, lambda *_: None), out


def columns(path: Path) -> dict[str, list[Any]]:
    with duckdb.connect() as connection:
        table = connection.execute(f"SELECT * FROM '{path}'").fetchnumpy()
    return {name: column.tolist() for name, column in table.items()}


def test_every_card_part_equals_the_citys(tmp_path: Path) -> None:
    city = morning()
    summary, out = played(city, tmp_path)
    assert (summary["planned"], summary["taps"], summary["records"]) == (8, 8, 7)
    assert (summary["mismatches"], summary["displaced"]) == (0, 0)
    assert summary["tears"] == {"armed": 2, "fired": 2}
    taps = columns(out / "taps.parquet")
    assert all(taps["equal"])
    assert taps["outcome"] == [
        "accepted", "tap_was_torn", "recovered", "card_hotlisted", "accepted",
        "accepted", "accepted", "tap_was_torn",
    ]  # fmt: skip
    assert json.loads((out / "rack.json").read_text()) == summary


def test_the_records_are_the_citys_to_the_last_byte_of_the_device_part(tmp_path: Path) -> None:
    city = morning()
    _, out = played(city, tmp_path)
    made = [record.tobytes() for record in records_view((out / "records.bin").read_bytes())]
    # The recovered record is numbered when it is recorded, as the torn one was in this tiny city.
    assert made == city.records
    flags = [TapRecord(record).fields()["flags"] for record in made]
    assert flags == [0, RecordFlag.recovered, 0, 0, 0, 0, RecordFlag.torn]


def test_each_exchange_is_timed_and_named(tmp_path: Path) -> None:
    summary, out = played(morning(), tmp_path)
    exchanges = columns(out / "exchanges.parquet")
    assert len(exchanges["name"]) == summary["exchanges"]
    first = [
        n for n, row in zip(exchanges["name"], exchanges["presentation"], strict=True) if not row
    ]
    assert first == [
        "sam CHALLENGE", "card SELECT", "card INIT", "sam AUTHENTICATE", "card DEBIT",
        "sam CONFIRM",
    ]  # fmt: skip
    assert "card PROOF" in exchanges["name"]


def test_taps_keep_their_instants_and_latency_counts_from_them(tmp_path: Path) -> None:
    _, out = played(morning(), tmp_path)
    taps = columns(out / "taps.parquet")
    intended = [us - taps["intended_us"][0] for us in taps["intended_us"]]
    expected = [(ms - taps["at_ms"][0]) * 1_000 / FAST for ms in taps["at_ms"]]
    assert intended == pytest.approx(expected, abs=1)
    assert all(
        due <= start <= done
        for due, start, done in zip(
            taps["intended_us"], taps["started_us"], taps["done_us"], strict=True
        )
    )


def test_a_card_that_differs_is_named_and_its_later_taps_are_withheld(tmp_path: Path) -> None:
    city = morning()
    wrong = TapRecord(city.records[0]).fields() | {"balance": 1}
    city.records[0] = TapRecord.of(**wrong).data
    summary, out = played(city, tmp_path)
    taps = columns(out / "taps.parquet")
    assert (summary["mismatches"], summary["displaced"]) == (1, 1)
    by_card = [
        (card, outcome, equal)
        for card, outcome, equal in zip(taps["card"], taps["outcome"], taps["equal"], strict=True)
        if card == CARDS[0]
    ]
    assert by_card == [(CARDS[0], "accepted", False), (CARDS[0], "displaced", False)]


@pytest.mark.parametrize(("limits", "tap"), [("", []), ("limits: gate-450\n", [("tap", "PASS")])])
def test_a_play_is_held_to_the_limits_of_its_rack(
    tmp_path: Path, limits: str, tap: list[tuple[str, str]]
) -> None:
    whole, _ = played(morning(), tmp_path, limits + second_version(RACK))
    assert [(row["quantity"], row["verdict"]) for row in whole["limits"]] == tap


def test_the_clock_of_a_timer_is_tied_to_the_hosts_in_the_report(tmp_path: Path) -> None:
    timer = (
        "resources:\n  fpga:\n    kind: timer\n    url: 'fpga://model:'\n    simulated: true\n"
        "    calibration: {offset_ns: 1200, uncertainty_ns: 83, date: 2026-11-01}\n"
    )
    rack = second_version(RACK)
    for name in ("in", "out"):
        channel = "0" if name == "in" else "1"
        rack = rack.replace(f"{{name: {name}, ", f"{{name: {name}, timer: fpga/{channel}, ")
    whole, _ = played(morning(), tmp_path, timer + rack)
    assert whole["clocks"].keys() == {"fpga"}
    told = whole["clocks"]["fpga"]
    assert 0 < told["uncertainty_ns"] < 1_000_000_000
    assert told["drift_ppm"] is not None
    assert told["drift_uncertainty_ppm"] > 0
    measured = {"offset_ns": 1_200, "uncertainty_ns": 83, "date": "2026-11-01"}
    assert told["calibration"] == measured


def test_a_torn_tap_that_is_never_recovered_leaves_its_terminals_word(tmp_path: Path) -> None:
    _, out = played(morning(), tmp_path)
    last = records_view((out / "records.bin").read_bytes())[-1]
    assert (int(last["refusal"]), int(last["amount"])) == (Verdict.tap_was_torn, 0)
    assert (int(last["sequence"]), int(last["sam_counter"])) == (3, 3)


def test_a_play_can_be_done_again_and_gives_the_same_records(tmp_path: Path) -> None:
    city = morning()
    _, out = played(city, tmp_path)
    first = (out / "records.bin").read_bytes()
    rack = load_rack(tmp_path / "rack.yaml")
    play(tmp_path / "city", rack, out, FAST, city.keys, lambda *_: None)
    assert (out / "records.bin").read_bytes() == first


@pytest.mark.parametrize(
    ("rack", "said"),
    [
        (RACK.replace("name: out", "name: way-out"), 'no place "out" in .*there are: in, way-out'),
        (RACK.replace("direction: exit", "direction: either"), "expected mrt exit as in the plan"),
        (second_version(RACK).replace('sam: "model://empty", ', "", 1),
         'place "in" .*expected a SAM'),
    ],
)  # fmt: skip
def test_a_rack_that_does_not_fit_the_plan_is_named(tmp_path: Path, rack: str, said: str) -> None:
    with pytest.raises(InventoryError, match=said):
        played(morning(), tmp_path, rack)


def test_a_folder_that_is_no_city_is_named(tmp_path: Path) -> None:
    (tmp_path / "rack.yaml").write_text(RACK)
    rack = load_rack(tmp_path / "rack.yaml")
    with pytest.raises(BadInputError, match=r"rack\.parquet: expected columns .* got no such file"):
        play(tmp_path, rack, tmp_path, FAST, morning().keys, lambda *_: None)


def test_evidence_that_the_disk_does_not_take_is_a_fault_of_the_machine(tmp_path: Path) -> None:
    (tmp_path / "rack").write_text("a file where a folder should be")
    with pytest.raises(StoreError, match="rack: expected to write the evidence"):
        played(morning(), tmp_path)


def test_a_speed_that_is_none_is_refused(tmp_path: Path) -> None:
    (tmp_path / "rack.yaml").write_text(RACK)
    with pytest.raises(BadInputError, match="--speed: expected more than 0"):
        play(
            tmp_path, load_rack(tmp_path / "rack.yaml"), tmp_path, 0, morning().keys,
            lambda *_: None,
        )  # fmt: skip


READERS = (
    ("java://empty", "java://empty", ("java", "java")),
    ("vpcd://empty", "java://empty", ("vpcd", "python")),
    ("pcsc://empty", "model://empty", ("pcsc", "python")),
    ("pcsc://empty?card=java", "java://empty", ("pcsc", "java")),
    ("pn532://empty", "model://empty", ("pn532", "python")),
    ("pn532://empty?card=java", "java://empty", ("pn532", "java")),
)


@pytest.mark.parametrize(("reader", "sam", "kind"), READERS)
@pytest.mark.usefixtures("pcscd")
def test_the_same_cards_come_out_of_every_kind_of_reader(
    reader: str, sam: str, kind: tuple[str, str], tmp_path: Path
) -> None:
    rack = RACK.replace('reader: "model://empty"', f'reader: "{reader}"')
    city = morning()
    summary, out = played(city, tmp_path, rack.replace('sam: "model://empty"', f'sam: "{sam}"'))
    assert (summary["taps"], summary["mismatches"], summary["displaced"]) == (8, 0, 0)
    made = [record.tobytes() for record in records_view((out / "records.bin").read_bytes())]
    assert made == city.records
    taps = columns(out / "taps.parquet")
    assert set(zip(taps["driver"], taps["card_kind"], strict=True)) == {kind}


def test_on_the_wire_of_a_pn532_every_apdu_takes_one_host_command(tmp_path: Path) -> None:
    rack = RACK.replace('reader: "model://empty"', 'reader: "pn532://empty"')
    summary, out = played(morning(), tmp_path, rack)
    names = columns(out / "exchanges.parquet")["name"]
    heard = sum(name.startswith("card ") for name in names)
    lost = summary["tears"]["fired"]  # exchanges that no dialogue was told of
    assert heard <= summary["apdus"] <= heard + lost
    assert summary["host_commands"] == summary["apdus"]


def test_a_card_that_would_change_its_nature_on_the_way_is_refused(tmp_path: Path) -> None:
    rack = RACK.replace('name: out, reader: "model://empty"', 'name: out, reader: "java://empty"')
    with pytest.raises(InventoryError, match=r'of one kind at "in" and "out".*python and java'):
        played(morning(), tmp_path, rack)


def gated() -> str:
    """Return the rack with a channel of one relay at each place."""
    rack = RACK.replace("rack/1", "rack/2").replace(", simulated: true", "")
    for channel, name in enumerate(("in", "out")):
        rack = rack.replace(f"{{name: {name},", f"{{name: {name}, gate: relay/{channel},")
    return 'resources:\n  relay: {kind: gate, url: "sim://", simulated: true}\n' + rack


def test_a_gate_is_opened_for_each_who_is_let_through_and_is_a_phase(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    channels: list[int] = []
    release = SimulatedGate.release

    def noted(gate: SimulatedGate, channel: int) -> int:
        channels.append(channel)
        return release(gate, channel)

    monkeypatch.setattr(SimulatedGate, "release", noted)
    summary, out = played(morning(), tmp_path, gated())
    assert list(summary["phases"])[-1] == "gate"
    taps = columns(out / "taps.parquet")
    through = [
        ("in", "out").index(place)
        for place, outcome in zip(taps["rack_place"], taps["outcome"], strict=True)
        if outcome in ("accepted", "recovered")
    ]
    assert channels == through
    assert set(through) == {0, 1}


def test_a_gate_that_does_not_open_ends_the_play(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(SimulatedGate, "opened", lambda *_: None)
    with pytest.raises(ReaderError, match=r'gate "relay/\d" of place ".*": expected it to open'):
        played(morning(), tmp_path, gated())


def test_time_is_kept_by_phase_and_detection_apart(tmp_path: Path) -> None:
    summary, out = played(morning(), tmp_path)
    assert list(summary["phases"]) == ["detect", "select", "init", "SAM", "debit", "decide"]
    taps, exchanges = columns(out / "taps.parquet"), columns(out / "exchanges.parquet")
    assert all(
        a <= b <= c
        for a, b, c in zip(
            taps["presented_us"], taps["started_us"], taps["done_us"], strict=True
        )
    )
    sizes = dict(zip(exchanges["name"], exchanges["response_bytes"], strict=True))
    assert (sizes["card SELECT"], sizes["card INIT"], sizes["card DEBIT"]) == (65, 28, 26)
