"""Cards after the clock: every intent settled, card by card in time, all cards at once.

Pass k takes the k-th intent of every card, says which of them are carried out, applies the device
rule and moves the columns on. It holds no SAM, no sequence and no record: those are given
afterwards (`sim.recording`). Cards never touch each other, so any division of them gives the same.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scheme.days import calendar_day
from scheme.records import STATE_SIZE, RecordKind
from scheme.services import LOADS, PARKING, TRANSIT, Service, TerminalKind
from scheme.verdicts import Verdict
from sim.card_columns import (
    PARKING_COLUMNS,
    TRANSIT_COLUMNS,
    Bools,
    Ints,
    parking_state_bytes,
    transit_state_bytes,
)
from sim.device_tables import DeviceTables
from sim.intents import Act, Condition, Fault
from sim.parking_rule import ParkingTaps, decide_parking
from sim.transit_rule import TransitTaps, decide_transit

DOUBLE_TAP_S = 10  # inclusive, R8
RECOVERY_MS = 120_000  # inclusive, R8
LONG_AGO_S = -(1 << 40)
NOBODY = -1

SETTLED_DTYPE = np.dtype(
    [
        ("executed", "?"),
        ("verdict", "u1"),  # Verdict
        ("kind", "u1"),  # RecordKind
        ("torn", "u1"),  # 0, 1 the card wrote and the answer was lost, 2 the card never wrote
        ("recovers", "<i4"),  # row of the torn presentation that this one completes, else -1
        ("recovered", "?"),  # a later presentation completes this one
        ("amount", "<u4"),  # rupiah moved
        ("nt", "<u4"),  # counter after it
        ("balance", "<u4"),  # rupiah after it
        ("state", "u1", (STATE_SIZE,)),  # of the kind's slot, after it
        ("nt_before", "<u4"),
        ("balance_before", "<u4"),
        ("state_before", "u1", (STATE_SIZE,)),  # filled where torn
    ]
)


@dataclass(frozen=True)
class Deck:
    """Some cards with all their intents.

    Attributes:
        cards: `CARD_DTYPE`.
        intents: `INTENT_DTYPE` by (card_index, at_ms); `card_index` is a row of `cards`.
        terminals: `TERMINAL_DTYPE`, the row of each intent's terminal.
        listed: Whether the terminal then holds a hotlist with the card on it.
    """

    cards: NDArray[np.void]
    intents: NDArray[np.void]
    terminals: NDArray[np.void]
    listed: Bools


@dataclass(frozen=True)
class Settled:
    """What became of a deck.

    Attributes:
        rows: `SETTLED_DTYPE`, one row an intent, in the deck's order.
        balance, nt: Of each card at the end.
    """

    rows: NDArray[np.void]
    balance: Ints
    nt: Ints


def settle(deck: Deck, tables: DeviceTables) -> Settled:
    """Return what became of each intent."""
    table = _Table(deck, tables)
    for rows in _passes(deck.intents["card_index"], len(deck.cards)):
        table.play(rows)
    return Settled(table.settled, table.balance, table.nt)


def _passes(card: NDArray[np.uint32], cards: int) -> list[Ints]:
    """Return the rows of the first intents of all cards, of the second ones, and so on."""
    count = np.bincount(card, minlength=cards)
    first = np.cumsum(count) - count
    return [first[count > k] + k for k in range(int(count.max(initial=0)))]


class _Table:
    """The cards on the table: their columns, and what each remembers between presentations."""

    def __init__(self, deck: Deck, tables: DeviceTables) -> None:
        self.deck, self.tables = deck, tables
        intents, cards = deck.intents, deck.cards
        size = len(cards)
        self.settled = np.zeros(len(intents), SETTLED_DTYPE)
        self.settled["recovers"] = NOBODY
        self.at_ms = intents["at_ms"]
        self.at_s = self.at_ms // 1_000
        self.service = deck.terminals["service"].astype(np.int64)
        self.balance = cards["balance"].astype(np.int64)
        self.nt = cards["nt"].astype(np.int64)
        self.transit = np.zeros(size, TRANSIT_COLUMNS)
        self.parking = np.zeros(size, PARKING_COLUMNS)
        self.cancelled = np.zeros(size, np.int64)  # trip
        self.short = np.full(size, NOBODY, np.int64)  # row of the last one that lacked balance
        self.loaded = np.full(size, NOBODY, np.int64)  # row of the last load for want of it
        self.pending = np.full(size, NOBODY, np.int64)  # row of a torn presentation
        seats = intents["card_index"].astype(np.int64) << 32 | intents["terminal_index"]
        _, self.seat = np.unique(seats, return_inverse=True)
        self.accepted_s = np.full(int(self.seat.max(initial=0)) + 1, LONG_AGO_S, np.int64)
        group_free = tables.free_groups[:, cards["group"]].T
        group_free &= (cards["issuer"] == tables.free_issuer)[:, None]
        self.group_free = group_free

    def play(self, rows: Ints) -> None:
        """Settle one intent of each of some cards."""
        rows = rows[self._carried_out(rows)]
        card = self.deck.intents["card_index"][rows].astype(np.int64)
        completes = self._recover(rows, card)
        self.pending[card] = NOBODY
        self._decide(rows[~completes], card[~completes])
        verdict = self.settled["verdict"][rows]
        self.settled["executed"][rows] = True
        lacks = np.isin(verdict, (Verdict.balance_below_minimum, Verdict.balance_too_low))
        self.short[card[lacks]] = rows[lacks]
        conditional = self.deck.intents["condition"][rows] == Condition.after_short_balance
        loads = conditional & (verdict == Verdict.accepted)
        self.loaded[card[loads]] = rows[loads]
        self._cancel_trips(rows, card, verdict)

    def _carried_out(self, rows: Ints) -> Bools:
        intents = self.deck.intents[rows]
        card, condition = intents["card_index"], intents["condition"]
        goes_on = (intents["trip"] == 0) | (intents["trip"] != self.cancelled[card])
        goes_on |= condition != Condition.always
        goes_on &= (condition != Condition.after_short_balance) | (self.short[card] == rows - 1)
        goes_on &= (condition != Condition.after_load) | (self.loaded[card] == rows - 1)
        second = intents["fault"] == Fault.recovery
        return np.asarray(goes_on & (~second | (self.pending[card] != NOBODY)))

    def _recover(self, rows: Ints, card: Ints) -> Bools:
        """R8: complete torn debits whose card is back in time and place; return which rows did."""
        first = self.pending[card]
        torn = np.flatnonzero(first != NOBODY)
        here, there = self.deck.terminals[rows[torn]], self.deck.terminals[first[torn]]
        beside = (here["kind"] == TerminalKind.gate) & (there["kind"] == TerminalKind.gate)
        for name in ("service", "place", "direction"):
            beside &= here[name] == there[name]
        beside |= here["terminal"] == there["terminal"]
        in_time = self.at_ms[rows[torn]] - self.at_ms[first[torn]] <= RECOVERY_MS
        torn = torn[beside & in_time]
        row, of = rows[torn], first[torn]
        for name in ("kind", "amount", "nt", "balance", "state", "nt_before", "balance_before"):
            self.settled[name][row] = self.settled[name][of]
        self.settled["recovers"][row] = of
        self.settled["recovered"][of] = True
        self.accepted_s[self.seat[row]] = self.at_s[row]
        completes = np.zeros(len(rows), np.bool_)
        completes[torn] = True
        return completes

    def _decide(self, rows: Ints, card: Ints) -> None:
        verdict = self._refusals_of_the_card(rows, card)
        kind = _kinds(self.service[rows])
        debit = np.zeros(len(rows), np.int64)
        self._keep_before(rows, card)
        fine = verdict == Verdict.accepted
        fault = self.deck.intents["fault"][rows]
        service = self.service[rows]
        for members, decide in (
            (TRANSIT, self._decide_transit),
            (PARKING, self._decide_parking),
            (LOADS, self._decide_load),
            (frozenset(Service) - TRANSIT - PARKING - LOADS, self._decide_purchase),
        ):
            chosen = np.flatnonzero(fine & np.isin(service, [int(s) for s in members]))
            if chosen.size:
                writes = fault[chosen] != Fault.torn_lost
                verdict[chosen], debit[chosen] = decide(rows[chosen], card[chosen], writes)
        self._write(rows, card, verdict, debit, kind)

    def _write(
        self, rows: Ints, card: Ints, verdict: NDArray[np.uint8], debit: Ints, kind: Ints
    ) -> None:
        """Move balances and counters, and say what stands after each presentation."""
        fault = self.deck.intents["fault"][rows]
        accepted = verdict == Verdict.accepted
        lost = accepted & (fault == Fault.torn_lost)
        torn = accepted & (fault == Fault.torn)
        moved = accepted & ~lost
        self.balance[card] -= np.where(moved, debit, 0)
        self.nt[card] += moved
        settled = self.settled
        settled["verdict"][rows] = np.where(lost, Verdict.tap_was_torn, verdict)
        settled["torn"][rows] = np.where(lost, 2, np.where(torn, 1, 0))
        settled["kind"][rows] = kind
        settled["amount"][rows] = np.where(moved, np.abs(debit), 0)
        settled["nt"][rows], settled["balance"][rows] = self.nt[card], self.balance[card]
        settled["state"][rows] = self._state(kind, card)
        self.accepted_s[self.seat[rows]] = np.where(
            moved & ~torn, self.at_s[rows], self.accepted_s[self.seat[rows]]
        )
        self.pending[card[torn]] = rows[torn]

    def _keep_before(self, rows: Ints, card: Ints) -> None:
        settled = self.settled
        settled["nt_before"][rows] = self.nt[card]
        settled["balance_before"][rows] = self.balance[card]
        fault = self.deck.intents["fault"][rows]
        tears = np.flatnonzero((fault == Fault.torn) | (fault == Fault.torn_lost))
        kind = _kinds(self.service[rows[tears]])
        settled["state_before"][rows[tears]] = self._state(kind, card[tears])

    def _state(self, kind: Ints, card: Ints) -> NDArray[np.uint8]:
        state = np.zeros((len(card), STATE_SIZE), np.uint8)
        on_transit = kind == RecordKind.debit_transit
        on_parking = kind == RecordKind.debit_parking
        state[on_transit] = transit_state_bytes(self.transit[card[on_transit]])
        state[on_parking] = parking_state_bytes(self.parking[card[on_parking]])
        return state

    def _refusals_of_the_card(self, rows: Ints, card: Ints) -> NDArray[np.uint8]:
        """R15 up to `already_tapped`: the first reason that holds, or 0."""
        cards = self.deck.cards[card]
        again = self.at_s[rows] - self.accepted_s[self.seat[rows]] <= DOUBLE_TAP_S
        return np.select(
            (
                cards["blocked"] != 0,
                self.deck.listed[rows],
                calendar_day(self.at_s[rows]) > cards["expiry"],
                again,
            ),
            (
                Verdict.card_blocked,
                Verdict.card_hotlisted,
                Verdict.card_expired,
                Verdict.already_tapped,
            ),
            0,
        ).astype(np.uint8)

    def _decide_transit(
        self, rows: Ints, card: Ints, writes: Bools
    ) -> tuple[NDArray[np.uint8], Ints]:
        terminals = self.deck.terminals[rows]
        cards = self.deck.cards[card]
        free = self.group_free[card, self.service[rows]]
        taps = TransitTaps(
            at_s=self.at_s[rows],
            service=self.service[rows],
            kind=terminals["kind"].astype(np.int64),
            direction=terminals["direction"].astype(np.int64),
            place=self.deck.intents["place"][rows].astype(np.int64),
            vehicle=terminals["vehicle"].astype(np.int64),
            balance=self.balance[card],
            free_until=np.where(free, cards["group_expiry"].astype(np.int64), NOBODY),
        )
        outcome = decide_transit(self.transit[card], taps, self.tables)
        writes = writes & (outcome.verdict == Verdict.accepted)
        self.transit[card[writes]] = outcome.columns[writes]
        return outcome.verdict, outcome.debit

    def _decide_parking(
        self, rows: Ints, card: Ints, writes: Bools
    ) -> tuple[NDArray[np.uint8], Ints]:
        terminals = self.deck.terminals[rows]
        taps = ParkingTaps(
            self.at_s[rows], self.service[rows], terminals["direction"].astype(np.int64),
            self.deck.intents["place"][rows].astype(np.int64),
            terminals["vehicle_class"].astype(np.int64), self.balance[card],
        )  # fmt: skip
        verdict, debit, after = decide_parking(self.parking[card], taps, self.tables)
        writes = writes & (verdict == Verdict.accepted)
        self.parking[card[writes]] = after[writes]
        return verdict, debit

    def _decide_load(self, rows: Ints, card: Ints, writes: Bools) -> tuple[NDArray[np.uint8], Ints]:
        amount = self.deck.intents["amount"][rows].astype(np.int64)
        return np.zeros(len(rows), np.uint8), -amount

    def _decide_purchase(
        self, rows: Ints, card: Ints, writes: Bools
    ) -> tuple[NDArray[np.uint8], Ints]:
        given = self.deck.intents["amount"][rows].astype(np.int64)
        road = self.tables.road_price(self.deck.terminals["vehicle_class"][rows], self.at_s[rows])
        debit = np.where(self.service[rows] == Service.erp, road, given)
        short = self.balance[card] < debit
        return np.where(short, Verdict.balance_too_low, 0).astype(np.uint8), debit

    def _cancel_trips(self, rows: Ints, card: Ints, verdict: NDArray[np.uint8]) -> None:
        """A refused rider gives up the rest of the trip; a second tap in a hurry is no refusal."""
        intents = self.deck.intents[rows]
        refused = ~np.isin(
            verdict, (Verdict.accepted, Verdict.already_tapped, Verdict.tap_was_torn)
        )
        gives_up = refused & (intents["trip"] != 0) & (intents["act"] == Act.tap)
        self.cancelled[card[gives_up]] = intents["trip"][gives_up]


def _kinds(service: Ints) -> Ints:
    return KIND_OF_SERVICE[service]


def _kind_of(service: int) -> RecordKind:
    if service in TRANSIT:
        return RecordKind.debit_transit
    if service in PARKING:
        return RecordKind.debit_parking
    return RecordKind.load if service in LOADS else RecordKind.debit


KIND_OF_SERVICE = np.array([_kind_of(service) for service in range(256)], np.int64)
