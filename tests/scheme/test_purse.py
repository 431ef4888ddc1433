"""The purse: every wrong command gets its status word and changes nothing."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scheme.apdu import (
    Command,
    Ins,
    Mode,
    Slot,
    init_command,
    parse_proved,
    proof_command,
    select_command,
    value_command,
)
from scheme.cryptograms import Keyed, Step
from scheme.keys import PURSE_AID, session_key
from scheme.layouts import INIT_ANSWER
from scheme.status import STATUS, Sw
from tests.cards import SAM, TERMINAL, purse
from tests.scheme.purse_talk import CHALLENGE, card_keys, init, opened, student, tell

INIT = init_command(Mode.debit, 0, TERMINAL, SAM, CHALLENGE)


@pytest.mark.parametrize(
    ("apdu", "sw"),
    [
        (b"", Sw.wrong_length),
        (b"\x80\x40\x01", Sw.wrong_length),
        (INIT.encode()[:-1], Sw.wrong_length),
        (INIT.encode() + b"\0\0", Sw.wrong_length),
        (INIT._replace(data=INIT.data[:-1]).encode(), Sw.wrong_length),
        (INIT._replace(data=INIT.data + b"!").encode(), Sw.wrong_length),
        (INIT._replace(cla=0x90).encode(), Sw.class_unknown),
        (INIT._replace(cla=0x00).encode(), Sw.instruction_unknown),
        (INIT._replace(ins=0xB8).encode(), Sw.instruction_unknown),
        (INIT._replace(ins=Ins.authenticate).encode(), Sw.instruction_unknown),
        (INIT._replace(p1=0).encode(), Sw.wrong_parameters),
        (INIT._replace(p1=3).encode(), Sw.reference_unknown),
        (INIT._replace(p1=5).encode(), Sw.wrong_parameters),
        (INIT._replace(p1=7).encode(), Sw.wrong_parameters),
        (INIT._replace(p2=2).encode(), Sw.wrong_parameters),
        (init_command(Mode.debit, 100_001, 1, 1, CHALLENGE).encode(), Sw.balance_too_low),
        (init_command(Mode.debit, 1 << 31, 1, 1, CHALLENGE).encode(), Sw.balance_too_low),
        (init_command(Mode.credit, 1_900_001, 1, 1, CHALLENGE).encode(), Sw.limit_exceeded),
        (init_command(Mode.credit, 1 << 31, 1, 1, CHALLENGE).encode(), Sw.limit_exceeded),
        (select_command(PURSE_AID[:-1]).encode(), Sw.application_unknown),
        (select_command(b"\xf0\x4a\x4b\x54\x31\x53").encode(), Sw.application_unknown),
        (select_command(PURSE_AID)._replace(p2=2).encode(), Sw.wrong_parameters),
        (value_command(Ins.debit, Slot.none, 1, 1, 1, b"", bytes(8)).encode(), Sw.wrong_state),
        (proof_command(5, bytes(8)).encode(), Sw.wrong_state),
    ],
)
def test_a_command_that_may_not_be_gets_its_status_word(apdu: bytes, sw: Sw) -> None:
    card = purse()
    before = card.image
    tell(card, select_command(PURSE_AID))
    assert tell(card, apdu) == (sw, b"")
    assert card.image == before


def test_nothing_is_answered_before_select() -> None:
    assert tell(purse(), INIT) == (Sw.wrong_state, b"")


def test_select_is_a_fixed_layout_of_63_bytes_and_le_is_taken() -> None:
    sw, data = tell(purse(), select_command(PURSE_AID).encode() + b"\0")
    assert (sw, len(data)) == (Sw.ok, 63)


def test_init_writes_nothing_and_its_mac_covers_all_that_select_said() -> None:
    card = purse()
    before = card.image
    said = tell(card, select_command(PURSE_AID))[1]
    command = init(Mode.debit, 7)
    answer = tell(card, command)[1]
    own, nt = INIT_ANSWER.codec.unpack(answer)[:2]
    macs = Keyed(session_key(card_keys().debit, own, CHALLENGE, nt, TERMINAL))
    shown = bytes((Mode.debit, 1)) + said + command.data + answer[:-8]
    assert macs.step_holds(Step.card_says, shown, answer[-8:])
    for at in range(len(shown)):
        changed = shown[:at] + bytes((shown[at] ^ 1,)) + shown[at + 1 :]
        assert not macs.step_holds(Step.card_says, changed, answer[-8:]), at
    assert card.image == before


def test_a_wrong_mac_ends_the_session_and_writes_nothing_but_that_it_came() -> None:
    card = purse()
    right = opened(card).order()
    before = card.image
    wrong = right._replace(data=right.data[:-1] + bytes((right.data[-1] ^ 1,)))
    assert tell(card, wrong) == (Sw.wrong_mac, b"")
    assert tell(card, right) == (Sw.wrong_state, b"")
    assert card.image == before._replace(wrong_macs=1)


def test_an_order_is_good_once() -> None:
    card = purse()
    right = opened(card).order()
    assert tell(card, right)[0] == Sw.ok
    assert tell(card, right)[0] == Sw.wrong_state
    opened(card)
    assert tell(card, right)[0] == Sw.wrong_mac
    assert card.image.balance == 96_500


@pytest.mark.parametrize(
    ("mode", "ins", "slot", "state", "sw"),
    [
        (Mode.credit, Ins.debit, Slot.none, b"", Sw.wrong_state),
        (Mode.debit, Ins.credit, Slot.none, b"", Sw.wrong_state),
        (Mode.proof, Ins.debit, Slot.none, b"", Sw.wrong_state),
        (Mode.credit, Ins.credit, Slot.transit, bytes(29), Sw.wrong_length),
        (Mode.debit, Ins.debit, Slot.transit, bytes(28), Sw.wrong_length),
        (Mode.debit, Ins.debit, Slot.parking, bytes(8), Sw.wrong_length),
        (Mode.debit, Ins.debit, Slot.none, bytes(1), Sw.wrong_length),
    ],
)
def test_a_session_serves_only_what_it_was_opened_for(
    mode: Mode, ins: Ins, slot: Slot, state: bytes, sw: Sw
) -> None:
    card = purse()
    talk = opened(card, mode, 0)
    before = card.image
    assert tell(card, talk.order(ins, slot, state)) == (sw, b"")
    assert card.image == before


def test_a_mac_for_one_slot_does_not_serve_another() -> None:
    card = purse()
    transit = opened(card).order(Ins.debit, Slot.transit, bytes(29))
    bare = transit.data[:10] + bytes(7)
    moved = transit._replace(p2=Slot.parking, data=bare + transit.data[-8:])
    assert tell(card, moved) == (Sw.wrong_mac, b"")


@pytest.mark.parametrize(
    ("changes", "sw"),
    [
        ({"status": 1}, Sw.card_blocked),
        ({"nt": 0xFFFF_FFFF}, Sw.counter_exhausted),
    ],
)
def test_a_card_that_may_not_move_value_is_still_proved(changes: dict[str, int], sw: Sw) -> None:
    card = purse(**changes)
    before = card.image
    assert tell(card, opened(card).order()) == (sw, b"")
    assert card.image == before


def test_proof_tells_the_last_transaction_again_as_often_as_asked() -> None:
    card = purse()
    told = tell(card, opened(card).order())[1]
    talk = opened(card, Mode.proof, 0)
    before = card.image
    first = tell(card, talk.proof(6))
    assert first[0] == Sw.ok
    assert tell(card, talk.proof(6)) == first
    proved = parse_proved(first[1])
    assert (proved.nt, proved.tac, proved.stored["amount"]) == (6, told[8:16], 3_500)
    assert card.image == before


@pytest.mark.parametrize("nt", [5, 7])
def test_proof_of_another_counter_is_not_known(nt: int) -> None:
    card = purse()
    tell(card, opened(card).order())
    assert tell(card, opened(card, Mode.proof, 0).proof(nt)) == (Sw.proof_unknown, b"")


def test_a_fresh_card_has_nothing_to_prove() -> None:
    card = purse()
    assert tell(card, opened(card, Mode.proof, 0).proof(5)) == (Sw.proof_unknown, b"")


def test_leaving_the_field_ends_the_session() -> None:
    card = purse()
    right = opened(card).order()
    card.reset()
    assert tell(card, right) == (Sw.wrong_state, b"")


@pytest.mark.parametrize("wrong_macs", [0, 15])
@pytest.mark.parametrize(
    ("asked", "sw"),
    [
        (init(Mode.debit, 1 << 31), Sw.balance_too_low),
        (init(Mode.debit, 0xFFFF_FFFF), Sw.balance_too_low),
        (init(Mode.credit, 0xFFFF_FFFF), Sw.limit_exceeded),
        (init(Mode.cancel, 1), Sw.reference_unknown),
        (init(Mode.debit, 50_001, 2), Sw.balance_too_low),
        (init(Mode.credit, 970_001, 3), Sw.limit_exceeded),
    ],
)
def test_init_looks_at_the_wrong_macs_before_the_amount(
    asked: Command, sw: Sw, wrong_macs: int
) -> None:
    card = student(wrong_macs=wrong_macs)
    tell(card, select_command(PURSE_AID))
    assert tell(card, asked) == (Sw.mac_blocked if wrong_macs else sw, b"")


@pytest.mark.parametrize("mode", list(Mode))
@pytest.mark.parametrize("number", [0, 1, 2, 3, 4, 0x80, 0xFF])
def test_init_is_of_a_purse_that_is_on_the_card_and_fits_the_mode(mode: Mode, number: int) -> None:
    for card, there in ((student(), (1, 2, 3)), (purse(), (1,))):
        fits = number in there and (number == 1 or mode not in (Mode.proof, Mode.admin))
        tell(card, select_command(PURSE_AID))
        sw, _ = tell(card, init(mode, 0, number)._replace(data=bytes(19)))
        assert sw == (Sw.wrong_length if fits else Sw.wrong_parameters)


def test_a_balance_above_the_limit_takes_no_load_at_all() -> None:
    card = purse(limit_idr=99_999)
    tell(card, select_command(PURSE_AID))
    assert tell(card, init(Mode.credit, 0)) == (Sw.limit_exceeded, b"")


@pytest.mark.parametrize("amount", [0, 100_000])
def test_nothing_and_everything_can_be_debited(amount: int) -> None:
    card = purse()
    talk = opened(card, amount=amount)
    talk.does(talk.order())
    assert card.image.balance == 100_000 - amount


def test_two_to_the_31_is_an_amount_like_any_other() -> None:
    card = purse(limit_idr=0xFFFF_FFFF)
    talk = opened(card, Mode.credit, 1 << 31)
    talk.does(talk.order(Ins.credit))
    talk = opened(card, amount=1 << 31)
    talk.does(talk.order())
    assert card.image.balance == 100_000


APDUS = st.one_of(
    st.binary(max_size=80),
    st.builds(
        lambda cla, ins, p1, p2, data: Command(cla, ins, p1, p2, data).encode(),
        st.sampled_from([0x00, 0x80, 0x80, 0x80, 0x81]),
        st.sampled_from([*map(int, Ins), 0x41]),
        st.sampled_from([0, 0, 1, 2, 3, 4, 6, 0x80]),
        st.sampled_from([0, 0, 1, 2, 3, 0x80]),
        st.sampled_from([0, 6, 8, 9, 11, 12, 18, 20, 22, 25, 47, 73]).map(bytes),
    ),
    st.just(select_command(PURSE_AID).encode()),
    st.just(INIT.encode()),
)


@given(st.lists(APDUS, max_size=8))
def test_no_bytes_without_a_key_change_a_card_but_for_its_wrong_macs(apdus: list[bytes]) -> None:
    card = student()
    before = card.image
    tell(card, select_command(PURSE_AID))
    for apdu in apdus:
        sw, data = tell(card, apdu)
        assert sw == Sw.ok or not data
        assert sw in STATUS
    assert card.image == before._replace(wrong_macs=card.image.wrong_macs)


@given(st.integers(0, 46), st.integers(1, 255), st.sampled_from(["flip", "cut", "grow", "swap"]))
def test_a_changed_order_is_never_carried_out(at: int, by: int, how: str) -> None:
    card = purse()
    right = opened(card).order(Ins.debit, Slot.transit, bytes(29)).encode()
    before = card.image
    at += 5
    changed = {
        "flip": right[:at] + bytes((right[at] ^ by,)) + right[at + 1 :],
        "cut": right[:at],
        "grow": right[:at] + bytes((by,)) + right[at:],
        "swap": right[:3] + bytes((by % 3 * 2,)) + right[4:],
    }[how]
    sw, data = tell(card, changed)
    # One byte behind its data is Le, which a card takes and ignores.
    if sw == Sw.ok:
        assert (how, changed[:-1]) == ("grow", right)
        return
    assert (data, card.image._replace(wrong_macs=0)) == (b"", before)
