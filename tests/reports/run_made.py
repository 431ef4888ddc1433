"""A run directory made by hand: city, export and load as the other worlds would write them."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np

from reports.warehouse import Warehouse
from tests.reports.handmade import DATA, SEED, HandMade
from tests.reports.told import spoil, tell

STARTED_US = 1_800_000_000_000_000


def make_run(made: HandMade, out: Path) -> Path:
    """Write a run directory without load: city and a faultless export."""
    _write_city(made, out / "city")
    tell(made, out / "export")
    return out


def drive(run: Path, out: Path, *spoiled: str, lag_us: int = 200, **over: Any) -> Path:
    """Copy a run directory and add a load: every record an upload, answered after 3 ms.

    Args:
        spoiled: SQL on the export's tables (tests/reports/told.py).
        over: Columns of the clocks to be set, as {upload: value}.
    """
    shutil.copytree(run, out, dirs_exist_ok=True)
    if spoiled:
        spoil(out / "export", *spoiled)
    with Warehouse(memory_limit="512MB") as warehouse:
        warehouse.read("uploads", out / "city" / "plan" / "uploads.parquet")
        count = warehouse.one("SELECT count(*) FROM uploads")
    _write_load(count, out, lag_us, over)
    return out


def _write_city(made: HandMade, city: Path) -> None:
    truth, plan = city / "truth", city / "plan"
    for folder in (truth / "tariffs", plan):
        folder.mkdir(parents=True)
    told = made.truth()
    with Warehouse() as warehouse:
        for name, table in (("presentation", "presentations"), ("card", "cards"),
                            ("terminal", "terminals"), ("hotlist", "hotlists")):  # fmt: skip
            columns = told.tables[name]
            assert not isinstance(columns, Path)
            warehouse.fill(name, columns)
            warehouse.write(f"FROM {name}", truth / f"{table}.parquet")
        count = len(made.taps)
        warehouse.fill("uploads", {
            "upload": np.arange(count), "sender": np.ones(count, np.int64),
            "batch": np.arange(1, count + 1), "at_ms": np.arange(count) * 1_000,
            "first": np.arange(count), "count": np.ones(count, np.int64),
            "single": np.ones(count, np.int64), "copy": np.zeros(count, np.int64),
            "rack": np.zeros(count, np.int64),
        })  # fmt: skip
        warehouse.write("FROM uploads", plan / "uploads.parquet")
    for version, bundle in made.tariffs.items():
        (truth / "tariffs" / f"{version}.json").write_bytes(bundle)
    for name in ("participants.yaml", "card_profiles.yaml"):
        shutil.copy(DATA / name, truth / name)
    (city / "manifest.json").write_text(json.dumps({
        "format": "jakarta-one/plan/1", "scenario": "handmade", "seed": SEED, "plan_digest": "d1",
        "tariff_version": made.current, "from_ms": told.from_ms,
        "close_at_ms": told.close_at_ms,
        "faults": {"double_tap": {"asked_rate": 0.0, "fired": 0}},
    }))  # fmt: skip


def _write_load(count: int, out: Path, lag_us: int, over: dict[str, Any]) -> None:
    load = out / "load"
    load.mkdir()
    intended = STARTED_US + np.arange(count) * 100_000
    clocks: dict[str, Any] = {
        "upload": np.arange(count), "intended_us": intended, "ready_us": intended,
        "sent_us": intended + lag_us, "answered_us": intended + lag_us + 3_000,
        "status": np.full(count, 200), "repeated": np.zeros(count, np.int64),
        "attempts": np.ones(count, np.int64),
    }  # fmt: skip
    for column, values in over.items():
        for upload, value in values.items():
            clocks[column][upload] = value
    with Warehouse() as warehouse:
        warehouse.fill("clocks", clocks)
        warehouse.write("FROM clocks", load / "clocks.parquet")
    (load / "load.json").write_text(json.dumps({"format": "jakarta-one/load/1", "epoch": 0}))
