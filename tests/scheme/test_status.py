"""Status words in print and in words."""

from __future__ import annotations

from scheme.status import STATUS, Sw, meaning


def test_every_status_word_has_its_meaning() -> None:
    assert list(STATUS) == list(Sw)
    assert len(set(STATUS.values())) == len(Sw)


def test_a_status_word_prints_as_four_digits_and_a_sentence() -> None:
    assert meaning(0x6985).startswith("6985 no application selected")
    assert meaning(0x1234) == "1234 not a status word of this scheme"
