"""What came of pricing cards: rows for the books, and postings not yet compared with what stands.

Rows are arrays, so that they cross from process to process at no cost. Accounts are numbers in a
list of names of their own until `difference` finds them in the chart.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from reference_server.accounts import Chart
from reference_server.exceptions import Row
from reference_server.ledger import Code, KeyKind, net_effects
from scheme.journeys import CardPricing, Record

KIND_BY_NAME = {kind.name: int(kind) for kind in KeyKind}
CODE_BY_NAME = {code.name: int(code) for code in Code}
STATES = {"open": 0, "closed": 1}
DEBIT, CREDIT = 4, 5  # columns of a posting
Rows = NDArray[np.int64]


class Prices(NamedTuple):
    """Columns: those of the tables `journey`, `leg` and `membership`, and of a posting."""

    journeys: Rows
    legs: Rows
    memberships: Rows
    postings: Rows
    accounts: list[str]
    exceptions: list[Row]

    def difference(self, standing: Rows, chart: Chart) -> Rows:
        """Return the net effects to post, so that what stands becomes what should stand."""
        numbers = np.array([chart.number(account) for account in self.accounts], np.int64)
        should = self.postings.copy()
        for column in (DEBIT, CREDIT):
            should[:, column] = numbers[should[:, column]]
        taken_back = standing.copy()
        taken_back[:, 6] *= -1
        return net_effects(np.concatenate((should, taken_back)))


def together(one: Prices, other: Prices) -> Prices:
    """Return the prices of two lots of cards as one."""
    postings = other.postings.copy()
    postings[:, [DEBIT, CREDIT]] += len(one.accounts)
    return Prices(
        np.concatenate((one.journeys, other.journeys)),
        np.concatenate((one.legs, other.legs)),
        np.concatenate((one.memberships, other.memberships)),
        np.concatenate((one.postings, postings)),
        one.accounts + other.accounts,
        one.exceptions + other.exceptions,
    )


class PricesInTheMaking:
    """Gathers what each card's pricing says."""

    def __init__(self) -> None:
        self.exceptions: list[Row] = []
        self._journeys: list[tuple[int, ...]] = []
        self._legs: list[tuple[int, ...]] = []
        self._memberships: list[tuple[int, ...]] = []
        self._postings: list[tuple[int, ...]] = []
        self._accounts: dict[str, int] = {}

    def add(
        self, card: int, issuer: int, taps: list[Record], travel: list[bool], said: CardPricing
    ) -> None:
        """Take in what one card's pricing said."""
        number = self._accounts.setdefault
        known: dict[str, tuple[int, int, int, int]] = {"": (0, issuer, card, 0)}
        for key, kind, state, day, first_s, due, charged, refund, group in said.journeys:
            name = known[key] = (KIND_BY_NAME[kind], issuer, card, int(key.rpartition(":")[2]))
            self._journeys.append((*name, day, first_s, STATES[state], due, charged, refund, group))
        for key, leg, operator, own_fare, share, metres in said.legs:
            self._legs.append((*known[key], leg, operator, own_fare, share, metres))
        for key, debit, credit, code, day, idr in said.postings:
            accounts = number(debit, len(self._accounts)), number(credit, len(self._accounts))
            self._postings.append((*known[key], *accounts, idr, CODE_BY_NAME[code], day))
        for i, (tap, key) in enumerate(zip(taps, said.keys, strict=True)):
            # What is in no journey, and no travel that waits in a gap, has no row.
            if key or (i >= said.booked and travel[i] and not tap[1]):
                kind_number, _, _, first_nt = known[key]
                self._memberships.append((issuer, card, tap[0], kind_number, first_nt))

    def whole(self) -> Prices:
        """Return what was gathered."""
        return Prices(
            _rows(self._journeys, 11),
            _rows(self._legs, 9),
            _rows(self._memberships, 5),
            _rows(self._postings, 9),
            list(self._accounts),
            self.exceptions,
        )


def _rows(tuples: list[tuple[int, ...]], columns: int) -> Rows:
    return np.array(tuples, np.int64).reshape(-1, columns)
