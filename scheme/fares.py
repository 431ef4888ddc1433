"""What things cost by the rows of one calendar day: the leaves that device and clearing share.

Here are own fares, what a journey owes, the highest fare from a station, parking and road pricing
(docs/spec/fares.md R3, R5, R7, R9, R14). Which tap belongs to which journey is not known here.
"""

from __future__ import annotations

from scheme.days import calendar_day, second_of_day
from scheme.services import Service, VehicleClass
from scheme.tariff_rows import Flat, HourBand, Matrix, TransferWindow
from scheme.tariffs import DayTariff, Tariff

HOUR_S = 3_600
OPERATOR_CODE: dict[int, str] = {  # the integrated operators, by service
    Service.transjakarta_brt: "TJ",
    Service.transjakarta_bus: "TJ",
    Service.mrt: "MRT",
    Service.lrt: "LRT",
}


def own_fare(said: DayTariff, service: int, in_s: int, start: int, end: int) -> int:
    """Return what a leg costs by itself, by the rows of its tap-in's calendar date (R3, R12).

    Args:
        in_s: Second of the tap-in, UTC.
        start: Place of the tap-in.
        end: Place of the tap-out; for Transjakarta and Mikrotrans it plays no part.

    Raises:
        TariffError: If the tariff has no row for it.
    """
    fare = said.fares.get((service, 0))
    if isinstance(fare, Matrix):
        idr = fare.cells.get((start, end))
        if idr is None:
            raise said.absent(f"a fare for {Service(service).name} from {start} to {end}")
        return idr
    if fare is None:
        raise said.absent(f"a fare for {Service(service).name}")
    return fare.idr if isinstance(fare, Flat) else band_price(fare, in_s)


def band_price(fare: HourBand, at_s: int) -> int:
    """Return the price of the band that holds this second; bands are half-open (R1)."""
    second = second_of_day(at_s)
    for begin, end, idr in fare.bands:
        if begin <= second < end:
            return idr
    return fare.otherwise_idr


def leg_metres(said: DayTariff, service: int, start: int, end: int) -> int:
    """Return the metres of a leg from the shipped table; the same place is 0 m (R2).

    Raises:
        TariffError: If the table has no such pair.
    """
    if start == end or said.distance is None:
        return 0
    operator = OPERATOR_CODE[service]
    length = said.distance.metres.get((operator, start, end))
    if length is None:
        raise said.absent(f"metres of {operator} from {start} to {end}")
    return length


def due(said: DayTariff, operators: int, own_fares_idr: int, metres: int) -> int:
    """Return what a journey owes in its window, by the rows of its first tap-in's date (R5)."""
    rule = said.distance
    if operators < 2 or rule is None:
        return own_fares_idr
    by_distance = rule.base_idr + rule.per_km_idr * (metres // 1_000)
    cap = by_distance if said.cap_idr is None else said.cap_idr
    return min(cap, by_distance, own_fares_idr)


def late_due(said: DayTariff, operators: int, own_fares_idr: int) -> int:
    """Return what a journey owes once a rail exit came after the window (R7)."""
    if operators < 2 or said.cap_idr is None:
        return own_fares_idr
    return min(said.cap_idr, own_fares_idr)


def highest_fare(said: DayTariff, service: int, station: int) -> int:
    """Return the highest fare from a station, owed for an entry without exit (R9).

    Raises:
        TariffError: If the tariff has no row for it.
    """
    fare = said.fares.get((service, 0))
    match fare:
        case Flat():
            return fare.idr
        case HourBand():
            return max(fare.otherwise_idr, *(idr for _, _, idr in fare.bands))
        case Matrix():
            prices = [idr for (start, _), idr in fare.cells.items() if start == station]
            if prices:
                return max(prices)
    raise said.absent(f"a fare for {Service(service).name} from {station}")


def window(said: DayTariff) -> TransferWindow:
    """Return how long a journey may be joined.

    Raises:
        TariffError: If the tariff has no such row.
    """
    if said.window is None:
        raise said.absent("a transfer window")
    return said.window


def minimum_balance(said: DayTariff, service: int) -> int:
    """Return what a paying rider must have left after a tap-in (R10)."""
    return said.minimums.get(service, 0)


def rides_free(said: DayTariff, service: int, issuer: int, group: int, group_expiry: int) -> bool:
    """Return whether a card rides free on this calendar day (R11)."""
    row = said.free.get(service)
    return (
        row is not None
        and group in row.groups
        and issuer == row.issuer
        and said.day <= group_expiry
    )


def road_price(said: DayTariff, vehicle_class: int, at_s: int) -> int:
    """Return what a passage of a gantry costs.

    Raises:
        TariffError: If the tariff has no row for it.
    """
    fare = said.fares.get((Service.erp, vehicle_class))
    match fare:
        case Flat():
            return fare.idr
        case HourBand():
            return band_price(fare, at_s)
    raise said.absent(f"a road price for {VehicleClass(vehicle_class).name}")


def parking_price(
    tariff: Tariff, service: int, vehicle_class: int, start_s: int, end_s: int
) -> int:
    """Return what a stay costs by the rows of the calendar date it began on (R14).

    Raises:
        TariffError: If the tariff has no row for it.
    """
    said = tariff.on(calendar_day(start_s))
    row = said.parking.get((service, vehicle_class))
    if row is None:
        raise said.absent(
            f"a parking row for {Service(service).name}, {VehicleClass(vehicle_class).name}"
        )
    stayed_s = max(0, end_s - start_s)
    if row.free_s and stayed_s <= row.free_s:
        return 0
    hours = max(1, -(-stayed_s // HOUR_S))
    return _by_day(row.hours_idr, hours, start_s, said.caps.get((service, vehicle_class)))


def _by_day(hours_idr: tuple[int, ...], hours: int, start_s: int, cap_idr: int | None) -> int:
    """Sum started hours, each calendar day up to its maximum; an hour counts where it starts."""
    days: dict[int, int] = {}
    last = len(hours_idr) - 1
    for hour in range(hours):
        day = calendar_day(start_s + hour * HOUR_S)
        days[day] = days.get(day, 0) + hours_idr[min(hour, last)]
    return sum(idr if cap_idr is None else min(idr, cap_idr) for idr in days.values())
