"""Whether a run of the crowd counts: the driver kept its plan, or the run is INVALID.

It judges the driver, never the target: a slow or wrong target makes a valid run that fails
elsewhere. An invalid run can neither pass nor fail.
"""

from __future__ import annotations

from typing import Any, NamedTuple

LAG_US_P99_MAX = 50_000  # what `run` allows


class Validity(NamedTuple):
    """Whether a run counts, and every reason why it does not, each a sentence."""

    valid: bool
    reasons: list[str]


def judge(
    *,
    planned: int,
    sent: int,
    lag_us_p99: int,
    duplicates: int,
    duplicates_planned: int,
    lag_us_p99_max: int = LAG_US_P99_MAX,
    mean_per_s: int = 0,
    sustained_per_s: int | None = None,
) -> Validity:
    """Return whether a run counts.

    Args:
        planned: Uploads of the plan.
        sent: Uploads whose bytes were handed to a connection.
        lag_us_p99: The 99th percentile of the driver's lag.
        duplicates: Answers that said `repeated`, those to the driver's own retries left out.
        duplicates_planned: Copies in the plan.
        lag_us_p99_max: The greatest lag that still counts.
        mean_per_s: Uploads a second that the plan asks for on average.
        sustained_per_s: Uploads a second that this machine sustains, if it was measured.
    """
    reasons = []
    if planned == 0:
        reasons.append("the plan holds no upload for this window, so nothing was measured")
    if sent != planned:
        reasons.append(
            f"{sent} of {planned} planned uploads were sent; is the target reachable, and the "
            "speed one that this machine can keep?"
        )
    if lag_us_p99 > lag_us_p99_max:
        reasons.append(
            f"the driver's lag p99 was {lag_us_p99} us, more than {lag_us_p99_max} us: it did not "
            "keep its plan; choose a lower --speed"
        )
    if duplicates > duplicates_planned:
        reasons.append(
            f"{duplicates} answers said that the upload was known, {duplicates_planned} were "
            "planned: the store already holds these taps; use a fresh store, or --epoch N for "
            "fresh numbers"
        )
    if sustained_per_s is not None and 2 * mean_per_s > sustained_per_s:
        reasons.append(
            f"the plan asks for {mean_per_s} uploads a second, more than half of the "
            f"{sustained_per_s} that this machine sustains: its latencies would be a queue's; "
            "choose a lower --speed"
        )
    return Validity(not reasons, reasons)


def judge_document(document: dict[str, Any], lag_us_p99_max: int = LAG_US_P99_MAX) -> Validity:
    """Return whether the run that load.json describes counts."""
    return judge(
        planned=document["planned"],
        sent=document["sent"],
        lag_us_p99=document["lag_us_p99"],
        duplicates=document["duplicates"] - document["duplicates_by_retry"],
        duplicates_planned=document["duplicates_planned"],
        lag_us_p99_max=lag_us_p99_max,
        mean_per_s=document["rate_per_s"]["planned"],
        sustained_per_s=document["sustained_per_s"],
    )
