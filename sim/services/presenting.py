"""The terminals of a service beside transit, and the intents of its customers, as rows."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from scheme.numbers import SAM_SERIAL_OFFSET, device_numbers
from scheme.services import Direction, Service, TerminalKind, VehicleClass
from scheme.target import TERMINAL_DTYPE
from sim.card_columns import Ints
from sim.intents import INTENT_DTYPE, Act
from sim.services.town import Town
from sim.transit.terminals import lane_serial

SINGLE_SENDERS = 3_000_000  # sender serial of a terminal that uploads one by one, plus its own


def terminal_rows(
    town: Town,
    service: Service,
    kind: TerminalKind,
    place: ArrayLike,
    lane: ArrayLike,
    direction: ArrayLike = Direction.either,
    vehicle_class: ArrayLike = VehicleClass.none,
) -> NDArray[np.void]:
    """Return terminals, each its own sender; lane numbers them at a place and direction."""
    place, lane, direction, vehicle_class = np.broadcast_arrays(
        np.asarray(place), np.asarray(lane), np.asarray(direction), np.asarray(vehicle_class)
    )
    serial = lane_serial(place, direction, lane)
    rows = np.zeros(len(serial), TERMINAL_DTYPE)
    rows["terminal"] = device_numbers(serial)
    rows["sam"] = device_numbers(serial + SAM_SERIAL_OFFSET)
    rows["sender"] = device_numbers(SINGLE_SENDERS + serial)
    rows["operator"] = town.operators[service]
    rows["service"], rows["kind"], rows["place"] = service, kind, place
    rows["direction"], rows["vehicle_class"] = direction, vehicle_class
    return rows


def intent_rows(
    cards: Ints,
    at_ms: Ints,
    terminal: Ints,
    terminals: NDArray[np.void],
    act: Act,
    amount: ArrayLike,
) -> NDArray[np.void]:
    """Return intents of no trip at terminals of the stream."""
    rows = np.zeros(len(cards), INTENT_DTYPE)
    rows["card_index"], rows["at_ms"], rows["terminal_index"] = cards, at_ms, terminal
    rows["place"] = terminals["place"][terminal]
    rows["act"], rows["amount"] = act, amount
    return rows
