"""The shipped tables: built again, they are the same, and they agree with the facts."""

from __future__ import annotations

import shutil
from itertools import pairwise
from pathlib import Path

import pytest

from scheme.errors import BadInputError, InventoryError
from scheme.services import Service
from sim.tables import DATA, DISTANCES_FILE, build_leg_distances, distances_csv, read_rows
from sim.tables import read_tariff as read


def test_shipped_distances_are_what_the_facts_give() -> None:
    assert (DATA / DISTANCES_FILE).read_text("utf-8") == distances_csv(build_leg_distances())


@pytest.mark.parametrize(
    ("operator", "a", "b", "metres"),
    [
        ("MRT", 101, 113, 15_700),
        ("MRT", 101, 107, 8_920),
        ("LRT", 201, 206, 5_800),
        ("TJ", 1001, 1009, 5_840),
        ("TJ", 1002, 1220, 60),  # ASEAN to CSW 1, a halt link
        ("TJ", 2001, 2023, 9_700),  # the feeder route, end to end
    ],
)
def test_distances_by_hand(operator: str, a: int, b: int, metres: int) -> None:
    assert build_leg_distances()[operator, a, b] == metres


def test_legs_stay_within_one_network() -> None:
    kinds = {int(p["place"]): p["kind"] for p in read_rows(DATA / "places.csv")}
    lines = {int(p["place"]): p["line"] for p in read_rows(DATA / "places.csv")}
    for _, a, b in build_leg_distances():
        assert kinds[a] == kinds[b]
        assert a < b
        if kinds[a] == "bus_stop":
            assert lines[a] == lines[b]


def test_a_pair_without_a_path_is_an_error_that_names_it(tmp_path: Path) -> None:
    shutil.copytree(DATA, tmp_path / "data")
    links = tmp_path / "data" / "facts" / "halt_links.csv"
    lines = links.read_text("utf-8").splitlines()
    kept = [line for line in lines if "CSW 1" not in line and "Tegal Mampang" not in line]
    links.write_text("\n".join(kept), encoding="utf-8")
    with pytest.raises(BadInputError, match=r"leg distance .* to 'CBD Ciledug': expected a path"):
        build_leg_distances(tmp_path / "data")


def test_a_missing_table_is_named(tmp_path: Path) -> None:
    with pytest.raises(InventoryError, match=r"nothing\.csv: expected a table, got no file"):
        read_rows(tmp_path / "nothing.csv")
    with pytest.raises(InventoryError, match=r"expected a folder with tariff\.yaml, got none"):
        read(tmp_path)
    (tmp_path / "tariff.yaml").write_text("rows: [{table: gone.csv}]", encoding="utf-8")
    with pytest.raises(InventoryError, match=r"expected the table 'gone\.csv' beside it"):
        read(tmp_path)


def test_every_place_has_its_own_number_name_and_service() -> None:
    places = read_rows(DATA / "places.csv")
    assert len({p["place"] for p in places}) == len(places)
    assert len({(p["kind"], p["name"]) for p in places}) == len(places)
    assert all(p["service"] in Service.__members__ and p["source"] for p in places)
    assert all(0 < int(p["place"]) < 65_536 for p in places)
    assert {p["service"] for p in places} == set(Service.__members__)


def test_lines_run_along_places_of_their_service() -> None:
    service = {p["place"]: p["service"] for p in read_rows(DATA / "places.csv")}
    lines = read_rows(DATA / "lines.csv")
    assert all(service[row["place"]] == row["service"] for row in lines)
    assert {row["line"] for row in lines if row["service"] == "transjakarta_brt"} == {
        str(n) for n in range(1, 15)
    }
    for one, two in pairwise(lines):
        if (one["line"], one["direction"]) == (two["line"], two["direction"]):
            assert int(two["order"]) == int(one["order"]) + 1
            assert float(two["km"]) > float(one["km"])


def test_the_fare_table_is_the_fact_table() -> None:
    wide = read_rows(DATA / "facts" / "mrt_fare_idr.csv")
    names = [row[""] for row in wide]
    shipped = read_rows(DATA / "tariffs" / "jakarta-2026" / "mrt_fare_idr.csv")
    assert len(shipped) == 13 * 14 // 2
    for row in shipped:
        a, b = int(row["from"]) - 101, int(row["to"]) - 101
        assert wide[a][names[b]] == wide[b][names[a]] == row["idr"]
