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
    parse_response,
    proof_command,
    select_command,
    value_command,
)
from scheme.cryptograms import Keyed, Step
from scheme.keys import PURSE_AID, Role, card_key, session_key
from scheme.layouts import INIT_ANSWER
from scheme.purse import Purse
from scheme.status import Sw
from tests.cards import CARD, ISSUER, KEYS, SAM, TERMINAL, purse

CHALLENGE = b"RTRTRTRT"
ROLE_OF = {Mode.debit: Role.debit, Mode.credit: Role.load, Mode.proof: Role.debit}


def tell(card: Purse, command: Command | bytes) -> tuple[int, bytes]:
    """Return status word and data of a card's answer."""
    apdu = command if isinstance(command, bytes) else command.encode()
    response = parse_response(card.answer(apdu))
    return response.sw, response.data


def opened(card: Purse, mode: Mode = Mode.debit, amount: int = 3_500) -> Keyed:
    """Select, send INIT, and return the session's MACs as a SAM would have them."""
    assert tell(card, select_command(PURSE_AID))[0] == Sw.ok
    sw, data = tell(card, init_command(mode, amount, TERMINAL, SAM, CHALLENGE))
    assert sw == Sw.ok, hex(sw)
    own, nt = INIT_ANSWER.codec.unpack(data)[:2]
    role = ROLE_OF[mode]
    key = card_key(KEYS.issuer_master(ISSUER, role), role, CARD, ISSUER, 1)
    return Keyed(session_key(key, own, CHALLENGE, nt, TERMINAL))


def order(macs: Keyed, ins: Ins = Ins.debit, slot: Slot = Slot.none, state: bytes = b"") -> Command:
    """Return a DEBIT or CREDIT with the right MAC."""
    bare = value_command(ins, slot, 1_775_000_000, 101, 1, state, b"")
    mac = macs.step_mac(Step.terminal_orders, bytes((ins, slot)) + bare.data)
    return bare._replace(data=bare.data + mac)


def proof(macs: Keyed, nt: int) -> Command:
    """Return a PROOF with the right MAC."""
    head = bytes((Ins.proof, 0)) + nt.to_bytes(4, "big")
    return proof_command(nt, macs.step_mac(Step.terminal_orders, head))


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
    command = init_command(Mode.debit, 7, TERMINAL, SAM, CHALLENGE)
    answer = tell(card, command)[1]
    own, nt = INIT_ANSWER.codec.unpack(answer)[:2]
    key = card_key(KEYS.issuer_master(ISSUER, Role.debit), Role.debit, CARD, ISSUER, 1)
    macs = Keyed(session_key(key, own, CHALLENGE, nt, TERMINAL))
    shown = bytes((Mode.debit, 1)) + said + command.data + answer[:-8]
    assert macs.step_holds(Step.card_says, shown, answer[-8:])
    for at in range(len(said)):
        changed = said[:at] + bytes((said[at] ^ 1,)) + said[at + 1 :]
        shown = bytes((Mode.debit, 1)) + changed + command.data + answer[:-8]
        assert not macs.step_holds(Step.card_says, shown, answer[-8:]), at
    assert card.image == before


def test_a_wrong_mac_ends_the_session_and_writes_nothing_but_that_it_came() -> None:
    card = purse()
    right = order(opened(card))
    before = card.image
    wrong = right._replace(data=right.data[:-1] + bytes((right.data[-1] ^ 1,)))
    assert tell(card, wrong) == (Sw.wrong_mac, b"")
    assert tell(card, right) == (Sw.wrong_state, b"")
    assert card.image == before._replace(wrong_macs=1)


def test_an_order_is_good_once() -> None:
    card = purse()
    right = order(opened(card))
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
    macs = opened(card, mode, 0)
    before = card.image
    assert tell(card, order(macs, ins, slot, state)) == (sw, b"")
    assert card.image == before


def test_a_mac_for_one_slot_does_not_serve_another() -> None:
    card = purse()
    macs = opened(card)
    transit = order(macs, Ins.debit, Slot.transit, bytes(29))
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
    assert tell(card, order(opened(card))) == (sw, b"")
    assert card.image == before


def test_proof_tells_the_last_transaction_again_as_often_as_asked() -> None:
    card = purse()
    told = tell(card, order(opened(card), Ins.debit))[1]
    macs = opened(card, Mode.proof, 0)
    before = card.image
    first = tell(card, proof(macs, 6))
    assert first[0] == Sw.ok
    assert tell(card, proof(macs, 6)) == first
    proved = parse_proved(first[1])
    assert (proved.nt, proved.tac, proved.stored["amount"]) == (6, told[8:16], 3_500)
    assert card.image == before


@pytest.mark.parametrize("nt", [5, 7])
def test_proof_of_another_counter_is_not_known(nt: int) -> None:
    card = purse()
    tell(card, order(opened(card)))
    assert tell(card, proof(opened(card, Mode.proof, 0), nt)) == (Sw.proof_unknown, b"")


def test_a_fresh_card_has_nothing_to_prove() -> None:
    card = purse()
    assert tell(card, proof(opened(card, Mode.proof, 0), 5)) == (Sw.proof_unknown, b"")


def test_leaving_the_field_ends_the_session() -> None:
    card = purse()
    right = order(opened(card))
    card.reset()
    assert tell(card, right) == (Sw.wrong_state, b"")


@given(st.lists(st.binary(max_size=80), max_size=6))
def test_no_bytes_without_a_key_change_a_card_or_break_it(apdus: list[bytes]) -> None:
    card = purse()
    before = card.image
    tell(card, select_command(PURSE_AID))
    for apdu in apdus:
        assert len(card.answer(apdu)) >= 2
    assert card.image == before
