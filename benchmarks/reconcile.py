"""How many rows a second truth is set against ledger, beside a bare full outer join of the rows.

Prices are given: the clock runs while records and transfers are compared, and everything that
differs is found and classed. The bare join matches the same records by trace id and the same
transfers by key, accounts, code and day, and only counts. The oracle's own pricing stands beside
it: presentations a second, from what happened to journeys and shares, at 1.6 million.
"""

from __future__ import annotations

import resource
import time
from typing import Any

from benchmarks._presentations import synthetic_truth
from reports.oracle import add_traces
from reports.truth import load_truth
from reports.warehouse import Warehouse

RIDES = 5  # ten presentations a card
SIZES = (40_000, 80_000, 160_000)  # cards; the last make 1.6 million presentations
ROUNDS = 3  # the best counts: the machine is shared
PRICING_ROUNDS = 2
BARE = """
    SELECT (SELECT count(*) FROM expected e FULL JOIN taps t ON e.trace = t.trace),
           (SELECT count(*) FROM wanted w FULL JOIN transfers t
                ON w.key = t.key AND w.debit = t.debit AND w.credit = t.credit
               AND w.code = t.code AND w.operating_day = t.operating_day)
"""
TOLD = (
    "CREATE TABLE taps AS SELECT trace, recorder, terminal, card, issuer, nt, kind, place, amount, "
    "balance, verdict, state FROM expected",
    "CREATE TABLE transfers AS SELECT key, debit, credit, net AS amount, code, operating_day "
    "FROM wanted",
    "CREATE TABLE legs AS SELECT key_of('journey', c.issuer, l.card, l.journey) AS key, l.leg, "
    "l.operator, l.own AS own_fare_idr, l.share AS share_idr "
    "FROM leg l JOIN card c USING (card) WHERE run <> 1",
)
FOUND = ("suspect", "differing", "repeated", "suspect_key", "effect", "wrong_key", "tap_of",
         "discrepancy")  # fmt: skip


def measure() -> dict[str, Any]:
    """Return rows a second at three sizes; value, baseline and ratio are of the largest."""
    growth = [_one_size(cards) for cards in SIZES]
    largest = growth[-1]
    peak_kib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return {
        "benchmark": "reconcile",
        "value": largest["value"],
        "baseline": largest["baseline"],
        "ratio": largest["ratio"],
        "unit": "rows a second, records and transfers of one side, prices given",
        "peak_rss_mib": round(peak_kib / 1_024, 1),
        "pricing_taps_per_s": largest["pricing_taps_per_s"],
        "growth": growth,
    }


def _one_size(cards: int) -> dict[str, Any]:
    truth = synthetic_truth(cards, RIDES)
    pricing_s = float("inf")
    for _ in range(PRICING_ROUNDS - 1):
        with Warehouse() as warehouse:
            load_truth(warehouse, truth)
            pricing_s = min(pricing_s, _priced(warehouse))
    with Warehouse() as warehouse:
        load_truth(warehouse, truth)
        taps = warehouse.one("SELECT count(*) FROM presented")
        pricing_s = min(pricing_s, _priced(warehouse))
        warehouse.run("ledger")
        add_traces(warehouse, truth.seed)
        warehouse.run("expected")
        for sql in TOLD:
            warehouse.execute(sql)
        rows = warehouse.one("SELECT (SELECT count(*) FROM taps) + (SELECT count(*) FROM wanted)")
        ours_s = min(_ours(warehouse) for _ in range(ROUNDS))
        theirs_s = min(_theirs(warehouse) for _ in range(ROUNDS))
    return {
        "taps": taps,
        "rows": rows,
        "value": round(rows / ours_s),
        "baseline": round(rows / theirs_s),
        "ratio": round(theirs_s / ours_s, 2),
        "pricing_taps_per_s": round(taps / pricing_s),
    }


def _priced(warehouse: Warehouse) -> float:
    """Return the seconds from presentations to journeys and shares, both runs of the oracle."""
    begun = time.perf_counter()
    for script in ("oracle", "clearing"):
        warehouse.run(script)
    return time.perf_counter() - begun


def _ours(warehouse: Warehouse) -> float:
    for table in FOUND:
        warehouse.execute(f"DROP TABLE IF EXISTS {table}")
    warehouse.execute("DROP MACRO TABLE IF EXISTS told_lines")
    begun = time.perf_counter()
    warehouse.run("reconcile")
    seconds = time.perf_counter() - begun
    assert warehouse.one("SELECT count(*) FROM discrepancy") == 0
    return seconds


def _theirs(warehouse: Warehouse) -> float:
    begun = time.perf_counter()
    warehouse.rows(BARE)
    return time.perf_counter() - begun
