"""One card's whole talk, made up from a seed and the card's number alone."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import NamedTuple

from campaigns.bench.issuing import Issued, IssuedSam, issue_card, issue_sam
from campaigns.talk.identity import IdentityTalk
from campaigns.talk.purse import PurseTalk
from campaigns.talk.sam import SamTalk
from campaigns.talk.wire import Wire

COMMANDS_MIN = 96
SAM_EVERY = 5  # of five cards one is a SAM
WORN_EVERY = 211  # of so many cards one is brought to its 255th wrong MAC
GARBLING = (0.0, 0.08, 0.08, 0.2, 0.4)
SEED_SIZE = 8


class Script(NamedTuple):
    """What is said to a card and what the Python twin answers.

    Attributes:
        kind: `card` or `sam`.
        blocks: The STORE DATA commands that issue it.
        seed: What its challenges are drawn from.
        said: Commands; None is a reset.
        heard: The twin's answers, empty for a reset.
    """

    kind: str
    blocks: tuple[bytes, ...]
    seed: bytes
    said: list[bytes | None]
    heard: list[bytes]

    @property
    def commands(self) -> int:
        """How many commands were said."""
        return sum(apdu is not None for apdu in self.said)


def dealt(seed: int, index: int) -> tuple[Random, Issued | IssuedSam, bytes]:
    """Return a card's chance, the card as it was issued, and what its challenges are drawn from."""
    chance = Random(f"twins/{seed}/{index}")
    drawn_from = chance.randbytes(SEED_SIZE)
    is_sam = index % SAM_EVERY == SAM_EVERY - 1
    return chance, issue_sam(chance) if is_sam else issue_card(chance), drawn_from


def script(seed: int, index: int) -> Script:
    """Return the talk of one card."""
    chance, issued, drawn_from = dealt(seed, index)
    wire = Wire(issued.twin(drawn_from), chance, chance.choice(GARBLING))
    if isinstance(issued, IssuedSam):
        _talk_to_sam(wire, issued)
    else:
        _talk_to_card(wire, issued, worn=index % WORN_EVERY == 1)
    return Script(issued.kind, issued.blocks, drawn_from, wire.said, wire.heard)


def _talk_to_sam(wire: Wire, issued: IssuedSam) -> None:
    talk = SamTalk(wire, issued)
    while len(wire.said) < COMMANDS_MIN:
        _one_of(wire.chance, talk.scenes())()
    talk.last_look()


def _talk_to_card(wire: Wire, issued: Issued, worn: bool) -> None:
    purse, identity = PurseTalk(wire, issued), IdentityTalk(wire, issued)
    scenes = purse.scenes() + identity.scenes()
    chance = wire.chance
    special = chance.randrange(20)
    if special == 0:
        purse.wrap_the_log()
    if special == 1:
        purse.insist(chance.choice((14, 15, 16)))
        chance.choice((purse.unblock, purse.debit))()
    if worn:
        purse.insist(chance.choice((254, 255, 257)))
    while len(wire.said) < COMMANDS_MIN:
        _one_of(chance, scenes)()
    if special in (2, 3):
        purse.count_to_the_end()
        purse.unblock()
    purse.last_look()


def _one_of(chance: Random, scenes: list[tuple[int, Callable[[], None]]]) -> Callable[[], None]:
    weights = [weight for weight, _ in scenes]
    return chance.choices([scene for _, scene in scenes], weights)[0]
