"""Instants, calendar days and business days of Jakarta. It never asks what time it is.

An instant is integer milliseconds UTC (`at_ms`) or whole seconds where the card knows only those
(`at_s`). Jakarta is UTC+7 all year. A day is an integer: days since 1970-01-01. The calendar day
begins at 00:00, the business day at 03:00. Functions take ints or NumPy arrays alike.
"""

from __future__ import annotations

import datetime as dt
from typing import Any, TypeVar

JAKARTA = dt.timezone(dt.timedelta(hours=7), "Asia/Jakarta")
UTC_OFFSET_S = 7 * 3_600
BUSINESS_DAY_START_S = 3 * 3_600
DAY_S = 86_400

Seconds = TypeVar("Seconds", int, Any)


def calendar_day(at_s: Seconds) -> Seconds:
    """Return the Jakarta calendar day of an instant in seconds UTC."""
    return (at_s + UTC_OFFSET_S) // DAY_S


def business_day(at_s: Seconds) -> Seconds:
    """Return the Jakarta business day, 03:00 to 03:00, of an instant in seconds UTC."""
    return (at_s + UTC_OFFSET_S - BUSINESS_DAY_START_S) // DAY_S


def second_of_day(at_s: Seconds) -> Seconds:
    """Return the seconds since midnight in Jakarta."""
    return (at_s + UTC_OFFSET_S) % DAY_S


def business_day_end_s(day: Seconds) -> Seconds:
    """Return the instant at which a business day ends, in seconds UTC."""
    return (day + 1) * DAY_S + BUSINESS_DAY_START_S - UTC_OFFSET_S


def day_of(date: dt.date) -> int:
    """Return the day number of a date."""
    return (date - dt.date(1970, 1, 1)).days


def date_of(day: int) -> dt.date:
    """Return the date of a day number."""
    return dt.date(1970, 1, 1) + dt.timedelta(days=day)


def instant_ms(date: dt.date, clock: str) -> int:
    """Return the instant of a Jakarta clock reading ("06:00" or "06:00:30"), milliseconds UTC."""
    reading = dt.time.fromisoformat(clock)
    moment = dt.datetime.combine(date, reading, JAKARTA)
    return round(moment.timestamp() * 1_000)


def clock_text(at_ms: int) -> str:
    """Return an instant as people in Jakarta read it, to the millisecond."""
    moment = dt.datetime.fromtimestamp(at_ms / 1_000, JAKARTA)
    return moment.isoformat(sep=" ", timespec="milliseconds")
