from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from scheme.errors import InventoryError
from scheme.services import Service
from sim.network import Network, load_network


def test_the_facts_are_all_there(network: Network) -> None:
    assert [len(network.rows_of(s)) for s in (Service.mrt, Service.lrt)] == [13, 6]
    assert len(network.rows_of(Service.transjakarta_brt)) > 220
    assert set(network.lines) >= {"M1", "L1", *(str(n) for n in range(1, 15))}
    routes = {c.line for c in network.courses if c.service is Service.mikrotrans}
    assert len(routes) == 2


def test_stops_of_a_course_follow_each_other(network: Network) -> None:
    for index, course in enumerate(network.courses):
        stops = network.stops[course.first : course.first + course.count]
        assert (stops["course"] == index).all()
        assert (np.diff(stops["metres"]) > 0).all()
        assert stops["run_ms"][0] == 0


def test_every_walk_can_be_walked_back(network: Network) -> None:
    for ways in (network.walks, network.links):
        there = {(int(w["from"]), int(w["to"])): int(w["walk_ms"]) for w in ways}
        assert there == {(b, a): ms for (a, b), ms in there.items()}


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ((Service.mrt, "Blok M"), (Service.transjakarta_brt, "Blok M")),
        ((Service.mrt, "ASEAN"), (Service.transjakarta_brt, "CSW 1")),
        ((Service.mrt, "Bundaran HI"), (Service.transjakarta_brt, "Bundaran HI Astra")),
        ((Service.mrt, "Dukuh Atas"), (Service.transjakarta_brt, "Dukuh Atas")),
        ((Service.lrt, "Velodrome"), (Service.transjakarta_brt, "Velodrome")),
        ((Service.transjakarta_brt, "Blok M"), (Service.transjakarta_bus, "Blok M (1E)")),
    ],
)
def test_operators_meet_where_they_meet_in_jakarta(
    network: Network, a: tuple[Service, str], b: tuple[Service, str]
) -> None:
    walks = {(int(w["from"]), int(w["to"])) for w in network.walks}
    assert (network.place(*a), network.place(*b)) in walks


def test_a_place_of_another_name_is_refused_with_the_names_there_are(network: Network) -> None:
    with pytest.raises(InventoryError, match=r"no place 'Blok Q' of mrt; there are: ASEAN, .*Blok"):
        network.place(Service.mrt, "Blok Q")


def test_a_missing_table_is_named(tmp_path: Path) -> None:
    with pytest.raises(InventoryError, match=re.escape("places.csv: expected a table")):
        load_network(tmp_path)


def test_a_line_that_calls_nowhere_is_refused(tmp_path: Path) -> None:
    head = "place,kind,service,name,lat,lon,line,order,source\n"
    (tmp_path / "places.csv").write_text(head + "101,mrt_station,mrt,A,-6.2,106.8,M1,1,x\n")
    head = "line,service,direction,order,place,km,headway_s,capacity,speed_kmh,source\n"
    calls = "M1,mrt,0,1,101,0.0,300,1800,40,x\nM1,mrt,0,2,102,1.0,300,1800,40,x\n"
    (tmp_path / "lines.csv").write_text(head + calls)
    with pytest.raises(InventoryError, match=re.escape("got [102]")):
        load_network(tmp_path)
