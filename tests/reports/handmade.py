"""Truth made by hand: a few cards, a few terminals, and presentations by the clock.

Places are those of scenarios/data/places.csv, and the tariff is the shipped one, unless a test
hands in its own.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from ruamel.yaml import YAML

from reports.oracle import predict
from reports.truth import Truth
from reports.warehouse import Warehouse
from scheme.days import business_day, business_day_end_s, instant_ms
from scheme.services import Direction, Service, TerminalKind, VehicleClass

DATA = Path("scenarios/data")
DKI, MANDIRI = 1016, 1024
DAY = 20_481  # 2026-01-28
SEED = 7
LEBAK_BULUS, BLOK_M, ASEAN, BUNDARAN_HI = 101, 106, 107, 113
PEGANGSAAN_DUA, VELODROME = 201, 206
OPERATOR = {
    Service.transjakarta_brt: 2014, Service.transjakarta_bus: 2014, Service.mikrotrans: 2014,
    Service.mrt: 2022, Service.lrt: 2030, Service.parking_street: 2048, Service.parking_lot: 2055,
    Service.shop: 2063, Service.erp: 2071, Service.levy: 3012, Service.kjp: 5017,
    Service.kur: 1032, Service.topup: 4010, Service.identity: 3079,
}  # fmt: skip


@cache
def bundle_of(folder: Path) -> bytes:
    """Return a tariff folder as a bundle, made here so that no rule of scheme is needed."""
    document = YAML(typ="safe").load((folder / "tariff.yaml").read_text("utf-8"))
    for row in document["rows"]:
        row.update({key: str(row[key]) for key in ("from", "until") if key in row})
        if "table" in row:
            lines = (folder / row.pop("table")).read_text("utf-8").splitlines()[1:]
            cells = [line.split(",") for line in lines]
            if row["kind"] == "matrix":
                row["cells"] = [[int(c[0]), int(c[1]), int(c[2])] for c in cells]
            else:
                row["metres"] = [[c[0], int(c[1]), int(c[2]), int(c[3])] for c in cells]
    return json.dumps(document).encode()


@cache
def shipped_bundle() -> bytes:
    """Return the shipped tariff as a bundle, with the distances that tests here ask for."""
    document = json.loads(bundle_of(DATA / "tariffs" / "jakarta-2026"))
    for row in document["rows"]:
        if "metres" in row:
            row["metres"] = [cell for cell in row["metres"] if max(cell[1], cell[2]) < 1_010]
    return json.dumps(document).encode()


@cache
def participants() -> dict[str, Any]:
    """Return the shipped participants' document."""
    text = (DATA / "participants.yaml").read_text("utf-8")
    document: dict[str, Any] = YAML(typ="safe").load(text)
    return document


def clock(text: str, day: int = DAY) -> int:
    """Return "06:59:59" or "06:59:59.250" of a day in Jakarta as milliseconds UTC."""
    whole, _, part = text.partition(".")
    date = np.datetime64(day, "D").astype(object)
    return instant_ms(date, whole) + int(part.ljust(3, "0") if part else 0)


