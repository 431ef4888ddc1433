"""A city of four cards at two gates, its records made as arrays are: without any dialogue."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from hil.slices import write_columns
from scenarios.shipped import data_folder
from scheme.cryptograms import tac
from scheme.decision import CardSeen, Terminal, Versions, decide
from scheme.hotlist import Hotlist
from scheme.image import NO_PARKING, NO_TRANSIT
from scheme.keys import Role, TestKeys, card_key
from scheme.records import ZERO_TAC, RecordFlag, TapRecord, trace_id
from scheme.services import Direction, Service, TerminalKind
from scheme.tariffs import TARIFF_FILE, Tariff, parse_tariff, tables_named
from scheme.verdicts import Verdict

SEED = 11
ISSUER = 1016
AT_MS = 1_769_556_000_000  # 2026-01-28 06:20 in Jakarta
CARDS = (9810160000000010, 9810160000000028, 9810160000000036, 9810160000000044)
LISTED = CARDS[3]

RACK = """\
format: jakarta-one/rack/1
title: Two gates
places:
  - {name: in, reader: "model://empty", sam: "model://empty", service: mrt, place: Lebak Bulus,
     direction: entry, simulated: true}
  - {name: out, reader: "model://empty", sam: "model://empty", service: mrt, place: Bundaran HI,
     direction: exit, simulated: true}
