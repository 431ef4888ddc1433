"""The SAM: it signs for a proven card, for its own terminal, for what it may, and once."""

from __future__ import annotations

from struct import Struct
from typing import TypedDict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scheme.apdu import (
    BLOCK_P2,
    Command,
    Ins,
    Mode,
    Phase,
    Slot,
    authenticate_command,
    challenge_command,
    confirm_command,
    init_command,
    parse_response,
    select_command,
)
from scheme.keys import PURSE_AID, SAM_AID
from scheme.layouts import PROVEN_SIZE, SAM_CHALLENGE
from scheme.purse import Purse
from scheme.sam import ANY_DEBIT, COUNTER_MAX, May, Sam
from scheme.status import Sw
from tests.cards import SAM, TERMINAL, purse, sam
from tests.scheme import by_hand
from tests.scheme.sam_talk import BODIES, BODY, ask, issued, speak, tell

SAID = Struct(">BIIIII")


class Faults(TypedDict, total=False):
    """What a card may say wrongly."""

    terminal: int
    issuer: int


def proven(
    module: Sam, card: Purse, mode: Mode = Mode.debit, terminal: int = TERMINAL, number: int = SAM
) -> bytes:
    """Return what a card says to a fresh challenge of a SAM."""
    challenge = SAM_CHALLENGE.codec.unpack(tell(module, challenge_command())[1])[0]
    said = parse_response(card.answer(select_command(PURSE_AID).encode())).data
    command = init_command(mode, 0, terminal, number, challenge)
    return said + command.data + parse_response(card.answer(command.encode())).data


def test_the_counter_advances_with_every_order_and_with_nothing_else() -> None:
    module, card = sam(), purse()
    told = []
    for ins, body in ((Ins.debit, BODY), (None, b""), (Ins.proof, bytes(4)), (Ins.debit, BODY)):
        mode = Mode.proof if ins is Ins.proof else Mode.debit
        sw, data = tell(module, authenticate_command(proven(module, card, mode), ins, body=body))
        assert sw == Sw.ok
        told.append((module.counter, len(data)))
    assert told == [(1, 12), (1, 4), (1, 8), (2, 12)]


def test_a_challenge_serves_once() -> None:
    module = sam()
    shown = proven(module, purse())
    assert tell(module, authenticate_command(shown, Ins.debit, body=BODY))[0] == Sw.ok
    assert tell(module, authenticate_command(shown, Ins.debit, body=BODY))[0] == Sw.wrong_state


@pytest.mark.parametrize("at", range(0, PROVEN_SIZE, 3))
def test_a_card_that_said_one_bit_else_is_not_believed(at: int) -> None:
    module = sam()
    shown = bytearray(proven(module, purse()))
    shown[at] ^= 1
    sw, data = tell(module, authenticate_command(bytes(shown), Ins.debit, body=BODY))
    assert sw in (Sw.wrong_mac, Sw.wrong_data, Sw.keys_unknown)
    assert (data, module.counter) == (b"", 0)


@pytest.mark.parametrize(
    ("may", "ins", "p2", "sw"),
    [
        (May.debit, Ins.debit, Slot.none, Sw.ok),
        (May.transit, Ins.debit, Slot.transit, Sw.ok),
        (May.parking, Ins.debit, Slot.parking, Sw.ok),
        # A car park, a till or a biller, a top-up point may not set transit state ...
        (May.parking, Ins.debit, Slot.transit, Sw.not_allowed),
        (May.debit, Ins.debit, Slot.transit, Sw.not_allowed),
        (May.load, Ins.debit, Slot.transit, Sw.not_allowed),
        # ... nor a gate, a till or a top-up point a parking state.
        (May.transit, Ins.debit, Slot.parking, Sw.not_allowed),
        (May.debit, Ins.debit, Slot.parking, Sw.not_allowed),
        (May.load, Ins.debit, Slot.parking, Sw.not_allowed),
        (May.transit, Ins.debit, Slot.none, Sw.not_allowed),
        (May.load, Ins.debit, Slot.none, Sw.not_allowed),
        (ANY_DEBIT, Ins.credit, Phase.one_phase, Sw.not_allowed),
        (ANY_DEBIT, Ins.credit, Phase.reserve, Sw.not_allowed),
        (ANY_DEBIT, Ins.credit, Phase.commit, Sw.not_allowed),
        (May.load, Ins.credit, Phase.one_phase, Sw.ok),
        (May.load, Ins.credit, Phase.reserve, Sw.ok),
        (May.load, Ins.credit, Phase.commit, Sw.ok),
        (May.debit, Ins.cancel, 0, Sw.ok),
        (May.transit, Ins.cancel, 0, Sw.ok),
        (May.parking, Ins.cancel, 0, Sw.ok),
        (May.load, Ins.cancel, 0, Sw.not_allowed),
        (May.parking, Ins.block, BLOCK_P2, Sw.ok),
        (May.load, Ins.block, BLOCK_P2, Sw.not_allowed),
        (May.load, Ins.proof, 0, Sw.ok),
        (May.load, Ins.read_log, 0, Sw.ok),
        (May.load, 0, 0, Sw.ok),
    ],
)
def test_a_sam_signs_only_what_it_may(may: May, ins: int, p2: int, sw: Sw) -> None:
    module = sam(may)
    assert ask(module, ins, p2)[0] == sw
    assert module.counter == (sw is Sw.ok and ins in (Ins.debit, Ins.credit, Ins.cancel))


