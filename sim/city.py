"""A whole city from a scenario: morning, cards, records, uploads, and the folder that holds them.

One function, `generate`, whose stages follow each other; each stage is a room of its own. Bytes
depend on scenario and seed alone: not on the number of workers, not on the hour.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import platform
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scheme.services import Service
from scheme.verdicts import Verdict
from sim.card_columns import Bools
from sim.card_state import Settled
from sim.faults import RATE_OF
from sim.intents import Fault
from sim.morning import Morning, make_morning
from sim.plan import FORMAT, Columns, city_folder, digest, write_manifest, write_tables
from sim.proving import prove, traces
from sim.recording import fill_records, make_records, number_presentations
from sim.scenario import Scenario
from sim.settling import settle_morning
from sim.tellings import Telling
from sim.uploads import cut_batches
from sim.workers import Map
from sim.workers import workers as processes

Progress = Callable[[str, int, int], None]
Manifest = dict[str, Any]
STAGES = 6
LATE_MS = 3_600_000
MEASURED = ("numpy", "simpy", "duckdb", "cryptography", "ruamel.yaml")
NOTES = (
    "a rider who is refused leaves the queues of the network as if the trip had gone on",
    "a load or second tap for want of balance is presented without waiting for others",
)


def silent(stage: str, done: int, total: int) -> None:
    """Say nothing."""


def generate(
    scenario: Scenario, out: Path, workers: int = 1, on_progress: Progress = silent
) -> Manifest:
    """Write plan/, truth/, records/ and manifest.json of a scenario; return the manifest.

    Nothing is at `out` before everything is; a finished city there is replaced.

    Raises:
        BadInputError: If a file that the scenario names is wrong, or `out` is no city of ours.
        StoreError: If the disk does not take it.
    """
    with city_folder(out) as folder, processes(workers) as each:
        on_progress("city: people, vehicles, tills", 0, STAGES)
        morning = make_morning(scenario)
        on_progress("city: cards", 1, STAGES)
        settled = settle_morning(morning, each)
        on_progress("city: records", 2, STAGES)
        telling = tell(morning, settled, each)
        on_progress("city: plan and truth", 3, STAGES)
        plan = telling.plan_tables()
        truth = telling.truth_tables()
        _write_records(folder, telling.records)
        write_tables(folder, {**plan, **truth})
        _copy_truth(folder, morning)
        on_progress("city: digest", 4, STAGES)
        manifest = _manifest(telling, {**plan, **truth})
        write_manifest(folder, manifest)
        on_progress("city: done", STAGES, STAGES)
    return manifest


def tell(morning: Morning, settled: Settled, each: Map) -> Telling:
    """Return the settled morning with its records, proved, and its uploads."""
    intents, at = morning.intents, morning.at
    terminal = np.ascontiguousarray(at["terminal"])
    presented = number_presentations(intents, settled.rows, terminal)
    recorded = make_records(intents, settled.rows, terminal)
    rack = np.zeros(len(morning.senders.number), np.bool_)
    rack[morning.senders.of_terminal[morning.rack]] = True
    recorder = intents["terminal_index"][recorded.row].astype(np.int64)
    uploads = cut_batches(recorded, recorder, morning.senders, rack, morning.faults)
    records = fill_records(
        recorded, intents, settled.rows, morning.cards, at,
        (morning.tables.version, morning.hotlist),
    )[uploads.order]  # fmt: skip
    number = np.zeros(len(intents), np.uint32)
    number[presented.row] = presented.number
    trace = recorded.trace[uploads.order]
    records["trace"] = traces(morning.scenario.seed, terminal[trace], number[trace], each)
    prove(records, morning.scenario.seed, each)
    corrupted = _corrupt(records, morning.rack[recorder[uploads.order]], morning)
    return Telling(morning, settled, presented, recorded, uploads, records, corrupted)


def _corrupt(records: NDArray[np.void], on_rack: Bools, morning: Morning) -> Bools:
    """Flip a bit in some TACs, after the card has made them; return which."""
    faults = morning.faults
    ids = records["card"].astype(np.int64) * 7 + records["nt"]
    struck = faults.strike("corrupted_tac", ids, (records["refusal"] == 0) & ~on_rack)
    records["tac"][struck, 0] ^= 1
    faults.counts["corrupted_tac"].fired = int(struck.sum())
    return struck


def _write_records(folder: Path, records: NDArray[np.void]) -> None:
    path = folder / "records" / "records.bin"
    path.parent.mkdir()
    records.tofile(path)


def _copy_truth(folder: Path, morning: Morning) -> None:
    """Copy what the judge reads beside what happened: participants, profiles, the tariff."""
    truth = folder / "truth"
    (truth / "tariffs").mkdir(parents=True)
    (truth / "tariffs" / "tariff.json").write_bytes(morning.tariff.bundle())
    scenario = morning.scenario
    shutil.copyfile(scenario.participants, truth / "participants.yaml")
    shutil.copyfile(scenario.city.data / "card_profiles.yaml", truth / "card_profiles.yaml")


def _manifest(telling: Telling, tables: dict[str, Columns]) -> Manifest:
    morning = telling.morning
    scenario = morning.scenario
    records: dict[str, Columns] = {"records": {"bytes": telling.records.view(np.uint8)}}
    return {
        "format": FORMAT,
        "scenario": scenario.id,
        "title": scenario.title,
        "level": scenario.level,
        "seed": scenario.seed,
        "key_seed": scenario.seed,
        "plan_digest": digest(tables | records),
        "day": scenario.day,
        "from_ms": scenario.city.from_ms,
        "to_ms": scenario.city.to_ms,
        "close_at_ms": scenario.close_at_ms,
        "tariff_version": morning.tables.version,
        "counts": _counts(telling),
        "faults": _faults(telling),
        "inputs": {name: _sha256(path) for name, path in scenario.inputs.items()},
        "versions": _versions(),
        "notes": list(NOTES),
    }


def _counts(telling: Telling) -> dict[str, Any]:
    morning, uploads = telling.morning, telling.uploads.rows
    rows = telling.settled.rows
    executed = rows["executed"]
    service = morning.at["service"]
    made = telling.recorded.row
    return {
        "records": len(telling.records),
        "presentations": int(executed.sum()),
        "cancelled": int((~executed).sum()),
        "cards": len(morning.cards),
        "cards_in_use": len(np.unique(morning.intents["card_index"][executed])),
        "issuers": len(np.unique(morning.cards["issuer"])),
        "terminals": len(morning.terminals),
        "senders": len(morning.senders.number),
        "uploads": len(uploads),
        "single_uploads": int(uploads["single"].sum()),
        "duplicate_uploads": int(uploads["copy"].sum()),
        "late_records": int(_late(telling).sum()),
        "rack_presentations": int(
            (executed & morning.rack[morning.intents["terminal_index"]]).sum()
        ),
        "records_by_service": _by_name(Service, service[made]),
        "presentations_by_verdict": _by_name(Verdict, rows["verdict"][executed]),
    }


def _by_name(kind: type[Service] | type[Verdict], codes: NDArray[Any]) -> dict[str, int]:
    counts = np.bincount(codes, minlength=256)
    return {member.name: int(counts[member]) for member in kind if counts[member]}


def _late(telling: Telling) -> Bools:
    """Whether each record was uploaded more than an hour after its tap."""
    recorded, uploads = telling.recorded, telling.uploads
    tapped_ms = telling.morning.intents["at_ms"][recorded.of[uploads.order]]
    return np.asarray(uploads.rows["at_ms"][uploads.upload] - tapped_ms > LATE_MS)


def _faults(telling: Telling) -> dict[str, Any]:
    """Return of each fault what was asked and what came of it, settled cards included."""
    morning, rows = telling.morning, telling.settled.rows
    counts, fault = morning.faults.counts, telling.fault
    short = np.isin(rows["verdict"], (Verdict.balance_below_minimum, Verdict.balance_too_low))
    recorder = morning.intents["terminal_index"][telling.recorded.row]
    fired = {
        "double_tap": (fault == Fault.double_tap) & (rows["verdict"] == Verdict.already_tapped),
        "torn_tap": rows["torn"] == 1,
        "torn_lost": rows["torn"] == 2,
        "low_balance": short & morning.low[morning.intents["card_index"]],
        "hotlisted_card": rows["verdict"] == Verdict.card_hotlisted,
        "terminal_offline": _late(telling),
        "unknown_device": ~morning.enrolled[recorder],
    }
    for name, struck in fired.items():
        counts[name].fired = int(struck.sum())
    return {
        name: {
            "asked_rate": count.rate,
            "rate_of": RATE_OF[name],
            "eligible": count.eligible,
            "expected": round(count.rate * count.eligible, 1),
            "fired": count.fired,
            "silent": count.silent,
        }
        for name, count in counts.items()
    }


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _versions() -> dict[str, str]:
    found = {name: importlib.metadata.version(name) for name in MEASURED}
    return {"python": platform.python_version()} | found
