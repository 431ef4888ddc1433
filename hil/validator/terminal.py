"""The reference device: one terminal with its reader and its SAM, numbering what it records.

It decides by `scheme.decision` and talks by `scheme.dialogue`. It keeps in memory whom it accepted
last and what was torn; the journal, sealing, upload, the gate and its sounds are beside it.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, replace
from typing import NamedTuple

from hil.exchange import Timed, Transceiver, conduct
from scheme.apdu import Ins, Selected, challenge_command, parse_response
from scheme.decision import DOUBLE_TAP_S, Decision, Terminal, Versions, decide
from scheme.dialogue import RECOVERY_MS, Outcome, present
from scheme.errors import ReaderError
from scheme.layouts import SAM_CHALLENGE
from scheme.presentation import Presentation, TornTap, card_seen, torn_record
from scheme.records import TapRecord
from scheme.status import Sw, meaning
from scheme.verdicts import Verdict


class Presented(NamedTuple):
    """How a presentation ended here, and its exchanges."""

    outcome: Outcome
    exchanges: list[Timed]


TornMemory = dict[int, TornTap]
"""By card number, what gates of one station and direction may complete for each other (R8)."""


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
        self._unrecovered: list[TornTap] = []
        self._accepted_s: dict[int, int] = {}
        self._recent: deque[tuple[int, int]] = deque()

    def resume(
        self,
        sequence: int,
        unrecovered: list[TornTap],
        recoverable: list[TornTap],
        accepted: list[tuple[int, int]],
    ) -> None:
        """Know again what was known before a loss of power.

        Args:
            sequence: The number of the last record.
            unrecovered: Torn taps that are to be told as torn, oldest first.
            recoverable: Those of them that can still be completed.
            accepted: Taps accepted of late, (second, card), oldest first.
        """
        self.sequence = sequence
        self._unrecovered = list(unrecovered)
        self.torn.update((left.selected.card, left) for left in recoverable)
        self._recent.extend(accepted)
        self._accepted_s.update((card, at_s) for at_s, card in accepted)

    def tap(
        self,
        at_ms: int,
        versions: Versions,
        trace: bytes,
        given_idr: int = 0,
        place: int | None = None,
    ) -> Presented:
        """Carry out one presentation of whatever card is in the field.

        Args:
            at_ms: The terminal's instant, milliseconds UTC.
            versions: The tariff and hotlist it holds by then.
            trace: The presentation's trace id.
            given_idr: The till's price, the bill or the load, where no tariff prices.
            place: Where it is now; on a bus the stop. Without it, the terminal's own place.
        """
        at_s = at_ms // 1_000
        facts = self.facts if place is None else replace(self.facts, place=place)

        def rule(selected: Selected) -> Decision:
            return decide(
                card_seen(selected), facts, versions, at_s,
                last_accepted_s=self._accepted_s.get(selected.card), given_idr=given_idr,
            )  # fmt: skip

        presented = Presentation(
            self.number, facts.place, at_ms, versions.tariff.version,
            versions.hotlist.version, self.sequence + 1, trace,
        )  # fmt: skip
        outcome, exchanges = conduct(present(presented, rule, self.torn), self.reader, self.sam)
        self._remember(outcome, at_s)
        return Presented(outcome, exchanges)

    def record_torn(self, at_ms: int) -> list[TapRecord]:
        """Record this terminal's torn taps that nobody completed here within 120 s, by an instant.

        A tap that a gate beside it has completed is among them: this terminal does not know.
        """
        due = [t for t in self._unrecovered if t.presented.at_ms + RECOVERY_MS < at_ms]
        self._unrecovered = [left for left in self._unrecovered if left not in due]
        records = []
        for left in due:
            if self.torn.get(left.selected.card) is left:
                del self.torn[left.selected.card]
            self.sequence += 1
            records.append(torn_record(left, self.sequence, self.sam_counter()))
        return records

    def _remember(self, outcome: Outcome, at_s: int) -> None:
        if outcome.record is not None:
            self.sequence += 1
        if outcome.selected is None:
            return
        card = outcome.selected.card
        left = self.torn.get(card)
        if outcome.torn is not None and outcome.torn is not left:
            self.torn[card] = outcome.torn
            self._unrecovered.append(outcome.torn)
        elif outcome.record is not None and left is not None:
            # Recovered, or its debit never was: a later counter must not be taken for it.
            del self.torn[card]
            if outcome.recovered and left in self._unrecovered:
                self._unrecovered.remove(left)
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
