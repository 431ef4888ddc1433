"""Gates of a rack that riders pass as they come: each with a thread, its reader, SAM and dialogue.

A presentation is handed to a gate and is told of as it goes: when the card is presented, and when
the outcome is there. A whole rack can be made to stand still for a while, and each tap to take
longer; both leave proof.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from queue import SimpleQueue
from typing import NamedTuple, Protocol

from hil.faults.evidence import FaultLog
from hil.faults.plan import Fault, Kind
from hil.posts import Deck, Post, close_posts, fault_logs, open_posts
from hil.rack import RackFile
from hil.slices import Slice
from hil.timer import now_ns, sleep_until
from scheme.apdu import Ins
from scheme.days import calendar_day
from scheme.decision import Versions
from scheme.errors import PurseRefusedError, ReaderError
from scheme.keys import TestKeys
from scheme.records import trace_id
from scheme.verdicts import Verdict

CLOSED_WITHIN_S = 30.0
MS = 1_000_000


class Told(Protocol):
    """Who is told of a presentation; instants are monotonic nanoseconds."""

    def began(self, at_ns: int) -> None:
        """The card is presented now."""
        ...

    def done(self, at_ns: int, accepted: bool, outcome: str) -> None:
        """The outcome is there."""
        ...

    def failed(self, error: BaseException) -> None:
        """The bench broke; the gate takes nobody else."""
        ...


class Freeze(NamedTuple):
    """The rack stands still from an instant on: `at_ms` of the taps' clock, `for_ms` of ours."""

    at_ms: float
    for_ms: float


@dataclass(frozen=True, slots=True)
class Presented:
    """A card at a gate."""

    number: int
    card: int
    at_ms: int
    told: Told


class Lanes:
    """The gates of a rack.

    Attributes:
        log: The freeze that was asked for, if any.
    """

    def __init__(
        self,
        part: Slice,
        rack: RackFile,
        keys: TestKeys,
        deal: Sequence[Sequence[int]],
        slow_ms: int = 0,
        freeze: Freeze | None = None,
    ) -> None:
        """Open every gate, by the order of the slice's terminals, and issue the cards.

        Args:
            deal: The cards that will be presented at each gate.
            slow_ms: How much longer each tap is to take.

        Raises:
            InventoryError: If the rack lacks a place of the slice.
            ReaderError: If a reader cannot be opened, or its card not be changed.
        """
        self.log = FaultLog()
        self._part = part
        self._slow_ms = slow_ms
        self._freeze = freeze
        self._frozen = self.log.arm(f"freeze={freeze.for_ms:g}", "the rack") if freeze else None
        self._still_until_ns = 0
        self._freezing = threading.Lock()
        self._deck = Deck(part.cards, part.limits_idr, keys)
        self._posts = open_posts(part, rack, keys)
        self._names = list(part.terminals)
        try:
            for name, cards in zip(self._names, deal, strict=True):
                for card in cards:
                    self._deck.card(card, self._posts[name].reader)
        except BaseException:
            close_posts(self._posts)
            raise
        self._waiting: list[SimpleQueue[Presented | None]] = [SimpleQueue() for _ in self._names]
        self._threads = [
            threading.Thread(target=self._serve, args=(lane,), name=name, daemon=True)
            for lane, name in enumerate(self._names)
        ]
        for thread in self._threads:
            thread.start()

    def present(self, lane: int, presented: Presented) -> None:
        """Hand a card to a gate; returns at once."""
        self._waiting[lane].put(presented)

    def close(self) -> None:
        """Let the tap under way end, and let go of every reader.

        Raises:
            ReaderError: If a gate does not come to its end.
        """
        for waiting in self._waiting:
            waiting.put(None)
        for thread in self._threads:
            thread.join(CLOSED_WITHIN_S)
        close_posts(self._posts)
        if stuck := [thread.name for thread in self._threads if thread.is_alive()]:
            raise ReaderError(
                f"{', '.join(stuck)}: expected the tap to end in {CLOSED_WITHIN_S:g} s, got nothing"
            )

    def logs(self) -> list[FaultLog]:
        """Return what was armed and what fired, of the rack and of each reader."""
        of_plan, of_rack = fault_logs(self._posts.values())
        return [self.log, *of_plan, *of_rack]

    def _serve(self, lane: int) -> None:
        name, terminal = self._names[lane], self._part.terminals[self._names[lane]]
        versions = Versions(self._part.tariff, self._part.hotlists[0])
        while (presented := self._waiting[lane].get()) is not None:
            try:
                self._stand_still(presented.at_ms)
                trace = trace_id(self._part.seed, terminal.number, presented.number)
                self._tap(self._posts[name], presented, versions, trace)
            except Exception as error:  # whoever waits has to hear of it, whatever it is
                presented.told.failed(error)
                return

    def _tap(self, post: Post, presented: Presented, versions: Versions, trace: bytes) -> None:
        card = self._deck.card(presented.card, post.reader)
        if self._slow_ms:
            post.reader.arm(Fault(Kind.delay, frozenset({Ins.select}), self._slow_ms))
        presented.told.began(now_ns())
        post.reader.insert(card)
        try:
            verdict = post.validator.tap(presented.at_ms, versions, trace).outcome.verdict
            accepted, outcome = verdict is Verdict.accepted, verdict.name
        except PurseRefusedError as refused:
            accepted, outcome = False, f"SW {refused.sw:04X}"
        presented.told.done(now_ns(), accepted, outcome)
        post.reader.disarm()
        post.reader.field_off()

    def _stand_still(self, at_ms: int) -> None:
        with self._freezing:
            freeze, frozen = self._freeze, self._frozen
            if freeze and frozen and not frozen.fired and at_ms >= freeze.at_ms:
                self._still_until_ns = now_ns() + round(freeze.for_ms * MS)
                frozen.fire(f"from the tap at {at_ms} on")
        sleep_until(self._still_until_ns)


def warm(part: Slice, at_ms: int) -> None:
    """Work out the tariff of a day beforehand, as a device does that is switched on."""
    part.tariff.on(calendar_day(at_ms // 1_000))
