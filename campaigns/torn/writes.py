"""A command torn at every write: the card must be as it was, or as if nothing had torn it.

A command is rehearsed once on a card of its own, which tells how often it writes and what the card
looks like before and after. Then copies of the card, with the same challenges, hear the same bytes
and lose power at one point each.
"""

from __future__ import annotations

from collections.abc import Iterator
from random import Random
from typing import NamedTuple

from campaigns.bench.issuing import Issued
from campaigns.bench.javacard import JavaCard, JavaCards
from campaigns.torn.commands import Case
from campaigns.torn.stage import Seen, Stage, look

BEFORE, AT, COMMITTING, COMMITTED = 1, 2, 3, 4
POINT_NAMES = {
    BEFORE: "before write", AT: "at write", COMMITTING: "in commit", COMMITTED: "after commit",
}  # fmt: skip
SEED_SIZE = 8


class Point(NamedTuple):
    """A moment within a command at which the card loses power."""

    point: int
    k: int
    weak: bool

    def named(self) -> str:
        """Return the moment in words."""
        return f"{POINT_NAMES[self.point]} {self.k}" + (", weak" if self.weak else "")


class Rehearsal(NamedTuple):
    """A command that nothing tore.

    Attributes:
        prefix: What must be said before it.
        last: The command.
        seeds: What the challenges are drawn from: of the history, and from the prefix on.
        states: The card's persistent bytes before and after.
        seen: What the card tells before and after.
        points: Every moment at which it can be torn.
    """

    stage: Stage
    history: list[bytes]
    prefix: list[bytes]
    last: bytes
    seeds: tuple[bytes, bytes]
    states: tuple[bytes, bytes]
    seen: tuple[Seen, Seen]
    points: list[Point]


def points(writes: int, commits: int) -> Iterator[Point]:
    """Yield every moment of a command that writes so often."""
    for k in range(1, writes + 1):
        yield Point(BEFORE, k, False)
        yield Point(AT, k, False)
        yield Point(AT, k, True)
    for k in range(1, commits + 1):
        yield Point(COMMITTING, k, False)
        yield Point(COMMITTING, k, True)
        yield Point(COMMITTED, k, False)


def rehearse(cards: JavaCards, issued: Issued, case: Case, chance: Random) -> Rehearsal | str:
    """Play a case untorn; return what came of it, or what is wrong with it."""
    seeds = chance.randbytes(SEED_SIZE), chance.randbytes(SEED_SIZE)
    card = cards.issue(issued.kind, issued.blocks, seeds[0])
    stage = Stage(lambda apdu: heard(card, apdu), chance, issued)
    stage.history()
    history, stage.said = stage.said, []
    card.reset()
    card.seed(seeds[1])
    case.play(stage)
    writes, commits = card.count()
    *prefix, last = stage.said
    if stage.heard[-1][-2:] != case.answer:
        return f"untorn: expected {case.answer.hex()}, got {stage.heard[-1].hex()}"
    after = card.state()
    after_seen = look(lambda apdu: heard(card, apdu), stage, chance)
    card.drop()
    draft = Rehearsal(
        stage, history, prefix, last, seeds, (b"", after), (after_seen, after_seen), []
    )
    with_before = again(cards, issued, draft)
    before = with_before.state()
    with_before.reset()
    before_seen = look(lambda apdu: heard(with_before, apdu), stage, chance)
    with_before.drop()
    if not writes or before == after:
        return f"untorn: expected writes, got {writes}"
    return draft._replace(
        states=(before, after),
        seen=(before_seen, after_seen),
        points=list(points(writes, commits)),
    )


def again(cards: JavaCards, issued: Issued, rehearsed: Rehearsal) -> JavaCard:
    """Return a fresh card that has heard everything but the last command."""
    card = cards.issue(issued.kind, issued.blocks, rehearsed.seeds[0])
    card.say([*rehearsed.history, None])
    card.seed(rehearsed.seeds[1])
    card.say(rehearsed.prefix)
    return card


def heard(card: JavaCard, apdu: bytes) -> bytes:
    """Return the answer of a card that nothing tears."""
    answer = card.answer(apdu)
    assert answer is not None, "the card left the field, and nobody tore it"
    return answer


def torn(
    cards: JavaCards, issued: Issued, rehearsed: Rehearsal, point: Point, chance: Random
) -> tuple[list[str], bool]:
    """Tear the command at one moment; return what is wrong, and whether the card is the new one."""
    card = again(cards, issued, rehearsed)
    card.tear(*point)
    answer = card.answer(rehearsed.last)
    wrong = []
    if answer is not None:
        wrong.append(f"the tear did not fire: got {answer.hex()}")
    card.tear(0, 0, False)
    state = card.state()
    if state not in rehearsed.states:
        wrong.append(f"stored bytes neither old nor new: {told_parts(state, rehearsed.states)}")
    seen = look(lambda apdu: heard(card, apdu), rehearsed.stage, chance)
    if seen not in rehearsed.seen:
        told = " or ".join(each.told() for each in rehearsed.seen)
        wrong.append(f"the card tells neither old nor new: expected {told}, got {seen.told()}")
    elif not point.weak and state in rehearsed.states and not _agree(state, seen, rehearsed):
        # A weak cell that no transaction rolls back may read otherwise every time.
        wrong.append("the card tells the old and has stored the new, or the other way round")
    card.drop()
    return wrong, state == rehearsed.states[1]


def _agree(state: bytes, seen: Seen, rehearsed: Rehearsal) -> bool:
    return any(
        state == kept and seen == told
        for kept, told in zip(rehearsed.states, rehearsed.seen, strict=True)
    )


def told_parts(state: bytes, states: tuple[bytes, bytes]) -> str:
    """Return at which of the bytes that change a card is old, new or neither."""
    old, new = states
    if not len(old) == len(new) == len(state):
        return f"expected {len(old)} bytes, got {len(state)}"
    changed = [at for at in range(len(old)) if old[at] != new[at]]
    kept = sum(state[at] == old[at] for at in changed)
    done = sum(state[at] == new[at] for at in changed)
    stray = sum(old[at] == new[at] != state[at] for at in range(len(old)))
    return f"of {len(changed)} bytes that change {kept} old, {done} new; {stray} others changed"


