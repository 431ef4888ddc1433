"""The verdict: a run's evidence in, record.json, junit.xml and report.html out.

Everything in the record is worked out from the evidence beside it, so that `reports.bundle` can do
it again. This measures nothing and drives nothing.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from reports.checks import Check, all_checks, verdict_of
from reports.clocks import Crowd, percentile, percentiles, read_crowd, read_load, read_rack
from reports.digests import digests
from reports.document import read_document
from reports.field_time import read_field
from reports.junit import junit
from reports.page import page
from reports.picture import Picture, picture_of
from reports.reconcile import Reconciliation, reconcile
from reports.truth import Truth, read_truth
from reports.warehouse import Warehouse
from scheme.errors import StoreError

SCHEMA = "jakarta-one/record/1"
RUN_FORMAT = "jakarta-one/run/1"
DISCREPANCIES_SHOWN = 200
# The judge's own words for docs/spec/records.md, "Verdicts".
VERDICT_NAMES = {
    0: "accepted", 1: "card_not_genuine", 2: "card_blocked", 3: "card_hotlisted",
    4: "card_expired", 5: "already_tapped", 6: "exit_without_entry", 7: "balance_below_minimum",
    8: "balance_too_low", 9: "tap_was_torn", 20: "record_malformed", 21: "device_unknown",
    22: "batch_signature_wrong", 23: "key_version_unknown", 24: "tac_does_not_match",
    25: "counter_already_seen", 26: "card_hotlisted_before_tap", 27: "too_late",
    28: "amount_not_allowed",
}  # fmt: skip


@dataclass(frozen=True)
class Judgement:
    """A record, and what stands behind it."""

    record: dict[str, Any]
    checks: list[Check]
    found: Reconciliation
    picture: Picture


def judge(
    city: Path,
    export: Path,
    load: Path | None,
    rack: Path | None,
    out: Path,
    expect: Mapping[str, Any],
    measure: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Judge a run; write record.json, junit.xml, report.html and evidence/ into `out`.

    Args:
        expect: What the scenario expects of the figures.
        measure: What it wants measured; what run.json in `out` says, if absent.

    Raises:
        StoreError: If the truth, the plan or the clocks cannot be read, or `out` not written.
        TargetError: If the export lacks a table, a column or a value.
    """
    asked = {"expect": dict(expect), "measure": dict(measure or _run_says(out, "measure"))}
    evidence = out / "evidence"
    evidence.mkdir(parents=True, exist_ok=True)
    made = work_out(city, export, load, rack, out, asked, evidence)
    _write(out, made)
    return made.record


def work_out(
    city: Path,
    export: Path,
    load: Path | None,
    rack: Path | None,
    out: Path,
    asked: Mapping[str, Any],
    evidence: Path | None = None,
) -> Judgement:
    """Return the judgement of a run.

    Args:
        out: The run directory, from which the record names its evidence.
        asked: What the scenario expects (`expect`) and wants measured (`measure`).
        evidence: A folder for discrepancies.parquet, every one of them; None to write nothing.
    """
    epoch = int(read_load(load).get("epoch", 0)) if load else 0
    truth = read_truth(city, epoch)
    with Warehouse() as warehouse:
        found = reconcile(warehouse, truth, export)
        crowd = read_crowd(warehouse, city, load) if load else None
        played = read_rack(rack) if rack else None
        field = read_field(warehouse, rack) if rack else None
        picture = picture_of(warehouse, truth, crowd)
        if evidence is not None:
            warehouse.write("FROM discrepancy", evidence / "discrepancies.parquet")
    faults = truth.manifest.get("faults", {})
    checks = all_checks(found, crowd, played, faults, asked)
    record = _record(truth, found, crowd, played, checks) | {
        "card_kinds": field.kinds if field else [],
        "card_field": field.figures() if field else None,
        "asked": dict(asked),
        "evidence": _places(out, city=city, export=export, load=load, rack=rack),
        "report": str(out / "report.html"),
    }
    return Judgement(record, checks, found, picture)


