"""A town small enough to read: two banks, three cards, eight terminals, and the taps they make.

Records bear real TACs and batches real seals, from test keys. State on the card is left zero: the
clearing house does not read it.
"""

from __future__ import annotations

import datetime as dt
import json
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from ruamel.yaml import YAML

from scheme.batches import (
    NO_PREVIOUS,
    Batch,
    Seal,
    batch_body,
    parse_batch,
    seal_cmac,
    seal_ed25519,
)
from scheme.cryptograms import tac
from scheme.days import day_of, instant_ms
from scheme.keys import KEY_VERSION, Role, TestKeys, card_key
from scheme.numbers import card_numbers, device_numbers
from scheme.records import RecordKind, TapRecord, records_view
from scheme.services import Direction, Service, TerminalKind
from scheme.target import CARD_DTYPE, SENDER_DTYPE, TERMINAL_DTYPE
from scheme.tariffs import parse_tariff
from scheme.verdicts import Verdict

DATA = Path(__file__).parents[2] / "scenarios" / "data"
KEYS = TestKeys(11)
DATE = dt.date(2026, 3, 2)
DAY = day_of(DATE)
CLOSE_AT_MS = instant_ms(DATE + dt.timedelta(days=1), "03:00")
DKI, MANDIRI = 1016, 1024
MRT_JAKARTA, SHOPS, REGISTRY = 2022, 2063, 3079

CARDS = [
    int(card_numbers(issuer, np.array([serial]))[0])
    for issuer, serial in ((DKI, 1), (MANDIRI, 1), (DKI, 2))
]
ISSUERS = dict(zip(CARDS, (DKI, MANDIRI, DKI), strict=True))
OPENING_NT = 100

# name: serial, sender serial, operator, service, kind, direction, place
TERMINALS = {
    "lebak bulus in": (1, 1, MRT_JAKARTA, Service.mrt, TerminalKind.gate, Direction.entry, 101),
    "blok m out": (2, 2, MRT_JAKARTA, Service.mrt, TerminalKind.gate, Direction.exit, 106),
    "blok m in": (3, 2, MRT_JAKARTA, Service.mrt, TerminalKind.gate, Direction.entry, 106),
    "shop": (4, 3, SHOPS, Service.shop, TerminalKind.till, Direction.either, 5001),
    "top-up": (5, 4, 4010, Service.topup, TerminalKind.counter, Direction.either, 7001),
    "levy": (6, 5, 3012, Service.levy, TerminalKind.counter, Direction.either, 7002),
    "registry": (
        7,
        6,
        REGISTRY,
        Service.identity,
        TerminalKind.identity_reader,
        Direction.either,
        7003,
    ),
    "meter": (8, 7, 2048, Service.parking_street, TerminalKind.meter, Direction.either, 4501),
    "stranger": (9, 2, MRT_JAKARTA, Service.mrt, TerminalKind.gate, Direction.exit, 106),
}


def number(serial: int) -> int:
    """Return the device number of a serial."""
    return int(device_numbers(np.array([serial]))[0])


def terminal(name: str) -> int:
    """Return a terminal's number."""
    return number(TERMINALS[name][0])


def sender_of(name: str) -> int:
    """Return the sender that sends for a terminal."""
    return number(TERMINALS[name][1])


@cache
def participants() -> bytes:
    """Return the participants document as it is enrolled, with the card profiles."""
    document: dict[str, Any] = YAML(typ="safe").load((DATA / "participants.yaml").read_text())
    profiles = YAML(typ="safe").load((DATA / "card_profiles.yaml").read_text())["profiles"]
    return json.dumps(document | {"profiles": profiles}).encode()


@cache
def tariff() -> bytes:
    """Return the shipped tariff as a bundle."""
    folder = DATA / "tariffs" / "jakarta-2026"
    files = {path.name: path.read_bytes() for path in sorted(folder.iterdir())}
    files["../../leg_distance_m.csv"] = (DATA / "leg_distance_m.csv").read_bytes()
    return parse_tariff(files).bundle()


def terminals() -> NDArray[np.void]:
    """Return every terminal but the stranger, as enrolled."""
    enrolled = [facts for name, facts in TERMINALS.items() if name != "stranger"]
    rows = []
    for serial, sender, operator, service, kind, direction, place in enrolled:
        vehicle_class = 1 if service is Service.parking_street else 0
        values = (number(serial), number(sender), operator, service, kind, direction, place)
        rows.append((*values, 0, vehicle_class, number(5_000_000 + serial)))
    return np.array(rows, TERMINAL_DTYPE)


