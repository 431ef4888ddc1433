"""The card's side of ISO/IEC 14443-4, block by block as its annex B has them."""

from __future__ import annotations

import pytest

from hil.iso_dep import ATS, COMMAND_MAX, IsoDepCard
from scheme.errors import CardGoneError


class EchoCard:
    """A card that answers with what it was told, as often as its first byte says."""

    def __init__(self) -> None:
        self.heard: list[bytes] = []

    def answer(self, apdu: bytes) -> bytes:
        """Return the echo; a card told FF leaves."""
        self.heard.append(apdu)
        if apdu[:1] == b"\xff":
            raise CardGoneError("the card left")
        return apdu * max(1, apdu[0] if apdu else 1)

    def reset(self) -> None:
        """Have nothing happen."""


@pytest.fixture
def echo() -> EchoCard:
    """Return the card within."""
    return EchoCard()


@pytest.fixture
def card(echo: EchoCard) -> IsoDepCard:
    """Return a card that has had RATS with frames of 16 bytes, so that 13 bytes fit one."""
    card = IsoDepCard(echo)
    assert card.exchange(b"\xe0\x00") == ATS
    return card


@pytest.mark.parametrize("frame", [b"", b"\x02\x01", b"\xe0", b"\x26"])
def test_before_rats_a_card_hears_nothing_else(frame: bytes, echo: EchoCard) -> None:
    assert IsoDepCard(echo).exchange(frame) is None
    assert echo.heard == []


def test_blocks_are_numbered_in_turn(card: IsoDepCard) -> None:
    assert [card.exchange(block) for block in (b"\x02\x01A", b"\x03\x01B", b"\x02\x01C")] == [
        b"\x02\x01A", b"\x03\x01B", b"\x02\x01C",
    ]  # fmt: skip


def test_a_lost_answer_is_given_again_and_the_command_not_done_twice(
    card: IsoDepCard, echo: EchoCard
) -> None:
    assert card.exchange(b"\x02\x01A") == b"\x02\x01A"
    assert card.exchange(b"\xb2") == b"\x02\x01A"
    assert card.exchange(b"\xb3") == b"\xa2"  # it never heard block 1: send it again
    assert echo.heard == [b"\x01A"]


def test_a_chained_command_is_put_together(card: IsoDepCard, echo: EchoCard) -> None:
    assert card.exchange(b"\x12\x01AB") == b"\xa2"
    assert card.exchange(b"\x13CD") == b"\xa3"
    assert card.exchange(b"\x02EF") == b"\x02\x01ABCDEF"
    assert echo.heard == [b"\x01ABCDEF"]


def test_a_long_answer_is_chained_block_by_block(card: IsoDepCard) -> None:
    whole = b"\x03ABCDEFGHI" * 3
    first = card.exchange(b"\x02\x03ABCDEFGHI")
    assert first == b"\x12" + whole[:13]
    assert card.exchange(b"\xb2") == first
    assert card.exchange(b"\xa3") == b"\x13" + whole[13:26]
    assert card.exchange(b"\xa2") == b"\x02" + whole[26:]
    assert card.exchange(b"\xa3") is None


def test_a_card_that_left_or_was_deselected_is_silent(card: IsoDepCard) -> None:
    assert card.exchange(b"\x02\xff") is None
    assert card.exchange(b"\xc2") == b"\xc2"
    assert card.exchange(b"\x02\x01A") is None
    assert card.exchange(b"\xe0\x80") == ATS
    assert card.exchange(b"\x02\x01A") == b"\x02\x01A"


@pytest.mark.parametrize("frame", [b"", b"\x0a\x00\x01", b"\x06\x01", b"\x40", b"\xd0\x11\x00"])
def test_a_block_that_the_card_does_not_know_is_ignored(frame: bytes, card: IsoDepCard) -> None:
    assert card.exchange(frame) is None
    assert card.exchange(b"\x02\x01A") == b"\x02\x01A"


def test_a_command_without_end_is_not_kept(card: IsoDepCard) -> None:
    answers = [card.exchange(bytes((0x12 | n & 1,)) + bytes(13)) for n in range(COMMAND_MAX // 13)]
    assert None not in answers
    assert card.exchange(b"\x13" + bytes(13)) is None
