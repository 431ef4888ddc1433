"""The plain tables under scenarios/data: read here, and the one that is built, built here.

Only reading and building; what a figure means stands in scenarios/data/SOURCES.md, what it costs
in `scheme.tariffs`. `leg_distance_m.csv` is shipped; `python -m sim.tables` builds it again, and a
test compares.
"""

from __future__ import annotations

import csv
import heapq
import sys
from itertools import pairwise
from pathlib import Path

from scheme.errors import BadInputError, InventoryError
from scheme.tariffs import TARIFF_FILE, Tariff, parse_tariff, tables_named

DATA = Path(__file__).resolve().parent.parent / "scenarios" / "data"
DISTANCES_FILE = "leg_distance_m.csv"
Distances = dict[tuple[str, int, int], int]
Edges = dict[int, dict[int, int]]


def read_rows(path: Path) -> list[dict[str, str]]:
    """Return the rows of a CSV file by column name.

    Raises:
        InventoryError: If there is no such file.
    """
    try:
        with path.open(newline="", encoding="utf-8") as file:
            return list(csv.DictReader(file))
    except FileNotFoundError as missing:
        raise InventoryError(f"{path}: expected a table, got no file") from missing


def read_tariff(folder: Path) -> Tariff:
    """Return the tariff of a bundle folder, with the tables that its rows name.

    Raises:
        TariffError: If a row is not of the closed kinds; names file, row, expected and got.
        InventoryError: If the folder or a table it names is not there.
    """
    path = folder / TARIFF_FILE
    if not path.is_file():
        raise InventoryError(f"{folder}: expected a folder with {TARIFF_FILE}, got none")
    files = {TARIFF_FILE: path.read_bytes()}
    for name in tables_named(files[TARIFF_FILE]):
        table = folder / name
        if not table.is_file():
            raise InventoryError(f"{path}: expected the table {name!r} beside it, got no file")
        files[name] = table.read_bytes()
    return parse_tariff(files)


def build_leg_distances(data: Path = DATA) -> Distances:
    """Return the metres of every leg that can be tapped: (TJ | MRT | LRT, from, to), from < to.

    MRT and LRT by chainage difference; BRT by shortest path over corridor edges, halts of one name
    joined, and the halt links; other buses along their route, within it only. The same place is
    0 m and has no row.

    Raises:
        BadInputError: If two halts have no path; names them.

    Source: docs/spec/fares.md R2.
    """
    facts = data / "facts"
    places = read_rows(data / "places.csv")
    distances: Distances = {}
    for operator, kind, file, column in (
        ("MRT", "mrt_station", "mrt_stations.csv", "chainage_km_scaled_15_7"),
        ("LRT", "lrt_station", "lrt_jakarta_1a_stations.csv", "chainage_km_scaled_5_8"),
    ):
        number = {p["name"]: int(p["place"]) for p in places if p["kind"] == kind}
        along = {number[r["station"]]: metres(r[column]) for r in read_rows(facts / file)}
        distances |= _along(operator, along)
    halts = {p["name"]: int(p["place"]) for p in places if p["kind"] == "brt_halt"}
    distances |= _shortest(_brt_edges(facts, halts), {n: name for name, n in halts.items()})
    for route in _bus_routes(data):
        distances |= _along("TJ", route)
    return distances


def metres(km: str) -> int:
    """Return a decimal number of kilometres in whole metres."""
    return round(float(km) * 1_000)


def _along(operator: str, chainage: dict[int, int]) -> Distances:
    return {
        (operator, a, b): abs(chainage[b] - chainage[a])
        for a in chainage
        for b in chainage
        if a < b
    }


def _brt_edges(facts: Path, halts: dict[str, int]) -> Edges:
    edges: Edges = {number: {} for number in halts.values()}
    rows = read_rows(facts / "transjakarta_brt_halts.csv")
    for a, b in pairwise(rows):
        if a["corridor"] == b["corridor"]:
            _join(edges, halts[a["halt"]], halts[b["halt"]], metres(b["km"]) - metres(a["km"]))
    for link in read_rows(facts / "halt_links.csv"):
        _join(edges, halts[link["from"]], halts[link["to"]], int(link["metres"]))
    return edges


def _join(edges: Edges, a: int, b: int, length_m: int) -> None:
    if a == b:
        return
    shortest = min(length_m, edges[a].get(b, length_m))
    edges[a][b] = edges[b][a] = shortest


def _bus_routes(data: Path) -> list[dict[int, int]]:
    routes: dict[str, dict[int, int]] = {}
    for row in read_rows(data / "lines.csv"):
        if row["service"] == "transjakarta_bus" and row["direction"] == "0":
            routes.setdefault(row["line"], {})[int(row["place"])] = metres(row["km"])
    return list(routes.values())


def _shortest(edges: Edges, names: dict[int, str]) -> Distances:
    distances: Distances = {}
    for start in edges:
        reached = _from(edges, start)
        for end in edges:
            if end not in reached:
                raise BadInputError.at(
                    f"leg distance {names[start]!r} to {names[end]!r}",
                    expected="a path over corridors and halt links",
                    got="none; add the link to facts/halt_links.csv",
                )
            if start < end:
                distances["TJ", start, end] = reached[end]
    return distances


def _from(edges: Edges, start: int) -> dict[int, int]:
    reached: dict[int, int] = {}
    ahead = [(0, start)]
    while ahead:
        length, at = heapq.heappop(ahead)
        if at in reached:
            continue
        reached[at] = length
        for neighbour, edge in edges[at].items():
            if neighbour not in reached:
                heapq.heappush(ahead, (length + edge, neighbour))
    return reached


def distances_csv(distances: Distances) -> str:
    """Return the table as the text that is shipped, sorted."""
    lines = [f"{o},{a},{b},{m}" for (o, a, b), m in sorted(distances.items())]
    return "\n".join(["operator,from,to,metres", *lines]) + "\n"


def main() -> None:
    """Write the shipped table again, into the data folder named or ours."""
    data = Path(sys.argv[1]) if len(sys.argv) > 1 else DATA
    text = distances_csv(build_leg_distances(data))
    (data / DISTANCES_FILE).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
