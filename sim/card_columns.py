"""What stands on every card, as columns: one row a card, one field a value, and its bytes.

The fields are those of the transit and parking states (scheme/records.py), unpacked into 64-bit
integers so that the device rule can reckon with all cards at once.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from scheme.records import (
    OPEN_LEG_SHIFT,
    PARKING_STATE,
    STATE_SIZE,
    TRANSIT_STATE,
    TransitFlag,
    write_u24,
)

Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

TRANSIT_COLUMNS = np.dtype(
    [
        (name, "<i8")
        for name in (
            "counted",  # TransitFlag bits of the operators whose legs count
            "journey",  # 1 = a journey stands on the card
            "free",  # 1 = it is a free rider's
            "first_at_s",
            "charged",
            "own_fares",
            "metres",
            "open",  # OpenLeg
            "open_place",
            "open_vehicle",
            "open_at_s",
            "unsettled_mrt_place",
            "unsettled_mrt_day",
            "unsettled_lrt_place",
            "unsettled_lrt_day",
        )
    ]
)

PARKING_COLUMNS = np.dtype([("place", "<i8"), ("vehicle_class", "<i8"), ("at_s", "<i8")])


def transit_state_bytes(columns: NDArray[np.void]) -> NDArray[np.uint8]:
    """Return the transit states as the card stores them, zero-padded, shape (n, 32)."""
    packed = np.zeros(len(columns), TRANSIT_STATE.dtype)
    packed["flags"] = (
        columns["counted"]
        | columns["journey"] * TransitFlag.journey
        | columns["free"] * TransitFlag.free
        | columns["open"] << OPEN_LEG_SHIFT
    )
    for field in TRANSIT_STATE.fields[1:]:
        if field.size == 3:
            write_u24(packed[field.name], columns[field.name])
        else:
            packed[field.name] = columns[field.name]
    return _padded(packed)


def parking_state_bytes(columns: NDArray[np.void]) -> NDArray[np.uint8]:
    """Return the parking states as the card stores them, zero-padded, shape (n, 32)."""
    packed = np.zeros(len(columns), PARKING_STATE.dtype)
    for field in PARKING_STATE.fields:
        packed[field.name] = columns[field.name]
    return _padded(packed)


def _padded(packed: NDArray[np.void]) -> NDArray[np.uint8]:
    state = np.zeros((len(packed), STATE_SIZE), np.uint8)
    state[:, : packed.dtype.itemsize] = packed.view(np.uint8).reshape(
        len(packed), packed.dtype.itemsize
    )
    return state
