"""Cards settled in sixteen fixed shards, over one process or several, and put together again."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from sim.card_columns import Ints
from sim.card_state import NOBODY, SETTLED_DTYPE, Deck, Settled, settle
from sim.device_tables import DeviceTables
from sim.morning import Morning
from sim.proving import SHARDS, shard_of
from sim.workers import Map


class Shard(NamedTuple):
    """Some cards to be settled.

    Attributes:
        rows: Their intents, as rows of the morning's.
        cards: Their card indexes.
    """

    rows: Ints
    cards: Ints


def settle_morning(morning: Morning, each: Map) -> Settled:
    """Return what became of every intent, in the morning's order."""
    shard = shard_of(morning.cards["card"])
    of_intent = shard[morning.intents["card_index"]]
    shards = [
        Shard(np.flatnonzero(of_intent == n), np.flatnonzero(shard == n)) for n in range(SHARDS)
    ]
    at, listed = morning.at, morning.listed
    tasks = [(_deck(morning, at, listed, some), morning.tables) for some in shards]
    rows = np.zeros(len(morning.intents), SETTLED_DTYPE)
    balance, nt = np.zeros(len(morning.cards), np.int64), np.zeros(len(morning.cards), np.int64)
    for some, settled in zip(shards, each(_settle, tasks), strict=True):
        part = settled.rows
        back = part["recovers"] != NOBODY
        part["recovers"][back] = some.rows[part["recovers"][back]]
        rows[some.rows] = part
        balance[some.cards], nt[some.cards] = settled.balance, settled.nt
    return Settled(rows, balance, nt)


def _deck(morning: Morning, at: Any, listed: Any, some: Shard) -> Deck:
    intents = morning.intents[some.rows]
    intents["card_index"] = np.searchsorted(some.cards, intents["card_index"])
    return Deck(morning.cards[some.cards], intents, at[some.rows], listed[some.rows])


def _settle(task: tuple[Deck, DeviceTables]) -> Settled:
    return settle(*task)
