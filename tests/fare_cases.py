"""Fare cases as vectors/fares.csv writes them, played by the device rule and priced by clearing.

The device plays a case tap by tap on a card of bytes; the records it leaves are then priced.
"""

from __future__ import annotations

import csv
import datetime as dt
import json
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import NamedTuple

from scheme.days import business_day, business_day_end_s, day_of, instant_ms
from scheme.decision import CardSeen, Terminal, Versions, decide
from scheme.hotlist import Hotlist
from scheme.journeys import CardPricing, PricingContext, Record, price_card
from scheme.linking import ClearedCard, TerminalFacts
from scheme.records import RecordKind
from scheme.services import Direction, Service, TerminalKind, VehicleClass
from scheme.tariffs import Tariff, parse_bundle
from scheme.transit_state import Parking, Transit
from scheme.verdicts import Verdict
from sim.tables import DATA, read_tariff

VECTORS = Path("vectors")
CARD = 9810240000000018
OPERATORS = {2014: "TJ", 2022: "MRT", 2030: "LRT"}
GATE, LANE, COUNTER = TerminalKind.gate, TerminalKind.lane, TerminalKind.counter
IN, OUT, EITHER = Direction.entry, Direction.exit, Direction.either
WHAT = {
    "MRT-in": (Service.mrt, GATE, IN),
    "MRT-out": (Service.mrt, GATE, OUT),
    "LRT-in": (Service.lrt, GATE, IN),
    "LRT-out": (Service.lrt, GATE, OUT),
    "TJ-in": (Service.transjakarta_brt, GATE, IN),
    "TJ-out": (Service.transjakarta_brt, GATE, OUT),
    "BUS": (Service.transjakarta_bus, TerminalKind.bus, EITHER),
    "MIKRO": (Service.mikrotrans, TerminalKind.bus, EITHER),
    "METER": (Service.parking_street, TerminalKind.meter, EITHER),
    "LOT-in": (Service.parking_lot, LANE, IN),
    "LOT-out": (Service.parking_lot, LANE, OUT),
    "ERP": (Service.erp, TerminalKind.gantry, EITHER),
    "SHOP": (Service.shop, TerminalKind.till, EITHER),
    "LOAD": (Service.topup, COUNTER, EITHER),
    "LEVY": (Service.levy, COUNTER, EITHER),
    "CHECK": (Service.identity, TerminalKind.identity_reader, EITHER),
}
OPERATOR_OF = {
    Service.transjakarta_brt: 2014,
    Service.transjakarta_bus: 2014,
    Service.mikrotrans: 2014,
    Service.mrt: 2022,
    Service.lrt: 2030,
    Service.parking_street: 2048,
    Service.parking_lot: 2055,
}
Row = dict[str, str]


def cases() -> list[Row]:
    """Return the rows of the vector file."""
    lines = (VECTORS / "fares.csv").read_text(encoding="utf-8").splitlines()
    return list(csv.DictReader(line for line in lines if not line.startswith("#")))


@cache
def tariff(name: str, metres: str = "") -> Tariff:
    """Return a tariff by its folder's name, with some metres given."""
    folder = DATA / "tariffs" / name
    whole = read_tariff(folder if folder.exists() else VECTORS / "tariffs" / name)
    if not metres:
        return whole
    operator, pair = metres.split()
    places, length = pair.split("=")
    a, b = map(int, places.split("-"))
    document = json.loads(whole.bundle())
    for row in document["rows"]:
        row["metres"] = [
            [o, x, y, int(length) if (o, x, y) == (operator, a, b) else m]
            for o, x, y, m in row.get("metres", [])
        ]
        if not row["metres"]:
            del row["metres"]
    return parse_bundle(json.dumps(document).encode())


def second(date: str, clock: str) -> int:
    """Return a clock reading, "+1T…" a day later, as a second UTC."""
    day = dt.date.fromisoformat(date)
    if clock.startswith("+"):
        later, clock = clock[1:].split("T")
        day += dt.timedelta(days=int(later))
    return instant_ms(day, clock) // 1_000


class Tap(NamedTuple):
    """One tap of a case."""

    terminal: Terminal
    at_s: int
    device: str
    given_idr: int
    words: frozenset[str]


def taps(row: Row) -> list[Tap]:
    """Return the taps of a case in order."""
    parsed = []
    for text in row["taps"].split("; "):
        what, place, clock, *words = text.split()
        named = dict(word.split("=") for word in words if "=" in word)
        service, kind, direction = WHAT[what]
        vehicle = int(named.get("v", 0))
        where = f"v{vehicle}" if vehicle else place
        terminal = Terminal(
            service, kind, direction, int(place), vehicle,
            VehicleClass[named.get("class", "none")],
        )  # fmt: skip
        device = f"{what} {where} {named.get('gate', '1')} {named.get('class', '')}"
        at_s = second(row["date"] or "2026-03-03", clock)
        parsed.append(Tap(terminal, at_s, device, int(named.get("idr", 0)), frozenset(words)))
    return parsed


