"""Java cards before they are issued: what STORE DATA takes, and that nothing else is answered."""

from __future__ import annotations

import pytest

from hil.conformance.given import PLAIN, PLAIN_SAM
from hil.harness import JavaCard, Kind, Point, shared_harness
from scheme.apdu import Ins, select_command
from scheme.errors import CardGoneError
from scheme.identity import identity_blocks
from scheme.keys import IDENTITY_AID, PURSE_AID, SAM_AID
from scheme.personalisation import purse_blocks
from scheme.sam_personalisation import sam_blocks
from scheme.status import Sw

assert PLAIN.identity is not None
BLOCKS = {
    "purse": (Kind.card, PURSE_AID, purse_blocks(PLAIN)),
    "identity": (Kind.card, IDENTITY_AID, identity_blocks(PLAIN.identity)),
    "SAM": (Kind.sam, SAM_AID, sam_blocks(PLAIN_SAM)),
}
APPLICATIONS = pytest.mark.parametrize("application", BLOCKS)
OWN = {"purse": Ins.init, "identity": Ins.open, "SAM": Ins.challenge}


class Blank:
    """A blank card with one of its applications current."""

    def __init__(self, application: str) -> None:
        kind, aid, self.blocks = BLOCKS[application]
        self.select = select_command(aid).encode()
        self.card: JavaCard = shared_harness().new(kind)
        assert self.tell(self.select) == Sw.wrong_state

    def tell(self, apdu: bytes) -> int:
        """Return the status word of the answer to a command."""
        return int.from_bytes(self.card.answer(apdu)[-2:], "big")


@APPLICATIONS
def test_nothing_but_store_data_is_answered_before_issue(application: str) -> None:
    blank = Blank(application)
    own = OWN[application]
    assert blank.tell(bytes((0x80, own, 0, 0))) == Sw.wrong_state
    assert blank.tell(bytes((0x80, own, 0xFF, 0xFF, 1, 0))) == Sw.wrong_state
    assert blank.tell(bytes((0x80, 0x02, 0, 0))) == Sw.instruction_unknown
    assert blank.tell(bytes((0x90, own, 0, 0))) == Sw.class_unknown
    for block in blank.blocks[:-1]:
        assert blank.tell(block) == Sw.ok
        assert blank.tell(blank.select) == Sw.wrong_state
    assert blank.tell(blank.blocks[-1]) == Sw.ok
    assert blank.tell(blank.select) == Sw.ok


@APPLICATIONS
def test_a_block_has_a_number_and_a_length(application: str) -> None:
    blank = Blank(application)
    first = blank.blocks[0]
    for p1, p2 in ((0, 0), (0, 99), (1, 1), (0x7F, 1), (0x81, 1)):
        assert blank.tell(first[:2] + bytes((p1, p2)) + first[4:]) == Sw.wrong_parameters
    data = first[5:]
    for wrong in (data[:-1], data + b"\0", b"\0"):
        assert blank.tell(first[:4] + bytes((len(wrong),)) + wrong) == Sw.wrong_length
    assert blank.tell(blank.select) == Sw.wrong_state


@APPLICATIONS
def test_the_last_block_with_one_missing_issues_nothing(application: str) -> None:
    blank = Blank(application)
    needed = 3 if application == "purse" else 2 if application == "SAM" else 1
    last = blank.blocks[-1]
    if needed > 1 or len(blank.blocks) > 1:
        assert blank.tell(last) == Sw.wrong_state
        assert blank.tell(blank.select) == Sw.wrong_state
    for block in blank.blocks:
        assert blank.tell(block) == Sw.ok
    assert blank.tell(blank.select) == Sw.ok


@APPLICATIONS
def test_a_block_may_be_sent_again_and_power_may_go_between(application: str) -> None:
    blank = Blank(application)
    for block in blank.blocks[:-1]:
        assert blank.tell(block[:5] + bytes(len(block) - 5)) == Sw.ok
        blank.card.reset()
        assert blank.tell(blank.select) == Sw.wrong_state
        assert blank.tell(block) == Sw.ok
    assert blank.tell(blank.blocks[-1]) == Sw.ok
    whole = Blank(application)
    for block in whole.blocks:
        assert whole.tell(block) == Sw.ok
    assert blank.card.state() == whole.card.state()


@APPLICATIONS
def test_a_torn_block_is_taken_whole_or_not_at_all(application: str) -> None:
    """At whatever write the power goes, the blocks can be sent on from the one that was torn."""
    whole = Blank(application)
    states = [whole.card.state()]
    for at, block in enumerate(whole.blocks):
        before = whole.card.clone()
        assert whole.tell(block) == Sw.ok
        states.append(whole.card.state())
        writes = whole.card.writes()
        assert (writes.outside_transaction, writes.commits) == (0, 1)
        points = [(Point.in_write, k) for k in range(1, writes.persistent + 1)]
        for point, k in [*points, (Point.in_commit, 1), (Point.after_commit, 1)]:
            torn = before.clone()
            torn.answer(whole.select)
            torn.tear(point, k)
            with pytest.raises(CardGoneError):
                torn.answer(block)
            assert torn.state() == states[at + (point is Point.after_commit)]


def test_a_card_is_issued_application_by_application() -> None:
    blank = Blank("purse")
    for block in blank.blocks:
        assert blank.tell(block) == Sw.ok
    assert blank.tell(blank.select) == Sw.ok
    assert blank.tell(select_command(IDENTITY_AID).encode()) == Sw.wrong_state
