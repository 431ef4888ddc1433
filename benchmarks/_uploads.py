"""Sealed uploads of real records for the clearing house to take in: real TACs, real seals.

A small city without a clock: cards go in and out at MRT gates and buy something in between, in an
order in which neighbours in a batch are different cards, as at a station.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from ruamel.yaml import YAML

from scheme.batches import NO_PREVIOUS, Seal, batch_body, parse_batch, seal_cmac, seal_ed25519
from scheme.cryptograms import tacs
from scheme.keys import KEY_VERSION, Role, TestKeys, tac_keys
from scheme.numbers import card_numbers, device_numbers
from scheme.records import TAP_DTYPE, RecordKind, card_parts
from scheme.services import Direction, Service, TerminalKind
from scheme.target import CARD_DTYPE, SENDER_DTYPE, TERMINAL_DTYPE, IssuerKey, Target
from scheme.tariffs import parse_tariff

DATA = Path(__file__).resolve().parent.parent / "scenarios" / "data"
ISSUERS = (1016, 1024, 1032, 1040, 1057)
TAPS_A_CARD = 4  # in, out, shop, in
GATES = 50  # pairs of entry and exit
SENDERS = 100
OPENING_NT = 10
FIRST_S = 1_769_556_000  # a morning in January 2026
DAY_NUMBER = 20_481
AMOUNTS = (0, 8_000, 25_000, 0)


@dataclass(frozen=True, slots=True)
class Uploads:
    """Everything a target is told and sent.

    Attributes:
        sealed: Uploads in the order of sending, each sender's batches in theirs.
        taps: Records in them.
    """

    terminals: NDArray[np.void]
    senders: NDArray[np.void]
    cards: NDArray[np.void]
    keys: list[IssuerKey]
    sealed: list[bytes]
    taps: int

    def enrol(self, target: Target) -> None:
        """Make everybody known to a target."""
        document: dict[str, Any] = YAML(typ="safe").load((DATA / "participants.yaml").read_bytes())
        target.enrol_participants(json.loads(json.dumps(document)))
        target.enrol_terminals(self.terminals, self.senders)
        target.enrol_cards(self.cards)
        target.enrol_issuer_keys(self.keys)
        target.publish_tariff(1, shipped_tariff())


def shipped_tariff() -> bytes:
    """Return the shipped tariff as a bundle."""
    folder = DATA / "tariffs" / "jakarta-2026"
    files = {path.name: path.read_bytes() for path in sorted(folder.iterdir())}
    files["../../leg_distance_m.csv"] = (DATA / "leg_distance_m.csv").read_bytes()
    return parse_tariff(files).bundle()


def make_uploads(taps: int, batch_size: int, seed: int = 5) -> Uploads:
    """Return at least so many taps in uploads of a size; of one tap, sealed with AES-CMAC."""
    keys = TestKeys(seed)
    count = -(-taps // TAPS_A_CARD)
    issuers = np.array(ISSUERS)[np.arange(count) % len(ISSUERS)]
    cards = np.zeros(count, CARD_DTYPE)
    cards["card"] = card_numbers(issuers, np.arange(count))
    cards["issuer"], cards["nt"], cards["key_version"] = issuers, OPENING_NT, KEY_VERSION
    cards["group_expiry"] = cards["expiry"] = 30_000
    cards["balance"], cards["profile"] = 200_000, 2
    terminals, senders = _terminals(), _senders(keys)
    masters = [IssuerKey(i, KEY_VERSION, keys.issuer_master(i, Role.tac)) for i in ISSUERS]
    records = _records(cards, terminals, masters)
    sealed = _sealed(records, terminals, batch_size, keys)
    return Uploads(terminals, senders, cards, masters, sealed, len(records))


def _terminals() -> NDArray[np.void]:
    """Entry gates, exit gates and tills; their senders in turn."""
    count = 3 * GATES
    rows = np.zeros(count, TERMINAL_DTYPE)
    serial = np.arange(1, count + 1)
    third = np.arange(count) // GATES
    rows["terminal"], rows["sam"] = device_numbers(serial), device_numbers(serial + 5_000_000)
    rows["sender"] = device_numbers(np.arange(count) % SENDERS + 1)
    rows["operator"] = np.array((2022, 2022, 2063))[third]
    rows["service"] = np.array((Service.mrt, Service.mrt, Service.shop))[third]
    rows["kind"] = np.array((TerminalKind.gate, TerminalKind.gate, TerminalKind.till))[third]
    rows["direction"] = np.array((Direction.entry, Direction.exit, Direction.either))[third]
    rows["place"] = np.array((101, 106, 5001))[third]
    return rows


def _senders(keys: TestKeys) -> NDArray[np.void]:
    rows = np.zeros(SENDERS, SENDER_DTYPE)
    rows["sender"], rows["key_version"] = device_numbers(np.arange(1, SENDERS + 1)), KEY_VERSION
    for row, sender in enumerate(rows["sender"].tolist()):
        rows["public_key"][row] = np.frombuffer(keys.sender_public_key(sender), np.uint8)
        rows["mac_key"][row] = np.frombuffer(keys.sender_mac_key(sender), np.uint8)
    return rows


def _records(
    cards: NDArray[np.void], terminals: NDArray[np.void], masters: list[IssuerKey]
) -> NDArray[np.void]:
    """Every card's first tap, then every card's second, and so on."""
    card = np.tile(np.arange(len(cards)), TAPS_A_CARD)
    turn = np.repeat(np.arange(TAPS_A_CARD), len(cards))
    at = np.array((0, 1, 2, 0))[turn] * GATES + card % GATES
    rows = np.zeros(len(card), TAP_DTYPE)
    rows["version"], rows["purse"], rows["key_version"] = 1, 1, KEY_VERSION
    rows["kind"] = np.where(turn == 2, RecordKind.debit, RecordKind.debit_transit)
    rows["issuer"], rows["card"] = cards["issuer"][card], cards["card"][card]
    rows["nt"] = OPENING_NT + 1 + turn
    rows["amount"], rows["balance"] = np.array(AMOUNTS)[turn], 100_000
    rows["at_s"] = FIRST_S + turn * 1_800 + card % 1_700
    for name in ("terminal", "sam", "place"):
        rows[name] = terminals[name][at]
    rows["recorder"] = rows["terminal"]
    rows["sequence"] = rows["sam_counter"] = np.arange(1, len(rows) + 1)
    for master in masters:
        own = np.flatnonzero(rows["issuer"] == master.issuer)
        own = own[np.argsort(rows["card"][own], kind="stable")]
        numbers = rows["card"][own].astype(np.uint64)
        card_keys = tac_keys(master.tac_master, numbers, master.issuer, KEY_VERSION)
        rows["tac"][own] = tacs(card_keys, card_parts(rows[own]))
    return rows


def _sealed(
    records: NDArray[np.void], terminals: NDArray[np.void], size: int, keys: TestKeys
) -> list[bytes]:
    """Cut each sender's records into batches, chained; return them by number, then sender."""
    sender = terminals["sender"][np.searchsorted(terminals["terminal"], records["terminal"])]
    uploads: list[tuple[int, int, bytes]] = []
    for own in np.unique(sender).tolist():
        rows = records[sender == own]
        previous, sign, mac = NO_PREVIOUS, keys.sender_signing_key(own), keys.sender_mac_key(own)
        kind = Seal.cmac if size == 1 else Seal.ed25519
        for number, first in enumerate(range(0, len(rows), size), 1):
            part = rows[first : first + size]
            body = batch_body(kind, KEY_VERSION, own, number, previous, part)
            sealed = seal_cmac(body, mac) if size == 1 else seal_ed25519(body, sign)
            previous = parse_batch(sealed).digest
            uploads.append((number, own, sealed))
    uploads.sort(key=lambda upload: upload[:2])
    return [sealed for _, _, sealed in uploads]
