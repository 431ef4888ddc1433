"""What the city tells of itself: the tables of plan/ and truth/, as columns.

truth/ holds what happened: no rupiah but opening balances, till prices, bill amounts and loads, and
nothing that a rule made of it. plan/ holds what is to be sent, when, and by whom.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from scheme.numbers import device_numbers
from sim.card_columns import Bools, Ints
from sim.card_state import NOBODY, Settled
from sim.intents import Fault
from sim.morning import Morning
from sim.plan import Columns, columns_of
from sim.recording import Made, Presented, Recorded
from sim.uploads import Uploads

KEY_VERSION = 1


@dataclass(frozen=True)
class Telling:
    """A morning with all that became of it.

    Attributes:
        records: `TAP_DTYPE` in file order.
        corrupted: Which of them had their TAC corrupted.
    """

    morning: Morning
    settled: Settled
    presented: Presented
    recorded: Recorded
    uploads: Uploads
    records: NDArray[np.void]
    corrupted: Bools

    @cached_property
    def record_of(self) -> Ints:
        """Row in the file of the record that tells of each intent's presentation, -1 if none."""
        recorded, order = self.recorded, self.uploads.order
        file_row = np.empty(len(order), np.int64)
        file_row[order] = np.arange(len(order))
        found = np.full(len(self.morning.intents), NOBODY, np.int64)
        found[recorded.row] = file_row
        return found

    @cached_property
    def completed_by(self) -> Ints:
        """The same for a torn presentation that its own terminal completed, -1 for all others."""
        recorded, order = self.recorded, self.uploads.order
        file_row = np.empty(len(order), np.int64)
        file_row[order] = np.arange(len(order))
        own = (recorded.made == Made.recovered) & (recorded.trace == recorded.of)
        found = np.full(len(self.morning.intents), NOBODY, np.int64)
        found[recorded.of[own]] = file_row[own]
        return found

    @cached_property
    def fault(self) -> NDArray[np.uint8]:
        """Fault of each intent, 0 where it found nothing to strike."""
        fault = self.morning.intents["fault"].copy()
        rows = self.settled.rows
        fault[np.isin(fault, (Fault.torn, Fault.torn_lost)) & (rows["torn"] == 0)] = Fault.none
        fault[(fault == Fault.recovery) & (rows["recovers"] == NOBODY)] = Fault.none
        return fault

    def plan_tables(self) -> dict[str, Columns]:
        """Return the tables of plan/, in the order in which the digest takes them."""
        return {
            "plan/cards": columns_of(self.morning.cards),
            "plan/terminals": self._terminals(),
            "plan/senders": self._senders(),
            "plan/taps": self._taps(),
            "plan/uploads": columns_of(self.uploads.rows),
            "plan/rack": self._rack(),
        }

    def truth_tables(self) -> dict[str, Columns]:
        """Return the tables of truth/."""
        return {
            "truth/presentations": self._presentations(),
            "truth/cards": columns_of(self.morning.cards),
            "truth/terminals": self._terminals(),
            "truth/hotlists": self.morning.hotlists.rows(self.morning.cards["card"]),
            "truth/trips": self._trips(),
        }

    def _terminals(self) -> Columns:
        rack_place = np.full(len(self.morning.terminals), "", object)
        rows = np.flatnonzero(self.morning.rack)
        names = self._rack_names()
        rack_place[rows] = [names[int(n)] for n in self.morning.terminals["terminal"][rows]]
        return columns_of(self.morning.terminals) | {
            "enrolled": self.morning.enrolled,
            "rack_place": rack_place,
        }

    def _rack_names(self) -> dict[int, str]:
        spots = self.morning.spots
        numbers = device_numbers(np.array([spot.serial for spot in spots], np.int64))
        return {int(number): spot.name for number, spot in zip(numbers, spots, strict=True)}

    def _senders(self) -> Columns:
        senders = self.morning.senders
        return {
            "sender": senders.number,
            "seal": senders.seal,
            "key_version": np.full(len(senders.number), KEY_VERSION, np.uint8),
        }

    def _taps(self) -> Columns:
        row = self.recorded.row[self.uploads.order]
        records = self.records
        at = self.morning.at[row]
        return {
            "sender": at["sender"],
            "batch": self.uploads.batch.astype(np.uint32),
            "at_ms": self.morning.intents["at_ms"][row],
            "upload": self.uploads.upload.astype(np.uint32),
            "card": records["card"].astype(np.uint64),
            "terminal": records["recorder"].astype(np.uint32),
            "sequence": records["sequence"].astype(np.uint32),
            "place": records["place"].astype(np.uint16),
            "service": at["service"],
            "fault": self.fault[row],
        }

    def _rack(self) -> Columns:
        intents, at = self.morning.intents, self.morning.at
        on_rack = self.morning.rack[intents["terminal_index"]] & self.settled.rows["executed"]
        rows = np.flatnonzero(on_rack)
        rows = rows[np.lexsort((intents["card_index"][rows], intents["at_ms"][rows]))]
        names = self._rack_names()
        return {
            "rack_place": np.array([names[int(n)] for n in at["terminal"][rows]], object),
            "terminal": at["terminal"][rows],
            "card": self.morning.cards["card"][intents["card_index"][rows]],
            "at_ms": intents["at_ms"][rows],
            "place": intents["place"][rows],
            "act": intents["act"][rows],
            "amount": intents["amount"][rows],
            "torn": self.settled.rows["torn"][rows],
            "record": self.record_of[rows],
        }

    def _presentations(self) -> Columns:
        rows, morning = self.presented.row, self.morning
        intents, at = morning.intents[rows], morning.at[rows]
        told_by = np.where(self.record_of[rows] >= 0, self.record_of[rows], self.completed_by[rows])
        sent_ms = self.uploads.rows["at_ms"][self.uploads.upload[told_by]]
        corrupted = np.zeros(len(morning.intents), np.uint8)
        corrupted[self.recorded.trace[self.uploads.order][self.corrupted]] = 1
        return {
            "terminal": at["terminal"],
            "presentation": self.presented.number.astype(np.uint32),
            "card": morning.cards["card"][intents["card_index"]],
            "at_ms": intents["at_ms"],
            "place": intents["place"],
            "act": intents["act"],
            "amount": intents["amount"],
            "torn": self.settled.rows["torn"][rows],
            "tariff": np.full(len(rows), morning.tables.version, np.uint16),
            "hotlist": morning.hotlist[rows].astype(np.uint16),
            "uploaded_at_ms": sent_ms,
            "tac_corrupted": corrupted[rows],
            "trip": intents["trip"],
            "fault": self.fault[rows],
        }

    def _trips(self) -> Columns:
        trips = self.morning.demand.trips
        return {
            "trip": trips["trip"],
            "card": self.morning.cards["card"][trips["card_index"]],
            "from": trips["origin"],
            "to": trips["destination"],
            "at_ms": trips["at_ms"],
        }
