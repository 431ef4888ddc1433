"""An intent: that a card will be presented to a terminal at an instant, for some purpose.

Supply and services write intents; `sim.card_state` settles afterwards, in time order of each card,
which of them are carried out. It is not a presentation: a refusal cancels the later intents of its
trip, and an intent with a condition is carried out only if the condition holds.
"""

from __future__ import annotations

from enum import IntEnum

import numpy as np

INTENT_DTYPE = np.dtype(
    [
        ("card_index", "<u4"),  # row of the people's cards
        ("at_ms", "<i8"),  # instant UTC at which the terminal has its outcome
        ("terminal_index", "<u4"),  # row of the terminals
        ("place", "<u2"),  # scenarios/data/places.csv; on a bus the stop
        ("act", "u1"),  # Act
        ("amount", "<u4"),  # rupiah of a till price, bill or load; 0 for taps and checks
        ("trip", "<u4"),  # 0 = belongs to no trip
        ("leg", "u1"),  # paid leg within the trip, from 0
        ("condition", "u1"),  # Condition
        ("fault", "u1"),  # Fault
    ]
)


class Act(IntEnum):
    """What the card is presented for."""

    tap = 1
    purchase = 2
    bill = 3
    load = 4
    check = 5


class Condition(IntEnum):
    """When an intent is carried out."""

    always = 0
    after_short_balance = 1  # the card's last presentation lacked balance
    after_load = 2  # the load with `after_short_balance` just before was carried out


class Fault(IntEnum):
    """What was injected into an intent. A missing tap-out is an absent row, so it has no code."""

    none = 0
    double_tap = 1  # the second of two taps
    torn = 2  # the card wrote, the answer was lost
    recovery = 3  # the tap after a torn one
    torn_lost = 4  # an exit that the card never wrote; the rider leaves
