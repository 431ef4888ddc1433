"""What the transit network leaves behind: taps as intents, waits, counts, terminals."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from scheme.numbers import device_numbers
from scheme.services import Service
from sim.intents import INTENT_DTYPE, Act
from sim.network import GATED
from sim.transit.rides import NO_BANK
from sim.transit.terminals import (
    RackLane,
    gate_terminals,
    lane_serial,
    vehicle_serial,
    vehicle_terminals,
)

if TYPE_CHECKING:
    from sim.supply import Supply

STOP_COUNT_DTYPE = np.dtype(
    [
        ("course", "<u2"),
        ("position", "<u2"),
        ("place", "<u2"),
        ("arrived", "<u4"),  # stood there
        ("boarded", "<u4"),
        ("waiting", "<u4"),  # arrived less boarded
        ("alighted", "<u4"),
        ("wait_ms", "<i8"),  # summed over those who boarded
        ("wait_ms_max", "<i8"),
    ]
)
BANK_COUNT_DTYPE = np.dtype(
    [
        ("place", "<u2"),
        ("direction", "u1"),
        ("gates", "u1"),
        ("passed", "<u4"),
        ("wait_ms", "<i8"),  # from coming to the bank to presenting the card, and that tap
        ("wait_ms_max", "<i8"),
    ]
)
WAIT_DTYPE = np.dtype(
    [
        ("trip", "<u4"),
        ("leg", "u1"),
        ("course", "<u2"),
        ("board", "<u2"),  # stop
        ("alight", "<u2"),  # stop
        ("vehicle", "<u4"),
        ("came_ms", "<i8"),  # to the entry gate, 0 if there is none
        ("ready_ms", "<i8"),  # on the platform
        ("boarded_ms", "<i8"),
        ("alighted_ms", "<i8"),
        ("left_ms", "<i8"),  # to the exit gate, 0 if there is none
    ]
)


@dataclass(frozen=True)
class TransitResult:
    """One morning of transit.

    Attributes:
        taps: `INTENT_DTYPE`, every tap that a rider made, by (instant, terminal, card).
        terminals: `TERMINAL_DTYPE`, rising serial; `terminal_index` of the taps is a row of it.
        stops: `STOP_COUNT_DTYPE`, one row a stop.
        banks: `BANK_COUNT_DTYPE`, one row a gate bank.
        waits: `WAIT_DTYPE`, one row a ride, by (trip, order of riding).
        ended_ms: When each trip was over, by row of the trips.
        frozen: For each `Freeze` of the changes, how often it held a vehicle; 0 = did not fire.
    """

    taps: NDArray[np.void]
    terminals: NDArray[np.void]
    stops: NDArray[np.void]
    banks: NDArray[np.void]
    waits: NDArray[np.void]
    ended_ms: NDArray[np.int64]
    frozen: tuple[int, ...]


def transit_result(
    supply: Supply,
    trips: NDArray[np.void],
    operators: dict[Service, int],
    rack_lanes: tuple[RackLane, ...],
) -> TransitResult:
    """Return what a network that has come to rest leaves behind."""
    terminals = _terminals(supply, operators, rack_lanes)
    rides = supply.rides
    ended_ms = np.zeros(len(trips), np.int64)
    ended_ms[rides.trip[rides.last]] = supply.journal.ended_ms[rides.last]
    return TransitResult(
        taps=_taps(supply, trips, terminals),
        terminals=terminals,
        stops=stop_counts(supply),
        banks=_bank_counts(supply),
        waits=_waits(supply, trips),
        ended_ms=ended_ms,
        frozen=tuple(supply.frozen),
    )


def _terminals(
    supply: Supply, operators: dict[Service, int], rack_lanes: tuple[RackLane, ...]
) -> NDArray[np.void]:
    gates = gate_terminals(supply.network, supply.rides, supply.banks, operators, rack_lanes)
    service_of = {course.line: course.service for course in supply.network.courses}
    tapped_on = [
        (service_of[line], number)
        for line, number in supply.fleets.made()
        if service_of[line] not in GATED
    ]
    rows = np.concatenate((gates, vehicle_terminals(tapped_on, operators)))
    return rows[np.argsort(rows["terminal"])]


def _taps(supply: Supply, trips: NDArray[np.void], terminals: NDArray[np.void]) -> NDArray[np.void]:
    rides, journal, network = supply.rides, supply.journal, supply.network
    places = network.stops["place"]
    sides = (
        (journal.enter_ms, rides.enter, journal.enter_lane, places[rides.board]),
        (journal.exit_ms, rides.exit, journal.exit_lane, places[rides.alight]),
    )
    parts = []
    for at_ms, bank, lane, stop_place in sides:
        ride = np.flatnonzero(at_ms)
        gated = bank[ride] != NO_BANK
        place = np.where(gated, rides.bank_place[bank[ride]], stop_place[ride])
        at_gate = lane_serial(place, rides.bank_direction[bank[ride]], lane[ride])
        serial = np.where(gated, at_gate, vehicle_serial(journal.vehicle[ride]))
        part = np.zeros(len(ride), INTENT_DTYPE)
        part["card_index"] = trips["card_index"][rides.trip[ride]]
        part["trip"] = trips["trip"][rides.trip[ride]]
        part["leg"], part["at_ms"], part["place"] = rides.leg[ride], at_ms[ride], place
        part["terminal_index"] = np.searchsorted(terminals["terminal"], device_numbers(serial))
        part["act"] = Act.tap
        parts.append(part)
    taps = np.concatenate(parts)
    return taps[np.lexsort((taps["card_index"], taps["terminal_index"], taps["at_ms"]))]


def stop_counts(supply: Supply) -> NDArray[np.void]:
    """Return `STOP_COUNT_DTYPE` as it stands; the clock need not have come to its end."""
    stops, journal, rides = supply.network.stops, supply.journal, supply.rides
    rows = np.zeros(len(stops), STOP_COUNT_DTYPE)
    for name in ("course", "position", "place"):
        rows[name] = stops[name]
    for number, platform in enumerate(supply.platforms):
        rows["arrived"][number] = platform.arrived
        rows["boarded"][number] = platform.boarded
        rows["waiting"][number] = platform.waiting
    out = np.flatnonzero(journal.alighted_ms)
    rows["alighted"] = np.bincount(rides.alight[out], minlength=len(stops))
    come_in = np.flatnonzero(journal.boarded_ms)
    wait_ms = journal.boarded_ms[come_in] - journal.ready_ms[come_in]
    np.add.at(rows["wait_ms"], rides.board[come_in], wait_ms)
    np.maximum.at(rows["wait_ms_max"], rides.board[come_in], wait_ms)
    return rows


def _bank_counts(supply: Supply) -> NDArray[np.void]:
    rides, journal = supply.rides, supply.journal
    rows = np.zeros(len(supply.banks), BANK_COUNT_DTYPE)
    rows["place"], rows["direction"] = rides.bank_place, rides.bank_direction
    rows["gates"] = [bank.gates for bank in supply.banks]
    rows["passed"] = [bank.passed for bank in supply.banks]
    for bank, came_ms, tapped_ms in (
        (rides.enter, journal.came_ms, journal.enter_ms),
        (rides.exit, journal.left_ms, journal.exit_ms),
    ):
        ride = np.flatnonzero((bank != NO_BANK) & (tapped_ms > 0))
        wait_ms = tapped_ms[ride] - came_ms[ride]
        np.add.at(rows["wait_ms"], bank[ride], wait_ms)
        np.maximum.at(rows["wait_ms_max"], bank[ride], wait_ms)
    return rows


def _waits(supply: Supply, trips: NDArray[np.void]) -> NDArray[np.void]:
    rides, journal = supply.rides, supply.journal
    rows = np.zeros(len(rides), WAIT_DTYPE)
    rows["trip"] = trips["trip"][rides.trip]
    rows["course"] = supply.network.stops["course"][rides.board]
    for name in ("leg", "board", "alight"):
        rows[name] = getattr(rides, name)
    for name in ("vehicle", "came_ms", "ready_ms", "boarded_ms", "alighted_ms", "left_ms"):
        rows[name] = getattr(journal, name)
    return rows