def _record(
    truth: Truth,
    found: Reconciliation,
    crowd: Crowd | None,
    rack: Mapping[str, Any] | None,
    checks: list[Check],
) -> dict[str, Any]:
    return {
        "schema": SCHEMA,
        "verdict": verdict_of(checks),
        "reasons": [check.sentence for check in checks if not check.holds],
        "scenario": truth.manifest.get("scenario", truth.manifest.get("id")),
        "seed": truth.seed,
        "planned": crowd.planned if crowd else found.expected,
        "sent": crowd.sent if crowd else found.told,
        "accepted": found.accepted,
        "refused": {VERDICT_NAMES.get(v, str(v)): n for v, n in found.refused.items()},
        "duplicates": crowd.duplicates if crowd else 0,
        "late": found.late,
        "explained": found.explained | _explained_in_time(found, crowd),
        "explained_idr": found.explained_idr,
        "unexplained": found.unexplained,
        "following": found.following,
        "discrepancies": _shown(found),
        "idr_truth": found.idr_truth,
        "idr_ledger": found.idr_ledger,
        "services": {
            name: {"taps": taps, "idr": idr} for name, (taps, idr) in found.services.items()
        },
        "ledger_hash": found.ledger_hash,
        "ledger_hash_expected": found.ledger_hash_expected,
        "plan_digest": truth.manifest.get("plan_digest"),
        "latency_us": {
            "service": percentiles(crowd.service_us) if crowd else dict.fromkeys(_NAMES),
            "intended": percentiles(crowd.intended_us) if crowd else dict.fromkeys(_NAMES),
        },
        "driver_lag_us_p99": percentile(crowd.lag_us, 99) if crowd else None,
        "uploads": crowd.uploads if crowd else None,
        "single_uploads": crowd.single_uploads if crowd else None,
        "rack": {name: (rack or {}).get(name) for name in _RACK},
    }


def _explained_in_time(found: Reconciliation, crowd: Crowd | None) -> dict[str, int]:
    """Return the records that a fault of the way in made late, or made come twice."""
    in_time = {"terminal_offline": found.late, "duplicate_upload": crowd.duplicates if crowd else 0}
    return {fault: records for fault, records in in_time.items() if records}


_NAMES = ("p50", "p95", "p99", "p999")
_RACK = ("taps", "exchanges", "displaced", "mismatches", "p50_us", "p99_us")


def _shown(found: Reconciliation) -> list[dict[str, Any]]:
    """Return the first discrepancies, those that others follow from before the followers."""
    return [
        {
            "class": d.kind, "trace": d.trace.hex(), "key": masked(d.key),
            "expected_idr": d.expected_idr, "got_idr": d.got_idr, "follows": d.follows,
            "detail": d.detail,
        }
        for d in found.discrepancies[:DISCREPANCIES_SHOWN]
    ]  # fmt: skip


def masked(key: str) -> str:
    """Return a key with the card number's middle left out: tap:1024:98…0042:17."""
    kind, _, rest = key.partition(":")
    issuer, _, rest = rest.partition(":")
    card, _, nt = rest.partition(":")
    return f"{kind}:{issuer}:{card[:2]}…{card[-4:]}:{nt}" if len(card) > 6 else key


def _places(out: Path, **places: Path | None) -> dict[str, str | None]:
    """Return where the evidence lies, seen from the run directory where that is possible."""
    return {
        name: None if place is None
        else str(place.relative_to(out) if place.is_relative_to(out) else place)
        for name, place in places.items()
    }  # fmt: skip


def _run_says(out: Path, key: str) -> dict[str, Any]:
    marker = out / "run.json"
    said = read_document(marker, RUN_FORMAT, "jakarta-one run") if marker.is_file() else {}
    return dict(said.get(key) or {})


def _write(out: Path, made: Judgement) -> None:
    _put(out / "junit.xml", junit(made.record, made.checks))
    _put(out / "report.html", page(made.record, made.checks, made.picture))
    made.record["files"] = digests(out, made.record["evidence"].values())
    _put(out / "record.json", json.dumps(made.record, indent=2, ensure_ascii=False) + "\n")


def _put(file: Path, text: str) -> None:
    partial = file.with_name(f"{file.name}.partial")
    try:
        partial.write_text(text, "utf-8")
        partial.replace(file)
    except OSError as wrong:
        raise StoreError(f"{file}: expected to write it, got {wrong}") from wrong
