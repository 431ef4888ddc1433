"""The SAM torn where it writes: its counter and its unacknowledged value, all old or all new."""

from __future__ import annotations

from collections.abc import Callable

from campaigns.bench.issuing import IssuedSam, issue_sam
from campaigns.bench.javacard import JavaCard, JavaCards
from campaigns.bench.terminal import CANCEL, CREDIT, DEBIT, OK, SELECT_SIZE
from campaigns.talk.sam import AUTHENTICATE, SamTalk
from campaigns.talk.wire import Wire
from campaigns.torn.finds import Finds
from campaigns.torn.writes import SEED_SIZE, heard, points, told_parts

RESTORE = 0x26
RESERVE = 1
AMOUNT = slice(5 + SELECT_SIZE, 9 + SELECT_SIZE)  # INIT's, behind SELECT's answer
RECEIPT_AMOUNT = slice(9, 13)
TALKS_MAX = 400


class _Twin:
    """A Java SAM that nothing tears, as the wire wants it."""

    def __init__(self, card: JavaCard) -> None:
        self._card = card

    def answer(self, apdu: bytes) -> bytes:
        return heard(self._card, apdu)

    def reset(self) -> None:
        self._card.reset()


def _authenticates(apdu: bytes) -> bool:
    """Return whether a command orders value, which counts twice: one more, and so much."""
    owes = apdu[2] == DEBIT or (apdu[2] == CREDIT and apdu[3] & 15 != RESERVE)
    return apdu[1] == AUTHENTICATE and owes and any(apdu[AMOUNT])


def _cancels(apdu: bytes) -> bool:
    return apdu[1:3] == bytes((AUTHENTICATE, CANCEL))


def _restores(apdu: bytes) -> bool:
    return apdu[1] == RESTORE and any(apdu[RECEIPT_AMOUNT])


def _tear(what: str, wanted: Callable[[bytes], bool]) -> Callable[[JavaCards, Finds], None]:
    def tear(cards: JavaCards, finds: Finds) -> None:
        issued, seed = issue_sam(finds.chance, odd=False), finds.chance.randbytes(SEED_SIZE)
        said = _up_to(cards, issued, seed, finds, wanted)
        *prefix, last = said
        card = cards.issue(issued.kind, issued.blocks, seed)
        card.say(prefix)
        before = card.state()
        assert heard(card, last)[-2:] == OK
        counts, states = card.count(), (before, card.state())
        card.drop()
        for point in finds.some(points(*counts)):
            card = cards.issue(issued.kind, issued.blocks, seed)
            card.say(prefix)
            card.tear(*point)
            answer, wrong = card.answer(last), []
            if answer is not None:
                wrong.append(f"the tear did not fire: got {answer.hex()}")
            card.tear(0, 0, False)
            state = card.state()
            if state not in states:
                wrong.append(f"stored bytes neither old nor new: {told_parts(state, states)}")
            finds.tried(what, point.named(), wrong, state == states[1])
            card.drop()

    return tear


def _up_to(
    cards: JavaCards,
    issued: IssuedSam,
    seed: bytes,
    finds: Finds,
    wanted: Callable[[bytes], bool],
) -> list[bytes]:
    """Return what is said to a SAM up to the first command wanted that it carries out."""
    card = cards.issue(issued.kind, issued.blocks, seed)
    wire = Wire(_Twin(card), finds.chance, 0.0)
    talk = SamTalk(wire, issued)
    for turn in range(TALKS_MAX):
        (talk.restore if wanted is _restores and turn % 2 else talk.authenticate)()
        steps = list(zip(wire.said, wire.heard, strict=True))
        for at, (apdu, answer) in enumerate(steps):
            if apdu is not None and wanted(apdu) and answer[-2:] == OK and len(apdu) > 5:
                card.drop()
                return [said for said in wire.said[: at + 1] if said is not None]
    raise AssertionError("a SAM that never carries out what is wanted")


SAM_CASES = (
    _tear("SAM AUTHENTICATE", _authenticates),
    _tear("SAM AUTHENTICATE of CANCEL", _cancels),
    _tear("SAM RESTORE", _restores),
)
