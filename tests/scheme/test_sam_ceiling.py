"""The ceiling on what a SAM orders unacknowledged, and the receipts that take some of it off."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scheme.apdu import Command, Ins, restore_command
from scheme.sam import Sam, receipt_mac
from scheme.status import Sw
from tests.cards import KEYS, SAM, sam
from tests.scheme import by_hand
from tests.scheme.sam_talk import ask, issued, speak, tell

KEY = KEYS.sam_receipt_key(SAM)
MOST = 0xFFFF_FFFF


def restore(module: Sam, number: int, amount: int) -> tuple[int, bytes]:
    """Hand a SAM a server's receipt."""
    data = by_hand.receipt(KEY, SAM, number, amount)
    return tell(module, Command(0x80, 0x26, 0, 0, data))


def owing(amount: int = 10_000, ceiling: int = 10_000) -> Sam:
    """Return a SAM that has ordered an amount."""
    module = issued(ceiling_idr=ceiling)
    assert ask(module, Ins.debit, amount=amount)[0] == Sw.ok
    return module


@pytest.mark.parametrize(
    ("ins", "p2", "purse", "amount", "sw", "owed"),
    [
        (Ins.debit, 0, 1, 4_000, Sw.ok, 10_000),
        (Ins.debit, 0, 1, 4_001, Sw.ceiling_reached, 6_000),
        (Ins.debit, 1, 1, 4_001, Sw.ceiling_reached, 6_000),
        (Ins.debit, 0, 2, 4_001, Sw.ceiling_reached, 6_000),
        (Ins.debit, 0, 1, 0, Sw.ok, 6_000),
        (Ins.debit, 0, 1, MOST, Sw.ceiling_reached, 6_000),
        (Ins.credit, 0, 1, 4_001, Sw.ceiling_reached, 6_000),
        (Ins.credit, 2, 3, 4_001, Sw.ceiling_reached, 6_000),
        (Ins.credit, 2, 1, 4_000, Sw.ok, 10_000),
        (Ins.credit, 1, 1, 4_001, Sw.ok, 6_000),
        (Ins.cancel, 0, 1, 6_000, Sw.ok, 6_000),
        (Ins.proof, 0, 1, MOST, Sw.ok, 6_000),
        (Ins.block, 1, 1, MOST, Sw.ok, 6_000),
        (0, 0, 1, MOST, Sw.ok, 6_000),
    ],
)
def test_a_sam_orders_no_value_above_its_ceiling(
    ins: int, p2: int, purse: int, amount: int, sw: Sw, owed: int
) -> None:
    module = owing(6_000)
    told, data, _ = ask(module, ins, p2, purse, amount)
    assert (told, module.unacknowledged_idr) == (sw, owed)
    if sw is Sw.ceiling_reached:
        assert (data, module.counter) == (b"", 1)


def test_a_ceiling_is_named_only_to_a_card_that_has_proved_itself() -> None:
    module = owing()
    shown = bytearray(speak(module, 1, 1, 1).proven)
    shown[-1] ^= 1
    command = Command(0x80, 0x22, 0x42, 0, bytes(shown) + bytes(6))
    assert tell(module, command) == (Sw.wrong_mac, b"")


def test_a_sam_without_ceiling_adds_nothing_up() -> None:
    module = issued()
    for amount in (MOST, MOST):
        assert ask(module, Ins.debit, amount=amount)[0] == Sw.ok
    assert (module.unacknowledged_idr, module.counter) == (0, 2)
    assert restore(module, 1, 1)[0] == Sw.wrong_data
    assert restore(module, 1, 0) == (Sw.ok, bytes(4))


def test_the_largest_ceiling_is_reached_and_not_run_over() -> None:
    module = owing(MOST, ceiling=MOST)
    assert ask(module, Ins.debit, amount=1)[0] == Sw.ceiling_reached
    assert restore(module, MOST, MOST) == (Sw.ok, bytes(4))


def test_a_receipt_lets_a_sam_order_again() -> None:
    module = owing()
    assert ask(module, Ins.debit, amount=1)[0] == Sw.ceiling_reached
    assert restore(module, 1, 7_500) == (Sw.ok, (2_500).to_bytes(4, "big"))
    assert ask(module, Ins.debit, amount=7_500)[0] == Sw.ok
    assert ask(module, Ins.debit, amount=1)[0] == Sw.ceiling_reached


def test_a_receipt_leaves_challenge_and_order() -> None:
    module = owing()
    _, _, spoken = ask(module, Ins.debit)
    assert restore(module, 1, 1)[0] == Sw.ok
    answer = spoken.did(Ins.debit, bytes(16))
    assert tell(module, Command(0x80, 0x24, 0x42, 0, answer)) == (Sw.ok, b"")


