"""Talks to a card: the same from the same seed, and rich enough to find what is wrong."""

from __future__ import annotations

from random import Random

import pytest

from campaigns.bench.result import Order, Result
from campaigns.talk.script import Script, dealt, script
from campaigns.talk.wire import GARBLED
from campaigns.twins import compare, parted, transcript
from scheme.apdu import Ins
from scheme.status import Sw

SEED = 11
CARDS = 60


def said_again(talk: Script, index: int) -> list[bytes]:
    """Return the answers of a fresh Python card to a talk."""
    _, issued, drawn_from = dealt(SEED, index)
    twin = issued.twin(drawn_from)
    heard = []
    for apdu in talk.said:
        if apdu is None:
            twin.reset()
        heard.append(b"" if apdu is None else twin.answer(apdu))
    return heard


class Python:
    """A Python card as the other twin, with one answer spoilt if asked."""

    def __init__(self, spoilt: int | None = None) -> None:
        self.index = 0
        self.spoilt = spoilt

    def play(self, talk: Script) -> list[bytes]:
        heard = said_again(talk, self.index)
        if self.spoilt == self.index:
            heard[-1] = heard[-1][:-1] + b"\x01"
        self.index += 1
        return heard


def test_a_talk_is_the_same_from_the_same_seed_and_another_from_another() -> None:
    assert script(SEED, 3) == script(SEED, 3)
    assert script(SEED, 3).said != script(SEED, 4).said
    assert script(SEED, 3).said != script(SEED + 1, 3).said


def test_python_against_python_never_parts() -> None:
    result = Result("twins", Order(CARDS, SEED))
    compare(Python(), result.order, lambda done, total: None, result)
    assert result.violations == 0
    assert result.tried > 90 * CARDS


def test_one_byte_of_one_answer_is_a_violation_that_names_its_card() -> None:
    result = Result("twins", Order(4, SEED))
    compare(Python(spoilt=2), result.order, lambda done, total: None, result)
    assert result.violations == 1
    assert result.first[0].replay == f"python -m campaigns twins --seed {SEED} --card 2"
    assert result.first[0].what.startswith("card 2 (card), step ")


def test_a_difference_is_the_first_one() -> None:
    talk = script(SEED, 0)
    heard = [*talk.heard[:3], b"\x6f\x00", b"\x6f\x01", *talk.heard[5:]]
    difference = parted(talk, heard)
    assert difference is not None
    assert (difference.at, difference.got) == (3, b"\x6f\x00")
    assert parted(talk, talk.heard) is None
    assert transcript(talk, 3, 4)[-1] == f"     < {talk.heard[3].hex()}"


def test_talks_bring_every_instruction_to_success_and_every_status_word_about() -> None:
    done: set[int] = set()
    told: set[int] = set()
    for index in range(4 * CARDS):
        talk = script(SEED, index)
        for apdu, answer in zip(talk.said, talk.heard, strict=True):
            if apdu is not None:
                told.add(int.from_bytes(answer[-2:], "big"))
                done |= {apdu[1]} if answer[-2:] == b"\x90\x00" else set()
    assert told == set(Sw)
    assert done == set(Ins)


@pytest.mark.parametrize("garbled", GARBLED, ids=lambda way: str(way.__name__))
def test_garbling_changes_a_command_and_depends_on_chance_alone(garbled: object) -> None:
    assert callable(garbled)
    apdu = bytes.fromhex("8040010114") + bytes(range(20))
    made = [garbled(apdu, Random(seed)) for seed in range(30)]
    assert made == [garbled(apdu, Random(seed)) for seed in range(30)]
    assert sum(one != apdu for one in made) > 20
