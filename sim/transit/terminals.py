"""The terminals and senders of gates and vehicles, with numbers that changes elsewhere do not move.

    terminal serial   at a place    place x 64 + (32 if exit) + lane      below 4,194,304
                      on a vehicle  4,194,304 + vehicle
    sender serial     a station     place, one concentrator for all its gates
                      a vehicle     1,000,000 + vehicle
                      a rack lane   2,000,000 + place x 64 + (32 if exit) + lane

So a gate more or less at one station renumbers nothing.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from scheme.numbers import SAM_SERIAL_OFFSET, device_numbers
from scheme.services import Direction, Service, TerminalKind
from scheme.target import TERMINAL_DTYPE
from sim.network import Network
from sim.transit.gates import RACK_LANE, GateBank
from sim.transit.rides import Rides

VEHICLE_SERIALS = 65_536 * 64
VEHICLE_SENDERS = 1_000_000
RACK_SENDERS = 2_000_000


class RackLane(NamedTuple):
    """A gate of a station that only the rack's slice of riders passes."""

    place: int
    direction: Direction


def lane_serial(place: ArrayLike, direction: ArrayLike, lane: ArrayLike) -> NDArray[np.int64]:
    """Return the terminal serial of a lane (0 to 31) at a place."""
    leaving = np.asarray(direction, np.int64) == int(Direction.exit)
    return np.asarray(np.asarray(place, np.int64) * 64 + leaving * 32 + np.asarray(lane), np.int64)


def vehicle_serial(vehicle: ArrayLike) -> NDArray[np.int64]:
    """Return the terminal serial of a vehicle's validator."""
    return np.asarray(VEHICLE_SERIALS + np.asarray(vehicle, np.int64), np.int64)


def gate_terminals(
    network: Network,
    rides: Rides,
    banks: list[GateBank],
    operators: dict[Service, int],
    rack_lanes: tuple[RackLane, ...],
) -> NDArray[np.void]:
    """Return `TERMINAL_DTYPE` rows of all gates and rack lanes."""
    gates = np.array([bank.gates for bank in banks], np.int64)
    bank = np.repeat(np.arange(len(banks)), gates)
    lane = np.arange(len(bank)) - np.repeat(np.cumsum(gates) - gates, gates)
    place = np.concatenate((rides.bank_place[bank], [r.place for r in rack_lanes])).astype(np.int64)
    direction = np.concatenate((rides.bank_direction[bank], [r.direction for r in rack_lanes]))
    lane = np.concatenate((lane, np.full(len(rack_lanes), RACK_LANE)))
    serial = lane_serial(place, direction, lane)
    on_rack = lane == RACK_LANE
    sender = np.where(on_rack, RACK_SENDERS + serial, place)
    rows = _rows(serial, sender, network.services[network.row[place]], operators)
    rows["kind"], rows["direction"], rows["place"] = TerminalKind.gate, direction, place
    return rows


def vehicle_terminals(
    vehicles: list[tuple[Service, int]], operators: dict[Service, int]
) -> NDArray[np.void]:
    """Return `TERMINAL_DTYPE` rows of vehicles, given their service and number."""
    number = np.array([number for _, number in vehicles], np.int64)
    service = np.array([service for service, _ in vehicles], np.uint8)
    rows = _rows(vehicle_serial(number), VEHICLE_SENDERS + number, service, operators)
    rows["kind"], rows["direction"] = TerminalKind.bus, Direction.either
    rows["vehicle"] = number
    return rows


def _rows(
    serial: NDArray[np.int64],
    sender: NDArray[np.int64],
    service: NDArray[np.uint8],
    operators: dict[Service, int],
) -> NDArray[np.void]:
    rows = np.zeros(len(serial), TERMINAL_DTYPE)
    rows["terminal"] = device_numbers(serial)
    rows["sam"] = device_numbers(serial + SAM_SERIAL_OFFSET)
    rows["sender"] = device_numbers(sender)
    rows["service"] = service
    rows["operator"] = [operators.get(Service(int(s)), 0) for s in service]
    return rows
