"""The transit and parking states on the card as values: parsed from its bytes and packed again.

Layouts are in `scheme.records`; what a tap makes of a state is `scheme.decision`.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, replace

from scheme.days import calendar_day
from scheme.errors import RecordError
from scheme.records import (
    OPEN_LEG_SHIFT,
    PARKING_STATE,
    TRANSIT_STATE,
    OpenLeg,
    TransitFlag,
)

NO_FLAGS = TransitFlag(0)
COUNTED = TransitFlag.tj_counted | TransitFlag.mrt_counted | TransitFlag.lrt_counted
TRANSIT_CODEC = struct.Struct(">BI3s3s3sH3sIHBHB")
PARKING_CODEC = struct.Struct(">HBI")
assert (TRANSIT_CODEC.size, PARKING_CODEC.size) == (TRANSIT_STATE.size, PARKING_STATE.size)


@dataclass(frozen=True, slots=True)
class Unsettled:
    """An entry without exit whose highest fare is still owed; place 0 if there is none."""

    place: int = 0
    day_256: int = 0

    def day(self, at_s: int) -> int:
        """Return the calendar day of the entry, the latest one up to `at_s` that fits."""
        today = calendar_day(at_s)
        return int(today - ((today - self.day_256) & 255))


@dataclass(frozen=True, slots=True)
class Transit:
    """The transit state: the journey that stands, the leg that is open, what is unsettled."""

    flags: TransitFlag = NO_FLAGS
    open_leg: OpenLeg = OpenLeg.none
    first_at_s: int = 0
    charged_idr: int = 0
    own_fares_idr: int = 0
    metres: int = 0
    open_place: int = 0
    open_vehicle: int = 0
    open_at_s: int = 0
    unsettled_mrt: Unsettled = Unsettled()
    unsettled_lrt: Unsettled = Unsettled()

    @property
    def journey(self) -> bool:
        """Whether a journey stands on the card."""
        return TransitFlag.journey in self.flags

    @property
    def free(self) -> bool:
        """Whether the journey that stands is a free rider's."""
        return TransitFlag.free in self.flags

    @property
    def operators(self) -> int:
        """How many integrated operators have a counted leg in the journey."""
        return (self.flags & COUNTED).bit_count()

    def without_leg(self) -> Transit:
        """Return the state with no leg open."""
        return replace(self, open_leg=OpenLeg.none, open_place=0, open_vehicle=0, open_at_s=0)

    def without_journey(self) -> Transit:
        """Return the state with no journey standing; an unsettled entry stays."""
        return replace(self, flags=NO_FLAGS, first_at_s=0, charged_idr=0, own_fares_idr=0, metres=0)

    def pack(self) -> bytes:
        """Return the 29 bytes.

        Raises:
            RecordError: If a sum does not fit its three bytes.
        """
        numbers = (self.charged_idr, self.own_fares_idr, self.metres, self.open_vehicle)
        if max(numbers) >= 1 << 24:
            raise RecordError(f"transit state: expected numbers below 2^24, got {max(numbers)}")
        charged, own_fares, metres, vehicle = (n.to_bytes(3, "big") for n in numbers)
        return TRANSIT_CODEC.pack(
            self.flags | self.open_leg << OPEN_LEG_SHIFT,
            self.first_at_s, charged, own_fares, metres,
            self.open_place, vehicle, self.open_at_s,
            self.unsettled_mrt.place, self.unsettled_mrt.day_256,
            self.unsettled_lrt.place, self.unsettled_lrt.day_256,
        )  # fmt: skip


def parse_transit(data: bytes) -> Transit:
    """Return the transit state in 29 bytes.

    Raises:
        RecordError: If the length is wrong or the open leg is of no kind we know.
    """
    if len(data) != TRANSIT_CODEC.size or data[0] >> OPEN_LEG_SHIFT > max(OpenLeg):
        raise RecordError(
            f"transit state: expected {TRANSIT_CODEC.size} bytes with an open leg from 0 to "
            f"{max(OpenLeg)}, got {len(data)} bytes beginning with {data[:1].hex()}"
        )
    f = TRANSIT_CODEC.unpack(data)
    charged, own_fares, metres, vehicle = (int.from_bytes(f[i], "big") for i in (2, 3, 4, 6))
    return Transit(
        TransitFlag(f[0] & (1 << OPEN_LEG_SHIFT) - 1), OpenLeg(f[0] >> OPEN_LEG_SHIFT),
        f[1], charged, own_fares, metres, f[5], vehicle, f[7],
        Unsettled(f[8], f[9]), Unsettled(f[10], f[11]),
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Parking:
    """The parking state: the stay that is open, place 0 if none."""

    place: int = 0
    vehicle_class: int = 0
    at_s: int = 0

    def pack(self) -> bytes:
        """Return the 7 bytes."""
        return PARKING_CODEC.pack(self.place, self.vehicle_class, self.at_s)


def parse_parking(data: bytes) -> Parking:
    """Return the parking state in 7 bytes.

    Raises:
        RecordError: If the length is wrong.
    """
    if len(data) != PARKING_CODEC.size:
        raise RecordError(
            f"parking state: expected {PARKING_CODEC.size} bytes, got {len(data)} bytes"
        )
    return Parking(*PARKING_CODEC.unpack(data))