@pytest.mark.parametrize(
    ("ins", "p2", "purse_number"),
    [
        (0x42, 0, 1), (0x42, 1, 1), (0x42, 2, 1), (0x42, 0, 2), (0x42, 0, 3),
        (0x44, 0, 1), (0x44, 1, 2), (0x44, 2, 3), (0x46, 0, 1), (0x46, 0, 3),
        (0x48, 0, 1), (0x4C, 0, 1), (0x4E, 1, 1),
    ],
)  # fmt: skip
def test_every_order_is_signed_as_the_paper_says(ins: int, p2: int, purse_number: int) -> None:
    module = issued(operator=2063, category=5411, counter=8)
    sw, data, spoken = ask(module, ins, p2, purse_number, 3_500)
    body = BODIES[ins, p2]
    counter = (9).to_bytes(4, "big")
    if ins in (0x48, 0x4C, 0x4E):
        given, order = b"", body
    elif ins == 0x42 and purse_number > 1:
        given = counter + (2063).to_bytes(2, "big") + (5411).to_bytes(2, "big")
        order = body[:6] + given
    else:
        given, order = counter, body[:6] + counter + body[6:]
    assert (sw, data) == (Sw.ok, given + spoken.ordered(ins, p2, order))
    assert module.counter == 8 + (given != b"")


@pytest.mark.parametrize(
    ("p1", "p2"),
    [
        (0x00, 0x01), (0x00, 0x30), (0x40, 0x00), (0x42, 0x03), (0x42, 0x11), (0x42, 0x22),
        (0x42, 0x30), (0x42, 0xF0), (0x44, 0x03), (0x44, 0x32), (0x46, 0x01), (0x46, 0x30),
        (0x48, 0x01), (0x48, 0x10), (0x4A, 0x00), (0x4C, 0x01), (0x4C, 0x20), (0x4E, 0x00),
        (0x4E, 0x02), (0x4E, 0x11), (0x52, 0x00), (0x54, 0x00), (0xA4, 0x00), (0xFF, 0xFF),
    ],
)  # fmt: skip
def test_an_order_for_no_purse_slot_or_phase_of_a_card_is_refused(p1: int, p2: int) -> None:
    module = sam()
    shown = proven(module, purse())
    for size in (0, 1, 4, 6, 13, 35):
        command = Command(0x80, Ins.authenticate, p1, p2, shown + bytes(size))
        assert tell(module, command) == (Sw.wrong_parameters, b"")
    assert module.counter == 0


def test_a_refusal_on_a_restricted_purse_can_be_proved_too() -> None:
    for purse_number in (1, 2, 3):
        assert ask(sam(), 0, 0, purse_number)[:2] == (Sw.ok, bytes(4))


@pytest.mark.parametrize(
    ("change", "sw"),
    [
        ({"terminal": TERMINAL + 1}, Sw.wrong_data),
        ({"number": SAM + 1}, Sw.wrong_data),
    ],
)
def test_a_sam_serves_no_other_terminal(change: dict[str, int], sw: Sw) -> None:
    module = sam()
    shown = proven(module, purse(), **change)  # type: ignore[arg-type]
    assert tell(module, authenticate_command(shown, Ins.debit, body=BODY)) == (sw, b"")


