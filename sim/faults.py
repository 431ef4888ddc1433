"""Faults by rate: which intents, cards, terminals and senders they strike, by keyed chance.

Each fault draws in a domain of its own, keyed by what it strikes, so that another rate of one
shifts no other. An intent is struck by one fault at most. A missing tap-out is an absent row; rows
are left out and added here, before any card is settled.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from scheme.services import TRANSIT, Direction, TerminalKind
from sim.card_columns import Bools, Ints
from sim.chance import keyed_below, keyed_uniform
from sim.intents import Fault

# What each rate is a rate of.
RATE_OF = {
    "missing_tap_out": "tap-outs",
    "double_tap": "transit taps",
    "low_balance": "cards that pay",
    "hotlisted_card": "cards in use",
    "torn_tap": "transit taps",
    "torn_lost": "tap-outs at gates",
    "terminal_offline": "senders in use",
    "duplicate_upload": "uploads",
    "corrupted_tac": "records with a TAC",
    "unknown_device": "terminals in use",
}
SAME_GATE = 0.7  # of recoveries at gates, the others at one beside it: assumption
DOUBLE_MS = (2_000, 9_000)
RECOVERY_MS = (4_000, 20_000)
ROOM_MS = 60_000  # to the card's next intent, so that what is added never overtakes it
ALONE_MS = 1 << 40


@dataclass
class Count:
    """How often a fault was asked for, and how often it fired."""

    rate: float
    eligible: int = 0
    fired: int = 0

    @property
    def silent(self) -> bool:
        """Whether it was asked for and did not fire, which makes a run INVALID."""
        return self.rate > 0 and self.fired == 0


@dataclass
class Faults:
    """The rates of a scenario and what has become of them."""

    rates: dict[str, float]
    seed: int
    counts: dict[str, Count] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.counts = {name: Count(self.rates.get(name, 0.0)) for name in RATE_OF}

    def strike(self, name: str, ids: Ints, eligible: Bools) -> Bools:
        """Return which of the eligible are struck, and keep the count of them."""
        count = self.counts[name]
        count.eligible += int(eligible.sum())
        if count.rate == 0.0:
            return np.zeros(len(eligible), np.bool_)
        return np.asarray(eligible & (keyed_uniform(self.seed, name, ids) < count.rate))


def inject(
    intents: NDArray[np.void], terminals: NDArray[np.void], rack: Bools, faults: Faults
) -> NDArray[np.void]:
    """Return the intents with taps left out, torn and doubled.

    Args:
        intents: `INTENT_DTYPE` by (card_index, at_ms).
        terminals: `TERMINAL_DTYPE`, rows that `terminal_index` points at.
        rack: Whether each terminal is the rack's, where a torn card comes back to the same place.

    Returns:
        Again by (card_index, at_ms).
    """
    at = terminals[intents["terminal_index"]]
    ids = intent_ids(intents)
    transit = np.isin(at["service"], [int(s) for s in TRANSIT])
    out = tap_outs(intents, at)
    room = room_ms(intents) > ROOM_MS
    dropped = faults.strike("missing_tap_out", ids, out)
    left = ~dropped
    lost = faults.strike("torn_lost", ids, left & out & (at["kind"] == TerminalKind.gate) & room)
    left &= ~lost
    torn = faults.strike("torn_tap", ids, left & transit & room)
    left &= ~torn
    doubled = faults.strike("double_tap", ids, left & transit & room)
    faults.counts["missing_tap_out"].fired = int(dropped.sum())
    whole = intents.copy()
    whole["fault"][lost] = Fault.torn_lost
    whole["fault"][torn] = Fault.torn
    added = (
        _again(whole[doubled], ids[doubled], Fault.double_tap, DOUBLE_MS, faults.seed),
        _recoveries(whole[torn], ids[torn], terminals, rack, faults.seed),
    )
    return by_card(np.concatenate((whole[~dropped], *added)))


def by_card(intents: NDArray[np.void]) -> NDArray[np.void]:
    """Return intents by (card_index, at_ms), equal ones in the order they had."""
    return intents[np.lexsort((intents["at_ms"], intents["card_index"]))]


def intent_ids(intents: NDArray[np.void]) -> Ints:
    """Return a number for each intent that only its card's own intents decide."""
    card = intents["card_index"].astype(np.int64)
    first = np.flatnonzero(np.diff(card, prepend=-1))
    rank = np.arange(len(card)) - np.repeat(first, np.diff(np.append(first, len(card))))
    return card << 10 | rank


def tap_outs(intents: NDArray[np.void], at: NDArray[np.void]) -> Bools:
    """Return which intents end a ride: at exit gates, and the second tap of a leg on a bus."""
    second = np.zeros(len(intents), np.bool_)
    before, after = intents[:-1], intents[1:]
    second[1:] = (after["trip"] != 0) & (after["condition"] == 0)
    for name in ("card_index", "trip", "leg"):
        second[1:] &= before[name] == after[name]
    gate = (at["kind"] == TerminalKind.gate) & (at["direction"] == Direction.exit)
    return np.asarray(gate | ((at["kind"] == TerminalKind.bus) & second))


def room_ms(intents: NDArray[np.void]) -> Ints:
    """Return how long after each intent the card's next one comes."""
    room = np.full(len(intents), ALONE_MS, np.int64)
    same = intents["card_index"][1:] == intents["card_index"][:-1]
    room[:-1][same] = np.diff(intents["at_ms"])[same]
    return room


def _again(
    intents: NDArray[np.void], ids: Ints, fault: Fault, after_ms: tuple[int, int], seed: int
) -> NDArray[np.void]:
    rows = intents.copy()
    low, high = after_ms
    rows["at_ms"] += low + keyed_below(seed, f"moment of {fault.name}", ids, high - low)
    rows["fault"] = fault
    return rows


def _recoveries(
    torn: NDArray[np.void], ids: Ints, terminals: NDArray[np.void], rack: Bools, seed: int
) -> NDArray[np.void]:
    rows = _again(torn, ids, Fault.recovery, RECOVERY_MS, seed)
    beside = keyed_uniform(seed, "gate of a recovery", ids) >= SAME_GATE
    rows["terminal_index"] = np.where(
        beside, gate_beside(terminals, rack)[rows["terminal_index"]], rows["terminal_index"]
    )
    return rows


def gate_beside(terminals: NDArray[np.void], rack: Bools) -> Ints:
    """Return for each terminal the next gate of its station and direction, itself if none."""
    beside = np.arange(len(terminals))
    gates = np.flatnonzero((terminals["kind"] == TerminalKind.gate) & ~rack)
    key = terminals["place"][gates].astype(np.int64) * 4 + terminals["direction"][gates]
    order = gates[np.lexsort((terminals["terminal"][gates], key))]
    bank = terminals["place"][order].astype(np.int64) * 4 + terminals["direction"][order]
    for rows in np.split(order, np.flatnonzero(np.diff(bank)) + 1):
        beside[rows] = np.roll(rows, -1)
    return beside
