"""Senders: when each uploads, when it is cut off, and which hotlist its terminals then hold.

A concentrator has a slot every minute at its station's own second, a bus one every half hour when
it stands at a terminus, and whoever uploads single taps does it right away. At a slot, or every ten
minutes where there is none, a device also asks for lists. A sender that is offline keeps what it
has and sends it, in order, when it is back.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from scheme.batches import Seal
from scheme.numbers import device_serial
from scheme.services import TerminalKind
from sim.card_columns import Bools, Ints
from sim.chance import keyed_below
from sim.faults import Faults

MINUTE_MS, HALF_HOUR_MS, POLL_MS = 60_000, 1_800_000, 600_000
APART_MS = 200  # between two uploads of one sender that has been offline
SINGLE_AFTER_MS = (1_000, 3_500)  # assumption: a till uploads while the receipt prints
OFFLINE_FROM = (0.05, 0.75)  # of the morning
OFFLINE_MS = (70 * 60_000, 85 * 60_000)  # more than an hour, so that something is late
FIRST_VERSION, SECOND_VERSION = 1, 2


class Manner(IntEnum):
    """How a sender uploads."""

    minute = 1
    half_hour = 2
    single = 3


@dataclass(frozen=True)
class Senders:
    """All senders, by rising number.

    Attributes:
        number: Sender number.
        manner: `Manner`.
        own_ms: Instant of its slots within their period.
        offline_ms, online_ms: From when to when it is cut off; equal if never.
        of_terminal: Row of the sender of each terminal.
    """

    number: NDArray[np.uint32]
    manner: NDArray[np.uint8]
    own_ms: Ints
    offline_ms: Ints
    online_ms: Ints
    of_terminal: Ints

    @property
    def seal(self) -> NDArray[np.uint8]:
        """How each seals: batches are signed, single taps carry a MAC."""
        return np.where(self.manner == Manner.single, Seal.cmac, Seal.ed25519).astype(np.uint8)

    def period_ms(self, sender: Ints) -> Ints:
        """Return how often each sender asks for lists, and uploads unless single."""
        periods = np.array([0, MINUTE_MS, HALF_HOUR_MS, POLL_MS], np.int64)
        return periods[self.manner[sender]]

    def slot_after(self, sender: Ints, at_ms: Ints) -> Ints:
        """Return each sender's first slot later than an instant, whether or not it is online."""
        period, own = self.period_ms(sender), self.own_ms[sender]
        return np.asarray(((at_ms - own) // period + 1) * period + own)

    def holds_second(self, sender: Ints, at_ms: Ints, published_ms: int) -> Bools:
        """Return whether a terminal of each sender holds the second hotlist by then."""
        every = np.arange(len(self.number))
        asked = self.slot_after(every, np.full(len(every), published_ms, np.int64))
        cut_off = (asked >= self.offline_ms) & (asked < self.online_ms)
        held_from = np.where(cut_off, self.online_ms, asked)
        return np.asarray(at_ms >= held_from[sender])


def make_senders(
    terminals: NDArray[np.void],
    used: Bools,
    rack: Bools,
    window_ms: tuple[int, int],
    faults: Faults,
) -> Senders:
    """Return the senders of the terminals.

    Args:
        used: Whether anybody is presented to each terminal; only senders in use go offline.
        rack: Whether each terminal is the rack's, which stays online.
    """
    number, of_terminal = np.unique(terminals["sender"], return_inverse=True)
    kind = np.zeros(len(number), np.int64)
    kind[of_terminal] = terminals["kind"]
    manner = np.where(
        kind == TerminalKind.gate, Manner.minute,
        np.where(kind == TerminalKind.bus, Manner.half_hour, Manner.single),
    ).astype(np.uint8)  # fmt: skip
    able = np.zeros(len(number), np.bool_)
    able[of_terminal[used]] = True
    able[of_terminal[rack]] = False
    ids = device_serial(number.astype(np.int64))
    offline = faults.strike("terminal_offline", ids, able)
    span = window_ms[1] - window_ms[0]
    low, high = (int(span * share) for share in OFFLINE_FROM)
    begins = window_ms[0] + low + keyed_below(faults.seed, "offline from", ids, high - low)
    lasts = OFFLINE_MS[0] + keyed_below(
        faults.seed, "offline for", ids, OFFLINE_MS[1] - OFFLINE_MS[0]
    )
    period = np.array([1, MINUTE_MS, HALF_HOUR_MS, POLL_MS], np.int64)[manner]
    own_ms = keyed_below(faults.seed, "own second", ids, period)
    return Senders(
        number.astype(np.uint32), manner, own_ms, begins, np.where(offline, begins + lasts, begins),
        of_terminal,
    )  # fmt: skip
