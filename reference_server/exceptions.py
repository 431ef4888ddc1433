"""The exception queue: what the clearing house could not book as it came, and why."""

from __future__ import annotations

import numpy as np

from reference_server.clearing import Chunk, Verdicts
from reference_server.schema import ArrivalKind
from reference_server.store import Arrival
from scheme.verdicts import Verdict

WHOLE_UPLOAD = -1  # the item of an exception that is about an upload, not about one of its taps
CLEARING_FIRST = Verdict.record_malformed

Row = tuple[int, int, str, int, str]


def of_taps(chunk: Chunk, verdicts: Verdicts) -> list[Row]:
    """Return a row for every tap that clearing refused; what a device refused is no exception."""
    rows = np.flatnonzero(verdicts.codes >= CLEARING_FIRST)
    return [
        (
            int(chunk.arrival[row]),
            int(chunk.item[row]),
            Verdict(int(verdicts.codes[row])).name,
            int(chunk.amount[row]),
            f"terminal {chunk.records['recorder'][row]}"
            f" sequence {chunk.records['sequence'][row]}, NT {chunk.nt[row]}",
        )
        for row in rows.tolist()
    ]


def of_uploads(arrivals: list[Arrival]) -> list[Row]:
    """Return a row for every refused upload."""
    return [
        (
            arrival.arrival,
            WHOLE_UPLOAD,
            arrival.name,
            0,
            f"sender {arrival.sender} batch {arrival.number}, {arrival.size} bytes,"
            f" {arrival.taps} taps",
        )
        for arrival in arrivals
        if arrival.kind == ArrivalKind.refused
    ]


def of_broken_link(arrival: Arrival, number: int) -> Row:
    """Return the row for a batch whose predecessor's digest is not what it says."""
    detail = f"sender {arrival.sender} batch {number} names another predecessor than the stored one"
    return (arrival.arrival, WHOLE_UPLOAD, "previous-digest-differs", 0, detail)


def of_unpriced(card_text: str, detail: str) -> Row:
    """Return the row for a card whose taps the tariff has no row for; its money rests."""
    return (0, WHOLE_UPLOAD, "tariff-row-missing", 0, f"card {card_text}: {detail}")
