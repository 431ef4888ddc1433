"""The conformance suite: every case, run on whatever card lies behind a reader.

A case needs a card in a known state, so whoever runs the suite says how one is put into the field.
Where nobody can (a card of plastic), only the cases that any card of the scheme can go through are
run, after one look at whether card and keys belong together; the others are told by name as not
assessed. No authentication is tried twice: a wrong one counts on the card.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import chain
from typing import NamedTuple

from hil.conformance.case import Case
from hil.conformance.cases import (
    credit,
    debit,
    framing,
    identity,
    issuer,
    keys,
    opening,
    recovery,
    restricted,
    sam,
    sam_value,
    whole,
)
from hil.conformance.given import KEYS
from hil.conformance.judging import NotTold, Wrong
from hil.conformance.terminal import DEBIT, Masters, Terminal
from hil.reader import Reader
from scheme.errors import BadInputError
from scheme.personalisation import CardData
from scheme.sam_personalisation import SamData

Issue = Callable[[CardData | SamData], None]
NEEDS_A_FRESH_CARD = "needs a fresh card, which nobody can put into this reader"


class Result(NamedTuple):
    """One case and what came of it.

    Attributes:
        verdict: `PASS`, `FAIL` or `NOT ASSESSED`.
        expected: What the card should have done, where it did otherwise.
        got: What it did; why the case was not assessed.
    """

    case: Case
    verdict: str
    expected: str = ""
    got: str = ""


@dataclass(frozen=True)
class Report:
    """What came of a run: `cases` are those assessed, `passed` and `failed` of them."""

    results: tuple[Result, ...]

    @property
    def cases(self) -> int:
        """How many cases were assessed."""
        return self.passed + self.failed

    @property
    def passed(self) -> int:
        """How many passed."""
        return self._count("PASS")

    @property
    def failed(self) -> int:
        """How many failed."""
        return self._count("FAIL")

    @property
    def not_assessed(self) -> int:
        """How many could not be assessed here."""
        return self._count("NOT ASSESSED")

    def _count(self, verdict: str) -> int:
        return sum(result.verdict == verdict for result in self.results)


def all_cases() -> tuple[Case, ...]:
    """Return every case, area by area."""
    rooms = (
        framing, opening, debit, credit, recovery, issuer, keys, restricted, whole, identity, sam,
        sam_value,
    )  # fmt: skip
    return tuple(chain.from_iterable(room.CASES for room in rooms))


def run(
    reader: Reader,
    issue: Issue | None,
    on_case: Callable[[Result], None] = lambda _: None,
    masters: Masters = KEYS.issuer_master,
) -> Report:
    """Run every case and return what came of each.

    Args:
        reader: An open reader.
        issue: Puts a fresh card, so personalised and powered, into its field; None where nobody
            can, and the card in the field is all there is.
        on_case: Told of each result as it comes.
        masters: The masters of the card's issuer, (issuer, role, key version) to key; of use only
            where `issue` is None.

    Raises:
        BadInputError: If the card in the field is not under these keys; nothing else was tried.
        ReaderError: If the bench fails, which is no verdict on the card.
    """
    if issue is None:
        check_key_domain(reader, masters)
    results = []
    for result in _run(reader, issue, masters if issue is None else KEYS.issuer_master):
        on_case(result)
        results.append(result)
    return Report(tuple(results))


def check_key_domain(reader: Reader, masters: Masters) -> None:
    """Raise BadInputError unless the card in the field proves itself under these keys, at once.

    One INIT of Rp 0, which a card does not count and does not write.
    """
    try:
        Terminal(reader, masters).open(DEBIT)
    except Wrong as wrong:
        raise BadInputError(
            f"key domain: this card and these keys do not belong together ({wrong}); nothing else "
            "was tried: give the keys of the card's issuer and key version"
        ) from wrong


def _run(reader: Reader, issue: Issue | None, masters: Masters) -> Iterator[Result]:
    for case in all_cases():
        if issue is None and not case.anywhere:
            yield Result(case, "NOT ASSESSED", got=NEEDS_A_FRESH_CARD)
        else:
            yield _judge(reader, issue, masters, case)


def _judge(reader: Reader, issue: Issue | None, masters: Masters, case: Case) -> Result:
    if issue is None:
        reader.field_off()
    else:
        issue(case.given)
    try:
        case.play(Terminal(reader, masters))
    except Wrong as wrong:
        return Result(case, "FAIL", wrong.expected, wrong.got)
    except NotTold as untold:
        return Result(case, "NOT ASSESSED", got=str(untold))
    return Result(case, "PASS")
