"""The first stage of the pipeline: uploads in order of arrival become verdicts and postings.

One chunk, one db_transaction. A counter is taken by the lowest (second, terminal, sequence) that
was proved under it, whichever came first: a later arrival may put an earlier one out, whose
postings are then taken back (docs/spec/fares.md R15).
"""

from __future__ import annotations

from collections import Counter

import numpy as np
from numpy.typing import NDArray

from reference_server.books import Books, as_blobs
from reference_server.clearing import Chunk, Verdicts, clear_rest, make_chunk, prove
from reference_server.counters import (
    NOWHERE,
    CounterIndex,
    arrival_and_item,
    counter_keys,
    locate,
)
from reference_server.devices import Registry
from reference_server.exceptions import of_taps
from reference_server.keystore import KeyStore
from reference_server.ledger import TapPostings, as_postings, net_effects
from reference_server.proof import REASONS, salvage
from reference_server.schema import ArrivalKind
from reference_server.store import Arrival
from scheme.records import RECORD_SIZE, TAP_DTYPE, TapRecord, records_view
from scheme.verdicts import Verdict

# What stood under a counter at any time: proved, whatever a later rule said of it.
STANDING = (
    Verdict.accepted,
    Verdict.card_hotlisted_before_tap,
    Verdict.too_late,
    Verdict.amount_not_allowed,
)
Order = tuple[int, int, int, int, bytes]


def load_counters(books: Books) -> CounterIndex:
    """Return the index of the counters that are taken in the books."""
    index = CounterIndex()
    for taps in books.taps():
        rows = np.flatnonzero(np.isin(taps.verdict, STANDING))
        records = taps.records[rows]
        keys = counter_keys(records["card"].astype(np.uint64), records["nt"].astype(np.int64))
        index.add(keys, locate(taps.arrival[rows], taps.item[rows]))
    return index


