"""What moves value: loads in two phases, CANCEL, CONFIRM, restricted purses, and the log."""

from __future__ import annotations

import pytest

from scheme.apdu import (
    SLOT_OF,
    Command,
    Flag,
    Ins,
    Mode,
    Phase,
    PurseNumber,
    Slot,
    parse_debited,
    parse_logged,
    parse_selected,
    select_command,
)
from scheme.cryptograms import tac
from scheme.image import NO_PARKING, NO_TRANSIT
from scheme.keys import IDENTITY_AID, PURSE_AID
from scheme.records import CARD_PART, RecordKind
from scheme.status import Sw
from tests.cards import CARD, ISSUER, SAM, TERMINAL, purse
from tests.scheme.purse_talk import (
    AT_S,
    COUNTER,
    PLACE,
    card_keys,
    init,
    opened,
    spoilt,
    student,
    tell,
)

TRANSIT, PARKING = bytes(range(29)), b"parking"
MAIN, ROUTINE, PERIODIC = PurseNumber
STATES = {Slot.none: b"", Slot.transit: TRANSIT, Slot.parking: PARKING}


def expected_tac(
    kind: RecordKind, nt: int, amount: int, balance: int, state: bytes, on: int = MAIN
) -> bytes:
    """Return the TAC of a transaction of the tests' card, from the record's specification."""
    part = CARD_PART.pack({
        "version": 1, "kind": kind, "issuer": ISSUER, "card": CARD, "nt": nt, "purse": on,
        "key_version": 1, "place": PLACE, "amount": amount, "balance": balance, "at_s": AT_S,
        "terminal": TERMINAL, "sam": SAM, "sam_counter": COUNTER, "state": state,
    })  # fmt: skip
    return tac(card_keys().tac, part)


@pytest.mark.parametrize("slot", list(Slot))
def test_a_debit_changes_balance_counter_state_proof_and_log_together(slot: Slot) -> None:
    card = purse()
    talk = opened(card)
    told = talk.does(talk.order(Ins.debit, slot, STATES[slot]))
    kind = (RecordKind.debit, RecordKind.debit_transit, RecordKind.debit_parking)[slot]
    proof = expected_tac(kind, 6, 3_500, 96_500, STATES[slot])
    assert told == (96_500).to_bytes(4, "big") + (6).to_bytes(4, "big") + proof
    after = card.image
    assert (after.nt, after.balance, after.flags) == (6, 96_500, Flag.unconfirmed)
    assert after.transit == (TRANSIT if slot is Slot.transit else NO_TRANSIT)
    assert after.parking == (PARKING if slot is Slot.parking else NO_PARKING)
    assert (after.proof[-8:], after.log[0][-8:]) == (proof, proof)


def test_transit_and_parking_stand_apart_from_each_other() -> None:
    card = purse()
    for slot in (Slot.transit, Slot.parking, Slot.none):
        talk = opened(card, amount=0)
        talk.does(talk.order(Ins.debit, slot, STATES[slot]))
    assert (card.image.transit, card.image.parking) == (TRANSIT, PARKING)


def test_a_load_in_one_phase_has_its_own_kind_and_tac() -> None:
    card = purse()
    talk = opened(card, Mode.credit, 50_000)
    told = talk.does(talk.order(Ins.credit))
    assert told[8:] == expected_tac(RecordKind.load, 6, 50_000, 150_000, b"")
    assert (card.image.balance, card.image.nt) == (150_000, 6)


def test_a_reserved_load_moves_nothing_until_it_is_committed() -> None:
    card = purse(wrong_macs=3)
    before = card.image
    talk = opened(card, Mode.credit, 50_000)
    told = talk.does(talk.order(Ins.credit, Phase.reserve))
    assert parse_debited(told + bytes(8))[:3] == (100_000, 5, bytes(8))
    reserved = before._replace(
        flags=Flag.reserved, reserved=b"\x01\x00\x00\xc3\x50", wrong_macs=0
    )
    assert card.image == reserved
    assert tell(card, talk.confirm(5))[0] == Sw.wrong_state, "a reservation was confirmed"
    talk = opened(card, Mode.credit, 50_000)
    told = talk.does(talk.order(Ins.credit, Phase.commit))
    assert told[8:] == expected_tac(RecordKind.load, 6, 50_000, 150_000, b"")
    assert (card.image.flags, card.image.reserved) == (Flag.unconfirmed, b"")
    talk = opened(card, Mode.credit, 50_000)
    assert tell(card, talk.order(Ins.credit, Phase.commit))[0] == Sw.reference_unknown