def test_keys_of_an_issuer_or_a_version_that_are_not_there_are_named() -> None:
    for changes in ({"issuer": 1024}, {"key_version": 2}):
        module = sam()
        shown = proven(module, purse(**changes))
        assert tell(module, authenticate_command(shown))[0] == Sw.keys_unknown


@pytest.mark.parametrize(
    ("apdu", "sw"),
    [
        (b"\x80", Sw.wrong_length),
        (challenge_command()._replace(cla=0x84).encode(), Sw.class_unknown),
        (challenge_command()._replace(cla=0).encode(), Sw.instruction_unknown),
        (select_command(SAM_AID)._replace(cla=0x80).encode(), Sw.instruction_unknown),
        (select_command(PURSE_AID).encode(), Sw.application_unknown),
        (select_command(SAM_AID[:-1]).encode(), Sw.application_unknown),
        (select_command(SAM_AID)._replace(p2=4).encode(), Sw.wrong_parameters),
        (b"\x80\xe2\x80\x01\x01\x00", Sw.wrong_state),
        (challenge_command()._replace(ins=Ins.init).encode(), Sw.instruction_unknown),
        (challenge_command()._replace(p1=1).encode(), Sw.wrong_parameters),
        (challenge_command()._replace(data=b"?").encode(), Sw.wrong_length),
        (authenticate_command(bytes(PROVEN_SIZE)).encode(), Sw.wrong_state),
        (authenticate_command(bytes(PROVEN_SIZE - 1)).encode(), Sw.wrong_length),
        (authenticate_command(bytes(PROVEN_SIZE), Ins.init).encode(), Sw.wrong_parameters),
        (confirm_command(Ins.debit, bytes(24)).encode(), Sw.wrong_state),
        (confirm_command(Ins.debit, bytes(8)).encode(), Sw.wrong_length),
        (confirm_command(Ins.init, bytes(24)).encode(), Sw.wrong_parameters),
        (confirm_command(Ins.proof, bytes(24), sign=True).encode(), Sw.wrong_parameters),
        (confirm_command(Ins.debit, bytes(24))._replace(p2=2).encode(), Sw.wrong_parameters),
        (confirm_command(Ins.debit, bytes(25), sign=True).encode(), Sw.wrong_length),
        (confirm_command(Ins.debit, bytes(24), sign=True).encode(), Sw.wrong_state),
    ],
)
def test_a_command_that_may_not_be_gets_its_status_word(apdu: bytes, sw: Sw) -> None:
    module = sam()
    assert tell(module, apdu) == (sw, b"")
    assert module.counter == 0


def test_a_card_that_did_not_do_what_was_ordered_is_not_confirmed() -> None:
    module = sam()
    tell(module, authenticate_command(proven(module, purse()), Ins.debit, body=BODY))
    assert tell(module, confirm_command(Ins.debit, bytes(24))) == (Sw.wrong_mac, b"")


def test_the_first_thing_wrong_with_an_order_is_the_one_that_is_answered() -> None:
    """Each order is one fault short of the one before; what is named is always the first left."""
    other_terminal: Faults = {"terminal": TERMINAL + 1}
    no_keys: Faults = {"issuer": 1024}
    none: Faults = {}
    told = []
    for may, opens, changes, p1, p2, extra, flip in (
        (May.transit, False, other_terminal | no_keys, 0x42, 0x03, b"?", True),
        (May.transit, False, other_terminal | no_keys, 0x42, 0x00, b"?", True),
        (May.transit, False, other_terminal | no_keys, 0x42, 0x00, b"", True),
        (May.debit, False, other_terminal | no_keys, 0x42, 0x00, b"", True),
        (May.debit, True, other_terminal | no_keys, 0x42, 0x00, b"", True),
        (May.debit, True, no_keys, 0x42, 0x00, b"", True),
        (May.debit, True, none, 0x42, 0x00, b"", True),
        (May.debit, True, none, 0x42, 0x00, b"", False),
    ):
        module = issued(may, ceiling_idr=3_499, counter=COUNTER_MAX)
        spoken = speak(module, 1, 1, 3_500, **changes)
        if not opens:
            module.reset()
        shown = bytearray(spoken.proven)
        shown[-1] ^= flip
        command = Command(0x80, 0x22, p1, p2, bytes(shown) + BODY + extra)
        sw, data = tell(module, command)
        assert data == b""
        told.append(sw)
    assert told == [
        Sw.wrong_parameters, Sw.wrong_length, Sw.not_allowed, Sw.wrong_state, Sw.wrong_data,
        Sw.keys_unknown, Sw.wrong_mac, Sw.ceiling_reached,
    ]  # fmt: skip


