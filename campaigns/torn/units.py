"""What one card is torn in: a command, its install or issue, or a kind of dialogue."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import NamedTuple, Protocol

from campaigns.bench.issuing import issue_card
from campaigns.bench.javacard import JavaCards
from campaigns.torn.commands import CASES, Case
from campaigns.torn.dialogues import (
    INSIDE,
    PLAYS,
    UNHEARD_DEBIT,
    Play,
    Rider,
    Tear,
    plain_tears,
)
from campaigns.torn.finds import Finds
from campaigns.torn.issue import tear_blocks, tear_install
from campaigns.torn.sams import SAM_CASES
from campaigns.torn.writes import AT, BEFORE, COMMITTED, COMMITTING, rehearse, torn

INSIDE_WRITES = (1, 2, 3, 4, 5)
"""Writes that every debit and load has, and more; in commands each last one is torn."""


class Unit(Protocol):
    """Something that one card is torn in."""

    def tear(self, cards: JavaCards, finds: Finds) -> None:
        """Tear a fresh card wherever it can be torn, or at the share of it that is asked."""


class CommandUnit(NamedTuple):
    """A command of the purse."""

    case: Case

    def tear(self, cards: JavaCards, finds: Finds) -> None:
        """Tear the command at every write."""
        issued = issue_card(finds.chance, odd=False)
        rehearsed = rehearse(cards, issued, self.case, finds.chance)
        if isinstance(rehearsed, str):
            finds.tried(self.case.name, "untorn", [rehearsed])
            return
        for point in finds.some(rehearsed.points):
            wrong, new = torn(cards, issued, rehearsed, point, finds.chance)
            finds.tried(self.case.name, point.named(), wrong, new)


class FunctionUnit(NamedTuple):
    """Something torn that is no command of the purse."""

    function: Callable[[JavaCards, Finds], None]

    def tear(self, cards: JavaCards, finds: Finds) -> None:
        """Tear it."""
        self.function(cards, finds)


class DialogueUnit(NamedTuple):
    """A kind of dialogue, with the Java card or with the Python one."""

    play: Play
    java: bool

    def tear(self, cards: JavaCards, finds: Finds) -> None:
        """Tear the dialogue before and after every exchange; the next tap is here or next door."""
        chance, play = finds.chance, self.play
        issued = issue_card(chance, odd=False)
        seed = chance.randbytes(8)
        card = cards.issue(issued.kind, issued.blocks, seed) if self.java else None
        rider = Rider(card or issued.twin(seed), issued, chance)
        what = f"{'java' if self.java else 'model'} {play.name}"
        began_idr = rider.balance_idr()
        plain = list(plain_tears(play, issued))
        for tear in finds.some([*plain, *(_inside(play) if self.java else ())]):
            tears = [*_earlier(play, tear, plain, chance), tear]
            finds.tried(what, tear.named(), rider.ride(play, tears))
        left_idr = began_idr - rider.balance_idr()
        if rider.claimed_idr() != left_idr:
            told = f"sum of accepted TACs: expected {left_idr}, got {rider.claimed_idr()}"
            finds.violated(what, "all of them", [told])
        if card is not None:
            card.drop()


def _earlier(play: Play, tear: Tear, plain: list[Tear], chance: Random) -> list[Tear]:
    """Return how the presentation before this one was torn, if there was one."""
    if play.recovers:
        return [UNHEARD_DEBIT]
    # After an answer that nobody heard there is nothing left to write.
    lost = [t for t in plain if tear.way != INSIDE or t != UNHEARD_DEBIT]
    return [chance.choice(lost)] if chance.random() < 0.5 else []


def _inside(play: Play) -> list[Tear]:
    """Return tears within the command that writes; a recovery has none, a refusal neither."""
    if play.recovers or play.strays or not play.accepted:
        return []
    moments = [(point, k) for point in (BEFORE, AT) for k in INSIDE_WRITES]
    moments += [(COMMITTING, 1), (COMMITTED, 1)]
    return [Tear(2, INSIDE, point, k, k == 3) for point, k in moments]


UNITS: tuple[Unit, ...] = (
    *(CommandUnit(case) for case in CASES),
    *(DialogueUnit(play, True) for play in PLAYS),
    FunctionUnit(tear_install), FunctionUnit(tear_blocks),
    *(FunctionUnit(function) for function in SAM_CASES),
    *(DialogueUnit(play, False) for play in PLAYS),
)  # fmt: skip