@pytest.mark.parametrize(
    ("amount", "on"), [(49_999, MAIN), (50_001, MAIN), (0, MAIN), (50_000, ROUTINE)]
)
def test_a_commit_is_of_exactly_the_purse_and_amount_reserved(amount: int, on: int) -> None:
    card = student()
    talk = opened(card, Mode.credit, 50_000)
    talk.does(talk.order(Ins.credit, Phase.reserve))
    before = card.image
    talk = opened(card, Mode.credit, amount, on)
    assert tell(card, talk.order(Ins.credit, Phase.commit)) == (Sw.reference_unknown, b"")
    assert card.image == before


def test_a_second_reservation_takes_the_place_of_the_first_and_a_debit_leaves_it() -> None:
    card = purse()
    for amount in (50_000, 20_000):
        talk = opened(card, Mode.credit, amount)
        talk.does(talk.order(Ins.credit, Phase.reserve))
    talk = opened(card)
    talk.does(talk.order())
    assert card.image.flags == Flag.unconfirmed | Flag.reserved
    talk = opened(card, Mode.credit, 20_000)
    talk.does(talk.order(Ins.credit, Phase.commit))
    assert card.image.balance == 116_500


@pytest.mark.parametrize("slot", list(Slot))
def test_cancel_gives_the_last_debit_back_and_its_slots_state_with_it(slot: Slot) -> None:
    old = {Slot.none: b"", Slot.transit: b"t" * 29, Slot.parking: b"p" * 7}[slot]
    card = purse(transit=b"t" * 29, parking=b"p" * 7)
    before = card.image
    talk = opened(card)
    talk.does(talk.order(Ins.debit, slot, STATES[slot]))
    talk = opened(card, Mode.cancel)
    told = talk.does(talk.order(Ins.cancel))
    kind = (RecordKind.refund, RecordKind.refund_transit, RecordKind.refund_parking)[slot]
    assert SLOT_OF[kind] is slot
    assert told[8:] == expected_tac(kind, 7, 3_500, 100_000, old)
    after = card.image
    assert (after.balance, after.nt) == (before.balance, 7)
    assert (after.transit, after.parking) == (before.transit, before.parking)
    tell(card, select_command(PURSE_AID))
    assert tell(card, init(Mode.cancel, 3_500))[0] == Sw.reference_unknown, "cancelled twice"


@pytest.mark.parametrize(
    "asked",
    [
        init(Mode.cancel, 3_499),
        init(Mode.cancel, 3_501),
        init(Mode.cancel, 3_500, terminal=TERMINAL + 1),
        init(Mode.cancel, 3_500, ROUTINE),
    ],
)
def test_only_the_same_amount_at_the_same_terminal_is_cancelled(asked: Command) -> None:
    card = student()
    talk = opened(card)
    talk.does(talk.order())
    tell(card, select_command(PURSE_AID))
    assert tell(card, asked) == (Sw.reference_unknown, b"")


def test_a_load_and_a_fresh_card_have_nothing_to_cancel() -> None:
    card = purse()
    tell(card, select_command(PURSE_AID))
    assert tell(card, init(Mode.cancel, 0))[0] == Sw.reference_unknown
    talk = opened(card, Mode.credit)
    talk.does(talk.order(Ins.credit))
    tell(card, select_command(PURSE_AID))
    assert tell(card, init(Mode.cancel, 3_500))[0] == Sw.reference_unknown


def test_a_reservation_between_debit_and_cancel_hinders_nothing() -> None:
    card = purse()
    talk = opened(card)
    talk.does(talk.order())
    talk = opened(card, Mode.credit, 7)
    talk.does(talk.order(Ins.credit, Phase.reserve))
    talk = opened(card, Mode.cancel)
    talk.does(talk.order(Ins.cancel))
    assert card.image.balance == 100_000


def test_confirm_right_behind_a_debit_clears_the_flag_once() -> None:
    card = purse()
    talk = opened(card)
    talk.does(talk.order())
    assert parse_selected(card.image.said()).flags == Flag.unconfirmed
    assert tell(card, talk.confirm(6)) == (Sw.ok, b"")
    assert card.image.flags == 0
    assert tell(card, talk.confirm(6)) == (Sw.wrong_state, b"")


@pytest.mark.parametrize(
    "between",
    [
        select_command(PURSE_AID).encode(),
        select_command(IDENTITY_AID).encode(),
        init(Mode.debit).encode(),
        b"\x90\x00\x00\x00",
        b"\x80\x4a\x01\x00\x08" + bytes(8),
        b"\x80\x4a\x00\x00\x07" + bytes(7),
    ],
)
def test_nothing_may_come_between_a_debit_and_its_confirm(between: bytes) -> None:
    card = purse()
    talk = opened(card)
    talk.does(talk.order())
    card.answer(between)
    assert tell(card, talk.confirm(6)) == (Sw.wrong_state, b"")
    assert card.image.flags == Flag.unconfirmed


