"""The verdict of each record, for whole chunks: the first rule of R15 that holds.

Rules: docs/spec/fares.md. Pure but for the issuer partitions it asks. No rule here looks at when a
record arrived. The rule that needs the books, `counter_already_seen`, is `stage`'s, between proof
and hotlist.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from reference_server.counters import NT_MAX
from reference_server.devices import Registry, find
from reference_server.keystore import KeyStore, Proof
from scheme.days import business_day
from scheme.hotlist import operator_bears
from scheme.numbers import CARD_PREFIX, check_digit_holds
from scheme.records import RECORD_VERSION, RecordFlag, RecordKind
from scheme.services import LOADS, PARKING, TRANSIT, Service
from scheme.verdicts import Verdict

LATE_CLOSES_MAX = 30  # R15
NO_SERVICE = 0

KIND_OF_SERVICE = np.zeros(32, np.uint8)
for _service in Service:
    KIND_OF_SERVICE[_service] = (
        RecordKind.debit_transit
        if _service in TRANSIT
        else RecordKind.debit_parking
        if _service in PARKING
        else RecordKind.load
        if _service in LOADS
        else RecordKind.debit
    )


@dataclass(slots=True)
class Chunk:
    """Records in order of arrival, with what every rule needs as plain columns.

    Attributes:
        upload_verdict: What the door said of the upload that holds each record.
        sender: The sender that the upload names.
        enrolled: Whether the card is.
        terminal: Where the terminal in the card part stands in the registry.
        known: Whether it does, and the recording one too, of this sender.
    """

    records: NDArray[np.void]
    arrival: NDArray[np.int64]
    item: NDArray[np.int64]
    sender: NDArray[np.int64]
    upload_verdict: NDArray[np.uint8]
    card: NDArray[np.uint64]
    nt: NDArray[np.int64]
    issuer: NDArray[np.int64]
    amount: NDArray[np.int64]
    at_s: NDArray[np.int64]
    refusal: NDArray[np.uint8]
    enrolled: NDArray[np.bool_]
    terminal: NDArray[np.int64]
    known: NDArray[np.bool_]

    @property
    def day(self) -> NDArray[np.int64]:
        """The business day of each tap."""
        days: NDArray[np.int64] = business_day(self.at_s)
        return days


def make_chunk(
    records: NDArray[np.void],
    arrival: NDArray[np.int64],
    item: NDArray[np.int64],
    sender: NDArray[np.int64],
    upload_verdict: NDArray[np.uint8],
    registry: Registry,
) -> Chunk:
    """Return the chunk of these records."""
    terminal, known = registry.find_terminals(records["terminal"])
    recorder, recorder_known = registry.find_terminals(records["recorder"])
    if len(registry.terminals):
        recorder_known &= registry.terminals["sender"][recorder] == sender
    card = records["card"].astype(np.uint64)
    return Chunk(
        records, arrival, item, sender, upload_verdict, card,
        records["nt"].astype(np.int64),
        records["issuer"].astype(np.int64),
        records["amount"].astype(np.int64),
        records["at_s"].astype(np.int64),
        np.ascontiguousarray(records["refusal"]),
        find(registry.cards["card"], card)[1],
        terminal, known & recorder_known,
    )  # fmt: skip


class Verdicts:
    """Verdicts in the making: a rule decides only what no earlier rule decided."""

    def __init__(self, count: int) -> None:
        self.codes = np.zeros(count, np.uint8)
        self.open = np.ones(count, np.bool_)

    def decide(self, holds: NDArray[np.bool_], verdict: Verdict) -> None:
        """Give a verdict to the undecided records for which a rule holds."""
        now = self.open & holds
        self.codes[now] = verdict
        self.open &= ~holds


def prove(chunk: Chunk, registry: Registry, keys: KeyStore) -> Verdicts:
    """Return verdicts up to `tac_does_not_match`; what is open then, its card has proved."""
    verdicts = Verdicts(len(chunk.records))
    said = chunk.upload_verdict
    verdicts.decide((said == Verdict.record_malformed) | malformed(chunk), Verdict.record_malformed)
    verdicts.decide((said == Verdict.device_unknown) | ~chunk.known, Verdict.device_unknown)
    verdicts.decide(said == Verdict.batch_signature_wrong, Verdict.batch_signature_wrong)
    # What the device refused bears no proof of the card, and moves no money.
    refused = verdicts.open & (chunk.refusal > 0)
    verdicts.codes[refused] = chunk.refusal[refused]
    verdicts.open &= ~refused
    proofs = _proofs(chunk, np.flatnonzero(verdicts.open), registry, keys)
    verdicts.decide(proofs == Proof.key_version_unknown, Verdict.key_version_unknown)
    verdicts.decide(proofs == Proof.tac_does_not_match, Verdict.tac_does_not_match)
    return verdicts


def clear_rest(
    chunk: Chunk, verdicts: Verdicts, registry: Registry, closed_days: NDArray[np.int64]
) -> None:
    """Decide what is left once the counters are known to be free: hotlist, age, money rules."""
    verdicts.decide(hotlisted_before_tap(chunk, registry), Verdict.card_hotlisted_before_tap)
    verdicts.decide(_closes_since(chunk.day, closed_days) > LATE_CLOSES_MAX, Verdict.too_late)
    verdicts.decide(amount_not_allowed(chunk, registry), Verdict.amount_not_allowed)


def malformed(chunk: Chunk) -> NDArray[np.bool_]:
    """Return which records say something no record may say."""
    records = chunk.records
    torn = (records["flags"] & RecordFlag.torn) > 0
    refused = chunk.refusal > 0
    bad: NDArray[np.bool_] = records["version"] != RECORD_VERSION
    bad |= (records["kind"] < RecordKind.debit) | (records["kind"] > RecordKind.load)
    bad |= (records["purse"] != 1) | (records["ms"] > 999) | (records["flags"] > 3)
    bad |= chunk.refusal > Verdict.tap_was_torn
    bad |= torn != (chunk.refusal == Verdict.tap_was_torn)
    bad |= refused & ((chunk.amount > 0) | records["tac"].any(axis=1))
    bad |= (chunk.nt > NT_MAX) | (chunk.card // 10**14 != CARD_PREFIX)
    # An enrolled card is well formed; the others are looked at digit by digit.
    others = np.flatnonzero(~chunk.enrolled)
    numbers = chunk.card[others].astype(np.int64)
    well_formed = check_digit_holds(numbers) & check_digit_holds(numbers // 10**10 % 10_000)
    bad[others] |= ~well_formed
    return bad


def hotlisted_before_tap(chunk: Chunk, registry: Registry) -> NDArray[np.bool_]:
    """Return which taps R17 puts on the operator: the device held the list, or a day has passed."""
    at, listed = find(registry.hot_cards, chunk.card)
    if not listed.any():
        return listed
    at_ms = chunk.at_s * 1_000 + chunk.records["ms"].astype(np.int64)
    held = chunk.records["hotlist"].astype(np.int64)
    return listed & operator_bears(held, at_ms, registry.hot_version[at], registry.hot_at_ms[at])


def amount_not_allowed(chunk: Chunk, registry: Registry) -> NDArray[np.bool_]:
    """Return which taps moved value that their terminal does not deal in, or overfilled a purse."""
    if not len(registry.terminals):
        return np.zeros(len(chunk.records), np.bool_)
    service = service_of(chunk, registry)
    wrong_kind: NDArray[np.bool_] = KIND_OF_SERVICE[service] != chunk.records["kind"]
    wrong_kind |= (service == Service.identity) & (chunk.amount > 0)
    wrong_kind |= _overfilled(chunk, registry)
    return wrong_kind


def _overfilled(chunk: Chunk, registry: Registry) -> NDArray[np.bool_]:
    """Return which loads left more on the purse than its profile may hold (D16)."""
    over: NDArray[np.bool_] = (chunk.records["kind"] == RecordKind.load) & chunk.enrolled
    rows = np.flatnonzero(over)
    if len(rows):
        at, _ = find(registry.cards["card"], chunk.card[rows])
        limits = registry.participants.purse_limits()[registry.cards["profile"][at]]
        over[rows] = chunk.records["balance"][rows].astype(np.int64) > limits
    return over


def service_of(chunk: Chunk, registry: Registry) -> NDArray[np.uint8]:
    """Return the service of the terminal in each card part, 0 where it is unknown."""
    if not len(registry.terminals):
        return np.zeros(len(chunk.records), np.uint8)
    service = registry.terminals["service"][chunk.terminal]
    return np.where(chunk.known, service & 31, NO_SERVICE).astype(np.uint8)


def _closes_since(days: NDArray[np.int64], closed_days: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return how many day closes followed each operating day; `closed_days` is sorted."""
    return len(closed_days) - np.searchsorted(closed_days, days, side="right")


def _proofs(
    chunk: Chunk, rows: NDArray[np.int64], registry: Registry, keys: KeyStore
) -> NDArray[np.uint8]:
    """Return each row's `Proof`, asked of its issuer; rows that were not asked hold."""
    proofs = np.zeros(len(chunk.records), np.uint8)
    for issuer in np.unique(chunk.issuer[rows]).tolist():
        own = rows[chunk.issuer[rows] == issuer]
        own = own[np.argsort(chunk.card[own], kind="stable")]
        partition = keys.partition(issuer)
        if partition is None:
            proofs[own] = Proof.key_version_unknown
            continue
        said = partition.prove(chunk.records[own])
        announced = np.array(sorted(registry.key_versions.get(issuer, ())), np.uint8)
        known = np.isin(chunk.records["key_version"][own], announced)
        proofs[own] = np.where(known, said, Proof.key_version_unknown)
    return proofs
