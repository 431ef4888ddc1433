"""Uploads: which records a sender puts into which batch, and the instant at which it sends it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sim.card_columns import Bools, Ints
from sim.chance import keyed_below
from sim.faults import Faults
from sim.recording import Recorded
from sim.senders import APART_MS, SINGLE_AFTER_MS, Manner, Senders

COPY_AFTER_MS = (2_000, 8_000)

UPLOAD_DTYPE = np.dtype(
    [
        ("upload", "<u4"),  # from 0, by instant
        ("sender", "<u4"),
        ("batch", "<u4"),  # the sender's number of it, from 1
        ("at_ms", "<i8"),
        ("first", "<u4"),  # record
        ("count", "<u4"),
        ("single", "u1"),
        ("copy", "u1"),  # the same bytes again
        ("rack", "u1"),
    ]
)


@dataclass(frozen=True)
class Uploads:
    """Uploads, and where each record stands in them.

    Attributes:
        rows: `UPLOAD_DTYPE`, sorted by upload.
        order: Record (as `Recorded` has them) at each index of the file.
        upload, batch: Of each record of the file.
    """

    rows: NDArray[np.void]
    order: Ints
    upload: Ints
    batch: Ints


def cut_batches(
    recorded: Recorded, terminal: Ints, senders: Senders, rack: Bools, faults: Faults
) -> Uploads:
    """Return the uploads of all records.

    Args:
        terminal: Row of the recording terminal of each record.
        rack: Whether each sender is the rack's; it repeats no upload.
    """
    sender = senders.of_terminal[terminal]
    single = senders.manner[sender] == Manner.single
    order = np.lexsort((recorded.sequence, terminal, recorded.at_ms, sender))
    sender, single, made_ms = sender[order], single[order], recorded.at_ms[order]
    slot = senders.slot_after(sender, made_ms)
    opens = np.append(True, (sender[1:] != sender[:-1]) | single[1:] | (slot[1:] != slot[:-1]))
    first = np.flatnonzero(opens)
    batch_of = np.cumsum(opens) - 1
    at_ms = _sent_ms(first, sender[first], slot[first], single[first], made_ms[first], senders,
                     faults.seed)  # fmt: skip
    number = _number_within(sender[first])
    rows = np.zeros(len(first), UPLOAD_DTYPE)
    rows["sender"], rows["batch"], rows["at_ms"] = senders.number[sender[first]], number, at_ms
    rows["first"], rows["count"] = first, np.diff(np.append(first, len(order)))
    rows["single"], rows["rack"] = single[first], rack[sender[first]]
    everything = np.concatenate((rows, _copies(rows, faults)))
    everything = everything[
        np.lexsort((everything["copy"], everything["batch"], everything["sender"],
                    everything["at_ms"]))
    ]  # fmt: skip
    everything["upload"] = np.arange(len(everything))
    originals = everything[everything["copy"] == 0]
    upload = np.empty(len(first), np.int64)
    upload[np.searchsorted(first, originals["first"])] = originals["upload"]
    return Uploads(everything, order, upload[batch_of], number[batch_of])


def _sent_ms(
    batch: Ints, sender: Ints, slot: Ints, single: Bools, made_ms: Ints, senders: Senders, seed: int
) -> Ints:
    """Return when each batch is sent: late ones when the sender is back, always in order."""
    low, high = SINGLE_AFTER_MS
    ids = made_ms << 20 | sender  # a till takes one card at a time
    right_away = made_ms + low + keyed_below(seed, "upload after", ids, high - low)
    due = np.where(single, right_away, slot)
    cut_off = (due >= senders.offline_ms[sender]) & (due < senders.online_ms[sender])
    sent = np.where(cut_off, senders.online_ms[sender], due)
    # At least APART_MS after the sender's batch before: a running maximum within each sender.
    step = np.arange(len(batch)) * APART_MS
    edges = np.flatnonzero(np.append(True, sender[1:] != sender[:-1]))
    parts = np.split(sent - step, edges[1:])
    lifted = np.concatenate([np.maximum.accumulate(part) for part in parts]) if parts else sent
    return np.asarray(lifted + step, np.int64)


def _number_within(sender: Ints) -> Ints:
    first = np.flatnonzero(np.append(True, sender[1:] != sender[:-1]))
    sizes = np.diff(np.append(first, len(sender)))
    return np.asarray(np.arange(len(sender)) - np.repeat(first, sizes) + 1, np.int64)


def _copies(rows: NDArray[np.void], faults: Faults) -> NDArray[np.void]:
    ids = rows["sender"].astype(np.int64) << 24 | rows["batch"]
    again = faults.strike("duplicate_upload", ids, rows["rack"] == 0)
    copies = rows[again]
    low, high = COPY_AFTER_MS
    copies["at_ms"] += low + keyed_below(faults.seed, "copy after", ids[again], high - low)
    copies["copy"] = 1
    faults.counts["duplicate_upload"].fired = len(copies)
    return copies
