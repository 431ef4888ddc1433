"""The states on the card: every value survives its bytes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scheme.errors import RecordError
from scheme.records import PARKING_STATE, TRANSIT_STATE, OpenLeg, TransitFlag
from scheme.transit_state import Parking, Transit, Unsettled, parse_parking, parse_transit

u8, u16, u24, u32 = (st.integers(0, (1 << bits) - 1) for bits in (8, 16, 24, 32))
states = st.builds(
    Transit,
    flags=st.integers(0, 31).map(TransitFlag),
    open_leg=st.sampled_from(OpenLeg),
    first_at_s=u32,
    charged_idr=u24,
    own_fares_idr=u24,
    metres=u24,
    open_place=u16,
    open_vehicle=u24,
    open_at_s=u32,
    unsettled_mrt=st.builds(Unsettled, u16, u8),
    unsettled_lrt=st.builds(Unsettled, u16, u8),
)


@given(states)
def test_transit_state_reads_back(state: Transit) -> None:
    assert parse_transit(state.pack()) == state


@given(states)
def test_transit_state_lies_as_the_layout_says(state: Transit) -> None:
    fields = TRANSIT_STATE.unpack(state.pack())
    assert fields["flags"] == state.flags | state.open_leg << 5
    assert (fields["charged"], fields["metres"]) == (state.charged_idr, state.metres)
    assert fields["unsettled_lrt_day"] == state.unsettled_lrt.day_256


@given(st.builds(Parking, u16, u8, u32))
def test_parking_state_reads_back(stay: Parking) -> None:
    assert parse_parking(stay.pack()) == stay
    assert PARKING_STATE.unpack(stay.pack())["at_s"] == stay.at_s


@pytest.mark.parametrize("data", [b"", bytes(28), bytes(30), b"\xff" + bytes(28)])
def test_what_is_no_transit_state_is_refused(data: bytes) -> None:
    with pytest.raises(RecordError, match=r"transit state: expected 29 bytes .*, got \d+ bytes"):
        parse_transit(data)


def test_what_is_no_parking_state_is_refused() -> None:
    with pytest.raises(RecordError, match="parking state: expected 7 bytes, got 8 bytes"):
        parse_parking(bytes(8))


def test_a_sum_too_large_for_the_card_is_refused() -> None:
    with pytest.raises(RecordError, match=r"below 2\^24, got 16777216"):
        Transit(metres=1 << 24).pack()


@pytest.mark.parametrize(("entry_day", "today"), [(20_515, 20_515), (20_515, 20_770), (511, 512)])
def test_an_entrys_day_is_the_latest_that_fits(entry_day: int, today: int) -> None:
    noon_s = today * 86_400 + 5 * 3_600
    assert Unsettled(101, entry_day & 255).day(noon_s) == entry_day
