"""Instants, calendar days and business days of Jakarta, against the standard library's zones."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scheme.days import (
    JAKARTA,
    business_day,
    business_day_end_s,
    calendar_day,
    clock_text,
    date_of,
    day_of,
    instant_ms,
    second_of_day,
)

WEDNESDAY = dt.date(2026, 1, 28)
INSTANTS = st.integers(0, 2**32 - 1)


@given(INSTANTS)
def test_days_and_seconds_are_those_of_the_wall_clock_in_jakarta(at_s: int) -> None:
    moment = dt.datetime.fromtimestamp(at_s, JAKARTA)
    assert date_of(calendar_day(at_s)) == moment.date()
    assert date_of(business_day(at_s)) == (moment - dt.timedelta(hours=3)).date()
    since = moment - moment.replace(hour=0, minute=0, second=0)
    assert second_of_day(at_s) == since.total_seconds()


@given(INSTANTS)
def test_a_business_day_ends_where_it_says(at_s: int) -> None:
    day = business_day(at_s)
    assert business_day_end_s(day - 1) <= at_s < business_day_end_s(day)


@pytest.mark.parametrize(
    ("clock", "business", "calendar"),
    [
        ("00:00", 27, 28),
        ("02:59:59", 27, 28),
        ("03:00", 28, 28),
        ("23:59:59", 28, 28),
    ],
)
def test_the_business_day_begins_at_three(clock: str, business: int, calendar: int) -> None:
    at_s = instant_ms(WEDNESDAY, clock) // 1_000
    assert date_of(business_day(at_s)).day == business
    assert date_of(calendar_day(at_s)).day == calendar


def test_arrays_give_what_each_gives() -> None:
    instants = np.array([0, 1_769_536_799, 1_769_536_800, 2**32 - 1], np.int64)
    for of in (business_day, calendar_day, second_of_day, business_day_end_s):
        assert of(instants).tolist() == [of(int(at_s)) for at_s in instants]


def test_days_are_numbers_of_dates() -> None:
    assert (day_of(dt.date(1970, 1, 1)), day_of(WEDNESDAY)) == (0, 20_481)
    assert date_of(20_481) == WEDNESDAY


def test_an_instant_is_written_as_people_in_jakarta_read_it() -> None:
    assert instant_ms(WEDNESDAY, "06:00:30") == 1_769_554_830_000
    assert clock_text(1_769_554_830_250) == "2026-01-28 06:00:30.250+07:00"
