"""What really happened, as the city wrote it, and how it comes into the warehouse.

Truth holds no rupiah but opening balances, loads, till prices and bill amounts; every other figure
is the oracle's (reports/oracle.sql). This reads and checks; it decides nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from ruamel.yaml import YAML

from reports.document import read_document
from reports.tariff_tables import tariff_tables
from reports.warehouse import Columns, Warehouse
from scheme.days import calendar_day
from scheme.errors import StoreError
from scheme.numbers import in_epoch_card, in_epoch_device
from scheme.services import Service

PLAN_FORMAT = "jakarta-one/plan/1"
DAYS_AROUND = 2  # calendar days before the first and after the last tap that a price may ask for


@dataclass(frozen=True)
class Truth:
    """Everything the oracle may know.

    Attributes:
        tariff_version: The version that clearing prices by; a device may hold another.
        bundles: Every tariff bundle that a device or clearing held.
        participants: The document of participants.yaml.
        epoch: Whose numbers the back office knows; the tables hold those of epoch 0.
        close_at_ms: The instant that the day's close names.
        purse_limits: Most that a purse may hold, rupiah, by card profile.
        tables: presentation, card, terminal and hotlist, each as columns or as a Parquet file.
    """

    seed: int
    tariff_version: int
    bundles: tuple[bytes, ...]
    participants: Mapping[str, Any]
    purse_limits: Mapping[int, int]
    tables: Mapping[str, Columns | Path]
    from_ms: int
    close_at_ms: int
    epoch: int = 0
    manifest: Mapping[str, Any] = field(default_factory=dict)


def read_truth(city: Path, epoch: int = 0) -> Truth:
    """Return the truth in a city folder, to be judged in the numbers of an epoch.

    Raises:
        StoreError: If a file of it is missing or of another version; names the file.
    """
    manifest = read_document(city / "manifest.json", PLAN_FORMAT, "jakarta-one city generate")
    truth = city / "truth"
    tables = {
        "presentation": truth / "presentations.parquet",
        "card": truth / "cards.parquet",
        "terminal": truth / "terminals.parquet",
        "hotlist": truth / "hotlists.parquet",
    }
    for path in tables.values():
        _file(path)
    limits = _yaml(truth / "card_profiles.yaml")["profiles"]
    return Truth(
        seed=int(manifest["seed"]),
        tariff_version=int(manifest["tariff_version"]),
        bundles=tuple(path.read_bytes() for path in sorted((truth / "tariffs").glob("*.json"))),
        participants=_yaml(truth / "participants.yaml"),
        purse_limits={int(p["profile"]): int(p["limit_idr"]) for p in limits},
        tables=tables,
        from_ms=int(manifest["from_ms"]),
        close_at_ms=int(manifest["close_at_ms"]),
        epoch=epoch,
        manifest=manifest,
    )


def _file(path: Path) -> Path:
    if not path.is_file():
        raise StoreError(f"{path}: expected a file of the city's truth, got none; "
                         "jakarta-one city generate writes it")
    return path


def _yaml(path: Path) -> dict[str, Any]:
    document: dict[str, Any] = YAML(typ="safe").load(_file(path).read_text("utf-8"))
    return document


def load_truth(warehouse: Warehouse, truth: Truth) -> None:
    """Fill the warehouse with the truth, ready for the oracle.

    Raises:
        StoreError: If presentations name cards, terminals or tariff versions that truth does not.
    """
    for name, source in truth.tables.items():
        if isinstance(source, Path):
            warehouse.read(f"{name}_as_written", source)
        else:
            warehouse.fill(f"{name}_as_written", source)
    if truth.epoch:
        _renumber(warehouse, truth.epoch)
    _fill_tariffs(warehouse, truth)
    _fill_participants(warehouse, truth)
    warehouse.fill("closing", {"at_s": np.array([truth.close_at_ms // 1_000])})
    warehouse.run("truth")
    _refuse_strangers(warehouse)


def _renumber(warehouse: Warehouse, epoch: int) -> None:
    for name, moved in (("card", in_epoch_card), ("terminal", in_epoch_device)):
        numbers = warehouse.arrays(f"FROM {name}_as_written")[name]
        renumbered = moved(numbers.astype(np.int64), epoch)
        warehouse.fill(f"{name}_in_epoch", {"number": numbers, "renumbered": renumbered})
    warehouse.run("renumber")


def _fill_tariffs(warehouse: Warehouse, truth: Truth) -> None:
    days = [calendar_day(at_ms // 1_000) for at_ms in (truth.from_ms, truth.close_at_ms)]
    tables, editions = tariff_tables(truth.bundles, days[0] - DAYS_AROUND, days[1] + DAYS_AROUND)
    for name, columns in tables.items():
        warehouse.fill(name, columns)
    if truth.tariff_version not in editions:
        raise StoreError(
            f"truth: expected the bundle of tariff version {truth.tariff_version}, "
            f"got versions {sorted(editions)}"
        )
    versions = sorted(editions)
    warehouse.fill(
        "edition_of",
        {"version": np.array(versions), "edition": np.array([editions[v] for v in versions])},
    )
    warehouse.fill("current_edition", {"edition": np.array([editions[truth.tariff_version]])})


def _fill_participants(warehouse: Warehouse, truth: Truth) -> None:
    fees = [
        (int(Service[fee["service"]]), fee["payee"], fee["bps"], fee["code"])
        for fee in truth.participants.get("fees") or ()
    ]
    warehouse.fill(
        "fee_as_written",
        {
            "service": np.array([fee[0] for fee in fees], np.int64),
            "payee": np.array([fee[1] for fee in fees], np.int64),
            "bps": np.array([fee[2] for fee in fees], np.int64),
            "code": np.array([fee[3] for fee in fees], np.str_),
        },
    )
    profiles = sorted(truth.purse_limits)
    warehouse.fill(
        "purse_limit",
        {
            "profile": np.array(profiles, np.int64),
            "idr": np.array([truth.purse_limits[p] for p in profiles], np.int64),
        },
    )


def _refuse_strangers(warehouse: Warehouse) -> None:
    for what, presentations in warehouse.rows("FROM stranger"):
        if presentations:
            raise StoreError(
                f"truth/presentations: expected every {what} in truth, got {presentations} "
                f"presentations that name another"
            )
