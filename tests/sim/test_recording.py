"""What the city writes in arrays is byte for byte what the dialogue would have recorded."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from scheme.apdu import Selected
from scheme.decision import Decision, Terminal, Versions, decide
from scheme.dialogue import Decide, present
from scheme.hotlist import Hotlist
from scheme.image import CardKeys, Image, Limits
from scheme.keys import Role, TestKeys
from scheme.presentation import Presentation, TornTap, card_seen, torn_record
from scheme.purse import Purse
from scheme.records import TapRecord
from scheme.sam import IssuerKeys, Sam
from scheme.services import Direction, Service, TerminalKind
from scheme.verdicts import Verdict
from sim.intents import Act
from sim.tellings import Telling
from tests.cards import EVERYTHING, counting, run
from tests.sim.settled_city import smoke

KEYS = TestKeys(7)
LIMIT_IDR = {1: 2_000_000, 2: 10_000_000}
DEBIT_EXCHANGE = 2  # SELECT, INIT, DEBIT


class Bench:
    """One card of the city, played presentation by presentation with a purse and SAMs."""

    def __init__(self, telling: Telling, card_index: int) -> None:
        self.telling, self.morning = telling, telling.morning
        card = self.morning.cards[card_index]
        names = ("card", "issuer", "profile", "blocked", "key_version", "group", "group_expiry",
                 "expiry", "nt", "balance")  # fmt: skip
        fields: list[Any] = [int(card[name]) for name in names]
        image = Image(*fields)
        keys = CardKeys.of(lambda role: KEYS.issuer_master(image.issuer, role), image.card,
                           image.issuer, 1)  # fmt: skip
        self.purse = Purse(image, keys, counting(), Limits(LIMIT_IDR[int(card["profile"])]))
        self.index = card_index
        self.accepted_s: dict[int, int] = {}
        self.torn: dict[int, TornTap] = {}
        self.left: dict[int, TornTap] = {}

    def play(self) -> list[tuple[int, TapRecord]]:
        """Return each record that the card made, with its row in the city's file."""
        intents, rows = self.morning.intents, self.telling.settled.rows
        made = []
        for row in np.flatnonzero(
            (intents["card_index"] == self.index) & rows["executed"]
        ).tolist():
            record = self.present(row)
            if record is not None:
                made.append((int(self.telling.record_of[row]), record))
        for row, left in self.left.items():
            planned = self.planned(row)
            whole = torn_record(left, planned["sequence"], planned["sam_counter"])
            made.append((int(self.telling.record_of[row]), whole))
        return made

    def planned(self, row: int) -> dict[str, Any]:
        """Return the fields of the record that tells of a presentation."""
        own, other = self.telling.record_of[row], self.telling.completed_by[row]
        record = self.telling.records[own if own >= 0 else other]
        return TapRecord(record.tobytes()).fields()

    def present(self, row: int) -> TapRecord | None:
        """Present the card as the city did; the terminal's own numbers are taken from there."""
        intent, at = self.morning.intents[row], self.morning.at[row]
        planned, settled = self.planned(row), self.telling.settled.rows[row]
        terminal, at_ms = int(at["terminal"]), int(intent["at_ms"])
        presented = Presentation(
            terminal, int(intent["place"]), at_ms, self.morning.tables.version,
            int(self.morning.hotlist[row]), planned["sequence"], planned["trace"],
        )  # fmt: skip
        sam = self.sam(row, planned)
        tear = (DEBIT_EXCHANGE,)
        outcome, _ = run(
            present(presented, self.rule(row), self.torn), self.purse, sam,
            tear if settled["torn"] == 1 else (), tear if settled["torn"] == 2 else (),
        )  # fmt: skip
        self.torn.clear()
        if outcome.torn is not None:
            if settled["torn"] == 1:
                self.torn[outcome.torn.selected.card] = outcome.torn
            if self.telling.record_of[row] >= 0:
                self.left[row] = outcome.torn
        elif outcome.verdict is Verdict.accepted:
            self.accepted_s[terminal] = at_ms // 1_000
        return outcome.record

    def sam(self, row: int, planned: dict[str, Any]) -> Sam:
        """Return the terminal's SAM as it stands before this presentation."""
        at, settled = self.morning.at[row], self.telling.settled.rows[row]
        masters = {
            IssuerKeys(issuer, role, 1): KEYS.issuer_master(issuer, role)
            for issuer in np.unique(self.morning.cards["issuer"]).tolist()
            for role in (Role.debit, Role.load)
        }
        orders = settled["verdict"] == Verdict.accepted and settled["recovers"] < 0
        counter = planned["sam_counter"] - int(orders or settled["torn"] == 1)
        if settled["torn"] == 1 and self.telling.record_of[row] >= 0:
            counter = self.signed(row) - 1  # the card part, by another gate, has it
        return Sam(int(at["sam"]), int(at["terminal"]), masters, EVERYTHING, counting(9), counter)

    def signed(self, row: int) -> int:
        """Return the SAM counter in a torn debit, as the gate that completed it recorded it."""
        by = np.flatnonzero(self.telling.settled.rows["recovers"] == row)
        return int(self.planned(int(by[0]))["sam_counter"])

    def rule(self, row: int) -> Decide:
        """Return the device rule of a terminal at an instant."""
        intent, at, morning = self.morning.intents[row], self.morning.at[row], self.morning
        terminal = Terminal(
            Service(int(at["service"])), TerminalKind(int(at["kind"])),
            Direction(int(at["direction"])), int(intent["place"]), int(at["vehicle"]),
            int(at["vehicle_class"]),
        )  # fmt: skip
        first = morning.hotlists.first_version
        held = int(morning.hotlist[row])
        listed = frozenset(morning.cards["card"][first <= held].tolist())
        accepted_s = self.accepted_s.get(int(at["terminal"]))

        def ruled(selected: Selected) -> Decision:
            return decide(
                card_seen(selected), terminal, Versions(morning.tariff, Hotlist(held, listed)),
                int(intent["at_ms"]) // 1_000, last_accepted_s=accepted_s,
                given_idr=int(intent["amount"]),
            )  # fmt: skip

        return ruled


