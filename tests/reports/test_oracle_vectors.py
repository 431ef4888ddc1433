"""vectors/fares.csv against the oracle, every case on a card of its own.

Cases that share tariffs and the instant of pricing are priced together, as a city would be.
"""

from __future__ import annotations

import csv
import datetime as dt
import json
from collections import defaultdict
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from reports.warehouse import Warehouse
from scheme.days import day_of
from scheme.services import Direction, Service, TerminalKind, VehicleClass
from tests.reports.handmade import DATA, HandMade, bundle_of, clock, oracle_of

VECTORS = Path("vectors")
WHAT = {
    "MRT-in": (Service.mrt, TerminalKind.gate, Direction.entry),
    "MRT-out": (Service.mrt, TerminalKind.gate, Direction.exit),
    "LRT-in": (Service.lrt, TerminalKind.gate, Direction.entry),
    "LRT-out": (Service.lrt, TerminalKind.gate, Direction.exit),
    "TJ-in": (Service.transjakarta_brt, TerminalKind.gate, Direction.entry),
    "TJ-out": (Service.transjakarta_brt, TerminalKind.gate, Direction.exit),
    "BUS": (Service.transjakarta_bus, TerminalKind.bus, Direction.either),
    "MIKRO": (Service.mikrotrans, TerminalKind.bus, Direction.either),
    "METER": (Service.parking_street, TerminalKind.meter, Direction.either),
    "LOT-in": (Service.parking_lot, TerminalKind.lane, Direction.entry),
    "LOT-out": (Service.parking_lot, TerminalKind.lane, Direction.exit),
    "ERP": (Service.erp, TerminalKind.gantry, Direction.either),
    "SHOP": (Service.shop, TerminalKind.till, Direction.either),
    "LOAD": (Service.topup, TerminalKind.counter, Direction.either),
    "LEVY": (Service.levy, TerminalKind.counter, Direction.either),
    "CHECK": (Service.identity, TerminalKind.identity_reader, Direction.either),
}
ACT = {"SHOP": 2, "LEVY": 3, "LOAD": 4, "CHECK": 5}
OPERATORS = {2014: "TJ", 2022: "MRT", 2030: "LRT"}
VERDICTS = {
    0: "ok", 2: "card_blocked", 3: "card_hotlisted", 4: "card_expired", 5: "already_tapped",
    6: "exit_without_entry", 7: "balance_below_minimum", 8: "balance_too_low", 9: "torn",
}  # fmt: skip
Row = dict[str, str]


@cache
def cases() -> dict[str, Row]:
    """Return the rows of the vector file by case."""
    lines = (VECTORS / "fares.csv").read_text(encoding="utf-8").splitlines()
    return {r["case"]: r for r in csv.DictReader(x for x in lines if not x.startswith("#"))}


@cache
def tariff(name: str, version: int) -> bytes:
    """Return a tariff by its folder's name, under a version of our choice."""
    folder = DATA / "tariffs" / name
    document = json.loads(bundle_of(folder if folder.exists() else VECTORS / "tariffs" / name))
    return json.dumps(document | {"version": version}).encode()


def named(words: list[str]) -> dict[str, str]:
    """Return the words of the form key=value."""
    return dict(word.split("=") for word in words if "=" in word)


def moment(date: str, reading: str) -> int:
    """Return a clock reading of a case, "+1T…" a day later, as milliseconds UTC."""
    day = day_of(dt.date.fromisoformat(date or "2026-03-03"))
    if reading.startswith("+"):
        later, reading = reading[1:].split("T")
        day += int(later)
    return clock(reading, day)


def group_of(row: Row) -> tuple[str, str, int]:
    """Return what cases must share to be priced together."""
    right = row["tariff"] or "jakarta-2026"
    as_of = moment(row["date"], row["as_of"]) if row["as_of"] else 0
    return right, row["device_tariff"] or right, as_of


def add(made: HandMade, number: int, row: Row) -> None:
    """Add the card and the taps of one case."""
    words = row["card"].split()
    has = named(words)
    group, last = has.get("group", "0:1970-01-01").split(":")
    made.card(
        number, nt=0, balance=int(has.get("balance", 100_000)), group=int(group),
        issuer=int(has.get("issuer", 1016 if int(group) else 1024)),
        group_expiry=day_of(dt.date.fromisoformat(last)),
        expiry=day_of(dt.date.fromisoformat(has.get("expiry", "2030-12-31"))),
        blocked=int("blocked" in words),
    )  # fmt: skip
    if "hotlisted" in words:
        made.lists.append((1, 0, number))
    given = dict(pair.split("=") for pair in row["metres"].split()[1:])
    entered = ""
    for text in row["taps"].split("; "):
        what, place, reading, *rest = text.split()
        over = named(rest)
        service, kind, direction = WHAT[what]
        vehicle = int(over.get("v", 0))
        terminal = made.terminal(
            service, kind, 0 if vehicle else int(place), direction, vehicle=vehicle,
            lane=int(over.get("gate", 1)), vehicle_class=VehicleClass[over.get("class", "none")],
        )  # fmt: skip
        made.tap(
            number, terminal, "00:00:00", at_ms=moment(row["date"], reading), place=int(place),
            act=ACT.get(what, 1), amount=int(over.get("idr", 0)), torn=2 * ("torn" in rest),
            tac_corrupted=int("lost" in rest), hotlist=1, tariff=2,
            metres=int(given[f"{entered}-{place}"]) if f"{entered}-{place}" in given else None,
        )  # fmt: skip
        entered = place