"""


@cache
def tariff() -> Tariff:
    """Return the shipped tariff."""
    folder = data_folder() / "tariffs" / "jakarta-2026"
    said = (folder / TARIFF_FILE).read_bytes()
    tables = {name: (folder / name).read_bytes() for name in tables_named(said)}
    return parse_tariff({TARIFF_FILE: said} | tables)


class Gate(NamedTuple):
    """A gate of the tiny city."""

    rack_place: str
    number: int
    sam: int
    facts: Terminal


def gate(rack_place: str, number: int, place: int, direction: Direction) -> Gate:
    """Return an MRT gate."""
    facts = Terminal(Service.mrt, TerminalKind.gate, direction, place)
    return Gate(rack_place, number, 50_000_000 + number, facts)


IN = gate("in", 18, 101, Direction.entry)
OUT = gate("out", 26, 113, Direction.exit)


@dataclass
class Purse:
    """What the tiny city knows of a card."""

    nt: int = 3
    balance: int = 60_000
    transit: bytes = NO_TRANSIT


@dataclass
class TinyCity:
    """Writes presentations, one after the other, and at the end the folder."""

    keys: TestKeys = field(default_factory=lambda: TestKeys(SEED))
    cards: dict[int, Purse] = field(default_factory=lambda: {card: Purse() for card in CARDS})
    rows: list[dict[str, Any]] = field(default_factory=list)
    records: list[bytes] = field(default_factory=list)
    counters: dict[int, int] = field(default_factory=dict)
    sequences: dict[int, int] = field(default_factory=dict)
    presentations: dict[int, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.tariff = tariff()
        self.versions = Versions(self.tariff, Hotlist(2, frozenset({LISTED})))

    def tap(self, at: Gate, card: int, after_s: int, torn: int = 0, recovers: bool = False) -> None:
        """Write one presentation; a recovery takes the record that the torn tap before it made."""
        at_ms = AT_MS + after_s * 1_000
        number = self.presentations[at.number] = self.presentations.get(at.number, 0) + 1
        trace = trace_id(SEED, at.number, number)
        row = len(self.rows)
        if recovers:
            self.rows[row - 1]["record"] = -1
            values = TapRecord(self.records.pop()).fields() | {"flags": int(RecordFlag.recovered)}
        else:
            values = self._values(at, card, at_ms, trace, torn)
        self.records.append(TapRecord.of(**values).data)
        self.rows.append(
            {
                "rack_place": at.rack_place, "terminal": at.number, "card": card, "at_ms": at_ms,
                "place": at.facts.place, "act": 1, "amount": 0, "torn": torn,
                "record": len(self.records) - 1,
            }
        )  # fmt: skip

    def write(self, folder: Path) -> None:
        """Write the parts of a city's folder that a rack reads."""
        for name in ("plan", "truth/tariffs", "records"):
            (folder / name).mkdir(parents=True)
        (folder / "manifest.json").write_text(json.dumps({"seed": SEED, "key_seed": SEED}))
        profiles = "profiles: [{profile: 1, limit_idr: 2000000}]\n"
        (folder / "truth/card_profiles.yaml").write_text(profiles)
        (folder / "truth/tariffs/tariff.json").write_bytes(self.tariff.bundle())
        (folder / "records/records.bin").write_bytes(b"".join(self.records))
        write_columns(folder / "truth/hotlists.parquet", {"version": [2], "card": [LISTED]})
        write_columns(folder / "plan/rack.parquet", _columns(self.rows))
        write_columns(folder / "plan/terminals.parquet", _columns([_row(g) for g in (IN, OUT)]))
        opening = {
            "issuer": ISSUER, "profile": 1, "blocked": 0, "key_version": 1, "group": 0,
            "group_expiry": 0, "expiry": 30_000, "nt": Purse.nt, "balance": Purse.balance,
        }  # fmt: skip
        write_columns(
            folder / "plan/cards.parquet", _columns([{"card": c} | opening for c in CARDS])
        )

    def _values(self, at: Gate, card: int, at_ms: int, trace: bytes, torn: int) -> dict[str, Any]:
        purse = self.cards[card]
        seen = CardSeen(card, ISSUER, 0, 0, 30_000, purse.balance, purse.transit, NO_PARKING)
        decision = decide(seen, at.facts, self.versions, at_ms // 1_000)
        moves = decision.verdict is Verdict.accepted
        counter = self.counters[at.number] = self.counters.get(at.number, 0) + moves
        self.sequences[at.number] = self.sequences.get(at.number, 0) + 1
        wrote = moves and torn != 2
        values: dict[str, Any] = {
            "kind": int(decision.kind), "issuer": ISSUER, "card": card, "nt": purse.nt + wrote,
            "purse": 1, "key_version": 1, "place": at.facts.place,
            "amount": decision.amount_idr if wrote else 0,
            "balance": purse.balance - (decision.amount_idr if wrote else 0),
            "at_s": at_ms // 1_000, "terminal": at.number, "sam": at.sam, "sam_counter": counter,
            "state": decision.state_after if wrote else purse.transit, "tac": ZERO_TAC,
            "sequence": self.sequences[at.number], "ms": at_ms % 1_000,
            "tariff": self.tariff.version, "hotlist": 2, "refusal": int(decision.verdict),
            "recorder": at.number, "trace": trace,
        }  # fmt: skip
        if torn == 2:
            values |= {"flags": int(RecordFlag.torn), "refusal": int(Verdict.tap_was_torn)}
        if wrote:
            master = self.keys.issuer_master(ISSUER, Role.tac)
            key = card_key(master, Role.tac, card, ISSUER, 1)
            values["tac"] = tac(key, TapRecord.of(**values).card_part)
            purse.nt, purse.balance = values["nt"], values["balance"]
            purse.transit = decision.state_after
        return values


def morning() -> TinyCity:
    """Return rides of every kind: whole, torn and recovered, torn for good, listed."""
    city = TinyCity()
    city.tap(IN, CARDS[0], 0)
    city.tap(IN, CARDS[1], 3, torn=1)
    city.tap(IN, CARDS[1], 8, recovers=True)
    city.tap(IN, LISTED, 20)
    city.tap(IN, CARDS[2], 21)
    city.tap(OUT, CARDS[0], 1_700)
    city.tap(OUT, CARDS[1], 1_701)
    city.tap(OUT, CARDS[2], 1_790, torn=2)
    return city


def _row(at: Gate) -> dict[str, Any]:
    return {
        "rack_place": at.rack_place, "terminal": at.number, "sam": at.sam,
        "service": int(at.facts.service), "kind": int(at.facts.kind),
        "direction": int(at.facts.direction), "place": at.facts.place, "vehicle": 0,
        "vehicle_class": 0,
    }  # fmt: skip


def _columns(rows: list[dict[str, Any]]) -> dict[str, list[Any]]:
    return {name: [row[name] for row in rows] for name in rows[0]}
