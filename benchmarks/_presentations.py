"""Presentations without a city: riders at random between real places, as many as are wanted.

Good enough to be priced and compared: a rider's taps are in order, gates are entered before they
are left, balances run short here and there, and some taps are torn or have a corrupted TAC.
"""

from __future__ import annotations

import csv
import datetime as dt
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from ruamel.yaml import YAML

from reports.truth import Truth
from scheme.days import business_day, business_day_end_s, instant_ms
from scheme.numbers import card_numbers, device_numbers
from scheme.services import Direction, Service, TerminalKind, VehicleClass
from scheme.target import CARD_DTYPE, TERMINAL_DTYPE
from sim.tables import read_tariff

DATA = Path(__file__).resolve().parent.parent / "scenarios" / "data"
FROM_MS = instant_ms(dt.date(2026, 1, 28), "06:00")
DKI, MANDIRI = 1016, 1024
VEHICLES = 60
SHARES = {  # of the rides; a shop is two purchases
    Service.transjakarta_brt: 0.42, Service.transjakarta_bus: 0.15, Service.mikrotrans: 0.15,
    Service.mrt: 0.15, Service.lrt: 0.03, Service.parking_lot: 0.03, Service.shop: 0.07,
}  # fmt: skip
ON_BOARD = (Service.transjakarta_bus, Service.mikrotrans)
PRICE_IDR = 15_000
TORN, CORRUPTED = 0.001, 0.002

Columns = dict[str, NDArray[Any]]


