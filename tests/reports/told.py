"""An export as a faultless back office would write it, and ways to spoil it."""

from __future__ import annotations

import json
from pathlib import Path

from reports.oracle import add_traces
from reports.reconcile import Reconciliation, reconcile
from reports.warehouse import Warehouse
from tests.reports.handmade import SEED, HandMade, oracle_of

OWNER = """
    CASE split_part(account, ':', 1)
        WHEN 'hold' THEN 6015 WHEN 'subsidy' THEN 5017
        ELSE split_part(account, ':', 2)::INTEGER END
"""
TAPS = """
    SELECT 1::UINTEGER AS sender, 1::UINTEGER AS batch, 0 AS item, recorder,
           row_number() OVER (PARTITION BY recorder ORDER BY at_ms)::UINTEGER AS sequence,
           terminal, card, issuer, nt, kind, place, amount, balance, verdict, state, trace
    FROM expected
"""
TRANSFERS = """
    SELECT key_of(kind, issuer, card, nt) AS key, debit, credit, net AS amount, code, operating_day
    FROM transfer WHERE run IN (0, 2)
"""
LEGS = """
    SELECT key_of('journey', c.issuer, l.card, l.journey) AS key,
           row_number() OVER (PARTITION BY l.card, l.journey ORDER BY l.leg) - 1 AS leg,
           l.operator, l.own AS own_fare_idr, l.share AS share_idr, l.metres
    FROM leg l JOIN card c USING (card) WHERE run IN (0, 2)
"""


def tell(made: HandMade, export: Path) -> None:
    """Write the export of what was made, as the oracle expects it."""
    export.mkdir(parents=True, exist_ok=True)
    with oracle_of(made) as warehouse:
        add_traces(warehouse, SEED)
        warehouse.run("expected")
        for table, sql in (("taps", TAPS), ("transfers", TRANSFERS), ("legs", LEGS)):
            warehouse.execute(f"CREATE TABLE told_{table} AS {sql}")
        _write(warehouse, export)
    (export / "manifest.json").write_text(json.dumps({"format": "jakarta-one/export/1"}))


def spoil(export: Path, *spoiled: str) -> None:
    """Run SQL on the tables of an export and write it again.

    The tables are told_taps, told_transfers, told_legs; positions and accounts follow from them.
    """
    with Warehouse(memory_limit="512MB") as warehouse:
        for table in ("taps", "transfers", "legs"):
            warehouse.read(f"told_{table}", export / f"{table}.parquet")
        for sql in spoiled:
            warehouse.execute(sql)
        _write(warehouse, export)


def _write(warehouse: Warehouse, export: Path) -> None:
    warehouse.execute(
        f"CREATE TABLE told_accounts AS SELECT account, {OWNER} AS owner FROM (SELECT debit "
        "AS account FROM told_transfers UNION SELECT credit FROM told_transfers)"
    )
    warehouse.execute(
        "CREATE TABLE told_positions AS SELECT owner AS participant, sum(net)::BIGINT AS idr FROM ("
        "SELECT debit AS account, -amount AS net FROM told_transfers UNION ALL "
        "SELECT credit, amount FROM told_transfers) JOIN told_accounts USING (account) GROUP BY ALL"
    )
    warehouse.execute(
        "CREATE TABLE told_uploads AS SELECT sender, batch, count(*) AS count, "
        "'accepted' AS result, 0 AS repeats FROM told_taps GROUP BY ALL"
    )
    for table in ("taps", "transfers", "legs", "accounts", "positions", "uploads"):
        warehouse.write(f"FROM told_{table}", export / f"{table}.parquet")


def judged(made: HandMade, export: Path, *spoiled: str) -> Reconciliation:
    """Return truth against the export in a folder, spoiled first."""
    if not (export / "manifest.json").is_file():
        tell(made, export)
    if spoiled:
        spoil(export, *spoiled)
    with Warehouse(memory_limit="512MB") as warehouse:
        return reconcile(warehouse, made.truth(), export)
