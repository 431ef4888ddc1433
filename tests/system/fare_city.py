"""The fare cases of vectors/fares.csv as one small city: every case a card, nothing simulated.

`write_truth` writes what happened, in the form in which the city writes it; no rule of `scheme` is
asked. `clear` plays the same taps through dialogue, purse and SAM, hands the records to the
reference server and fetches its export. Run as a program in a copy of the tree, it shows what a
broken rule makes of them:

    python -m tests.system.fare_city FOLDER TARIFF
"""

from __future__ import annotations

import csv
import datetime as dt
import json
import sys
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import duckdb
import numpy as np
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from numpy.typing import NDArray
from ruamel.yaml import YAML

from scheme.batches import NO_PREVIOUS, Seal, batch_body, seal_ed25519
from scheme.days import business_day, business_day_end_s, day_of, instant_ms
from scheme.keys import TestKeys
from scheme.numbers import SAM_SERIAL_OFFSET, card_numbers, device_numbers
from scheme.records import records_view, trace_id
from scheme.services import Direction, Service, TerminalKind, VehicleClass
from scheme.target import CARD_DTYPE, SENDER_DTYPE, TERMINAL_DTYPE
from testbed.enrol import issuer_keys
from testbed.http_target import HttpTarget
from testbed.reference_process import ReferenceProcess

ROOT = Path(__file__).resolve().parents[2]
DATA = ROOT / "scenarios" / "data"
SEED = 11
DATE = "2026-03-03"
PUBLISHED_MS = instant_ms(dt.date(2026, 3, 1), "00:00")
SHIPPED, INVENTED = "jakarta-2026", "april-2026"
VERSION = {SHIPPED: 1, INVENTED: 2}
GATE, LANE, COUNTER = TerminalKind.gate, TerminalKind.lane, TerminalKind.counter
IN, OUT, EITHER = Direction.entry, Direction.exit, Direction.either
WHAT = {
    "MRT-in": (Service.mrt, GATE, IN, 1),
    "MRT-out": (Service.mrt, GATE, OUT, 1),
    "LRT-in": (Service.lrt, GATE, IN, 1),
    "LRT-out": (Service.lrt, GATE, OUT, 1),
    "TJ-in": (Service.transjakarta_brt, GATE, IN, 1),
    "TJ-out": (Service.transjakarta_brt, GATE, OUT, 1),
    "BUS": (Service.transjakarta_bus, TerminalKind.bus, EITHER, 1),
    "MIKRO": (Service.mikrotrans, TerminalKind.bus, EITHER, 1),
    "METER": (Service.parking_street, TerminalKind.meter, EITHER, 1),
    "LOT-in": (Service.parking_lot, LANE, IN, 1),
    "LOT-out": (Service.parking_lot, LANE, OUT, 1),
    "ERP": (Service.erp, TerminalKind.gantry, EITHER, 1),
    "SHOP": (Service.shop, TerminalKind.till, EITHER, 2),
    "LEVY": (Service.levy, COUNTER, EITHER, 3),
    "LOAD": (Service.topup, COUNTER, EITHER, 4),
    "CHECK": (Service.identity, TerminalKind.identity_reader, EITHER, 5),
}  # what: service, kind, direction, act


class Tap(NamedTuple):
    """One presentation of a case."""

    card: int
    terminal: int
    at_ms: int
    place: int
    act: int
    amount: int
    torn: int  # 2 = the card never wrote
    tariff: int  # the version that the terminal held for this case


