"""The benchmark of exchanges measures a real tap, and exactly the CMACs that are in it."""

from __future__ import annotations

from benchmarks.__main__ import measurements
from benchmarks._taps import cmacs_of_a_tap, open_sam, tap
from benchmarks.apdu import COMMANDS
from hil.reader import open_reader
from scheme.cryptograms import KEY_SIZE, Keyed, cmac
from scheme.keys import TestKeys


def test_it_is_named() -> None:
    assert "apdu" in measurements()


def test_a_tap_is_three_exchanges_with_the_card_and_three_with_the_sam() -> None:
    names = [exchange.name for exchange in tap(open_reader("model://"), open_sam())]
    assert [name for name in names if name.startswith("card")] == list(COMMANDS)
    assert [name for name in names if name.startswith("sam")] == [
        "sam CHALLENGE", "sam AUTHENTICATE", "sam CONFIRM",
    ]  # fmt: skip


def test_the_cmacs_of_a_tap_are_keys_s1_to_s3_on_both_sides_and_the_tac() -> None:
    calls = cmacs_of_a_tap()
    sizes = sorted(len(call.message) for call in calls)
    # The card's key 19; a session key 43, S1 104, S2 13 and S3 18 on each side; the TAC 76.
    assert sizes == sorted([19, 76, *2 * (43, 104, 13, 18)])
    assert all(len(call.key) == KEY_SIZE for call in calls)


def test_recording_leaves_no_trace() -> None:
    cmacs_of_a_tap()
    key = TestKeys(1).sam_receipt_key(1)
    assert Keyed(key).cmac(b"message") == cmac(key, b"message")
    assert Keyed.cmac.__qualname__ == "Keyed.cmac"
