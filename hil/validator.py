"""The reference device: one terminal with its reader and its SAM, numbering what it records.

It decides by `scheme.decision` and talks by `scheme.dialogue`. It keeps in memory whom it accepted
last and what was torn; a durable journal, sealing, upload, the gate and its sounds are not here.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import NamedTuple

from hil.exchange import Timed, Transceiver, conduct
from scheme.apdu import SAM_CHALLENGE, Ins, Selected, challenge_command, parse_response
from scheme.decision import DOUBLE_TAP_S, Decision, Terminal, Versions, decide
from scheme.dialogue import RECOVERY_MS, Outcome, present
from scheme.errors import ReaderError
from scheme.presentation import Presentation, TornTap, card_seen, torn_record
from scheme.records import TapRecord
from scheme.status import Sw, meaning
from scheme.verdicts import Verdict


class Presented(NamedTuple):
    """How a presentation ended here, and its exchanges."""

    outcome: Outcome
    exchanges: list[Timed]


class TornMemory:
    """Torn presentations of one station and direction, shared by its gates, by card number."""

    def __init__(self) -> None:
        self.by_card: dict[int, TornTap] = {}

    def overdue(self, terminal: int, at_ms: int) -> list[TornTap]:
        """Return and forget a terminal's torn taps that are past recovery, oldest first."""
        gone = [
            left
            for left in self.by_card.values()
            if left.presented.terminal == terminal and left.presented.at_ms + RECOVERY_MS < at_ms
        ]
        for left in gone:
            del self.by_card[left.selected.card]
        return sorted(gone, key=lambda left: (left.presented.at_ms, left.selected.card))


@dataclass
class Validator:
    """A terminal at work.

    Attributes:
        number: Its terminal number.
        facts: What the device rule must know of it; the place is a gate's.
        torn: What its neighbours and it remember of torn taps.
        sequence: The number of its last record.
    """

    number: int
    facts: Terminal
    reader: Transceiver
    sam: Transceiver
    torn: TornMemory
    sequence: int = 0

    def __post_init__(self) -> None:
        self._accepted_s: dict[int, int] = {}
        self._recent: deque[tuple[int, int]] = deque()

    def tap(self, at_ms: int, versions: Versions, trace: bytes, given_idr: int = 0) -> Presented:
        """Carry out one presentation of whatever card is in the field.

        Args:
            at_ms: The terminal's instant, milliseconds UTC.
            versions: The tariff and hotlist it holds by then.
            trace: The presentation's trace id.
            given_idr: The till's price, the bill or the load, where no tariff prices.
        """
        at_s = at_ms // 1_000

        def rule(selected: Selected) -> Decision:
            return decide(
                card_seen(selected), self.facts, versions, at_s,
                last_accepted_s=self._accepted_s.get(selected.card), given_idr=given_idr,
            )  # fmt: skip

        presented = Presentation(
            self.number, self.facts.place, at_ms, versions.tariff.version,
            versions.hotlist.version, self.sequence + 1, trace,
        )  # fmt: skip
        outcome, exchanges = conduct(
            present(presented, rule, self.torn.by_card), self.reader, self.sam
        )
        self._remember(outcome, at_s)
        return Presented(outcome, exchanges)

    def record_torn(self, at_ms: int) -> list[TapRecord]:
        """Record the torn taps that nobody recovered within 120 s, as of an instant."""
        records = []
        for left in self.torn.overdue(self.number, at_ms):
            self.sequence += 1
            records.append(torn_record(left, self.sequence, self.sam_counter()))
        return records

    def _remember(self, outcome: Outcome, at_s: int) -> None:
        if outcome.record is not None:
            self.sequence += 1
        if outcome.selected is None:
            return
        card = outcome.selected.card
        if outcome.torn is not None:
            self.torn.by_card[card] = outcome.torn
        elif outcome.record is not None:
            self.torn.by_card.pop(card, None)
        if outcome.verdict is Verdict.accepted:
            self._accepted_s[card] = at_s
            self._recent.append((at_s, card))
        while self._recent and self._recent[0][0] < at_s - DOUBLE_TAP_S:
            then_s, forgotten = self._recent.popleft()
            if self._accepted_s.get(forgotten) == then_s:
                del self._accepted_s[forgotten]

    def sam_counter(self) -> int:
        """Return the SAM's last used counter.

        Raises:
            ReaderError: If the SAM does not say it.
        """
        exchange = self.sam.transceive(challenge_command().encode())
        answer = parse_response(exchange.response)
        if answer.sw != Sw.ok:
            name = Ins.challenge.name.upper()
            raise ReaderError(f"SAM of terminal {self.number} refused {name}: {meaning(answer.sw)}")
        counter: int = SAM_CHALLENGE.codec.unpack(answer.data)[3]
        return counter
