"""A case of the conformance suite: the card it needs, what is done to it, and why that is expected.

A case judges by its own arithmetic and by the primitives of `scheme.cryptograms` alone: neither
the Python purse nor the Python SAM says what is right.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from hil.conformance.given import PLAIN
from hil.conformance.judging import Answer, equal, refused
from hil.conformance.terminal import Terminal
from scheme.personalisation import CardData
from scheme.sam_personalisation import SamData
from scheme.status import Sw

Play = Callable[[Terminal], object]
Told = Callable[[Terminal], Answer]


@dataclass(frozen=True)
class Case:
    """One case.

    Attributes:
        id: `JK1-CRD-AREA-NNN`.
        requirement: The requirement of docs/spec/requirements.yaml that it guards.
        name: What is done.
        reason: Why the card must answer as expected.
        play: Does it; raises `Wrong` if the card did otherwise.
        given: The card that must lie in the field, fresh.
        anywhere: Whether any card of the scheme can be put through it, one in use too: it moves no
            value, leaves nothing behind, and tells the card no wrong MAC.
    """

    id: str
    requirement: str
    name: str
    reason: str
    play: Play
    given: CardData | SamData = PLAIN
    anywhere: bool = False


Row = tuple[int, int, str, str, Play]
RefusalRow = tuple[int, int, Sw, str, str, Told]


def cases(area: str, *rows: Row, given: CardData | SamData = PLAIN) -> list[Case]:
    """Return the cases of rows (number, requirement, name, reason, play) of one area."""
    return [
        Case(*_ids(area, number, requirement), name, reason, play, given)
        for number, requirement, name, reason, play in rows
    ]


def refusals(
    area: str, *rows: RefusalRow, given: CardData | SamData = PLAIN, anywhere: bool = False
) -> list[Case]:
    """Return the cases of rows (number, requirement, status word, name, reason, commands).

    The last of the commands must be refused with the status word and no data, and what the card
    says when it is selected must be the same before and after.
    """
    return [
        Case(*_ids(area, number, requirement), name, reason, _refusal(sw, told), given, anywhere)
        for number, requirement, sw, name, reason, told in rows
    ]


def raw(ins: int, p1: int, p2: int, size: int) -> Told:
    """Return what tells a command whose data are that many zero bytes."""
    return lambda terminal: terminal.tell(ins, p1, p2, bytes(size))


def in_session(mode: int, told: Told, amount: int = 0) -> Told:
    """Return what tells a command in a session of a mode."""

    def play(terminal: Terminal) -> Answer:
        terminal.open(mode, amount)
        return told(terminal)

    return play


def _ids(area: str, number: int, requirement: int) -> tuple[str, str]:
    return f"JK1-CRD-{area}-{number:03}", f"CRD-{area}-{requirement:03}"


def _refusal(sw: Sw, told: Told) -> Play:
    def play(terminal: Terminal) -> None:
        was = terminal.look()
        refused(told(terminal), sw)
        equal("what SELECT says", was, terminal.look())

    return play
