"""The services of the card, the kinds of terminal and the directions, as one-byte codes.

The names are the words used in scenarios, reports and documents; the codes stand in records.
"""

from __future__ import annotations

from enum import IntEnum


class Service(IntEnum):
    """What a terminal sells, pays out or asks."""

    transjakarta_brt = 1
    transjakarta_bus = 2
    mikrotrans = 3
    mrt = 4
    lrt = 5
    parking_street = 6
    parking_lot = 7
    shop = 8
    erp = 9
    levy = 10
    rent = 11
    vehicle_tax = 12
    driving_licence = 13
    bpjs = 14
    hospital = 15
    kjp = 16
    kur = 17
    topup = 18
    identity = 19


class TerminalKind(IntEnum):
    """What a card is presented to."""

    gate = 1  # a fixed direction at a station or halt
    bus = 2  # rides along; the place is the stop
    till = 3  # a shop's
    meter = 4  # on-street parking, both start and end
    lane = 5  # a car park's entry or exit
    gantry = 6  # road pricing, one terminal a lane and vehicle class
    counter = 7  # bills, loads
    identity_reader = 8


class Direction(IntEnum):
    """Which way a gate or lane lets people through."""

    either = 0
    entry = 1
    exit = 2


class VehicleClass(IntEnum):
    """Vehicle classes of parking and road pricing."""

    none = 0
    car = 1
    motorcycle = 2
    heavy = 3  # bus or truck


TRANSIT = frozenset(
    {
        Service.transjakarta_brt,
        Service.transjakarta_bus,
        Service.mikrotrans,
        Service.mrt,
        Service.lrt,
    }
)
INTEGRATED = TRANSIT - {Service.mikrotrans}
PARKING = frozenset({Service.parking_street, Service.parking_lot})
LOADS = frozenset({Service.kjp, Service.kur, Service.topup})
BILLS = frozenset(
    {
        Service.levy,
        Service.rent,
        Service.vehicle_tax,
        Service.driving_licence,
        Service.bpjs,
        Service.hospital,
    }
)