def sampled_cards(telling: Telling) -> list[int]:
    """Return cards that met something rare, and some that did not."""
    intents, rows = telling.morning.intents, telling.settled.rows
    rare = rows["executed"] & (
        (rows["torn"] > 0) | (rows["verdict"] != 0) | (intents["act"] != Act.tap)
    )
    everyone = np.unique(intents["card_index"][rows["executed"]])
    return sorted({*intents["card_index"][rare].tolist(), *everyone[::10].tolist()})


def test_records_are_what_the_dialogue_would_have_made_byte_for_byte() -> None:
    telling = smoke()
    compared, torn, recovered = 0, 0, 0
    for card in sampled_cards(telling):
        for row, record in Bench(telling, card).play():
            planned = telling.records[row]
            expected = bytearray(planned.tobytes())
            if telling.corrupted[row]:
                expected[76] ^= 1
            assert record.data == bytes(expected), (card, row)
            compared += 1
            torn += planned["flags"] == 2
            recovered += planned["flags"] == 1
    assert compared > 300
    assert torn > 5
    assert recovered > 15


def test_sequences_and_sam_counters_have_no_holes() -> None:
    records = smoke().records
    for recorder in np.unique(records["recorder"]):
        own = np.sort(records["sequence"][records["recorder"] == recorder])
        assert (own == np.arange(1, len(own) + 1)).all(), recorder
    signed = records["refusal"] == 0
    for sam in np.unique(records["sam"][signed]):
        counters = np.sort(records["sam_counter"][signed & (records["sam"] == sam)])
        assert len(np.unique(counters)) == len(counters), sam
        assert counters[0] >= 1


def test_every_card_counts_its_transactions_without_a_hole() -> None:
    telling = smoke()
    records, cards = telling.records, telling.morning.cards
    moved = records["refusal"] == 0
    for card in np.unique(records["card"][moved]):
        counters = np.sort(records["nt"][moved & (records["card"] == card)]).astype(np.int64)
        opened = int(cards["nt"][cards["card"] == card][0])
        assert (counters == opened + 1 + np.arange(len(counters))).all(), card


@pytest.mark.parametrize("field", ["trace", "sequence"])
def test_no_two_records_of_a_terminal_bear_the_same(field: str) -> None:
    records = smoke().records
    pairs = {
        (int(r["recorder"]), r[field].tobytes()) for r in records if field == "sequence" or r["ms"]
    }
    numbered = [r for r in records if field == "sequence" or r["ms"]]
    assert len(pairs) == len(numbered)