def synthetic_truth(cards: int, rides: int, seed: int = 1) -> Truth:
    """Return truth about `cards` riders of `rides` rides each: two presentations a ride."""
    random = np.random.default_rng(seed)
    documents = {
        name: YAML(typ="safe").load((DATA / f"{name}.yaml").read_text("utf-8"))
        for name in ("participants", "card_profiles")
    }
    terminals, where = _terminals(documents["participants"]["operators"])
    card = _cards(cards, random)
    taps = _taps(card["card"], rides, where, random)
    return Truth(
        seed=seed,
        tariff_version=1,
        bundles=(read_tariff(DATA / "tariffs" / "jakarta-2026").bundle(),),
        participants=documents["participants"],
        purse_limits={p["profile"]: p["limit_idr"] for p in documents["card_profiles"]["profiles"]},
        tables={
            "presentation": taps,
            "card": card,
            "terminal": terminals,
            "hotlist": {name: np.zeros(0, np.int64)
                        for name in ("version", "published_at_ms", "card")},
        },
        from_ms=FROM_MS,
        close_at_ms=business_day_end_s(business_day(FROM_MS // 1_000)) * 1_000,
    )  # fmt: skip


class Where:
    """Which terminals stand at which place, by service: one to enter or buy at, one to leave by."""

    def __init__(self) -> None:
        self.places: dict[Service, NDArray[np.int64]] = {}
        self.entry: dict[Service, NDArray[np.int64]] = {}
        self.exit: dict[Service, NDArray[np.int64]] = {}


def _terminals(operators: dict[str, int]) -> tuple[Columns, Where]:
    with (DATA / "places.csv").open(encoding="utf-8") as file:
        rows = [(Service[row["service"]], int(row["place"])) for row in csv.DictReader(file)]
    where = Where()
    made: list[tuple[Service, Direction, int, int]] = []
    for service in SHARES:
        places = [place for of, place in rows if of is service]
        where.places[service] = np.array(places)
        aboard = service in ON_BOARD
        ends = []
        for direction in (Direction.entry, Direction.exit):
            first = len(made)
            for at in range(VEHICLES if aboard else len(places)):
                place, vehicle = (0, 1_000 * service + at) if aboard else (places[at], 0)
                made.append((service, direction, place, vehicle))
            ends.append(np.arange(first, len(made)))
        where.entry[service] = ends[0]
        where.exit[service] = ends[0] if aboard or service is Service.shop else ends[1]
    table = np.zeros(len(made), TERMINAL_DTYPE)
    table["terminal"] = device_numbers(np.arange(1, len(made) + 1))
    for row, (service, direction, place, vehicle) in zip(table, made, strict=True):
        row["service"], row["operator"] = service, operators[service.name]
        row["kind"], row["direction"] = _kind(service), direction
        row["place"], row["vehicle"] = place, vehicle
        row["vehicle_class"] = VehicleClass.car if service is Service.parking_lot else 0
    for service in SHARES:
        where.entry[service] = table["terminal"][where.entry[service]].astype(np.int64)
        where.exit[service] = table["terminal"][where.exit[service]].astype(np.int64)
    columns = {name: table[name].copy() for name in TERMINAL_DTYPE.names or ()}
    return columns | {"enrolled": np.ones(len(table), np.bool_)}, where


def _kind(service: Service) -> TerminalKind:
    if service in ON_BOARD:
        return TerminalKind.bus
    if service is Service.shop:
        return TerminalKind.till
    return TerminalKind.lane if service is Service.parking_lot else TerminalKind.gate


def _cards(count: int, random: np.random.Generator) -> Columns:
    table = np.zeros(count, CARD_DTYPE)
    table["issuer"] = np.where(np.arange(count) % 3, MANDIRI, DKI)
    table["card"] = card_numbers(table["issuer"], np.arange(count))
    table["group"] = np.where(np.arange(count) % 30 == 0, 3, 0)
    table["group_expiry"] = table["expiry"] = 40_000
    table["balance"], table["profile"] = random.integers(20_000, 300_000, count), 1
    return {name: table[name].copy() for name in CARD_DTYPE.names or ()}


def _taps(
    card: NDArray[np.uint64], rides: int, where: Where, random: np.random.Generator
) -> Columns:
    begins = FROM_MS + random.integers(0, 3_600_000, len(card))
    pieces = []
    for _ in range(rides):
        chosen = random.choice(len(SHARES), len(card), p=list(SHARES.values()))
        for at, service in enumerate(SHARES):
            riders = np.flatnonzero(chosen == at)
            pieces += _ride(service, card[riders], begins[riders], where, random)
        begins = begins + random.integers(2_400_000, 3_600_000, len(card))
    columns = {name: np.concatenate([piece[name] for piece in pieces]) for name in pieces[0]}
    order = np.lexsort((columns["card"], columns["at_ms"], columns["terminal"]))
    columns = {name: column[order] for name, column in columns.items()}
    count = len(order)
    first = np.flatnonzero(np.diff(columns["terminal"], prepend=-1))
    number = np.arange(count) - np.repeat(first, np.diff(np.append(first, count))) + 1
    zero = np.zeros(count, np.uint8)
    return columns | {
        "presentation": number.astype(np.uint32), "act": zero + 1,
        "torn": (random.random(count) < TORN).astype(np.uint8) * 2,
        "tac_corrupted": (random.random(count) < CORRUPTED).astype(np.uint8),
        "tariff": zero + 1, "hotlist": zero, "fault": zero,
        "uploaded_at_ms": columns["at_ms"] + 60_000,
    }  # fmt: skip


def _ride(
    service: Service,
    card: NDArray[np.uint64],
    begins: NDArray[np.int64],
    where: Where,
    random: np.random.Generator,
) -> list[Columns]:
    ends = begins + random.integers(600_000, 2_400_000, len(card))
    one = random.integers(0, len(where.entry[service]), len(card))
    other = one if service in (*ON_BOARD, Service.parking_lot) else (
        random.integers(0, len(where.exit[service]), len(card))
    )
    places = where.places[service]
    stops = random.integers(0, len(places), (2, len(card)))
    if service not in ON_BOARD:
        stops = np.stack((one, other))
    amount = np.full(len(card), PRICE_IDR if service is Service.shop else 0, np.uint32)
    return [
        {"terminal": terminal, "card": card, "at_ms": at_ms, "place": places[stop],
         "amount": amount}
        for terminal, at_ms, stop in (
            (where.entry[service][one], begins, stops[0]),
            (where.exit[service][other], ends, stops[1]),
        )
    ]  # fmt: skip
