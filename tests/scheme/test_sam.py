"""The SAM: it signs for a proven card, for its own terminal, for what it may, and once."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scheme.apdu import (
    PROVEN_SIZE,
    SAM_CHALLENGE,
    Command,
    Ins,
    Mode,
    Slot,
    authenticate_command,
    challenge_command,
    confirm_command,
    init_command,
    parse_response,
    select_command,
)
from scheme.keys import PURSE_AID
from scheme.purse import Purse
from scheme.sam import May, Sam
from scheme.status import Sw
from tests.cards import SAM, TERMINAL, purse, sam

BODY = (1_775_000_000).to_bytes(4, "big") + (101).to_bytes(2, "big")


def tell(module: Sam, command: Command | bytes) -> tuple[int, bytes]:
    """Return status word and data of a SAM's answer."""
    apdu = command if isinstance(command, bytes) else command.encode()
    response = parse_response(module.answer(apdu))
    return response.sw, response.data


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
    ("may", "ins", "slot", "sw"),
    [
        (May.debit, Ins.debit, Slot.none, Sw.ok),
        (May.debit, Ins.debit, Slot.transit, Sw.not_allowed),
        (May.transit, Ins.debit, Slot.parking, Sw.not_allowed),
        (May.parking, Ins.debit, Slot.transit, Sw.not_allowed),
        (May.transit, Ins.debit, Slot.transit, Sw.ok),
        (May.debit, Ins.credit, Slot.none, Sw.not_allowed),
        (May.load, Ins.credit, Slot.none, Sw.ok),
        (May.load, Ins.credit, Slot.transit, Sw.wrong_parameters),
    ],
)
def test_a_sam_signs_only_what_it_may(may: May, ins: Ins, slot: Slot, sw: Sw) -> None:
    module = sam(may)
    mode = Mode.credit if ins is Ins.credit else Mode.debit
    state = bytes({Slot.none: 0, Slot.transit: 29, Slot.parking: 7}[slot])
    command = authenticate_command(proven(module, purse(), mode), ins, slot, BODY + state)
    assert tell(module, command)[0] == sw
    assert module.counter == (sw is Sw.ok)


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
        (challenge_command()._replace(cla=0).encode(), Sw.class_unknown),
        (challenge_command()._replace(ins=Ins.init).encode(), Sw.instruction_unknown),
        (challenge_command()._replace(p1=1).encode(), Sw.wrong_parameters),
        (challenge_command()._replace(data=b"?").encode(), Sw.wrong_length),
        (authenticate_command(bytes(PROVEN_SIZE)).encode(), Sw.wrong_state),
        (authenticate_command(bytes(PROVEN_SIZE - 1)).encode(), Sw.wrong_length),
        (authenticate_command(bytes(PROVEN_SIZE), Ins.init).encode(), Sw.wrong_parameters),
        (confirm_command(Ins.debit, bytes(24)).encode(), Sw.wrong_state),
        (confirm_command(Ins.debit, bytes(8)).encode(), Sw.wrong_length),
        (confirm_command(Ins.init, bytes(24)).encode(), Sw.wrong_parameters),
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


@given(st.lists(st.binary(max_size=200), max_size=5))
def test_no_bytes_break_a_sam_or_advance_it(apdus: list[bytes]) -> None:
    module = sam()
    tell(module, challenge_command())
    for apdu in apdus:
        assert len(module.answer(apdu)) >= 2
    assert module.counter == 0
