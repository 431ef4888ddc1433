"""The places that an agent offers: each is opened for who has leased it, and closed behind him.

One caller at a time is in a place, since a reader is no thing for two; callers of different places
do not wait for each other.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import NamedTuple, TypeVar

from hil.agent.wire import Leased, PlaceLease, PlaceTold, Wanted
from hil.leases import HEARTBEAT_S, LeaseLostError, Leases
from hil.locks import locked
from hil.rack import RackFile
from hil.reader import Card, CardHolder, Reader, held, open_reader
from scheme.errors import InventoryError, ReaderError
from scheme.personalisation import CardData
from scheme.sam_personalisation import SamData

EVENTS_KEPT = 1_000
CARDS_MAX = 100_000
SAM = "/sam"

T = TypeVar("T")


class Event(NamedTuple):
    """Something that happened at the agent.

    Attributes:
        number: From 1; whoever asks for those after a number sees whether some are gone.
        at_us: Microseconds since 1970, by the agent's wall clock.
        kind: leased, ended, lost or fault.
    """

    number: int
    at_us: int
    kind: str
    place: str
    said: str


@dataclass
class Place:
    """A place while it is leased: its reader, and what has to be let go behind it."""

    name: str
    reader: Reader
    letting_go: ExitStack
    turn: threading.Lock = field(default_factory=threading.Lock)

    def holder(self) -> CardHolder:
        """Return the reader as one whose card a program can change; raises ReaderError."""
        return held(self.reader)


class AgentBench:
    """What an agent offers, and who has it."""

    def __init__(
        self,
        rack: RackFile,
        heartbeat_s: float = HEARTBEAT_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._rack = rack
        self._clock = clock
        self._urls = {place.name: place.reader for place in rack.places if not place.quarantine}
        self._urls |= {
            place.name + SAM: place.sam
            for place in rack.places
            if place.sam and not place.quarantine
        }
        self._leases = Leases(self._urls, heartbeat_s)
        self._open: dict[str, Place] = {}
        self._cards: list[Card] = []
        self._guard = threading.Lock()
        self._events: deque[Event] = deque(maxlen=EVENTS_KEPT)
        self._number = 0

    def places(self) -> list[PlaceTold]:
        """Return each place with what it can do and who has it."""
        now_s = self._clock()
        return [
            PlaceTold(
                place.name,
                place.reader,
                bool(place.sam),
                place.simulated,
                place.features,
                place.quarantine,
                self._lease(place.name, now_s),
            )
            for place in self._rack.places
        ]

    def take(self, wanted: Wanted) -> Leased:
        """Return a lease of a place, whose reader is open then.

        Raises:
            InventoryError: If there is no such place.
            ReaderError: If somebody has it, or its reader does not open in time.
        """
        self.sweep()
        with self._guard:
            lease = self._leases.take(
                wanted.place, wanted.owner, wanted.run, wanted.seconds, self._clock()
            )
        url, run = self._urls[wanted.place], f"lease of {wanted.owner}: {wanted.run}"
        with ExitStack() as stack:
            stack.callback(self._forget, lease.id)
            stack.enter_context(locked(self._rack.lock_of(url), run, 0))
            reader = open_reader(url)
            stack.callback(reader.close)
            with self._guard:  # opening may have taken longer than a lease lasts unheard
                self._leases.heard(lease.id, self._clock())
                self._open[lease.id] = Place(wanted.place, reader, stack.pop_all())
        self._note("leased", wanted.place, f"{wanted.owner}: {wanted.run}")
        return Leased(lease.id, wanted.seconds, self._leases.heartbeat_s)

    def step(self, lease_id: str, does: Callable[[Place], T]) -> T:
        """Do one thing at the place of a lease, and return what came of it.

        Raises:
            LeaseLostError: If the lease does not last, also where it ended while this waited.
        """
        with self._guard:
            self._leases.heard(lease_id, self._clock())
            place = self._open.get(lease_id)
        if place is None:
            raise LeaseLostError("the lease is only just being taken; wait for its answer")
        with place.turn:
            with self._guard:
                self._leases.check(lease_id, self._clock())
            return does(place)

    def issue(self, place: Place, data: CardData | SamData) -> int:
        """Return the number of a fresh card, which any place here with such cards may be given.

        Cards are kept until the last lease has ended.
        """
        if len(self._cards) >= CARDS_MAX:
            raise ReaderError(f'"{place.name}": expected {CARDS_MAX} cards at most, got one more')
        card = place.holder().issue(data)
        with self._guard:
            self._cards.append(card)
            return len(self._cards) - 1

    def card(self, number: int) -> Card:
        """Return a card that was issued here; raises InventoryError if there is no such."""
        with self._guard:
            if 0 <= number < len(self._cards):
                return self._cards[number]
        raise InventoryError(f"no card {number} at this agent; issued: {len(self._cards)}")

    def beat(self, lease_id: str) -> None:
        """Hear of a lease's owner; raises LeaseLostError if the lease does not last."""
        with self._guard:
            self._leases.heard(lease_id, self._clock())

    def end(self, lease_id: str) -> None:
        """Give a place back, and close its reader; again is no fault."""
        self._shut(lease_id, "ended", "given back")

    def sweep(self) -> None:
        """Close what is open for leases that have ended by themselves."""
        with self._guard:
            gone = self._leases.ended(self._clock())
        for lease, why in gone:
            self._shut(lease.id, "lost", why)

    def close(self) -> None:
        """Close everything."""
        for lease_id in list(self._open):
            self._shut(lease_id, "ended", "the agent ends")

    def events(self, after: int) -> list[Event]:
        """Return what happened after an event's number, of the last 1,000."""
        with self._guard:
            return [event for event in self._events if event.number > after]

    def fault(self, lease_id: str, said: str) -> None:
        """Note a fault of the bench at a lease's place."""
        place = self._open.get(lease_id)
        if place is not None:
            self._note("fault", place.name, said)

    def _lease(self, place: str, now_s: float) -> PlaceLease | None:
        with self._guard:
            lease = self._leases.of(place, now_s)
        if lease is None:
            return None
        age_s, left_s = round(now_s - lease.since_s, 1), round(lease.deadline_s - now_s, 1)
        return PlaceLease(lease.owner, lease.run, age_s, left_s)

    def _shut(self, lease_id: str, kind: str, why: str) -> None:
        with self._guard:
            place = self._open.pop(lease_id, None)
        if place is not None:
            with place.turn:
                place.letting_go.close()
            self._note(kind, place.name, why)
        with self._guard:
            if not self._open:
                self._cards.clear()

    def _forget(self, lease_id: str) -> None:
        with self._guard:
            self._leases.end(lease_id)

    def _note(self, kind: str, place: str, said: str) -> None:
        with self._guard:
            self._number += 1
            at_us = time.time_ns() // 1_000
            self._events.append(Event(self._number, at_us, kind, place, said))