@dataclass
class HandMade:
    """Collects cards, terminals and presentations, and hands them to the oracle."""

    tariffs: dict[int, bytes] = field(default_factory=lambda: {1: shipped_bundle()})
    current: int = 1
    close_at_ms: int = 0  # 0 = the end of the last tap's business day
    terminals: list[dict[str, int]] = field(default_factory=list)
    cards: list[dict[str, int]] = field(default_factory=list)
    taps: list[dict[str, Any]] = field(default_factory=list)
    lists: list[tuple[int, int, int]] = field(default_factory=list)

    def card(self, number: int = 1, **over: int) -> int:
        """Add a card: Rp 100.000, no group, NT 10."""
        made = {"card": number, "issuer": MANDIRI, "group": 0, "group_expiry": 0, "expiry": 40_000,
                "nt": 10, "balance": 100_000, "profile": 1, "blocked": 0, "key_version": 1}
        self.cards.append(made | over)
        return number

    def terminal(
        self, service: Service, kind: TerminalKind, place: int = 0,
        direction: Direction = Direction.either, *, lane: int = 1, vehicle: int = 0,
        vehicle_class: VehicleClass = VehicleClass.none, enrolled: bool = True,
    ) -> int:
        """Return a terminal, added if it is new."""
        number = (((service * 10 + direction) * 10 + lane) * 10 + vehicle_class) * 10_000
        number += place + vehicle * 11
        made = {"terminal": number, "operator": OPERATOR[service], "service": service,
                "kind": kind, "direction": direction, "place": place, "vehicle": vehicle,
                "vehicle_class": vehicle_class, "enrolled": enrolled}
        if made not in self.terminals:
            self.terminals.append(made)
        return number

    def gate(self, service: Service, place: int, way: str, **over: Any) -> int:
        """Return an entry ("in") or exit ("out") gate of a station."""
        direction = Direction.entry if way == "in" else Direction.exit
        return self.terminal(service, TerminalKind.gate, place, direction, **over)

    def bus(self, vehicle: int, service: Service = Service.transjakarta_bus, **over: Any) -> int:
        """Return the terminal of a bus."""
        return self.terminal(service, TerminalKind.bus, vehicle=vehicle, **over)

    def tap(self, card: int, terminal: int, at: str, **over: Any) -> None:
        """Present a card at a time of day; `place` is the terminal's unless given."""
        place = next(t["place"] for t in self.terminals if t["terminal"] == terminal)
        at_ms = clock(at, over.pop("day", DAY))
        made = {"terminal": terminal, "card": card, "at_ms": at_ms, "place": place, "act": 1,
                "amount": 0, "torn": 0, "tariff": self.current, "hotlist": 0,
                "uploaded_at_ms": at_ms + 60_000, "tac_corrupted": 0, "trip": 0, "fault": 0,
                "metres": None}
        self.taps.append(made | over)

    def rail(self, card: int, start: tuple[int, str], end: tuple[int, str] | None = None) -> None:
        """Enter a rail station at a time, and leave another, if one is given."""
        service = Service.mrt if start[0] < 200 else Service.lrt
        self.tap(card, self.gate(service, start[0], "in"), start[1])
        if end is not None:
            self.tap(card, self.gate(service, end[0], "out"), end[1])

    def truth(self) -> Truth:
        """Return what was collected as the city would have written it."""
        order = sorted(self.taps, key=lambda t: (t["terminal"], t["at_ms"], t["card"]))
        seen: dict[int, int] = {}
        for tap in order:
            tap["presentation"] = seen[tap["terminal"]] = seen.get(tap["terminal"], 0) + 1
        taps = _columns(order)
        metres = [tap["metres"] for tap in order]
        taps["metres"] = np.ma.masked_array(
            [m or 0 for m in metres], [m is None for m in metres], dtype=np.int64
        )
        lists = np.array(self.lists, np.int64).reshape(-1, 3)
        return Truth(
            seed=SEED,
            tariff_version=self.current,
            bundles=tuple(self.tariffs.values()),
            participants=participants(),
            purse_limits={1: 2_000_000, 2: 10_000_000},
            tables={
                "presentation": taps,
                "card": _columns(self.cards),
                "terminal": _columns(self.terminals),
                "hotlist": {"version": lists[:, 0], "published_at_ms": lists[:, 1],
                            "card": lists[:, 2]},
            },
            from_ms=min(t["at_ms"] for t in order),
            close_at_ms=self.close_at_ms or _day_end(max(t["at_ms"] for t in order)),
        )  # fmt: skip


def _day_end(at_ms: int) -> int:
    end_s: int = business_day_end_s(business_day(at_ms // 1_000))
    return end_s * 1_000


def _columns(rows: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        name: np.array([row[name] for row in rows], bool if name == "enrolled" else np.int64)
        for name in rows[0]
        if name != "metres"
    }


def oracle_of(made: HandMade) -> Warehouse:
    """Return a warehouse in which the oracle has priced what was made."""
    warehouse = Warehouse(memory_limit="512MB")
    predict(warehouse, made.truth())
    return warehouse


def debits(warehouse: Warehouse) -> list[tuple[int, int]]:
    """Return (verdict, rupiah) of every presentation in order of time."""
    return [(int(v), int(a)) for v, a in warehouse.rows(
        "SELECT o.verdict, o.amount FROM outcome o JOIN presented p USING (rid) "
        "ORDER BY p.at_ms, p.card, rid")]  # fmt: skip


def transfers(warehouse: Warehouse, run: int = 2) -> set[tuple[str, str, str, int]]:
    """Return (debit, credit, code, rupiah) of every transfer but the fares into the hold."""
    return set(warehouse.rows(
        f"SELECT debit, credit, code, net FROM transfer WHERE run IN (0, {run}) "
        "AND code <> 'fare_hold'"))  # fmt: skip