def test_a_server_makes_the_receipt_that_was_worked_out_by_hand() -> None:
    command = restore_command(3, 7_500, receipt_mac(KEY, SAM, 3, 7_500))
    assert command.data == by_hand.receipt(KEY, SAM, 3, 7_500)


GOOD = by_hand.receipt(KEY, SAM, 8, 5_000)
OTHERS_KEY = KEYS.sam_receipt_key(SAM + 1)


@pytest.mark.parametrize(
    ("p1", "p2", "data", "sw"),
    [
        (1, 0, GOOD, Sw.wrong_parameters),
        (0, 1, GOOD[:-1], Sw.wrong_parameters),
        (0, 0, b"", Sw.wrong_length),
        (0, 0, GOOD[:-1], Sw.wrong_length),
        (0, 0, GOOD + b"?", Sw.wrong_length),
        (0, 0, GOOD[:-1] + bytes((GOOD[-1] ^ 1,)), Sw.wrong_mac),
        (0, 0, struct.pack(">II", 8, 5_001) + GOOD[8:], Sw.wrong_mac),
        (0, 0, struct.pack(">II", 9, 5_000) + GOOD[8:], Sw.wrong_mac),
        (0, 0, struct.pack(">II", 7, MOST) + bytes(8), Sw.wrong_mac),
        (0, 0, by_hand.receipt(KEY, SAM + 1, 8, 5_000), Sw.wrong_mac),
        (0, 0, by_hand.receipt(OTHERS_KEY, SAM, 8, 5_000), Sw.wrong_mac),
        (0, 0, by_hand.receipt(bytes(16), SAM, 8, 5_000), Sw.wrong_mac),
        (0, 0, by_hand.receipt(KEY, SAM, 7, 5_000), Sw.wrong_state),
        (0, 0, by_hand.receipt(KEY, SAM, 6, MOST), Sw.wrong_state),
        (0, 0, by_hand.receipt(KEY, SAM, 0, 0), Sw.wrong_state),
        (0, 0, by_hand.receipt(KEY, SAM, 8, 9_001), Sw.wrong_data),
        (0, 0, by_hand.receipt(KEY, SAM, 8, MOST), Sw.wrong_data),
    ],
)
def test_a_receipt_forged_replayed_or_too_large_takes_nothing_off(
    p1: int, p2: int, data: bytes, sw: Sw
) -> None:
    module = owing()
    assert restore(module, 7, 1_000)[0] == Sw.ok
    assert tell(module, Command(0x80, 0x26, p1, p2, data)) == (sw, b"")
    assert (module.unacknowledged_idr, module.last_receipt) == (9_000, 7)
    assert restore(module, 8, 5_000) == (Sw.ok, (4_000).to_bytes(4, "big"))
    assert restore(module, 8, 1_000)[0] == Sw.wrong_state


def test_a_sam_without_receipt_key_believes_no_receipt() -> None:
    module = sam()
    data = by_hand.receipt(bytes(16), SAM, 1, 0)
    assert tell(module, Command(0x80, 0x26, 0, 0, data)) == (Sw.wrong_mac, b"")


steps = st.tuples(
    st.sampled_from(["debit", "load", "reserve", "cancel", "receipt", "replay", "power"]),
    st.integers(0, 12_000),
)


@given(st.lists(steps, max_size=20))
def test_what_is_unacknowledged_is_what_was_ordered_less_the_receipts(
    taken: list[tuple[str, int]],
) -> None:
    module = issued(ceiling_idr=20_000)
    ordered = acknowledged = number = orders = 0
    asks = {"debit": (0x42, 0), "load": (0x44, 0), "reserve": (0x44, 1), "cancel": (0x46, 0)}
    for what, amount in taken:
        owed = ordered - acknowledged
        if what == "power":
            module.reset()
        elif what in asks:
            ins, p2 = asks[what]
            counts = what in ("debit", "load")
            fits = not counts or owed + amount <= 20_000
            sw = ask(module, ins, p2, amount=amount)[0]
            assert sw == (Sw.ok if fits else Sw.ceiling_reached)
            ordered += amount * (counts and fits)
            orders += fits
        else:
            number += what == "receipt"
            sw = restore(module, number, amount)[0]
            fresh = number > module.last_receipt or sw == Sw.ok
            assert sw in (Sw.ok, Sw.wrong_data) if fresh else sw == Sw.wrong_state
            acknowledged += amount * (sw == Sw.ok)
            assert sw != Sw.ok or amount <= owed
        assert module.unacknowledged_idr == ordered - acknowledged <= 20_000
        assert module.counter == orders