@dataclass
class FareCity:
    """Cards, terminals and taps of the cases, in the numbers of the scheme.

    Attributes:
        right: The tariff that the back office prices by.
    """

    right: str
    cards: NDArray[np.void]
    terminals: NDArray[np.void]
    taps: list[Tap]
    hotlisted: list[int]
    case_of: dict[int, str]

    @property
    def days(self) -> list[int]:
        """The business days on which somebody tapped."""
        return sorted({business_day(tap.at_ms // 1_000) for tap in self.taps})


def usable(row: dict[str, str], right: str) -> bool:
    """Return whether a case needs only tariffs up to the right one, and records that come in."""
    tariffs = (row["tariff"] or SHIPPED, row["device_tariff"] or row["tariff"] or SHIPPED)
    known = tariffs[0] == right and VERSION[tariffs[1]] <= VERSION[right]
    return known and not (row["metres"] or row["as_of"]) and "lost" not in row["taps"]


def cases(right: str) -> list[dict[str, str]]:
    """Return the usable rows of the vector file."""
    lines = (ROOT / "vectors" / "fares.csv").read_text(encoding="utf-8").splitlines()
    rows = csv.DictReader(line for line in lines if not line.startswith("#"))
    return [row for row in rows if usable(row, right)]


def fare_city(right: str = SHIPPED) -> FareCity:
    """Return all usable cases, each with a card of its own."""
    operators = _participants()["operators"]
    rows = cases(right)
    cards = np.zeros(len(rows), CARD_DTYPE)
    terminals: dict[tuple[Any, ...], int] = {}
    made: list[tuple[Any, ...]] = []
    taps: list[Tap] = []
    hotlisted: list[int] = []
    case_of: dict[int, str] = {}
    for n, row in enumerate(rows):
        _card(cards[n], n, row["card"])
        card = int(cards[n]["card"])
        held = VERSION[row["device_tariff"] or right]
        case_of[card] = row["case"]
        hotlisted += [card] * ("hotlisted" in row["card"].split())
        for what, place, reading, words in _texts(row["taps"]):
            named = dict(word.split("=") for word in words if "=" in word)
            service, kind, direction, act = WHAT[what]
            vehicle = int(named.get("v", 0))
            who = (service, kind, direction, 0 if vehicle else place, vehicle,
                   VehicleClass[named.get("class", "none")], int(named.get("gate", 1)))  # fmt: skip
            if who not in terminals:
                serial = np.array([len(terminals) + 1])
                number = int(device_numbers(serial)[0])
                sam = int(device_numbers(serial + SAM_SERIAL_OFFSET)[0])
                terminals[who] = number
                made.append((number, number, operators[service.name], service, kind, direction,
                             who[3], vehicle, who[5], sam))  # fmt: skip
            taps.append(Tap(card, terminals[who], _moment(reading, row["date"]), place, act,
                            int(named.get("idr", 0)), 2 * ("torn" in words), held))  # fmt: skip
    taps.sort(key=lambda tap: (tap.at_ms, tap.card))
    return FareCity(right, cards, np.array(made, TERMINAL_DTYPE), taps, hotlisted, case_of)


def presented(city: FareCity) -> Iterator[tuple[int, Tap]]:
    """Yield each tap with its number among its terminal's presentations, from 1."""
    seen: dict[int, int] = defaultdict(int)
    for tap in city.taps:
        seen[tap.terminal] += 1
        yield seen[tap.terminal], tap


def case_of_trace(city: FareCity) -> dict[str, str]:
    """Return the case of each trace id, in hex as the judge prints it."""
    return {
        trace_id(SEED, tap.terminal, n).hex(): city.case_of[tap.card] for n, tap in presented(city)
    }


def write_truth(city: FareCity, folder: Path) -> None:
    """Write truth/ and manifest.json as the city does."""
    truth = folder / "truth"
    (truth / "tariffs").mkdir(parents=True)
    for name in ("participants.yaml", "card_profiles.yaml"):
        (truth / name).write_bytes((DATA / name).read_bytes())
    for version, document in bundles(city.right).items():
        (truth / "tariffs" / f"{version}.json").write_bytes(document)
    rows = [(n, *tap) for n, tap in presented(city)]
    columns = dict(zip(("presentation", *Tap._fields), zip(*rows, strict=True), strict=True))
    table = {name: np.array(column, np.int64) for name, column in columns.items()}
    zero = np.zeros(len(rows), np.int64)
    hotlist = np.full(len(rows), 1 if city.hotlisted else 0)
    table |= {"hotlist": hotlist, "uploaded_at_ms": table["at_ms"] + 60_000,
              "tac_corrupted": zero, "trip": zero, "fault": zero}  # fmt: skip
    _parquet(truth / "presentations.parquet", table)
    _parquet(truth / "cards.parquet", {n: city.cards[n] for n in city.cards.dtype.names or ()})
    terminals = {n: city.terminals[n] for n in city.terminals.dtype.names or ()}
    terminals["enrolled"] = np.ones(len(city.terminals), bool)
    _parquet(truth / "terminals.parquet", terminals)
    listed = np.array(city.hotlisted, np.int64)
    _parquet(truth / "hotlists.parquet", {"version": listed * 0 + 1,
             "published_at_ms": listed * 0 + PUBLISHED_MS, "card": listed})  # fmt: skip
    closes = int(business_day_end_s(city.days[-1])) * 1_000
    manifest = {
        "format": "jakarta-one/plan/1", "scenario": "fare-cases", "seed": SEED, "key_seed": SEED,
        "plan_digest": "", "day": city.days[-1], "from_ms": city.taps[0].at_ms,
        "to_ms": city.taps[-1].at_ms, "close_at_ms": closes, "tariff_version": VERSION[city.right],
        "faults": {}, "counts": {}, "inputs": {}, "versions": {},
    }  # fmt: skip
    (folder / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")


def clear(
    city: FareCity,
    records: NDArray[np.void],
    folder: Path,
    tariffs: dict[int, bytes] | None = None,
) -> None:
    """Hand the records to a reference server, close each day, and write its export.

    Args:
        folder: Where store/ and export/ will be.
        tariffs: What the server is told to price by; the right ones if absent.
    """
    keys = TestKeys(SEED)
    signers: dict[int, Ed25519PrivateKey] = {
        number: keys.sender_signing_key(number) for number in city.terminals["sender"].tolist()
    }
    with ReferenceProcess(folder / "store") as process, process.target() as office:
        _enrol(office, city, keys, signers, tariffs or bundles(city.right))
        for sender, key in signers.items():
            own = records[records["recorder"] == sender]
            if not len(own):
                continue
            own = own[np.argsort(own["sequence"])]
            body = batch_body(Seal.ed25519, 1, sender, 1, NO_PREVIOUS, own)
            answer = office.upload(seal_ed25519(body, key))
            assert answer.status == 200, answer
        office.wait_until_booked(30.0)
        for day in city.days:
            office.close_day(day, int(business_day_end_s(day)) * 1_000)
        office.export(folder / "export")


def export_again(folder: Path) -> Path:
    """Start a server on the store in `folder` once more and write what it exports now."""
    with ReferenceProcess(folder / "store") as process, process.target() as office:
        office.export(folder / "again")
    return folder / "again"


def _enrol(
    office: HttpTarget,
    city: FareCity,
    keys: TestKeys,
    signers: dict[int, Ed25519PrivateKey],
    tariffs: dict[int, bytes],
) -> None:
    senders = np.zeros(len(signers), SENDER_DTYPE)
    for row, (number, key) in zip(senders, signers.items(), strict=True):
        row["sender"], row["key_version"] = number, 1
        row["public_key"] = np.frombuffer(key.public_key().public_bytes_raw(), np.uint8)
    participants = _participants()
    office.enrol_participants(participants)
    for version, document in tariffs.items():
        office.publish_tariff(version, document)
    office.enrol_terminals(city.terminals, senders)
    office.enrol_cards(city.cards)
    office.enrol_issuer_keys(issuer_keys(keys, participants))
    if city.hotlisted:
        office.publish_hotlist(1, PUBLISHED_MS, np.array(city.hotlisted, np.uint64))


def bundles(right: str) -> dict[int, bytes]:
    """Return the right tariff and those before it as bundles, by version."""
    from sim.tables import read_tariff  # here, so that truth can be made without the rule

    folders = {
        SHIPPED: DATA / "tariffs" / SHIPPED,
        INVENTED: ROOT / "vectors" / "tariffs" / INVENTED,
    }
    return {
        VERSION[name]: read_tariff(folder).bundle()
        for name, folder in folders.items()
        if VERSION[name] <= VERSION[right]
    }


def _participants() -> dict[str, Any]:
    document: dict[str, Any] = YAML(typ="safe").load((DATA / "participants.yaml").read_bytes())
    return document


def _texts(taps: str) -> Iterator[tuple[str, int, str, list[str]]]:
    for text in taps.split("; "):
        what, place, reading, *words = text.split()
        yield what, int(place), reading, words


def _card(row: Any, n: int, words: str) -> None:
    named = dict(word.split("=") for word in words.split() if "=" in word)
    group, last = named.get("group", "0:1970-01-01").split(":")
    issuer = int(named.get("issuer", 1016 if int(group) else 1024))
    row["card"] = card_numbers(issuer, np.array([n + 1]))[0]
    row["issuer"], row["group"] = issuer, int(group)
    row["group_expiry"] = day_of(dt.date.fromisoformat(last))
    row["expiry"] = day_of(dt.date.fromisoformat(named.get("expiry", "2030-12-31")))
    row["balance"] = int(named.get("balance", 100_000))
    row["profile"], row["key_version"] = 1, 1
    row["blocked"] = "blocked" in words.split()


def _moment(reading: str, date: str) -> int:
    day = dt.date.fromisoformat(date or DATE)
    if reading.startswith("+"):
        later, reading = reading[1:].split("T")
        day += dt.timedelta(days=int(later))
    return instant_ms(day, reading)


def _parquet(path: Path, columns: dict[str, Any]) -> None:
    with duckdb.connect() as connection:
        connection.register("rows", {n: np.ascontiguousarray(c) for n, c in columns.items()})
        connection.execute(f"COPY rows TO '{path}' (FORMAT parquet)")


def main(folder: Path, right: str) -> None:
    """Play and clear the cases into a folder: records.bin and export/."""
    from tests.system.fare_play import played

    city = fare_city(right)
    folder.mkdir(parents=True, exist_ok=True)
    data = b"".join(record.data for record in played(city))
    (folder / "records.bin").write_bytes(data)
    clear(city, records_view(data), folder)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])


