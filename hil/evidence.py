"""The evidence of a play as columns, and what it comes to.

Every figure of the summary can be worked out again from the columns. Latency is measured from the
instant a tap was meant for; service time, from when its turn came, stands beside it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from hil.exchange import Timed
from hil.slices import PlannedTap
from hil.timer import Squeeze
from scheme.apdu import Ins
from scheme.dialogue import Device

DISPLACED = "displaced"
PHASES = ("detect", "select", "init", "SAM", "debit", "decide")
GATE = "gate"  # a phase where a place has one


class Played(NamedTuple):
    """What became of one row of the slice; instants are monotonic nanoseconds.

    From `presented_ns` to `started_ns` the reader detects the card; the tap begins after it. From
    `done_ns` to `opened_ns` a gate opens, where the place has one and the rider was let through.
    """

    intended_ns: int
    presented_ns: int
    started_ns: int
    done_ns: int
    outcome: str
    exchanges: list[Timed]
    opened_ns: int | None = None


def tap_columns(
    taps: Sequence[PlannedTap],
    played: Sequence[Played | None],
    equal: NDArray[np.bool_],
    squeeze: Squeeze,
    kinds: Mapping[str, tuple[str, str]],
) -> dict[str, Any]:
    """Return one row a planned tap; instants in microseconds since 1970, 0 if displaced.

    Args:
        kinds: Driver and kind of card of each place of the rack.
    """
    columns: dict[str, Any] = {
        name: [getattr(tap, name) for tap in taps] for name in PlannedTap._fields
    }
    clocks = [p[:4] if p else (0, 0, 0, 0) for p in played]
    for at, name in enumerate(("intended_us", "presented_us", "started_us", "done_us")):
        columns[name] = np.array(
            [squeeze.epoch(clock[at]) if clock[at] else 0 for clock in clocks], np.int64
        )
    columns["presentation"] = np.arange(len(taps), dtype=np.int64)
    columns["driver"] = [kinds[tap.rack_place][0] for tap in taps]
    columns["card_kind"] = [kinds[tap.rack_place][1] for tap in taps]
    columns["outcome"] = [p.outcome if p else DISPLACED for p in played]
    columns["equal"] = equal
    columns["displaced"] = np.array([p is None for p in played], np.bool_)
    return columns


def exchange_columns(taps: Sequence[PlannedTap], played: Sequence[Played | None]) -> dict[str, Any]:
    """Return one row an exchange; `presentation` is its tap's, `us` its microseconds."""
    rows = [
        (
            taps[row].rack_place, row, n, timed.name,
            (timed.received_ns - timed.sent_ns) // 1_000,
            timed.command_bytes, timed.response_bytes,
        )
        for row, tap in enumerate(played)
        if tap
        for n, timed in enumerate(tap.exchanges)
    ]  # fmt: skip
    names = (
        "rack_place", "presentation", "exchange", "name", "us", "command_bytes", "response_bytes",
    )  # fmt: skip
    return {name: [row[at] for row in rows] for at, name in enumerate(names)}


def summary(played: Sequence[Played | None], equal: NDArray[np.bool_]) -> dict[str, int]:
    """Return counts and percentiles."""
    done = [p for p in played if p]
    intended = np.array([p.done_ns - p.intended_ns for p in done], np.int64) // 1_000
    service = np.array([p.done_ns - p.started_ns for p in done], np.int64) // 1_000
    withheld = np.array([p is None for p in played], np.bool_)
    return {
        "planned": len(played),
        "taps": len(done),
        "exchanges": sum(len(p.exchanges) for p in done),
        "displaced": int(withheld.sum()),
        "mismatches": int((~equal & ~withheld).sum()),
        "p50_us": _quantile(intended, 50),
        "p99_us": _quantile(intended, 99),
        "service_p50_us": _quantile(service, 50),
        "service_p99_us": _quantile(service, 99),
    }


def phases(played: Sequence[Played | None]) -> dict[str, dict[str, int]]:
    """Return percentiles of each phase over the taps that had it, microseconds.

    Detection and gate stand apart: they are no part of a tap's time. What no exchange took is
    `decide`.
    """
    spent: dict[str, list[int]] = {phase: [] for phase in PHASES}
    for tap in filter(None, played):
        spent["detect"].append(tap.started_ns - tap.presented_ns)
        own: dict[str, int] = {}
        for timed in tap.exchanges:
            phase = _phase(timed)
            own[phase] = own.get(phase, 0) + timed.received_ns - timed.sent_ns
        for phase, taken_ns in own.items():
            spent[phase].append(taken_ns)
        spent["decide"].append(tap.done_ns - tap.started_ns - sum(own.values()))
        if tap.opened_ns is not None:
            spent.setdefault(GATE, []).append(tap.opened_ns - tap.done_ns)
    told = {phase: np.array(taken, np.int64) // 1_000 for phase, taken in spent.items()}
    return {
        phase: {"p50_us": _quantile(us, 50), "p99_us": _quantile(us, 99)}
        for phase, us in told.items()
    }


def _phase(timed: Timed) -> str:
    if timed.device is Device.sam:
        return "SAM"
    return {Ins.select: "select", Ins.init: "init"}.get(timed.ins, "debit")


def _quantile(us: NDArray[np.int64], percent: int) -> int:
    return int(np.percentile(us, percent, method="inverted_cdf")) if us.size else 0
