"""A card torn while it is made: at every write of its install, and in every block of its issue."""

from __future__ import annotations

from collections.abc import Sequence

from campaigns.bench.issuing import issue_card, issue_sam
from campaigns.bench.javacard import JavaCards
from campaigns.bench.terminal import IDENTITY, OK, STORE_DATA, select
from campaigns.torn.finds import Finds
from campaigns.torn.writes import Point, points, told_parts

KINDS = ("card", "sam")


def tear_install(cards: JavaCards, finds: Finds) -> None:
    """Tear the install at every write: there is no card then, and the next one is whole."""
    for kind in KINDS:
        whole = _blank_state(cards, kind)
        for k in finds.some(range(1, cards.install_writes(kind) + 1)):
            wrong = []
            if not cards.install_torn(kind, k):
                wrong.append("the tear did not fire")
            if _blank_state(cards, kind) != whole:
                wrong.append("the card installed next is another one")
            finds.tried(f"install of a {kind}", f"write {k}", wrong, new=False)


def tear_blocks(cards: JavaCards, finds: Finds) -> None:
    """Tear every block of STORE DATA, then issue the card to its end."""
    for issued in (issue_card(finds.chance, odd=False), issue_sam(finds.chance, odd=False)):
        blocks = issued.blocks
        states, counts = _untorn(cards, issued.kind, blocks)
        moments = [
            (at, point)
            for at, block in enumerate(blocks)
            if block[1] == STORE_DATA
            for point in points(*counts[at])
        ]
        for at, point in finds.some(moments):
            wrong, new = _torn(cards, issued.kind, blocks, states, (at, point))
            what = f"STORE DATA of a {issued.kind}, block {blocks[at][3]}"
            # The identity's blocks have numbers of their own, which come after its SELECT.
            finds.tried(what + (" (identity)" if select(IDENTITY) in blocks[:at] else ""),
                        point.named(), wrong, new)  # fmt: skip


def _torn(
    cards: JavaCards,
    kind: str,
    blocks: Sequence[bytes],
    states: list[bytes],
    moment: tuple[int, Point],
) -> tuple[list[str], bool]:
    at, point = moment
    card = cards.blank(kind)
    card.say(blocks[:at])
    card.tear(*point)
    wrong = []
    answer = card.answer(blocks[at])
    if answer is not None:
        wrong.append(f"the tear did not fire: got {answer.hex()}")
    card.tear(0, 0, False)
    state = card.state()
    old, new = states[at], states[at + 1]
    if state not in (old, new):
        wrong.append(f"stored bytes neither old nor new: {told_parts(state, (old, new))}")
    selected = [select(IDENTITY)] if select(IDENTITY) in blocks[:at] else []
    first = at + (state == new)
    card.say([*selected, *blocks[first:]])
    if card.state() != states[-1]:
        wrong.append("issued to its end it is another card than one that was never torn")
    card.drop()
    return wrong, state == new


def _untorn(
    cards: JavaCards, kind: str, blocks: Sequence[bytes]
) -> tuple[list[bytes], list[tuple[int, int]]]:
    """Return the stored bytes before and after every block, and each one's writes and commits."""
    card = cards.blank(kind)
    states, counts = [card.state()], []
    for block in blocks:
        answer = card.answer(block)
        assert answer == OK or block[1] != STORE_DATA, answer
        counts.append(card.count())
        states.append(card.state())
    card.drop()
    return states, counts


def _blank_state(cards: JavaCards, kind: str) -> bytes:
    card = cards.blank(kind)
    state = card.state()
    card.drop()
    return state