def test_a_counter_at_its_end_orders_nothing_more_but_still_proves() -> None:
    module = issued(counter=COUNTER_MAX - 1)
    assert ask(module, Ins.debit)[1][:4] == b"\xff" * 4
    for ins in (Ins.debit, Ins.credit, Ins.cancel):
        assert ask(module, ins)[:2] == (Sw.counter_exhausted, b"")
    assert ask(module, Ins.proof)[0] == Sw.ok
    assert ask(module, 0)[:2] == (Sw.ok, b"\xff" * 4)
    assert module.counter == COUNTER_MAX


def test_select_says_what_a_sam_is_and_forgets_challenge_and_order() -> None:
    module = issued(ceiling_idr=10_000, counter=8)
    ask(module, Ins.debit, amount=3_500)
    expected = (1, SAM, TERMINAL, 9, 3_500, 10_000)
    for _ in range(2):
        spoken = speak(module)
        assert tell(module, select_command(SAM_AID)) == (Sw.ok, SAID.pack(*expected))
        command = Command(0x80, 0x22, 0, 0, spoken.proven)
        assert tell(module, command)[0] == Sw.wrong_state


def test_a_command_that_is_none_leaves_challenge_and_order() -> None:
    module = sam()
    spoken = speak(module)
    assert tell(module, b"\x80\x22\x00")[0] == Sw.wrong_length
    assert tell(module, b"\x80\x22\x00\x00\x00\x00\x01")[0] == Sw.wrong_length
    assert tell(module, Command(0x80, 0x22, 0, 0, spoken.proven))[0] == Sw.ok


@pytest.mark.parametrize("ins", [0x42, 0x44, 0x46])
def test_an_answer_that_was_heard_is_signed_for_the_card_once(ins: int) -> None:
    module = sam()
    _, _, spoken = ask(module, ins)
    answer = spoken.did(ins, bytes(4) + (6).to_bytes(4, "big") + b"the TAC.")
    command = confirm_command(Ins(ins), answer, sign=True)
    heard = by_hand.mac(spoken.key, bytes((4, 0x4A, 0)) + (6).to_bytes(4, "big"))
    assert tell(module, command) == (Sw.ok, heard)
    assert tell(module, command) == (Sw.wrong_state, b"")


@pytest.mark.parametrize(("ins", "again"), [(0x48, Sw.wrong_state), (0x4E, Sw.wrong_state),
                                            (0x4C, Sw.ok)])  # fmt: skip
def test_only_reading_a_log_goes_on_after_its_answer_was_checked(ins: int, again: Sw) -> None:
    module = sam()
    _, _, spoken = ask(module, ins, BLOCK_P2 if ins == 0x4E else 0)
    for answer, sw in ((b"first", Sw.ok), (b"second", again)):
        assert tell(module, confirm_command(Ins(ins), spoken.did(ins, answer))) == (sw, b"")


def test_an_answer_to_another_order_is_not_confirmed() -> None:
    module = sam()
    _, _, spoken = ask(module, Ins.debit)
    answer = spoken.did(Ins.credit, bytes(16))
    assert tell(module, confirm_command(Ins.debit, answer)) == (Sw.wrong_mac, b"")
    assert tell(module, confirm_command(Ins.credit, answer)) == (Sw.wrong_state, b"")


@given(st.lists(st.binary(max_size=200), max_size=5))
def test_no_bytes_break_a_sam_or_advance_it(apdus: list[bytes]) -> None:
    module = sam()
    tell(module, challenge_command())
    for apdu in apdus:
        assert len(module.answer(apdu)) >= 2
    assert module.counter == 0