@cache
def priced(group: tuple[str, str, int]) -> tuple[Warehouse, dict[str, int]]:
    """Return a warehouse with all cases of a group, and the card of each."""
    right, held, as_of = group
    made = HandMade({1: tariff(right, 1), 2: tariff(held, 2)}, close_at_ms=as_of)
    chosen = [case for case, row in cases().items() if group_of(row) == group]
    cards = {case: n for n, case in enumerate(chosen, 1)}
    for case, number in cards.items():
        add(made, number, cases()[case])
    return oracle_of(made), cards


def of_case(case: str, sql: str) -> list[tuple[Any, ...]]:
    """Return what the oracle says of one case; `{card}` stands for its card."""
    warehouse, cards = priced(group_of(cases()[case]))
    return warehouse.rows(sql.format(card=cards[case]))


def check(case: str, column: str, got: str) -> None:
    """Compare one column of a case."""
    row = cases()[case]
    where = f"{case} ({row['rule']}): {column}"
    assert got == row[column], f"{where}: expected {row[column]}, got {got}"


def money_words(due: int, charged: int, group: int, *, closed: bool = True) -> str:
    """Return the figures of a journey or stay as the vector file writes them."""
    refund, short = (max(charged - due, 0), max(due - charged, 0)) if closed else (0, 0)
    words = [] if closed else ["open"]
    words += [f"due={due}", f"charged={charged}", f"refund={refund}"]
    words += [f"uncollected={short}"] * bool(short) + [f"group={group}"] * bool(group)
    return " ".join(words)


def journey_words(case: str) -> str:
    """Return the journeys of a case as the vector file writes them."""
    legs = defaultdict(list)
    for journey, operator, own, share, metres in of_case(
        case, "SELECT journey, operator, own, share, metres FROM leg "
        "WHERE card = {card} AND run <> 1 ORDER BY leg"):  # fmt: skip
        legs[journey].append(f"{OPERATORS[operator]}:{own}:{share}:{metres}")
    texts = []
    for journey, due, charged, group, closed in of_case(
        case, "SELECT journey, due, charged, CASE WHEN free THEN c.grp ELSE 0 END, closed "
        "FROM journey JOIN card c USING (card) WHERE card = {card} AND run <> 1 "
        "ORDER BY first_at"):  # fmt: skip
        text = money_words(due, charged, group, closed=closed)
        listed = ",".join(legs[journey]) if closed else ""
        texts.append(f"{text} legs={listed}" if listed else text)
    return " | ".join(texts)


def entry_words(case: str) -> str:
    """Return the paid entries of a case as the vector file writes them."""
    rows = of_case(
        case,
        """SELECT p.place, due, paid, refund, grp FROM (
             SELECT unsettled_nt AS nt, unsettled AS due, entry_paid AS paid, 0 AS refund,
                    CASE WHEN unsettled_free THEN c.grp ELSE 0 END AS grp
             FROM link JOIN card c USING (card)
             WHERE card = {card} AND run <> 1 AND unsettled > 0
             UNION ALL
             SELECT leg, kept, paid, paid - kept, 0 FROM found WHERE card = {card} AND run <> 1) e
           JOIN record r ON r.card = {card} AND r.nt = e.nt AND r.refusal = 0
           JOIN presented p ON p.rid = r.tap_rid ORDER BY p.at_ms""",
    )
    texts = []
    for place, due, paid, refund, group in rows:
        short = due - paid if due > paid and not group else 0
        words = [f"place={place} due={due} paid={paid} refund={refund}"]
        words += [f"uncollected={short}"] * bool(short) + [f"group={group}"] * bool(group)
        texts.append(" ".join(words))
    return " | ".join(texts)


@pytest.mark.parametrize("case", cases())
def test_the_oracle_agrees_with_what_was_worked_out_by_hand(case: str) -> None:
    taps = of_case(
        case, "SELECT o.verdict, CASE WHEN t.service = 18 THEN 0 ELSE o.amount END "
        "FROM outcome o JOIN presented p USING (rid) JOIN terminal t ON t.terminal = p.terminal "
        "WHERE o.card = {card} ORDER BY o.k")  # fmt: skip
    check(case, "verdicts", " ".join(VERDICTS[verdict] for verdict, _ in taps))
    check(case, "debits", " ".join(str(idr) for _, idr in taps))
    check(case, "journeys", journey_words(case))
    check(case, "entries", entry_words(case))
    stays = of_case(case, "SELECT stay_due, paid FROM link WHERE card = {card} AND run <> 1 "
                          "AND service IN (6, 7) AND direction = 2 ORDER BY at_s")  # fmt: skip
    check(case, "stays", " | ".join(money_words(due, paid, 0) for due, paid in stays))
    held = of_case(
        case, "SELECT count(*) FROM record r JOIN gap g ON g.card = r.card AND g.run = 2 "
        "WHERE r.card = {card} AND r.verdict = 0 AND r.service <= 7 AND r.nt > g.nt"
    )[0][0]  # fmt: skip
    check(case, "gap", str(held) if held else "")
