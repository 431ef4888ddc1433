"""Card, terminal, sender and participant numbers and their check digit."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scheme.errors import BadInputError
from scheme.numbers import (
    EPOCH_MAX,
    SAM_SERIAL_OFFSET,
    SERIAL_MAX,
    card_numbers,
    check_digit_holds,
    device_numbers,
    device_serial,
    in_epoch_card,
    in_epoch_device,
    luhn_digit,
    participant_number,
    with_check_digit,
)

SERIALS = st.integers(0, SERIAL_MAX)
EPOCHS = st.integers(0, EPOCH_MAX)


@pytest.mark.parametrize(
    ("body", "digit"),
    [
        (7_992_739_871, 3),  # the example of ISO/IEC 7812-1's encyclopedia entries
        (0, 0),
        (1, 8),
        (9, 1),
        (18, 2),
    ],
)
def test_the_check_digit_is_luhns(body: int, digit: int) -> None:
    assert luhn_digit(body) == digit
    assert check_digit_holds(body * 10 + digit)


@given(body=st.integers(0, 10**15), position=st.integers(0, 15), other=st.integers(0, 9))
def test_one_wrong_digit_is_found(body: int, position: int, other: int) -> None:
    number = with_check_digit(body)
    digit = number // 10**position % 10
    changed = number + (other - digit) * 10**position
    assert check_digit_holds(changed) == (other == digit)


@given(serials=st.lists(SERIALS, min_size=1, max_size=8), epoch=EPOCHS)
def test_numbers_of_arrays_equal_the_number_of_each_and_fit(serials: list[int], epoch: int) -> None:
    issuer = participant_number(101)
    cards = card_numbers(issuer, np.array(serials), epoch)
    devices = device_numbers(np.array(serials), epoch)
    assert check_digit_holds(cards.astype(np.int64)).all()
    assert check_digit_holds(devices.astype(np.int64)).all()
    for serial, card, device in zip(serials, cards.tolist(), devices.tolist(), strict=True):
        body = f"98{issuer:04}{epoch:02}{serial:07}"
        assert str(card)[:-1] == body
        assert len(str(card)) == 16
        assert device == with_check_digit(epoch * 10_000_000 + serial)
        assert device_serial(device) == serial


@given(serial=SERIALS, first=EPOCHS, second=EPOCHS)
def test_a_number_in_another_epoch_is_the_same_card_or_device(
    serial: int, first: int, second: int
) -> None:
    issuer, serials = participant_number(103), np.array([serial])
    card = int(card_numbers(issuer, serials, first)[0])
    device = int(device_numbers(serials, first)[0])
    assert in_epoch_card(card, second) == card_numbers(issuer, serials, second)[0]
    assert in_epoch_device(device, second) == device_numbers(serials, second)[0]
    assert in_epoch_card(in_epoch_card(card, second), first) == card


def test_participants_have_four_digits() -> None:
    numbers = [participant_number(serial) for serial in (100, 101, 307, 999)]
    assert numbers == [1008, 1016, 3079, 9993]
    assert all(check_digit_holds(number) for number in numbers)


def test_a_sam_is_no_terminal() -> None:
    serials = np.arange(3)
    terminals, sams = device_numbers(serials), device_numbers(serials + SAM_SERIAL_OFFSET)
    assert not set(terminals.tolist()) & set(sams.tolist())


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: participant_number(99), "participant serial: expected 100 to 999, got 99"),
        (lambda: card_numbers(1016, np.array([0]), 42), "epoch: expected 0 to 41, got 42"),
        (lambda: device_numbers(np.array([10**7])), "serial: expected 0 to 9999999, got 10000000"),
    ],
)
def test_a_number_that_does_not_exist_is_named(make, said: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(BadInputError, match=said):
        make()