class Played(NamedTuple):
    """What the devices did with a case."""

    verdicts: list[str]
    debits: list[int]
    records: list[Record]
    terminals: dict[int, TerminalFacts]
    card: ClearedCard


def card_seen(words: str) -> CardSeen:
    """Return the fresh card of a case."""
    named = dict(word.split("=") for word in words.split() if "=" in word)
    group, last = named.get("group", "0:1970-01-01").split(":")
    issuer = int(named.get("issuer", 1016 if int(group) else 1024))
    expiry = day_of(dt.date.fromisoformat(named.get("expiry", "2030-12-31")))
    return CardSeen(
        CARD, issuer, int(group), day_of(dt.date.fromisoformat(last)), expiry,
        int(named.get("balance", 100_000)), Transit().pack(), Parking().pack(),
        blocked="blocked" in words.split(),
    )  # fmt: skip


def play(row: Row) -> Played:
    """Return what the devices decide, tap by tap, and the records they leave."""
    card = card_seen(row["card"])
    right = row["tariff"] or "jakarta-2026"
    held = tariff(row["device_tariff"] or right, row["metres"])
    listed = Hotlist(1, frozenset({CARD} if "hotlisted" in row["card"].split() else ()))
    played = Played(
        [], [], [], {}, ClearedCard(CARD, card.issuer, card.group, card.group_expiry, 0)
    )
    numbers: dict[str, int] = {}
    last: dict[str, int] = {}
    nt = 0
    for tap in taps(row):
        number = numbers.setdefault(tap.device, len(numbers) + 1)
        t = tap.terminal
        played.terminals[number] = TerminalFacts(
            t.service, t.direction, OPERATOR_OF.get(t.service, 2063), t.vehicle, t.vehicle_class
        )
        if "torn" in tap.words:
            played.verdicts.append("torn")
            played.debits.append(0)
            played.records.append((nt, 1, tap.at_s, number, t.place, 0))
            continue
        got = decide(
            card, t, Versions(held, listed), tap.at_s,
            last_accepted_s=last.get(tap.device), given_idr=tap.given_idr,
        )  # fmt: skip
        accepted = got.verdict is Verdict.accepted
        load = got.kind is RecordKind.load
        played.verdicts.append("ok" if accepted else got.verdict.name)
        played.debits.append(0 if load else got.amount_idr)
        if not accepted:
            assert got.amount_idr == 0
            continue
        nt += 1
        last[tap.device] = tap.at_s
        sign = 1 if load else -1
        card = replace(card, balance_idr=card.balance_idr + sign * got.amount_idr)
        if got.kind is RecordKind.debit_transit:
            card = replace(card, transit=got.state_after)
        if got.kind is RecordKind.debit_parking:
            card = replace(card, parking=got.state_after)
        if "lost" not in tap.words:
            played.records.append((nt, 0, tap.at_s, number, t.place, got.amount_idr))
    return played


def price(row: Row) -> CardPricing:
    """Return what clearing makes of the records that the devices left."""
    played = play(row)
    context = PricingContext(
        tariff(row["tariff"] or "jakarta-2026", row["metres"]), played.terminals, {}
    )
    as_of_s = business_day_end_s(business_day(taps(row)[-1].at_s))
    if row["as_of"]:
        as_of_s = second(row["date"] or "2026-03-03", row["as_of"])
    return price_card(sorted(played.records), played.card, context, as_of_s)


def uncollected(priced: CardPricing, key: str) -> int:
    """Return what stands as uncollected under a key."""
    return sum(p[5] for p in priced.postings if p[0] == key and p[3] == "uncollected")


def words_of(priced: CardPricing, kind: str) -> str:
    """Return journeys, entries or stays as the vector file writes them."""
    texts = []
    for row in sorted(priced.journeys, key=lambda r: (r[4], r[0])):
        key, row_kind, state, _, first_s, due, charged, refund, group = row
        if row_kind != kind:
            continue
        words = ["open"] if state == "open" else []
        if kind == "entry":
            words += [f"at={first_s}", f"due={due}", f"paid={charged}", f"refund={refund}"]
        else:
            words += [f"due={due}", f"charged={charged}", f"refund={refund}"]
        short = uncollected(priced, key)
        words += [f"uncollected={short}"] * bool(short) + [f"group={group}"] * bool(group)
        legs = ",".join(
            f"{OPERATORS[operator]}:{own}:{share}:{metres}"
            for leg_key, _, operator, own, share, metres in priced.legs
            if leg_key == key and kind == "journey"
        )
        texts.append(" ".join(words + [f"legs={legs}"] * bool(legs)))
    return " | ".join(texts)


def entry_words(row: Row) -> str:
    """Return the expected entries with the instant of the entry in place of its station."""
    at = {
        (str(tap.terminal.place)): tap.at_s
        for tap in reversed(taps(row))
        if tap.terminal.service in (Service.mrt, Service.lrt)
    }
    texts = []
    for text in row["entries"].split(" | ") if row["entries"] else []:
        place, *rest = text.split()
        texts.append((at[place.split("=")[1]], " ".join(rest)))
    return " | ".join(f"at={at_s} {rest}" for at_s, rest in sorted(texts))
