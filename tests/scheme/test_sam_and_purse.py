"""What a SAM signs, a purse does, and what the purse answers, the SAM confirms: every order."""

from __future__ import annotations

import pytest

from scheme.apdu import (
    BLOCK_P2,
    Command,
    Flag,
    Ins,
    Mode,
    Phase,
    Slot,
    authenticate_command,
    block_command,
    cancel_command,
    challenge_command,
    confirm_command,
    confirm_purse_command,
    init_command,
    log_command,
    parse_logged,
    parse_response,
    proof_command,
    restricted_debit_command,
    select_command,
    value_command,
)
from scheme.card import Card
from scheme.image import CardKeys, Limits
from scheme.keys import PURSE_AID
from scheme.personalisation import CardData, make_card
from scheme.records import RecordKind
from scheme.sam import Sam
from scheme.status import Sw
from tests.cards import KEYS, SAM, TERMINAL, counting, image
from tests.scheme.sam_talk import BODIES, BODY, issued, tell

AT_S, PLACE = 1_775_000_000, 101
FOOD, BOOKS = 5411, 5942


def card() -> Card:
    """Return a card with all its purses, of which the routine one buys books alone."""
    held = image(routine=40_000)
    keys = CardKeys.of(lambda role: KEYS.issuer_master(held.issuer, role), held.card, 1016, 1)
    limits = Limits(2_000_000, 300_000, 300_000, (BOOKS,), (BOOKS, FOOD))
    return make_card(CardData(held, keys, limits), counting(1_000))


def answered(card: Card, command: Command, sw: Sw = Sw.ok) -> bytes:
    """Return what a card answers, whose status word must be as said."""
    response = parse_response(card.answer(command.encode()))
    assert response.sw == sw
    return response.data


def signed(
    module: Sam, card: Card, ins: Ins, p2: int = 0, mode: Mode = Mode.debit, purse: int = 1,
    amount: int = 0,
) -> bytes:  # fmt: skip
    """Return what a SAM signs for a card that has just said who it is."""
    challenge = tell(module, challenge_command())[1][:8]
    said = answered(card, select_command(PURSE_AID))
    init = init_command(mode, amount, TERMINAL, SAM, challenge, purse)
    shown = said + init.data + answered(card, init)
    command = authenticate_command(shown, ins, p2, BODIES[ins, p2], purse)
    sw, data = tell(module, command)
    assert sw == Sw.ok
    return data


def heard(module: Sam, card: Card, ins: Ins, answer: bytes) -> None:
    """Have an answer confirmed by the SAM, and the card told."""
    assert card.purse.image.flags & Flag.unconfirmed
    sw, mac = tell(module, confirm_command(ins, answer, sign=True))
    assert sw == Sw.ok
    answered(card, confirm_purse_command(mac))
    assert not card.purse.image.flags & Flag.unconfirmed


@pytest.mark.parametrize("slot", Slot)
def test_a_debit_and_its_cancellation(slot: Slot) -> None:
    module, held = issued(), card()
    before = held.purse.image
    data = signed(module, held, Ins.debit, slot, amount=3_500)
    state = BODIES[Ins.debit, slot][len(BODY) :]
    counter = int.from_bytes(data[:4], "big")
    command = value_command(Ins.debit, slot, AT_S, PLACE, counter, state, data[4:])
    heard(module, held, Ins.debit, answered(held, command))
    assert held.purse.image.balance == before.balance - 3_500
    data = signed(module, held, Ins.cancel, mode=Mode.cancel, amount=3_500)
    command = cancel_command(AT_S, PLACE, int.from_bytes(data[:4], "big"), data[4:])
    heard(module, held, Ins.cancel, answered(held, command))
    after = held.purse.image
    assert (after.balance, after.transit, after.parking, after.nt) == (
        before.balance, before.transit, before.parking, before.nt + 2,
    )  # fmt: skip
    assert module.counter == 2


def test_a_load_reserved_and_committed_on_each_purse() -> None:
    for purse in (1, 2, 3):
        module, held = issued(), card()
        before = held.purse.image.held(purse)
        for phase in (Phase.reserve, Phase.commit):
            data = signed(module, held, Ins.credit, phase, Mode.credit, purse, 20_000)
            counter = int.from_bytes(data[:4], "big")
            command = value_command(Ins.credit, phase, AT_S, PLACE, counter, b"", data[4:])
            answer = answered(held, command)
            if phase is Phase.commit:
                heard(module, held, Ins.credit, answer)
            else:
                assert tell(module, confirm_command(Ins.credit, answer)) == (Sw.ok, b"")
        assert held.purse.image.held(purse) == before + 20_000


@pytest.mark.parametrize(("category", "sw"), [(BOOKS, Sw.ok), (FOOD, Sw.category_refused)])
def test_aid_is_spent_only_where_the_sam_stands_for_its_category(category: int, sw: Sw) -> None:
    module, held = issued(operator=2063, category=category), card()
    data = signed(module, held, Ins.debit, purse=2, amount=25_000)
    numbers = [int.from_bytes(data[at : at + size], "big") for at, size in ((0, 4), (4, 2), (6, 2))]
    assert numbers == [1, 2063, category]
    command = restricted_debit_command(AT_S, PLACE, 1, 2063, category, data[8:])
    answer = answered(held, command, sw)
    if sw is Sw.ok:
        heard(module, held, Ins.debit, answer)
    assert held.purse.image.routine == 40_000 - 25_000 * (sw is Sw.ok)


def test_a_terminal_cannot_tell_a_card_another_category() -> None:
    module, held = issued(operator=2063, category=FOOD), card()
    data = signed(module, held, Ins.debit, purse=2, amount=25_000)
    command = restricted_debit_command(AT_S, PLACE, 1, 2063, BOOKS, data[8:])
    answered(held, command, Sw.wrong_mac)


def test_a_proof_a_log_and_a_block() -> None:
    module, held = issued(), card()
    data = signed(module, held, Ins.debit, amount=3_500)
    answered(held, value_command(Ins.debit, Slot.none, AT_S, PLACE, 1, b"", data[4:]))
    nt = held.purse.image.nt
    challenge = tell(module, challenge_command())[1][:8]
    said = answered(held, select_command(PURSE_AID))
    init = init_command(Mode.proof, 0, TERMINAL, SAM, challenge)
    shown = said + init.data + answered(held, init)
    sw, mac = tell(module, authenticate_command(shown, Ins.proof, 0, nt.to_bytes(4, "big")))
    assert sw == Sw.ok
    answer = answered(held, proof_command(nt, mac))
    assert tell(module, confirm_command(Ins.proof, answer)) == (Sw.ok, b"")
    mac = signed(module, held, Ins.read_log, mode=Mode.proof)
    for _ in range(2):
        answer = answered(held, log_command(1, mac))
        assert tell(module, confirm_command(Ins.read_log, answer)) == (Sw.ok, b"")
        entry = parse_logged(answer)
        assert (entry["nt"], entry["kind"], entry["amount"]) == (nt, RecordKind.debit, 3_500)
    mac = signed(module, held, Ins.block, BLOCK_P2)
    answer = answered(held, block_command(3, mac))
    assert tell(module, confirm_command(Ins.block, answer)) == (Sw.ok, b"")
    assert (held.purse.image.status, module.counter) == (3, 1)
