"""The oracle: what every presentation, journey and transfer must be, from truth alone.

It shares no rule with the judged: `scheme`'s fares, journeys, decision, verdicts and purse may be
absent from disk. The rules are reports/oracle.sql, clearing.sql and ledger.sql; this runs them
in order and reads their answers. Runs: 1 = without the clearing-side faults, 2 = with them, and
rows of run 0 stand in both.
"""

from __future__ import annotations

import numpy as np

from reports.truth import Truth, load_truth
from reports.warehouse import Warehouse
from scheme.records import trace_ids

IDEAL, EXPECTED = 1, 2  # runs: without and with the clearing-side faults


def predict(warehouse: Warehouse, truth: Truth) -> None:
    """Fill the warehouse with everything that must be: outcomes, records, journeys, transfers."""
    load_truth(warehouse, truth)
    price(warehouse)


def price(warehouse: Warehouse) -> None:
    """Price what `load_truth` loaded."""
    for script in ("oracle", "clearing", "ledger"):
        warehouse.run(script)


def ledger_hash(warehouse: Warehouse, run: int = EXPECTED) -> str:
    """Return the `ledger_hash` that the target must report at the close (docs/spec/clearing.md)."""
    return str(warehouse.one(f"SELECT ledger_hash_of({run})"))


def add_traces(warehouse: Warehouse, seed: int) -> None:
    """Give every presentation its trace id, derived and never read from truth."""
    named = warehouse.arrays("FROM traced")
    joined = trace_ids(seed, named["written_terminal"], named["presentation"]).tobytes()
    traces = np.empty(len(named["rid"]), object)  # bytes, which NumPy would cut at their zeros
    traces[:] = [joined[at : at + 12] for at in range(0, len(joined), 12)]
    warehouse.fill("trace_of", {"rid": named["rid"], "trace": traces})
