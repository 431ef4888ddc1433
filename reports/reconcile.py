"""Truth against ledger: what the export tells, beside what the oracle says it must tell.

Every presentation is looked for by its trace id and every transfer by key, accounts and code, so
that two errors which cancel in a total are still two. What differs is explained only by a fault
that truth lists for that tap, or for an earlier one of the same card that holds it up; the rest is
a discrepancy. The comparison itself is reports/reconcile.sql.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from reports.export import read_export
from reports.oracle import add_traces, ledger_hash, predict
from reports.truth import Truth
from reports.warehouse import Warehouse
from scheme.services import Service

CLASSES = (
    "lost", "duplicate", "wrong_fare", "wrong_share", "wrong_party", "wrongly_accepted",
    "wrongly_refused", "late",
)  # fmt: skip
LATE_MS = 3_600_000  # a record uploaded more than an hour after its tap counts as late


class Discrepancy(NamedTuple):
    """One thing that is wrong and that no fault explains.

    Attributes:
        trace: Trace id of the tap, empty where no tap can be named.
        key: Key of the transfers that are wrong, empty where a record is.
        follows: It hangs on another discrepancy of the same card.
    """

    trace: bytes
    key: str
    kind: str
    card: int
    nt: int
    expected_idr: int
    got_idr: int
    follows: bool
    detail: str

    @property
    def what(self) -> bytes:
        """What tells one wrong tap from another: its trace id, else the key of the money."""
        return self.trace or self.key.encode()


@dataclass(frozen=True)
class Reconciliation:
    """What truth and ledger say of each other. Counts are of records.

    Attributes:
        accepted: Records that the export accepts; refused likewise, by verdict code.
        explained: Records that a clearing-side fault turned, by fault, held-up ones included.
        explained_idr: Rupiah of those records, by fault.
        unexplained: Distinct taps that are wrong and follow from no other.
        following: Taps that are wrong because of those.
        services: (taps, rupiah) of each service in the export's accepted records.
        broken: Sentences about value that is not conserved.
    """

    expected: int
    told: int
    accepted: int
    refused: dict[int, int]
    late: int
    explained: dict[str, int]
    explained_idr: dict[str, int]
    discrepancies: list[Discrepancy]
    unexplained: int
    following: int
    idr_truth: int
    idr_ledger: int
    services: dict[str, tuple[int, int]]
    ledger_hash: str
    ledger_hash_expected: str
    broken: list[str]


def reconcile(warehouse: Warehouse, truth: Truth, export: Path) -> Reconciliation:
    """Return truth against the export in a folder; the warehouse keeps both.

    Raises:
        StoreError: If the truth cannot be read.
        TargetError: If the export lacks a table, a column or a value.
    """
    predict(warehouse, truth)
    add_traces(warehouse, truth.seed)
    warehouse.run("expected")
    read_export(warehouse, export)
    return compare(warehouse)


def compare(warehouse: Warehouse) -> Reconciliation:
    """Return what differs between the expected and the told tables of a warehouse."""
    for script in ("reconcile", "conservation", "figures"):
        warehouse.run(script)
    one, rows = warehouse.one, warehouse.rows
    found = [
        Discrepancy(bytes(trace or b""), key or "", kind, card or 0, nt or 0, *rest)
        for trace, key, kind, card, nt, *rest in rows("FROM discrepancies()")
    ]
    verdicts = dict(rows("FROM verdict_counts()"))
    explained = rows("FROM explained_by_fault()")
    roots = {d.what for d in found if not d.follows}
    return Reconciliation(
        expected=one("SELECT expected_records()"),
        told=one("SELECT told_records()"),
        accepted=verdicts.pop(0, 0),
        refused=verdicts,
        late=one(f"SELECT late_records({LATE_MS})"),
        explained={fault: taps for fault, taps, _ in explained},
        explained_idr={fault: idr for fault, _, idr in explained},
        discrepancies=found,
        unexplained=len(roots),
        following=len({d.what for d in found if d.follows} - roots),
        idr_truth=one("SELECT expected_total()"),
        idr_ledger=one("SELECT purse_total()"),
        services={
            Service(service).name: (taps, idr)
            for service, taps, idr in rows("FROM service_figures()")
        },
        ledger_hash=one("SELECT told_hash()"),
        ledger_hash_expected=ledger_hash(warehouse),
        broken=_broken(warehouse),
    )


def _broken(warehouse: Warehouse) -> list[str]:
    sentences = [
        f"{what}: {of_what} (Rp {idr})"
        for what, of_what, idr in warehouse.rows("FROM broken_rules()")
    ]
    purses = warehouse.one("SELECT broken_purses()")
    if purses:
        sentences.append(f"{purses} purses do not end at opening balance less debits plus loads")
    return sentences
