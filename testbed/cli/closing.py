"""What a command says at its end: a document for machines, or the last lines for people."""

from __future__ import annotations

import json
import operator
import os
import shutil
import sys
from pathlib import Path
from typing import Any

from scheme.money import rupiah


def document(value: Any) -> str:
    """Return one JSON document, indented; paths are text, NumPy's whole numbers are numbers."""
    return json.dumps(value, indent=2, default=_plain, ensure_ascii=False, allow_nan=False)


def closing(record: dict[str, Any]) -> str:
    """Return the verdict as a sentence, the figures that matter, and what to do next."""
    intended, uploads = record["latency_us"]["intended"]["p99"], record["uploads"] or 0
    refused = sum(record["refused"].values())
    lines = [
        sentence(record),
        f"taps       {record['accepted'] + refused:,}: {record['accepted']:,} accepted, "
        f"{refused:,} refused",
        f"rupiah     truth {rupiah(record['idr_truth'])}, ledger {rupiah(record['idr_ledger'])}",
        f"latency    intended p99 {milliseconds(intended)}, over {uploads:,} uploads",
        f"report     {record['report']}",
        *next_commands(Path(record["report"]).parent),
    ]
    return "\n".join(lines)


def sentence(record: dict[str, Any]) -> str:
    """Return the verdict as a sentence."""
    verdict, unexplained = record["verdict"], record["unexplained"]
    explained = sum(record["explained"].values())
    if verdict == "PASS":
        return (
            "PASS: every tap is accounted for and the ledger agrees with the truth to the rupiah; "
            f"{explained:,} discrepancies are explained by faults that were asked for."
        )
    reasons = record.get("reasons") or [record.get("reason") or f"{unexplained:,} unexplained"]
    return f"{verdict}: {'; '.join(str(reason).rstrip('.') for reason in reasons)}."


def milliseconds(microseconds: int | None) -> str:
    """Return a latency as people read it; `not taken` where there is none."""
    return "not taken" if microseconds is None else f"{microseconds / 1_000:,.1f} ms"


def next_commands(run: Path) -> list[str]:
    """Return one next command for each of the three users."""
    name = program()
    return [
        f"next, QA   {name} report verify {run}",
        f"  vendors  {name} rack play {run / 'city'} --rack rack.sim.yaml",
        f"  load     {name} load run {run / 'city'} --epoch 1 --speed 280",
    ]


def program() -> str:
    """Return this command as whoever called it can type it again."""
    return command_name(sys.argv[0], shutil.which("jakarta-one") is not None)


def command_name(called: str, on_path: bool) -> str:
    """Return the command as this person can type it, by its path if it is on no PATH."""
    return called if not on_path and Path(called).name == "jakarta-one" else "jakarta-one"


def _plain(value: Any) -> Any:
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    return operator.index(value) if hasattr(value, "__index__") else str(value)