def test_what_is_no_short_command_reaches_nothing() -> None:
    card = purse()
    talk = opened(card)
    assert tell(card, b"\x80\x42\x00") == (Sw.wrong_length, b"")
    talk.does(talk.order())
    assert tell(card, b"\x80\x42\x00\x00\x00\x01") == (Sw.wrong_length, b"")
    assert tell(card, talk.confirm(6)) == (Sw.ok, b"")


def test_a_wrong_s4_is_counted_and_leaves_the_flag() -> None:
    card = purse()
    talk = opened(card)
    talk.does(talk.order())
    assert tell(card, spoilt(talk.confirm(6))) == (Sw.wrong_mac, b"")
    assert (card.image.flags, card.image.wrong_macs) == (Flag.unconfirmed, 1)
    assert tell(card, talk.confirm(6)) == (Sw.wrong_state, b"")


@pytest.mark.parametrize(
    ("on", "category", "sw"),
    [
        (ROUTINE, 5411, Sw.ok),
        (ROUTINE, 5942, Sw.ok),
        (ROUTINE, 8299, Sw.category_refused),
        (ROUTINE, 0, Sw.category_refused),
        (PERIODIC, 8299, Sw.ok),
        (PERIODIC, 5411, Sw.category_refused),
    ],
)
def test_a_restricted_purse_is_spent_on_its_categories_alone(
    on: int, category: int, sw: Sw
) -> None:
    card = student()
    before = card.image
    talk = opened(card, purse=on)
    got, data = tell(card, talk.restricted(category))
    assert got == sw
    if sw is not Sw.ok:
        assert (data, card.image) == (b"", before)
        return
    left = before.held(on) - 3_500
    assert parse_debited(data)[:2] == (left, 6)
    assert data[8:16] == expected_tac(RecordKind.debit, 6, 3_500, left, b"", on)
    assert (card.image.held(on), card.image.balance) == (left, before.balance)
    talk = opened(card, Mode.cancel, purse=on)
    talk.does(talk.order(Ins.cancel))
    assert card.image.held(on) == before.held(on)


@pytest.mark.parametrize("on", [ROUTINE, PERIODIC])
def test_a_restricted_purse_is_loaded_up_to_its_own_limit(on: int) -> None:
    card = student()
    free = (500_000 - 50_000, 1_000_000 - 30_000)[on - ROUTINE]
    tell(card, select_command(PURSE_AID))
    assert tell(card, init(Mode.credit, free + 1, on))[0] == Sw.limit_exceeded
    talk = opened(card, Mode.credit, free, on)
    talk.does(talk.order(Ins.credit))
    assert card.image.held(on) == (500_000, 1_000_000)[on - ROUTINE]


def test_a_restricted_purse_takes_no_state_and_no_order_without_a_category() -> None:
    card = student()
    talk = opened(card, purse=ROUTINE)
    assert tell(card, talk.order(Ins.debit, Slot.transit, TRANSIT))[0] == Sw.wrong_parameters
    talk = opened(card, purse=ROUTINE)
    assert tell(card, talk.order())[0] == Sw.wrong_length


@pytest.mark.parametrize(("changes", "sw"), [
    ({"status": 4, "nt": 0xFFFF_FFFF}, Sw.card_blocked),
    ({"nt": 0xFFFF_FFFF}, Sw.counter_exhausted),
])  # fmt: skip
def test_blocked_comes_before_exhausted_and_both_before_category_and_reservation(
    changes: dict[str, int], sw: Sw
) -> None:
    card = student(**changes)
    before = card.image
    assert tell(card, opened(card, purse=ROUTINE).restricted(1)) == (sw, b"")
    for phase in Phase:
        talk = opened(card, Mode.credit, 5)
        assert tell(card, talk.order(Ins.credit, phase)) == (sw, b"")
    assert card.image == before


def test_the_log_keeps_ten_the_latest_first_and_one_mac_reads_them_all() -> None:
    card = purse()
    for n in range(13):
        talk = opened(card, amount=n)
        talk.does(talk.order())
    talk = opened(card, Mode.proof, 0)
    before = card.image
    entries = [parse_logged(talk.does(talk.log(record)) + bytes(8)) for record in range(1, 11)]
    assert [entry["nt"] for entry in entries] == list(range(18, 8, -1))
    assert [entry["amount"] for entry in entries] == list(range(12, 2, -1))
    assert entries[0]["balance"] == card.image.balance
    assert entries[0]["tac"] == card.image.proof[-8:]
    assert card.image == before


def test_a_record_that_is_not_there_ends_the_session() -> None:
    card = purse()
    talk = opened(card)
    talk.does(talk.order())
    talk = opened(card, Mode.proof, 0)
    talk.does(talk.log(1))
    assert tell(card, talk.log(2)) == (Sw.proof_unknown, b"")
    assert tell(card, talk.log(1)) == (Sw.wrong_state, b"")
