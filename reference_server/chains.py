"""The chain of a sender's batches: each names the digest of the one before.

A batch whose predecessor is missing is stored like any other; its link is checked when the gap
closes, by whichever of the two is cleared later.
"""

from __future__ import annotations

from reference_server.exceptions import Row, of_broken_link
from reference_server.schema import ArrivalKind
from reference_server.store import Arrival, RawReader
from scheme.batches import HEADER, HEADER_SIZE, NO_PREVIOUS


class Chains:
    """Checks links; remembers each sender's last batch, for the rest it asks `raw`."""

    def __init__(self, raw: RawReader) -> None:
        self._raw = raw
        self._last: dict[int, tuple[int, bytes]] = {}
        self._highest: dict[int, int] = {}

    def broken(self, arrivals: list[Arrival]) -> list[Row]:
        """Return an exception for every link that these arrivals complete and break."""
        rows: list[Row] = []
        for arrival in arrivals:
            if arrival.kind == ArrivalKind.upload:
                rows += self._broken(arrival)
        return rows

    def _broken(self, arrival: Arrival) -> list[Row]:
        sender, number = arrival.sender, arrival.number
        rows = []
        before = self._before(arrival)
        if before is not None and previous_of(arrival.body) != before:
            rows.append(of_broken_link(arrival, number))
        if self._highest.get(sender, number + 1) > number:  # unknown after a restart: ask
            after = self._raw.digest_of(sender, number + 1, arrival.arrival)
            if after is not None and previous_of(after[1]) != arrival.digest:
                rows.append(of_broken_link(arrival, number + 1))
        self._last[sender] = (number, arrival.digest)
        self._highest[sender] = max(number, self._highest.get(sender, 0))
        return rows

    def _before(self, arrival: Arrival) -> bytes | None:
        """Return the digest of the batch before, or None if it is not there yet."""
        if arrival.number == 1:
            return NO_PREVIOUS
        number, digest = self._last.get(arrival.sender, (0, b""))
        if number == arrival.number - 1:
            return digest
        found = self._raw.digest_of(arrival.sender, arrival.number - 1, arrival.arrival)
        return None if found is None else found[0]


def previous_of(body: bytes) -> bytes:
    """Return the digest of the batch before, as a batch's head says it."""
    return bytes(HEADER.unpack(body[:HEADER_SIZE])[-1])
