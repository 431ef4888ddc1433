"""Torn cards: what a rider may find afterwards, and cards that the checks must not believe."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest

from campaigns.bench.issuing import Issued, issue_card
from campaigns.bench.planting import ROOT, applet_with, patches
from campaigns.bench.result import Order, Result
from campaigns.bench.terminal import drawn
from campaigns.tear import found_planted
from campaigns.torn.commands import CASES
from campaigns.torn.dialogues import PLAYS, UNHEARD_DEBIT, Field, Play, Rider, Tear, plain_tears
from campaigns.torn.finds import Finds
from campaigns.torn.stage import Stage, look
from campaigns.torn.writes import AT, BEFORE, COMMITTED, COMMITTING, points, told_parts
from scheme.apdu import Ins
from scheme.personalisation import make_card


def issued(seed: int = 1) -> Issued:
    """Return a plain card."""
    return issue_card(Random(seed), odd=False)


class Without:
    """A card that knows one instruction less."""

    def __init__(self, card: Field, ins: int) -> None:
        self.card = card
        self.ins = ins

    def answer(self, apdu: bytes) -> bytes | None:
        return b"\x6d\x00" if apdu[1] == self.ins else self.card.answer(apdu)

    def reset(self) -> None:
        self.card.reset()


class Forgetful:
    """A card that is the old one again after a debit: it answers, and keeps nothing."""

    def __init__(self, held: Issued) -> None:
        self.held = held
        self.challenge = drawn(bytes(8))
        self.card = make_card(held.data, self.challenge)

    def answer(self, apdu: bytes) -> bytes:
        answer = self.card.answer(apdu)
        if apdu[1] == Ins.debit:
            self.card = make_card(self.held.data, self.challenge)
        return answer

    def reset(self) -> None:
        self.card.reset()


def ridden(card: Field, held: Issued, play: Play, *tears: Tear) -> list[str]:
    """Return what is wrong after a ride."""
    return Rider(card, held, Random(2)).ride(play, list(tears))


@pytest.mark.parametrize("play", PLAYS, ids=lambda play: play.name)
def test_a_rider_is_debited_once_and_claimed_once_wherever_the_tap_was_torn(play: Play) -> None:
    held = issued()
    rider = Rider(held.twin(bytes(8)), held, Random(3))
    began_idr = rider.balance_idr()
    tears = list(plain_tears(play, held))
    assert {tear.exchange for tear in tears} >= {0, 1}
    for tear in tears:
        first = [UNHEARD_DEBIT] if play.recovers else []
        assert rider.ride(play, [*first, tear]) == []
    assert rider.claimed_idr() == began_idr - rider.balance_idr()


def test_a_card_without_proof_leaves_a_debit_that_nobody_claims() -> None:
    held = issued()
    card = Without(held.twin(bytes(8)), Ins.proof)
    assert ridden(card, held, PLAYS[0]) == []
    (wrong,) = ridden(card, held, PLAYS[0], UNHEARD_DEBIT)
    assert "refused PROOF" in wrong


def test_a_card_that_forgets_its_debit_is_found() -> None:
    held = issued()
    wrong = ridden(Forgetful(held), held, PLAYS[1])
    assert "debits of one presentation: expected 1, got 0" in wrong


def test_a_card_tells_all_of_itself_to_who_looks() -> None:
    held = issued()
    card = held.twin(bytes(8))
    stage = Stage(card.answer, Random(4), held)
    stage.debit(1_000)
    stage.debit(2_000)
    seen = look(card.answer, stage, Random(5))
    assert int.from_bytes(seen.balances[0], "big") == held.balance_idr - 3_000
    assert [len(entry) for entry in seen.log] == [44, 44, 2]
    assert seen.proof[:4] == seen.log[0][:4] == seen.selected[18:22]
    assert look(card.answer, stage, Random(6)) == seen


def test_points_are_every_write_and_every_commit_with_weak_cells_too() -> None:
    made = list(points(2, 1))
    assert {(p.point, p.k) for p in made} == {
        (BEFORE, 1), (BEFORE, 2), (AT, 1), (AT, 2), (COMMITTING, 1), (COMMITTED, 1),
    }  # fmt: skip
    assert {p.point for p in made if p.weak} == {AT, COMMITTING}
    assert len({p.named() for p in made}) == len(made)


def test_a_mixed_state_is_told_by_its_parts() -> None:
    assert told_parts(b"\1\0\0\7", (b"\0\0\0\7", b"\1\1\0\7")) == (
        "of 2 bytes that change 1 old, 1 new; 0 others changed"
    )
    assert told_parts(b"\1", (b"\0\0", b"\1\1")) == "expected 2 bytes, got 1"


def test_every_command_that_writes_is_torn() -> None:
    names = " ".join(case.name for case in CASES)
    for name in ("DEBIT", "CREDIT", "CANCEL", "CONFIRM", "BLOCK", "UNBLOCK", "PUT KEY"):
        assert name in names
    assert len({case.name for case in CASES}) == len(CASES)


def test_the_share_of_a_card_comes_from_the_seed_and_keeps_its_order() -> None:
    finds = Finds(Order(10, 1), Result("tear", Order(10, 1)))
    finds.begin(4, 5)
    chosen = finds.some(range(100))
    assert chosen == sorted(chosen)
    assert len(chosen) == 5
    assert finds.some(range(100)) == chosen
    finds.begin(4, None)
    assert finds.some(range(100)) == list(range(100))


def test_each_kind_of_planted_defect_is_there_three_times() -> None:
    assert [len(patches(kind)) for kind in ("twins", "applets")] == [3, 3]
    assert (ROOT / "tests" / "planted" / "applets" / "no-transactions.patch").is_file()


@pytest.mark.needs_java
@pytest.mark.parametrize("patch", patches("applets"), ids=lambda path: path.stem)
def test_an_applet_with_a_planted_defect_violates_what_it_may_not(
    patch: Path, tmp_path: Path
) -> None:
    assert found_planted(applet_with(patch, tmp_path), Order(100, 3))