def read_chunk(arrivals: list[Arrival], registry: Registry) -> Chunk:
    """Return the records of these uploads as one chunk, refused uploads as far as they tell."""
    bodies = [salvage(arrival.body, arrival.taps).tobytes() for arrival in arrivals]
    counts = np.array([len(body) // RECORD_SIZE for body in bodies])
    starts = np.cumsum(counts) - counts
    said = [
        REASONS[a.name][1] if a.kind == ArrivalKind.refused else Verdict.accepted for a in arrivals
    ]
    return make_chunk(
        records_view(b"".join(bodies)) if any(bodies) else np.empty(0, TAP_DTYPE),
        np.repeat(np.array([a.arrival for a in arrivals], np.int64), counts),
        np.arange(int(counts.sum())) - np.repeat(starts, counts),
        np.repeat(np.array([a.sender for a in arrivals], np.int64), counts),
        np.repeat(np.array(said, np.uint8), counts),
        registry,
    )


class Stage:
    """Clears chunks against the books."""

    def __init__(
        self, books: Books, registry: Registry, keys: KeyStore, counters: CounterIndex
    ) -> None:
        self._books = books
        self._registry = registry
        self._keys = keys
        self._counters = counters

    def clear(
        self,
        chunk: Chunk,
        postings: TapPostings,
        window: int,
        closed_days: NDArray[np.int64],
    ) -> tuple[Counter[int], bool]:
        """Book a chunk inside the caller's db_transaction.

        Returns:
            How many taps got each verdict (one put out counts minus), and whether any tap is of a
            day that was closed before, so that prices have to be made again.
        """
        verdicts = prove(chunk, self._registry, self._keys)
        demoted = self._settle_counters(chunk, verdicts)
        clear_rest(chunk, verdicts, self._registry, closed_days)
        codes, taps = np.unique(verdicts.codes, return_counts=True)
        counts = Counter(dict(zip(codes.tolist(), taps.tolist(), strict=True)))
        self._books.add_taps(
            zip(
                chunk.arrival.tolist(),
                chunk.item.tolist(),
                verdicts.codes.tolist(),
                as_blobs(chunk.records),
                strict=True,
            )
        )
        for location in demoted:  # before the new tap posts under the same key
            counts.update(self._put_out(location, window))
        accepted = np.flatnonzero(verdicts.codes == Verdict.accepted)
        self._books.post(postings.of(chunk, accepted), window)
        self._books.add_exceptions(of_taps(chunk, verdicts))
        if not len(closed_days):
            return counts, False
        priced = (verdicts.codes == Verdict.accepted) | (verdicts.codes == Verdict.tap_was_torn)
        late = (priced & (chunk.day <= closed_days[-1])).any()
        return counts, bool(late) or bool(demoted)

    def _settle_counters(self, chunk: Chunk, verdicts: Verdicts) -> list[int]:
        """Decide `counter_already_seen`; return where stored taps stand that lost their counter."""
        rows = np.flatnonzero(verdicts.open)
        keys = counter_keys(chunk.card[rows], chunk.nt[rows])
        standing = self._counters.find(keys)
        order = np.argsort(keys, kind="stable")
        same = keys[order][1:] == keys[order][:-1]
        contested = standing != NOWHERE
        contested[order[1:][same]] = True
        contested[order[:-1][same]] = True
        free = ~contested
        self._counters.add(keys[free], locate(chunk.arrival[rows[free]], chunk.item[rows[free]]))
        losers, demoted = self._contest(
            chunk, rows[contested], keys[contested], standing[contested].tolist()
        )
        lost = np.zeros(len(verdicts.codes), np.bool_)
        lost[losers] = True
        verdicts.decide(lost, Verdict.counter_already_seen)
        return demoted

    def _contest(
        self,
        chunk: Chunk,
        rows: NDArray[np.int64],
        keys: NDArray[np.uint64],
        standing: list[int],
    ) -> tuple[list[int], list[int]]:
        """Let the lowest of each contested counter stand; return the rows and places that lost."""
        contenders: dict[int, list[tuple[Order, int]]] = {}
        stands: dict[int, int] = {}
        for row, key, location in zip(rows.tolist(), keys.tolist(), standing, strict=True):
            contenders.setdefault(key, []).append((order_of(chunk.records[row].tobytes()), row))
            stands[key] = location
        losers: list[int] = []
        demoted: list[int] = []
        for key, claims in contenders.items():
            claims.sort()
            place = stands[key]
            if place != NOWHERE:
                held = order_of(self._books.record_of(*arrival_and_item(place)))
                if held <= claims[0][0]:
                    losers += [row for _, row in claims]
                    continue
                demoted.append(place)
            winner = claims[0][1]
            losers += [row for _, row in claims[1:]]
            at = int(locate(chunk.arrival[winner], chunk.item[winner]))
            if place == NOWHERE:
                self._counters.add(np.array([key], np.uint64), np.array([at]))
            else:
                self._counters.move(np.uint64(key), at)
        return losers, demoted

    def _put_out(self, location: int, window: int) -> Counter[int]:
        """Take verdict and postings from a tap that lost its counter; return how counts change."""
        arrival, item = arrival_and_item(location)
        before = self._books.verdict_of(arrival, item)
        fields = TapRecord(self._books.record_of(arrival, item)).fields()
        self._books.set_verdict(arrival, item, Verdict.counter_already_seen)
        if before == Verdict.accepted:
            stood = self._books.tap_postings(fields["issuer"], fields["card"], fields["nt"])
            self._books.post(as_postings(net_effects(stood), sign=-1), window)
        detail = f"a lower record took NT {fields['nt']}"
        reason = Verdict.counter_already_seen.name
        self._books.add_exceptions([(arrival, item, reason, fields["amount"], detail)])
        counts: Counter[int] = Counter()
        counts[before] -= 1
        counts[Verdict.counter_already_seen] += 1
        return counts


def order_of(record: bytes) -> Order:
    """Return what decides which of two records of one counter stands: the lower (R15)."""
    fields = TapRecord(record).fields()
    return fields["at_s"], fields["terminal"], fields["recorder"], fields["sequence"], record
