"""Every question that a verdict answers, asked of the figures; each has a name and a sentence.

A *validity* check that fails makes the run INVALID: it can neither pass nor fail. Any other makes
it FAIL. The sentences name exactly the taps and rupiah.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from reports.clocks import Crowd, percentile
from reports.reconcile import CLASSES, Discrepancy, Reconciliation
from scheme.money import rupiah

LAG_US_P99_MAX = 50_000  # a driver that is later than this did not keep its plan
TRACES_SHOWN = 5
SAID = {
    "lost": "lost", "duplicate": "booked more than once", "wrong_fare": "at a wrong fare",
    "wrong_share": "with a wrong share", "wrong_party": "booked to a wrong party",
    "wrongly_accepted": "wrongly accepted", "wrongly_refused": "wrongly refused",
    "late": "late",
}  # fmt: skip


class Check(NamedTuple):
    """One question and its answer.

    Attributes:
        group: `validity`, `accounting`, `money`, `measure` or `expect`.
        sentence: What is wrong, empty where nothing is.
    """

    group: str
    name: str
    sentence: str

    @property
    def holds(self) -> bool:
        """Whether the answer is as it must be."""
        return not self.sentence


def verdict_of(checks: list[Check]) -> str:
    """Return PASS, FAIL or INVALID."""
    if any(not check.holds for check in checks if check.group == "validity"):
        return "INVALID"
    return "PASS" if all(check.holds for check in checks) else "FAIL"


def all_checks(
    found: Reconciliation,
    crowd: Crowd | None,
    rack: Mapping[str, Any] | None,
    faults: Mapping[str, Mapping[str, Any]],
    asked: Mapping[str, Any],
) -> list[Check]:
    """Return every check of a run, in the order in which the report shows them.

    Args:
        faults: What the city says of each fault: its asked rate and how often it fired.
        asked: What the scenario expects (`expect`) and wants measured (`measure`).
    """
    return [
        *_validity(crowd, rack, faults),
        *_accounting(found),
        *_money(found),
        *_measured(crowd, rack, asked.get("measure") or {}),
        *_expected(found, crowd, rack, asked.get("expect") or {}),
    ]


def _validity(
    crowd: Crowd | None,
    rack: Mapping[str, Any] | None,
    faults: Mapping[str, Mapping[str, Any]],
) -> Iterator[Check]:
    silent = sorted(name for name, said in faults.items() if not_fired(said))
    yield Check(
        "validity", "faults_fired",
        f"faults that were asked for did not fire: {', '.join(silent)}" if silent else "",
    )  # fmt: skip
    for what in ("tears", "faults"):
        counted = (rack or {}).get(what) or {}
        armed, fired = int(counted.get("armed", 0)), int(counted.get("fired", 0))
        yield Check(
            "validity", f"rack_{what}_fired",
            f"{armed:,} {what} were armed on the rack and {fired:,} fired"
            if armed != fired else "",
        )  # fmt: skip
    if crowd is None:
        return
    withheld = int((rack or {}).get("displaced", 0))  # on purpose, by the rack
    short = max(0, crowd.planned - crowd.sent - withheld)
    yield Check(
        "validity", "sent_is_planned",
        f"{crowd.sent:,} of {crowd.planned:,} planned records were sent" if short else "",
    )  # fmt: skip
    lag = percentile(crowd.lag_us, 99) or 0
    yield Check(
        "validity", "driver_kept_its_plan",
        f"the driver's lag p99 was {lag:,} us, more than {LAG_US_P99_MAX:,} us"
        if lag > LAG_US_P99_MAX else "",
    )  # fmt: skip
    more = crowd.duplicates > crowd.duplicates_planned
    yield Check(
        "validity", "no_unplanned_duplicates",
        f"{crowd.duplicates:,} records were answered as known, {crowd.duplicates_planned:,} were "
        "planned: the store already holds these taps; use a fresh store" if more else "",
    )  # fmt: skip
    reasons = crowd.document.get("reasons") or []
    own = short or lag > LAG_US_P99_MAX or more
    yield Check(
        "validity", "driver_says_valid",
        "; ".join(map(str, reasons)) if reasons and not own else "",
    )  # fmt: skip


def not_fired(said: Mapping[str, Any]) -> bool:
    """Return whether a fault was asked for and never happened."""
    if "silent" in said:
        return bool(said["silent"])
    return float(said.get("asked_rate", 0)) > 0 and int(said.get("fired", 0)) == 0


def _accounting(found: Reconciliation) -> Iterator[Check]:
    by_class: dict[str, list[Discrepancy]] = defaultdict(list)
    for discrepancy in found.discrepancies:
        if not discrepancy.follows:
            by_class[discrepancy.kind].append(discrepancy)
    for kind in CLASSES:
        yield Check("accounting", f"none_{kind}", _taps(kind, by_class[kind]))


def _taps(kind: str, wrong: list[Discrepancy]) -> str:
    """Return the sentence on the taps of one class: how many, their rupiah, the first few."""
    if not wrong:
        return ""
    taps = list(dict.fromkeys(d.what for d in wrong))
    shown = ", ".join(_name(what) for what in taps[:TRACES_SHOWN])
    more = f" and {len(taps) - TRACES_SHOWN:,} more" if len(taps) > TRACES_SHOWN else ""
    expected, got = sum(d.expected_idr for d in wrong), sum(d.got_idr for d in wrong)
    return (
        f"{len(taps):,} {'tap' if len(taps) == 1 else 'taps'} {SAID[kind]}: expected "
        f"{rupiah(expected)}, got {rupiah(got)} ({shown}{more})"
    )


def _name(what: bytes) -> str:
    return f"trace {what.hex()}" if len(what) == 12 else "money without a tap"


def _money(found: Reconciliation) -> Iterator[Check]:
    differs = found.idr_truth != found.idr_ledger
    yield Check(
        "money", "ledger_is_truth",
        f"the ledger says {rupiah(found.idr_ledger)}, the truth {rupiah(found.idr_truth)}"
        if differs else "",
    )  # fmt: skip
    other = found.ledger_hash != found.ledger_hash_expected
    yield Check(
        "money", "ledger_hash",
        "the ledger's net effects are not those that the oracle predicts" if other else "",
    )  # fmt: skip
    yield Check("money", "value_is_conserved", "; ".join(found.broken[:TRACES_SHOWN]))


def _measured(
    crowd: Crowd | None, rack: Mapping[str, Any] | None, measure: Mapping[str, Any]
) -> Iterator[Check]:
    taken = {
        "latency_service": crowd is not None and len(crowd.service_us) > 0,
        "latency_intended": crowd is not None and len(crowd.intended_us) > 0,
        "driver_lag": crowd is not None and len(crowd.lag_us) > 0,
        "rack": rack is not None and int(rack.get("taps", 0)) > 0,
    }
    for quantity in measure.get("quantities", ()):
        yield Check(
            "measure", quantity,
            "" if taken.get(quantity) else f"{quantity} was to be measured and was not",
        )  # fmt: skip
    if rack is not None:
        wrong = int(rack.get("mismatches", 0))
        yield Check(
            "measure", "rack_equals_city",
            f"{wrong:,} card parts from the rack differ from the city's" if wrong else "",
        )  # fmt: skip


def _expected(
    found: Reconciliation,
    crowd: Crowd | None,
    rack: Mapping[str, Any] | None,
    expect: Mapping[str, Any],
) -> Iterator[Check]:
    got: dict[str, int | None] = {
        "taps_min": found.told,
        "unexplained_max": found.unexplained,
        "uploads_max": crowd.uploads if crowd else None,
        "single_uploads_max": crowd.single_uploads if crowd else None,
        "rack_taps_min": int(rack["taps"]) if rack else None,
        "intended_p99_ms_max": _ms(percentile(crowd.intended_us, 99)) if crowd else None,
        "service_p99_ms_max": _ms(percentile(crowd.service_us, 99)) if crowd else None,
    }
    for name, limit in expect.items():
        if name == "verdict":
            continue
        value, least = got.get(name), name.endswith("_min")
        fits = value is not None and (value >= limit if least else value <= limit)
        yield Check(
            "expect", name,
            "" if fits else f"{name}: expected {'at least' if least else 'at most'} {limit:,}, "
            f"got {'nothing measured' if value is None else format(value, ',')}",
        )  # fmt: skip


def _ms(value_us: int | None) -> int | None:
    """Return whole milliseconds, rounded up, so that a limit is never met by rounding."""
    return None if value_us is None else -(-value_us // 1_000)
