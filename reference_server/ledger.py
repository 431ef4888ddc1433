"""Postings: what a cleared tap moves, and the hash over the net effects of all of them.

A posting is one row: value leaves the debit account for the credit account. Postings are only ever
added; what was wrong is posted back. Chart and codes: docs/spec/clearing.md.

In code a posting is nine integers: kind of key, issuer, card, NT, debit account, credit account,
rupiah, code, operating day. Accounts are numbers of the chart.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from reference_server.accounts import HOLD, Chart
from reference_server.clearing import Chunk, service_of
from reference_server.devices import Registry
from scheme.services import BILLS, LOADS, PARKING, TRANSIT, Service


class KeyKind(IntEnum):
    """What a posting's key names."""

    tap = 1
    journey = 2
    entry = 3
    stay = 4


class Code(IntEnum):
    """Why value moves."""

    fare_hold = 1
    purchase = 2
    erp = 3
    bill = 4
    load = 5
    kjp = 6
    kur = 7
    fee = 8
    share = 9
    fare_share = 10
    integration = 11
    group_fare = 12
    refund = 13
    uncollected = 14
    unsettled = 15
    parking = 16


CODE_OF_SERVICE: dict[Service, Code] = (
    dict.fromkeys(TRANSIT | PARKING, Code.fare_hold)
    | dict.fromkeys(BILLS, Code.bill)
    | {Service.shop: Code.purchase, Service.erp: Code.erp, Service.topup: Code.load}
    | {Service.kjp: Code.kjp, Service.kur: Code.kur}
)


class TapPostings:
    """What accepted taps move at once, for whole chunks."""

    def __init__(self, registry: Registry, chart: Chart) -> None:
        self._registry = registry
        self._chart = chart
        self._fees: dict[int, list[tuple[int, int, int]]] = {}
        for service, payee, bps, code in registry.participants.fees():
            of = self._fees.setdefault(Service[service], [])
            of.append((chart.number(f"revenue:{payee}"), bps, Code[code]))

    def of(self, chunk: Chunk, rows: NDArray[np.int64]) -> list[tuple[int, ...]]:
        """Return the postings of these rows of a chunk, nine integers each."""
        rows = rows[chunk.amount[rows] > 0]
        if not len(rows):
            return []
        services = service_of(chunk, self._registry)[rows]
        operators = self._registry.terminals["operator"][chunk.terminal[rows]].astype(np.int64)
        postings: list[tuple[int, ...]] = []
        for service in np.unique(services).tolist():
            of_service = services == service
            postings += self._of_service(
                chunk, rows[of_service], Service(service), operators[of_service]
            )
        return postings

    def _of_service(
        self, chunk: Chunk, rows: NDArray[np.int64], service: Service, operators: NDArray[np.int64]
    ) -> list[tuple[int, ...]]:
        purses = self._numbers("purse", chunk.issuer[rows])
        amounts = chunk.amount[rows]
        if service in LOADS:
            debits, credits = self._numbers("funding", operators), purses
        elif service in TRANSIT or service in PARKING:
            debits, credits = purses, np.full(len(rows), self._chart.number(HOLD))
        else:
            debits, credits = purses, self._numbers("revenue", operators)
        made = self._rows(chunk, rows, debits, credits, amounts, CODE_OF_SERVICE[service])
        if service in PARKING:  # its fees are of what is due, known when the stay is priced
            return made
        for payee, bps, code in self._fees.get(service, ()):
            fees = amounts * bps // 10_000
            paid = np.flatnonzero(fees)
            payees = np.full(len(paid), payee)
            made += self._rows(chunk, rows[paid], credits[paid], payees, fees[paid], code)
        return made

    def _numbers(self, kind: str, owners: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the account numbers of a kind of account for each owner."""
        distinct, at = np.unique(owners, return_inverse=True)
        numbers = [self._chart.number(f"{kind}:{owner}") for owner in distinct.tolist()]
        return np.array(numbers, np.int64)[at]

    @staticmethod
    def _rows(
        chunk: Chunk,
        rows: NDArray[np.int64],
        debits: NDArray[np.int64],
        credits: NDArray[np.int64],
        amounts: NDArray[np.int64],
        code: int,
    ) -> list[tuple[int, ...]]:
        count = len(rows)
        columns = (
            [int(KeyKind.tap)] * count,
            chunk.issuer[rows].tolist(),
            chunk.card[rows].tolist(),
            chunk.nt[rows].tolist(),
            debits.tolist(),
            credits.tolist(),
            amounts.tolist(),
            [int(code)] * count,
            chunk.day[rows].tolist(),
        )
        return list(zip(*columns, strict=True))


def net_effects(postings: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the net effect under each (key, pair of accounts, code, day), zero ones left out.

    Args:
        postings: Shape (n, 9), columns as above.

    Returns:
        Shape (m, 9); of each pair the lower account number is the debit, and the amount is signed.
    """
    if not len(postings):
        return postings
    rows = postings.copy()
    swap = rows[:, 4] > rows[:, 5]
    rows[swap, 4], rows[swap, 5] = rows[swap, 5], rows[swap, 4]
    rows[swap, 6] *= -1
    under = [0, 1, 2, 3, 4, 5, 7, 8]
    order = np.lexsort([rows[:, column] for column in reversed(under)])
    rows = rows[order]
    first = np.ones(len(rows), np.bool_)
    first[1:] = (rows[1:][:, under] != rows[:-1][:, under]).any(axis=1)
    starts = np.flatnonzero(first)
    net = rows[starts]
    net[:, 6] = np.add.reduceat(rows[:, 6], starts)
    kept: NDArray[np.int64] = net[net[:, 6] != 0]
    return kept


def as_postings(net: NDArray[np.int64], sign: int = 1) -> list[tuple[int, ...]]:
    """Return net effects, or what takes them back (sign -1), as postings of positive amounts."""
    rows = net.copy()
    rows[:, 6] *= sign
    swap = rows[:, 6] < 0
    rows[swap, 4], rows[swap, 5] = rows[swap, 5], rows[swap, 4]
    rows[:, 6] = np.abs(rows[:, 6])
    return list(map(tuple, rows.tolist()))


def effect_lines(net: NDArray[np.int64], accounts: Sequence[str]) -> Iterator[str]:
    """Yield `key|debit|credit|code|operating_day|net` of each effect, accounts in name order."""
    kinds = {int(kind): kind.name for kind in KeyKind}
    codes = {int(code): code.name for code in Code}
    for kind, issuer, card, nt, debit, credit, amount, code, day in zip(
        *(column.tolist() for column in net.T), strict=True
    ):
        low, high = accounts[debit], accounts[credit]
        if low > high:
            low, high, amount = high, low, -amount
        yield f"{kinds[kind]}:{issuer}:{card}:{nt}|{low}|{high}|{codes[code]}|{day}|{amount}"


def ledger_hash(postings: NDArray[np.int64], accounts: Sequence[str]) -> str:
    """Return the SHA-256 over the sorted net effects, in print.

    It holds no id, window or receipt time, so it is the same for every order of arrival.
    """
    digest = hashlib.sha256()
    digest.update("\n".join(sorted(effect_lines(net_effects(postings), accounts))).encode())
    return digest.hexdigest()
