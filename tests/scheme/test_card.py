"""The card: which application a command reaches, and what reaches none."""

from __future__ import annotations

import pytest

from scheme.apdu import CLA, CLA_ISO, Command, Ins, Mode, Response, parse_response, select_command
from scheme.card import Card
from scheme.identity import IdentityData
from scheme.image import Limits
from scheme.keys import IDENTITY_AID, PURSE_AID, SAM_AID
from scheme.personalisation import CardData, make_card
from scheme.status import Sw
from tests.cards import LIMIT_IDR, counting, image
from tests.scheme.purse_talk import card_keys, init, opened

PERSON = IdentityData(b"r" * 16, True, 3171, 2, 20_999, b"p" * 32)
SELECT_PURSE, SELECT_IDENTITY = select_command(PURSE_AID), select_command(IDENTITY_AID)
OPEN = Command(CLA, Ins.open, 0, 0, bytes(10))
INIT = init(Mode.debit)


def card(identity: IdentityData | None = PERSON) -> Card:
    """Return a card as issued."""
    return make_card(CardData(image(), card_keys(), Limits(LIMIT_IDR), identity), counting())


def tell(of: Card, command: Command) -> Response:
    """Return a card's answer."""
    return parse_response(of.answer(command.encode()))


def test_the_purse_is_current_at_first_and_has_said_nothing_yet() -> None:
    it = card()
    assert tell(it, OPEN).sw == Sw.instruction_unknown, "an instruction of the identity"
    assert tell(it, INIT).sw == Sw.wrong_state
    assert tell(it, SELECT_PURSE).sw == Sw.ok
    assert tell(it, INIT).sw == Sw.ok


def test_select_of_an_aid_makes_its_application_current_and_ends_the_others_session() -> None:
    it = card()
    talk = opened(it.purse)
    assert tell(it, SELECT_IDENTITY) == (b"\x01", Sw.ok)
    assert tell(it, INIT).sw == Sw.instruction_unknown, "an instruction of the purse"
    assert tell(it, OPEN).sw == Sw.ok
    assert parse_response(it.purse.answer(talk.order().encode())).sw == Sw.wrong_state


def test_a_reset_forgets_what_was_current() -> None:
    it = card()
    tell(it, SELECT_IDENTITY)
    it.reset()
    assert tell(it, INIT).sw == Sw.wrong_state
    assert tell(it, OPEN).sw == Sw.instruction_unknown


@pytest.mark.parametrize(
    ("select", "sw"),
    [
        (select_command(SAM_AID), Sw.application_unknown),
        (select_command(IDENTITY_AID[:-1]), Sw.application_unknown),
        (select_command(IDENTITY_AID + b"\0"), Sw.application_unknown),
        (select_command(b""), Sw.application_unknown),
        (SELECT_IDENTITY._replace(p2=2), Sw.wrong_parameters),
        (SELECT_IDENTITY._replace(p1=0), Sw.wrong_parameters),
        (SELECT_IDENTITY._replace(cla=CLA), Sw.instruction_unknown),
    ],
)
def test_any_other_select_reaches_the_current_application(select: Command, sw: Sw) -> None:
    it = card()
    tell(it, SELECT_PURSE)
    assert tell(it, select) == (b"", sw)
    still = sw is Sw.instruction_unknown
    assert tell(it, INIT).sw == (Sw.ok if still else Sw.wrong_state)


@pytest.mark.parametrize(
    "apdu",
    [b"", b"\x80", b"\x80\x40\x01", b"\x80\x40\x01\x01\x00\x01", b"\x00\xa4\x04\x00\x06\xf0"],
)
def test_what_is_no_short_command_reaches_no_application(apdu: bytes) -> None:
    it = card()
    talk = opened(it.purse)
    assert parse_response(it.answer(apdu)) == (b"", Sw.wrong_length)
    assert tell(it, talk.order()).sw == Sw.ok


def test_an_identity_that_was_not_issued_answers_nothing() -> None:
    it = card(None)
    assert tell(it, SELECT_IDENTITY).sw == Sw.wrong_state
    assert tell(it, Command(CLA_ISO, Ins.select, 4, 0, PURSE_AID)).sw == Sw.ok
