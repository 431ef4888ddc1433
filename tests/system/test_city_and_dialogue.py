"""What the city writes as arrays is, byte for byte, what the dialogue records of the same taps.

Every presentation of the smoke city goes through purse, SAM and device: gates, buses, meters,
lanes, tills, counters, with their torn, doubled and refused taps.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple

import duckdb
import numpy as np
import pytest
from numpy.typing import NDArray

from hil.faults.plan import torn
from hil.issuing import fresh_challenge, may_of
from hil.play import MOVES, TEARS
from hil.posts import Deck
from hil.readers.fault import FaultReader, wrap
from hil.readers.model import ModelReader
from hil.validator.terminal import TornMemory, Validator
from scenarios.shipped import FOLDER
from scheme.decision import Terminal, Versions
from scheme.hotlist import Hotlist
from scheme.image import Image
from scheme.keys import Role, TestKeys
from scheme.records import TAP_DTYPE, TapRecord, records_view, trace_id
from scheme.sam import IssuerKeys, Sam
from scheme.services import Direction, Service, TerminalKind
from scheme.tariffs import parse_bundle
from sim.city import generate
from sim.scenario import load_scenario

LIMITS_IDR = {1: 2_000_000, 2: 10_000_000}
CARD = ("card", "issuer", "profile", "blocked", "key_version", "group", "group_expiry", "expiry",
        "nt", "balance")  # fmt: skip
FAR_MS = 1 << 60


class Device(NamedTuple):
    """A terminal of the city, as a real device."""

    reader: FaultReader
    validator: Validator


def rows(path: Path, order: str = "ALL") -> list[dict[str, Any]]:
    with duckdb.connect() as connection:
        found = connection.execute(f"FROM '{path}' ORDER BY {order}")
        names = [column[0] for column in found.description]
        return [dict(zip(names, row, strict=True)) for row in found.fetchall()]


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The smoke city."""
    folder = tmp_path_factory.mktemp("smoke") / "city"
    generate(load_scenario(FOLDER / "smoke.yaml", None), folder, 1, lambda *_: None)
    return folder


def devices(city: Path, keys: TestKeys, issuers: set[int]) -> dict[int, Device]:
    """Return every terminal with its SAM; gates side by side know of each other's torn taps."""
    masters = {
        IssuerKeys(issuer, role, 1): keys.issuer_master(issuer, role)
        for issuer in issuers
        for role in (Role.debit, Role.load)
    }
    memories: dict[tuple[int, int, int], TornMemory] = {}
    made = {}
    for row in rows(city / "plan/terminals.parquet"):
        number, service, kind = row["terminal"], Service(row["service"]), TerminalKind(row["kind"])
        facts = Terminal(
            service, kind, Direction(row["direction"]), row["place"], row["vehicle"],
            row["vehicle_class"],
        )  # fmt: skip
        sam = Sam(row["sam"], number, masters, may_of(service), fresh_challenge)
        reader, module = wrap(ModelReader("empty", None)), ModelReader("empty", sam)
        reader.open()
        module.open()
        beside: TornMemory = {}
        if kind is TerminalKind.gate:
            beside = memories.setdefault((row["service"], row["place"], row["direction"]), beside)
        made[number] = Device(reader, Validator(number, facts, reader, module, beside))
    return made


def recorded(city: Path) -> dict[int, list[TapRecord]]:
    """Play every presentation through the dialogue; return each terminal's records in order."""
    seed = json.loads((city / "manifest.json").read_text())["seed"]
    keys = TestKeys(seed)
    tariff = parse_bundle((city / "truth/tariffs/tariff.json").read_bytes())
    held = rows(city / "plan/cards.parquet")
    images = {row["card"]: Image(*(row[name] for name in CARD)) for row in held}
    deck = Deck(images, LIMITS_IDR, keys)
    lists: dict[int, set[int]] = {0: set()}
    for row in rows(city / "truth/hotlists.parquet"):
        lists.setdefault(row["version"], set()).add(row["card"])
    versions = {n: Versions(tariff, Hotlist(n, frozenset(cards))) for n, cards in lists.items()}
    at = devices(city, keys, {image.issuer for image in images.values()})
    made: dict[int, list[TapRecord]] = {number: [] for number in at}
    for row in rows(city / "truth/presentations.parquet", "at_ms, card"):
        number, device = row["terminal"], at[row["terminal"]]
        made[number] += device.validator.record_torn(row["at_ms"])
        device.reader.insert(deck.card(row["card"], device.reader))
        if row["torn"]:
            device.reader.arm(torn(TEARS[row["torn"]], *MOVES))
        trace = trace_id(seed, number, row["presentation"])
        outcome = device.validator.tap(
            row["at_ms"], versions[row["hotlist"]], trace, row["amount"], row["place"]
        ).outcome
        made[number] += [outcome.record] if outcome.record else []
    for number, device in at.items():
        made[number] += device.validator.record_torn(FAR_MS)
    return made


def planned(city: Path) -> NDArray[np.void]:
    """Return the city's records as the cards gave them: corrupted TACs mended."""
    records = records_view((city / "records/records.bin").read_bytes()).copy()
    by_trace = {record["trace"].tobytes(): i for i, record in enumerate(records)}
    seed = json.loads((city / "manifest.json").read_text())["seed"]
    for row in rows(city / "truth/presentations.parquet"):
        if row["tac_corrupted"]:
            at = by_trace[trace_id(seed, row["terminal"], row["presentation"])]
            records["tac"][at, 0] ^= 1
    return records


def test_the_city_writes_what_the_dialogue_records(city: Path) -> None:
    made = recorded(city)
    records = planned(city)
    compared = 0
    for number, own in made.items():
        theirs = records[records["recorder"] == number]
        theirs = theirs[np.argsort(theirs["sequence"])]
        assert len(own) == len(theirs), number
        for mine, other in zip(own, theirs, strict=True):
            assert mine.data == other.astype(TAP_DTYPE).tobytes(), (mine.fields(), other)
            compared += 1
    assert compared == len(records) >= 1_000
    kinds = set(zip(records["kind"].tolist(), records["flags"].tolist(), strict=True))
    assert {(1, 0), (2, 0), (2, 1), (2, 2), (3, 0), (4, 0)} <= kinds
