"""Presentations and the records they leave: numbers that each terminal gives, in a last pass.

A terminal numbers its presentations by (instant, card), its records by the instant at which they
are made, and its SAM counts every order to move value. A torn presentation makes no record itself:
whoever recovers it does, or its own terminal 120 s later (layouts in docs/spec/records.md).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from scheme.records import RECORD_VERSION, TAP_DTYPE, RecordFlag
from scheme.verdicts import Verdict
from sim.card_columns import Bools, Ints
from sim.card_state import NOBODY

TORN_AFTER_MS = 120_000
MAIN_PURSE = 1


class Made(IntEnum):
    """What kind of record it is."""

    plain = 0  # of one presentation, accepted or refused
    recovered = 1  # a torn presentation's, completed by a later one
    torn = 2  # 120 s after a torn presentation


@dataclass(frozen=True)
class Presented:
    """What was presented: executed intents, by (terminal, instant, card).

    Attributes:
        row: Row of the intent.
        number: The terminal's number of the presentation, from 1.
    """

    row: Ints
    number: Ints


@dataclass(frozen=True)
class Recorded:
    """Records as columns, by (recorder, sequence).

    Attributes:
        made: `Made`.
        row: Intent of the presentation that made it.
        of: Intent of the presentation whose card part it holds.
        trace: Intent of the presentation whose trace id it bears.
        at_ms: When it was made.
        sequence: The recorder's number of it.
        sam_counter: What the record says of the SAM.
    """

    made: NDArray[np.uint8]
    row: Ints
    of: Ints
    trace: Ints
    at_ms: Ints
    sequence: Ints
    sam_counter: Ints


def number_presentations(
    intents: NDArray[np.void], settled: NDArray[np.void], terminal: NDArray[np.uint32]
) -> Presented:
    """Return the executed intents with their numbers; `terminal` is each intent's."""
    rows = np.flatnonzero(settled["executed"])
    order = np.lexsort((intents["card_index"][rows], intents["at_ms"][rows], terminal[rows]))
    rows = rows[order]
    return Presented(rows, _rank_within(terminal[rows]) + 1)


def make_records(
    intents: NDArray[np.void], settled: NDArray[np.void], terminal: NDArray[np.uint32]
) -> Recorded:
    """Return the records of all executed intents."""
    executed = np.flatnonzero(settled["executed"])
    later = np.flatnonzero(_leaves_torn_record(settled, terminal))
    row = np.concatenate((executed, later))
    writes_torn = np.arange(len(row)) >= len(executed)
    at_ms = intents["at_ms"][row] + np.where(writes_torn, TORN_AFTER_MS, 0)
    order = np.lexsort((writes_torn, intents["card_index"][row], at_ms, terminal[row]))
    row, at_ms, writes_torn = row[order], at_ms[order], writes_torn[order]
    counter = _sam_counters(settled, terminal, row, writes_torn)
    own_counter = np.zeros(len(intents), np.int64)
    own_counter[row[~writes_torn]] = counter[~writes_torn]
    makes = writes_torn | (settled["torn"][row] == 0)
    row, at_ms, writes_torn, counter = (x[makes] for x in (row, at_ms, writes_torn, counter))
    first = settled["recovers"][row].astype(np.int64)
    recovered = first != NOBODY
    of = np.where(recovered, first, row)
    same = terminal[of] == terminal[row]
    return Recorded(
        made=np.where(writes_torn, Made.torn, np.where(recovered, Made.recovered, Made.plain))
        .astype(np.uint8),
        row=row,
        of=of,
        trace=np.where(same, of, row),
        at_ms=at_ms,
        sequence=_rank_within(terminal[row]) + 1,
        sam_counter=np.where(recovered, own_counter[of], counter),
    )  # fmt: skip


def _leaves_torn_record(settled: NDArray[np.void], terminal: NDArray[np.uint32]) -> Bools:
    """Whether a torn presentation was not completed at its own terminal."""
    recovering = np.flatnonzero(settled["recovers"] != NOBODY)
    first = settled["recovers"][recovering]
    here = terminal[recovering] == terminal[first]
    leaves = settled["torn"] > 0
    leaves[first[here]] = False
    return np.asarray(leaves)


def _sam_counters(
    settled: NDArray[np.void], terminal: NDArray[np.uint32], row: Ints, writes_torn: Bools
) -> Ints:
    """Return each terminal's SAM counter after each of its events, in their order."""
    ordered = (settled["verdict"] == Verdict.accepted) | (settled["torn"] > 0)
    ordered &= settled["recovers"] == NOBODY
    counts = np.cumsum(ordered[row] & ~writes_torn)
    first = np.flatnonzero(_begins(terminal[row]))
    before = np.concatenate(([0], counts))[first]
    sizes = np.diff(np.append(first, len(row)))
    return np.asarray(counts - np.repeat(before, sizes), np.int64)


def _begins(keys: NDArray[np.uint32]) -> Bools:
    return np.append(True, keys[1:] != keys[:-1])[: len(keys)]


def _rank_within(keys: NDArray[np.uint32]) -> Ints:
    """Return the place, from 0, of each row among the adjoining rows of its key."""
    first = np.flatnonzero(_begins(keys))
    sizes = np.diff(np.append(first, len(keys)))
    return np.asarray(np.arange(len(keys)) - np.repeat(first, sizes), np.int64)


def fill_records(
    recorded: Recorded,
    intents: NDArray[np.void],
    settled: NDArray[np.void],
    cards: NDArray[np.void],
    at: NDArray[np.void],
    versions: tuple[int, Ints],
) -> NDArray[np.void]:
    """Return `TAP_DTYPE` records without TAC and trace id.

    Args:
        cards: `CARD_DTYPE`, by card index.
        at: `TERMINAL_DTYPE`, the terminal of each intent.
        versions: The tariff version, and the hotlist version that each intent's terminal held.
    """
    of, row, torn = recorded.of, recorded.row, recorded.made == Made.torn
    part, told = intents[of], settled[of]
    card = cards[part["card_index"]]
    records = np.zeros(len(row), TAP_DTYPE)
    records["version"], records["purse"] = RECORD_VERSION, MAIN_PURSE
    records["kind"] = told["kind"]
    for name in ("issuer", "card", "key_version"):
        records[name] = card[name]
    records["nt"] = np.where(torn, told["nt_before"], told["nt"])
    records["balance"] = np.where(torn, told["balance_before"], told["balance"])
    records["state"] = np.where(torn[:, None], told["state_before"], told["state"])
    records["amount"] = np.where(torn, 0, told["amount"])
    records["place"], records["at_s"] = part["place"], part["at_ms"] // 1_000
    records["terminal"], records["sam"] = at["terminal"][of], at["sam"][of]
    records["sam_counter"], records["sequence"] = recorded.sam_counter, recorded.sequence
    elsewhere = at["terminal"][of] != at["terminal"][row]
    records["ms"] = np.where(elsewhere, 0, part["at_ms"] % 1_000)
    records["tariff"], records["hotlist"] = versions[0], versions[1][row]
    records["refusal"] = np.where(torn, Verdict.tap_was_torn, settled["verdict"][row])
    records["flags"] = np.array([0, RecordFlag.recovered, RecordFlag.torn], np.uint8)[recorded.made]
    records["recorder"] = at["terminal"][row]
    return records