def senders() -> NDArray[np.void]:
    """Return every sender, as enrolled."""
    own = [number(serial) for serial in sorted({sender for _, sender, *_ in TERMINALS.values()})]
    rows = np.zeros(len(own), SENDER_DTYPE)
    rows["sender"], rows["key_version"] = own, KEY_VERSION
    for i, sender in enumerate(own):
        rows["public_key"][i] = np.frombuffer(KEYS.sender_public_key(sender), np.uint8)
        rows["mac_key"][i] = np.frombuffer(KEYS.sender_mac_key(sender), np.uint8)
    return rows


def cards() -> NDArray[np.void]:
    """Return every card, as enrolled."""
    rows = [
        (card, ISSUERS[card], 0, 0, 30_000, OPENING_NT, 100_000, 2, 0, KEY_VERSION)
        for card in CARDS
    ]
    return np.array(rows, CARD_DTYPE)


def keys() -> bytes:
    """Return the banks' TAC keys as they are handed in."""
    masters = [
        {
            "issuer": issuer,
            "version": KEY_VERSION,
            "tac_master": KEYS.issuer_master(issuer, Role.tac).hex(),
        }
        for issuer in (DKI, MANDIRI)
    ]
    return json.dumps(masters).encode()


def at_s(clock: str) -> int:
    """Return a second of the town's day."""
    return instant_ms(DATE, clock) // 1_000


def tap(
    card: int,
    nt: int,
    where: str,
    clock: str,
    amount: int = 0,
    sequence: int = 1,
    **other: int | bytes,
) -> TapRecord:
    """Return the record of an accepted tap; `other` overrides fields before the TAC is made."""
    serial, _, _, service, _, _, place = TERMINALS[where]
    kind: RecordKind = {
        Service.mrt: RecordKind.debit_transit,
        Service.parking_street: RecordKind.debit_parking,
        Service.topup: RecordKind.load,
    }.get(service, RecordKind.debit)
    fields: dict[str, int | bytes] = {
        "kind": kind, "issuer": ISSUERS[card], "card": card, "nt": OPENING_NT + nt, "purse": 1,
        "key_version": KEY_VERSION, "place": place, "amount": amount, "balance": 50_000,
        "at_s": at_s(clock), "terminal": number(serial), "sam": number(5_000_000 + serial),
        "sam_counter": sequence, "sequence": sequence, "recorder": number(serial), "tariff": 1,
        "trace": sequence.to_bytes(12, "big"),
    }  # fmt: skip
    fields.update(other)
    return with_tac(TapRecord.of(**fields))


def with_tac(record: TapRecord) -> TapRecord:
    """Return the record with the TAC that its card would give."""
    fields = record.fields()
    version = int(fields["key_version"])
    master = KEYS.issuer_master(fields["issuer"], Role.tac, version)
    own = card_key(master, Role.tac, fields["card"], fields["issuer"], version)
    return TapRecord.of(**(fields | {"tac": tac(own, record.card_part)}))


def refused(
    card: int, nt: int, where: str, clock: str, verdict: Verdict, sequence: int = 1
) -> TapRecord:
    """Return the record of a tap that the device refused."""
    record = tap(card, nt, where, clock, 0, sequence, refusal=int(verdict))
    flags = 2 if verdict is Verdict.tap_was_torn else 0
    return TapRecord.of(**record.fields() | {"tac": bytes(8), "flags": flags})


def batch(
    sender: int,
    batch_number: int,
    records: list[TapRecord],
    previous: bytes = NO_PREVIOUS,
    signer: int | None = None,
) -> bytes:
    """Return a batch sealed with Ed25519, by another sender if `signer` says so."""
    rows = records_view(b"".join(record.data for record in records))
    body = batch_body(Seal.ed25519, KEY_VERSION, sender, batch_number, previous, rows)
    return seal_ed25519(body, KEYS.sender_signing_key(signer or sender))


def single(sender: int, batch_number: int, record: TapRecord) -> bytes:
    """Return a single tap sealed with AES-CMAC."""
    body = batch_body(
        Seal.cmac, KEY_VERSION, sender, batch_number, NO_PREVIOUS, records_view(record.data)
    )
    return seal_cmac(body, KEYS.sender_mac_key(sender))


def parsed(sealed: bytes) -> Batch:
    """Return the batch in these bytes."""
    return parse_batch(sealed)
