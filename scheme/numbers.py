"""Card, terminal, sender, SAM and participant numbers with their check digit.

    participant   4 digits   ppp c             u16
    card         16 digits   98 pppp ee sssssss c  u64   pppp = issuer, ee = epoch, s = serial
    terminal      up to 10   ee sssssss c      u32   serial below 5,000,000
    SAM           up to 10   ee sssssss c      u32   the serial of its terminal plus 5,000,000
    sender        up to 10   ee sssssss c      u32   a space of its own

The check digit is Luhn's (ISO/IEC 7812-1 annex B). The *epoch* gives a replay of the same plan
fresh numbers (0 to 41, so that a terminal fits 32 bits). Functions take ints or NumPy integer
arrays alike.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from scheme.errors import BadInputError

CARD_PREFIX = 98
EPOCH_MAX = 41
SERIAL_MAX = 9_999_999
SAM_SERIAL_OFFSET = 5_000_000
HOTLISTS_IN_EPOCH = 1_000  # more than a plan has, and 41 times as many still fit 16 bits


def luhn_digit(body: Any) -> Any:
    """Return the check digit that Luhn's rule puts behind the digits of `body`."""
    total = body * 0
    rest, doubled = body, True
    for _ in range(19):
        digit = rest % 10
        if doubled:
            twice = digit * 2
            total = total + twice // 10 + twice % 10
        else:
            total = total + digit
        rest, doubled = rest // 10, not doubled
    return (10 - total % 10) % 10


def with_check_digit(body: Any) -> Any:
    """Return `body` with its check digit behind it."""
    return body * 10 + luhn_digit(body)


def check_digit_holds(number: Any) -> Any:
    """Return whether the last digit of a number is the check digit of the others."""
    return luhn_digit(number // 10) == number % 10


def participant_number(serial: int) -> int:
    """Return the participant number of a serial from 100 to 999."""
    if not 100 <= serial <= 999:
        raise BadInputError.at("participant serial", expected="100 to 999", got=serial)
    return int(with_check_digit(serial))


def card_numbers(issuer: Any, serial: NDArray[np.int64], epoch: int = 0) -> NDArray[np.uint64]:
    """Return card numbers for issuers (participant numbers) and serials of one epoch."""
    _check(epoch, serial)
    body = ((CARD_PREFIX * 10_000 + np.asarray(issuer, np.int64)) * 100 + epoch) * 10_000_000
    return np.asarray(with_check_digit(body + serial), np.uint64)


def device_numbers(serial: NDArray[np.int64], epoch: int = 0) -> NDArray[np.uint32]:
    """Return terminal, SAM or sender numbers for serials of one epoch."""
    _check(epoch, serial)
    body = epoch * 10_000_000 + np.asarray(serial, np.int64)
    return np.asarray(with_check_digit(body), np.uint32)


def device_serial(number: Any) -> Any:
    """Return the serial in a terminal, SAM or sender number."""
    return number // 10 % 10_000_000


def in_epoch_card(number: Any, epoch: int) -> Any:
    """Return the same card in another epoch."""
    body = number // 10
    serial, issuer_part = body % 10_000_000, body // 1_000_000_000
    return with_check_digit((issuer_part * 100 + epoch) * 10_000_000 + serial)


def in_epoch_device(number: Any, epoch: int) -> Any:
    """Return the same terminal, SAM or sender in another epoch."""
    return with_check_digit(epoch * 10_000_000 + device_serial(number))


def in_epoch_hotlist(version: Any, epoch: int) -> Any:
    """Return the version under which the same list, in another epoch's cards, is published.

    A list of fresh card numbers is another list, and a version holds one list only. 0 is no list.
    """
    return version + (version > 0) * epoch * HOTLISTS_IN_EPOCH


def _check(epoch: int, serial: NDArray[np.int64]) -> None:
    if not 0 <= epoch <= EPOCH_MAX:
        raise BadInputError.at("epoch", expected=f"0 to {EPOCH_MAX}", got=epoch)
    serials = np.asarray(serial)
    if serials.size and (serials.min() < 0 or serials.max() > SERIAL_MAX):
        raise BadInputError.at("serial", expected=f"0 to {SERIAL_MAX}", got=int(serials.max()))
