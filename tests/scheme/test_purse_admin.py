"""What the issuer does to a purse, blocking by anybody's SAM, and the wrong-MAC counter."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from scheme.apdu import Command, Ins, Mode, PurseNumber, parse_selected, select_command
from scheme.image import CardKeys
from scheme.keys import PURSE_AID
from scheme.purse import Purse
from scheme.status import Sw
from tests.cards import purse
from tests.scheme.purse_talk import Talk, bare, card_keys, init, opened, spoilt, student, tell

NT = (5).to_bytes(4, "big")
NEW = card_keys(2)


def test_a_debit_session_blocks_a_card_for_a_reason_and_the_issuer_unblocks_it() -> None:
    card = purse(wrong_macs=9)
    talk = opened(card)
    assert talk.does(talk.block(4)) == NT
    assert (card.image.status, card.image.wrong_macs) == (4, 9)
    talk = opened(card)
    assert talk.does(talk.block(5)) == NT, "the reason is replaced"
    assert parse_selected(card.image.said()).status == 5
    talk = opened(card, Mode.admin, 0)
    assert talk.does(talk.unblock()) == NT
    assert (card.image.status, card.image.wrong_macs) == (0, 0)


def test_any_purse_of_a_card_opens_the_session_that_blocks_it() -> None:
    card = student()
    talk = opened(card, purse=PurseNumber.kjp_routine)
    talk.does(talk.block(1))
    assert card.image.status == 1


def test_a_block_needs_a_reason() -> None:
    card = purse()
    assert tell(card, opened(card).block(0)) == (Sw.wrong_data, b"")
    assert card.image.status == 0


def test_put_key_changes_all_four_keys_and_their_version_in_one() -> None:
    card = purse()
    first = opened(card)
    first.does(first.order())
    told = card.image.proof
    talk = opened(card, Mode.admin, 0)
    assert talk.does(talk.put_key(2, NEW)) == (6).to_bytes(4, "big")
    assert (card.image.key_version, card.image.put, card.image.proof) == (2, NEW, told)
    for mode, ins in ((Mode.debit, Ins.debit), (Mode.credit, Ins.credit)):
        talk = opened(card, mode, keys=NEW)
        talk.does(talk.order(ins))
    assert card.image.proof[3] == 2, "the record says under which version it was made"
    talk = opened(card, Mode.admin, 0, keys=NEW)
    talk.does(talk.put_key(3, card_keys(3)))


def test_the_old_keys_do_not_open_the_card_any_more() -> None:
    card = purse()
    talk = opened(card, Mode.admin, 0)
    talk.does(talk.put_key(2, NEW))
    with pytest.raises(AssertionError):
        opened(card)


@pytest.mark.parametrize("version", [0, 1])
def test_a_key_version_that_is_not_above_the_cards_is_refused(version: int) -> None:
    card = purse()
    before = card.image
    talk = opened(card, Mode.admin, 0)
    assert tell(card, talk.put_key(version, NEW)) == (Sw.wrong_data, b"")
    assert card.image == before


def test_put_key_of_a_card_that_keeps_running_under_power_and_of_one_that_does_not() -> None:
    card = purse()
    talk = opened(card, Mode.admin, 0)
    talk.does(talk.put_key(2, NEW))
    other = Purse(card.image, card_keys(), lambda: bytes(8), card._limits)
    for each in (card, other):
        each.reset()
        talk = opened(each, keys=NEW)
        talk.does(talk.order())


def test_the_issuer_changes_the_free_group() -> None:
    card = purse()
    talk = opened(card, Mode.admin, 0)
    assert talk.does(talk.put_entitlement(15, 20_999)) == NT
    said = parse_selected(card.image.said())
    assert (said.group, said.group_expiry) == (15, 20_999)
    talk = opened(card, Mode.admin, 0)
    assert tell(card, talk.put_entitlement(16, 1)) == (Sw.wrong_data, b"")


@pytest.mark.parametrize(
    ("mode", "command"),
    [
        (Mode.admin, lambda talk: talk.block(1)),
        (Mode.proof, lambda talk: talk.block(1)),
        (Mode.debit, Talk.unblock),
        (Mode.debit, lambda talk: talk.put_key(2, NEW)),
        (Mode.credit, lambda talk: talk.put_entitlement(1, 1)),
        (Mode.admin, lambda talk: talk.order()),
        (Mode.admin, lambda talk: talk.order(Ins.credit)),
        (Mode.admin, lambda talk: talk.log(1)),
        (Mode.debit, lambda talk: talk.order(Ins.cancel)),
        (Mode.debit, lambda talk: talk.proof(5)),
    ],
)
def test_a_session_of_another_mode_does_it_not(
    mode: Mode, command: Callable[[Talk], Command]
) -> None:
    card = purse()
    before = card.image
    talk = opened(card, mode, 0)
    assert tell(card, command(talk)) == (Sw.wrong_state, b"")
    assert card.image == before


SHAPES = [
    (bare(Ins.cancel, 1, 0, 18), Sw.wrong_parameters),
    (bare(Ins.cancel, 0, 1, 18), Sw.wrong_parameters),
    (bare(Ins.cancel, 0, 0, 17), Sw.wrong_length),
    (bare(Ins.credit, 0, 3, 18), Sw.wrong_parameters),
    (bare(Ins.credit, 1, 0, 18), Sw.wrong_parameters),
    (bare(Ins.credit, 0, 2, 19), Sw.wrong_length),
    (bare(Ins.debit, 0, 3, 18), Sw.wrong_parameters),
    (bare(Ins.debit, 0, 0x80, 18), Sw.wrong_parameters),
    (bare(Ins.proof, 0, 1, 12), Sw.wrong_parameters),
    (bare(Ins.proof, 0, 0, 11), Sw.wrong_length),
    (bare(Ins.read_log, 0, 0, 8), Sw.wrong_parameters),
    (bare(Ins.read_log, 11, 0, 8), Sw.wrong_parameters),
    (bare(Ins.read_log, 1, 1, 8), Sw.wrong_parameters),
    (bare(Ins.read_log, 1, 0, 9), Sw.wrong_length),
    (bare(Ins.block, 0, 0, 9), Sw.wrong_parameters),
    (bare(Ins.block, 0, 3, 9), Sw.wrong_parameters),
    (bare(Ins.block, 1, 1, 9), Sw.wrong_parameters),
    (bare(Ins.block, 0, 1, 8), Sw.wrong_length),
    (bare(Ins.block, 0, 2, 9), Sw.wrong_length),
    (bare(Ins.put_key, 0, 1, 73), Sw.wrong_parameters),
    (bare(Ins.put_key, 0, 0, 72), Sw.wrong_length),
    (bare(Ins.put_entitlement, 1, 0, 11), Sw.wrong_parameters),
    (bare(Ins.put_entitlement, 0, 0, 12), Sw.wrong_length),
    (bare(Ins.confirm_purse, 0, 1, 8), Sw.wrong_parameters),
    (bare(Ins.confirm_purse, 0, 0, 7), Sw.wrong_length),
    (bare(Ins.confirm_purse, 0, 0, 8), Sw.wrong_state),
    (bare(Ins.store_data, 1, 99, 5), Sw.wrong_state),
    (bare(Ins.select, 4, 0, 6), Sw.instruction_unknown),
    (bare(Ins.open, 0, 0, 10), Sw.instruction_unknown),
    (bare(Ins.authenticate, 0, 0, 10), Sw.instruction_unknown),
]


@pytest.mark.parametrize(("command", "sw"), SHAPES)
def test_parameters_come_before_length_and_length_before_the_session(
    command: Command, sw: Sw
) -> None:
    card = purse()
    before = card.image
    tell(card, select_command(PURSE_AID))
    assert tell(card, command) == (sw, b"")
    assert card.image == before


@pytest.mark.parametrize(("command", "sw"), SHAPES)
def test_before_select_a_known_instruction_is_only_out_of_place(command: Command, sw: Sw) -> None:
    bare_of_select = (Sw.instruction_unknown,)
    expected = sw if sw in bare_of_select or command.ins == Ins.confirm_purse else Sw.wrong_state
    assert tell(purse(), command) == (expected, b"")


@pytest.mark.parametrize(
    ("mode", "command"),
    [
        (Mode.debit, lambda talk: talk.order()),
        (Mode.debit, lambda talk: talk.block(1)),
        (Mode.credit, lambda talk: talk.order(Ins.credit)),
        (Mode.proof, lambda talk: talk.proof(5)),
        (Mode.proof, lambda talk: talk.log(1)),
        (Mode.admin, Talk.unblock),
        (Mode.admin, lambda talk: talk.put_key(2, NEW)),
        (Mode.admin, lambda talk: talk.put_entitlement(1, 1)),
    ],
)
def test_every_wrong_mac_is_counted_and_nothing_else_is_written(
    mode: Mode, command: Callable[[Talk], Command]
) -> None:
    card = purse()
    before = card.image
    talk = opened(card, mode, 0)
    assert tell(card, spoilt(command(talk))) == (Sw.wrong_mac, b"")
    assert card.image == before._replace(wrong_macs=1)
    assert tell(card, command(talk)) == (Sw.wrong_state, b"")


@pytest.mark.parametrize(
    ("wrong", "mode", "sw"),
    [
        (14, Mode.debit, Sw.ok),
        (15, Mode.debit, Sw.mac_blocked),
        (16, Mode.credit, Sw.mac_blocked),
        (15, Mode.proof, Sw.mac_blocked),
        (15, Mode.cancel, Sw.mac_blocked),
        (15, Mode.admin, Sw.ok),
        (254, Mode.admin, Sw.ok),
        (255, Mode.admin, Sw.mac_blocked),
        (255, Mode.debit, Sw.mac_blocked),
    ],
)
def test_too_many_wrong_macs_leave_the_issuer_and_then_nobody(
    wrong: int, mode: Mode, sw: Sw
) -> None:
    card = purse(wrong_macs=wrong)
    tell(card, select_command(PURSE_AID))
    assert tell(card, init(mode))[0] == sw


def test_the_fifteenth_wrong_mac_shuts_the_card_and_an_unblock_opens_it() -> None:
    card = purse()
    for _ in range(15):
        tell(card, spoilt(opened(card).order()))
    assert card.image.wrong_macs == 15
    tell(card, select_command(PURSE_AID))
    assert tell(card, init(Mode.debit))[0] == Sw.mac_blocked
    talk = opened(card, Mode.admin, 0)
    talk.does(talk.unblock())
    talk = opened(card)
    talk.does(talk.order())


def test_the_counter_of_wrong_macs_stays_at_its_end() -> None:
    card = purse(wrong_macs=254)
    talk = opened(card, Mode.admin, 0)
    second = opened(card, Mode.admin, 0)
    assert tell(card, spoilt(second.unblock()))[0] == Sw.wrong_mac
    assert card.image.wrong_macs == 255
    assert tell(card, talk.unblock()) == (Sw.wrong_state, b"")
    assert card.image.wrong_macs == 255


@pytest.mark.parametrize(
    ("mode", "command", "left"),
    [
        (Mode.debit, lambda talk: talk.order(), 0),
        (Mode.credit, lambda talk: talk.order(Ins.credit), 0),
        (Mode.admin, Talk.unblock, 0),
        (Mode.debit, lambda talk: talk.block(1), 9),
        (Mode.admin, lambda talk: talk.put_key(2, NEW), 9),
        (Mode.admin, lambda talk: talk.put_entitlement(1, 1), 9),
    ],
)
def test_what_moves_value_and_unblock_forget_the_wrong_macs(
    mode: Mode, command: Callable[[Talk], Command], left: int
) -> None:
    card = purse(wrong_macs=9)
    talk = opened(card, mode, 0)
    talk.does(command(talk))
    assert card.image.wrong_macs == left


def test_every_write_ends_session_and_select() -> None:
    card = purse()
    for mode, command in (
        (Mode.debit, Talk.order),
        (Mode.admin, Talk.unblock),
    ):
        talk = opened(card, mode, 0)
        talk.does(command(talk))
        assert tell(card, init(Mode.debit)) == (Sw.wrong_state, b"")
        assert tell(card, command(talk)) == (Sw.wrong_state, b"")


def test_card_keys_travel_in_the_order_of_the_specification() -> None:
    keys = CardKeys(b"d" * 16, b"l" * 16, b"a" * 16, b"t" * 16)
    assert keys.pack() == b"d" * 16 + b"l" * 16 + b"a" * 16 + b"t" * 16
