"""The pipeline: from `raw` to `books`, in order of arrival, one db_transaction a chunk.

It obeys operator calls where they stand among the uploads, so that replaying `raw` makes the same
books. Taps of a day that was closed before are priced again once nothing else waits.
"""

from __future__ import annotations

from collections import Counter
from enum import Enum
from pathlib import Path

import numpy as np

from reference_server.accounts import Chart
from reference_server.books import Books, DayClose
from reference_server.chains import Chains
from reference_server.clock import Clock
from reference_server.devices import Registry
from reference_server.exceptions import of_uploads
from reference_server.keystore import KeyStore
from reference_server.ledger import TapPostings, as_postings
from reference_server.pricing import Span, collect, price
from reference_server.schema import ArrivalKind
from reference_server.settings import Limits
from reference_server.settlement import hash_of_books, net_positions, open_window
from reference_server.stage import Stage, load_counters, read_chunk
from reference_server.store import Arrival, RawReader

NO_DAY = -1
KEYS_FOLDER = "keystore"


class Work(Enum):
    """What the pipeline did in one step."""

    nothing = 0
    chunk = 1
    call = 2
    pricing = 3


class Pipeline:
    """Clears what arrived. One instance writes the books of a store."""

    def __init__(self, folder: Path, clock: Clock, limits: Limits) -> None:
        self._clock = clock
        self._limits = limits
        self._raw = RawReader(folder)
        self.books = Books.open(folder)
        self.arrival, self._priced, self._tariff = self.books.progress()
        self._closes = self.books.closes()
        self.registry = Registry()
        self._keys = KeyStore(folder / KEYS_FOLDER)
        self._chart = Chart(self.books.accounts(), self.books.add_account)
        for call in self._raw.calls(until=self.arrival):
            self._know(call)
        self._chains = Chains(self._raw)
        counters = load_counters(self.books)
        self._stage = Stage(self.books, self.registry, self._keys, counters)
        self._postings: TapPostings | None = None
        self.verdicts: Counter[int] = Counter(self.books.verdict_counts())
        self.late = bool(self._closes) and self._priced < self.arrival

    def step(self) -> Work:
        """Do the next piece of work and return what it was.

        Raises:
            StoreError: If the disk says no; make another instance, this one may be ahead of it.
        """
        arrivals = self._raw.after(self.arrival, self._limits.chunk_bytes_max)
        if not arrivals:
            if not self.late:
                return Work.nothing
            self._price_late()
            return Work.pricing
        is_call = arrivals[0].kind == ArrivalKind.call
        if is_call:
            self._obey(arrivals[0])
        else:
            self._clear(arrivals)
        self.arrival = arrivals[-1].arrival
        return Work.call if is_call else Work.chunk

    def drain(self) -> None:
        """Work until nothing is left to do."""
        while self.step() is not Work.nothing:
            pass

    def ledger_hash(self) -> str:
        """Return the ledger hash over everything posted."""
        return hash_of_books(self.books)

    def repeats(self) -> dict[int, int]:
        """Return how many identical repeats of each upload were answered."""
        return self._raw.repeats()

    def close(self) -> None:
        """Let go of both stores."""
        self._raw.close()
        self.books.close()

    def _clear(self, arrivals: list[Arrival]) -> None:
        chunk = read_chunk(arrivals, self.registry)
        closed_days = np.unique(np.array([c.operating_day for c in self._closes], np.int64))
        booked_us = self._clock.at_us()
        with self.books.db_transaction():
            if self._postings is None:
                self._postings = TapPostings(self.registry, self._chart)
            self.books.add_uploads(
                [(*a[:1], *a[2:5], a.digest, a.received_us, booked_us, a.name) for a in arrivals]
            )
            window = open_window(self._closes)
            counts, late = self._stage.clear(chunk, self._postings, window, closed_days)
            self.books.add_exceptions(of_uploads(arrivals) + self._chains.broken(arrivals))
            verdicts = self.verdicts.copy()
            verdicts.update(counts)
            self.books.set_verdict_counts(verdicts)
            self.books.set_progress(arrivals[-1].arrival)
        self.verdicts = verdicts
        self.late |= late

    def _obey(self, call: Arrival) -> None:
        with self.books.db_transaction():
            if call.name == "close":
                self._close_day(call)
            else:
                self._know(call)
                # What was priced by an older tariff is priced again by this one.
                self.late |= call.name == "tariff" and bool(self._closes)
            self.books.set_progress(call.arrival)

    def _know(self, call: Arrival) -> None:
        """Take in a call about the registry."""
        self.registry.apply(call)
        self._chart.participants = self.registry.participants
        self._keys.reload()
        self._postings = None

    def _close_day(self, call: Arrival) -> None:
        """Price every card up to the day, close the window, net it (R13)."""
        day, at_ms = call.number, int.from_bytes(call.body, "big")
        window = open_window(self._closes)
        self._price(day, at_ms // 1_000, window)
        close = DayClose(window, day, at_ms, call.arrival, hash_of_books(self.books))
        self.books.add_close(close, net_positions(self.books, window))
        self._closes.append(close)
        self._set_priced(call.arrival)

    def _price_late(self) -> None:
        """Price again what came after a close; the difference goes into the open window."""
        last = max(close.operating_day for close in self._closes)
        as_of_s = max(close.at_ms for close in self._closes) // 1_000
        with self.books.db_transaction():
            self._price(last, as_of_s, open_window(self._closes))
            self._set_priced(self.arrival)

    def _set_priced(self, arrival: int) -> None:
        self._priced, self._tariff = arrival, self.registry.newest_tariff
        self.books.set_priced(self._priced, self._tariff)
        self.late = False

    def _price(self, day: int, as_of_s: int, window: int) -> None:
        if not self.registry.tariffs:  # the money rests until there is one
            return
        day_before = max((close.operating_day for close in self._closes), default=NO_DAY)
        as_of_s = max([as_of_s, *(close.at_ms // 1_000 for close in self._closes)])
        fresh = not self.books.is_priced()
        priced = self._priced if self._tariff == self.registry.newest_tariff else -1
        span = Span(priced, day_before, max(day, day_before), as_of_s)
        cards = collect(self.books, span, fresh)
        if not len(cards.first) and not cards.changed:
            return
        prices = price(cards, self.registry, as_of_s)
        standing = self.books.postings(kind_min=2)
        if not fresh:
            standing = standing[np.isin(standing[:, 2], cards.changed)]
        self.books.post(as_postings(prices.difference(standing, self._chart)), window)
        self.books.replace_prices(cards.changed, prices.journeys, prices.legs, prices.memberships)
        self.books.add_exceptions(prices.exceptions)
