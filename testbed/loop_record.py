"""A loop as columns, and the figures, courses and checks that follow from the columns alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from reports.checks import Check
from reports.loop_page import Course
from sim.lindley import lindley, queue_lengths
from sim.loop import NOT_SERVED, Looped

NS_IN_US = 1_000
ROUNDING_US = 4  # of an instant that went from city to wall and back
US_IN_MS = 1_000
Columns = Mapping[str, Any]


class Tables(NamedTuple):
    """The evidence of one run.

    Attributes:
        riders: A row a rider.
        late: A row a late event.
        events: `lateness_us` of every event, the late ones among them.
    """

    riders: Columns
    late: Columns
    events: Columns

    def files(self, name: str) -> Iterator[tuple[str, Columns]]:
        """Yield the name of each table's file, and the table."""
        yield from zip(file_names(name), self, strict=True)


def file_names(name: str) -> tuple[str, str, str]:
    """Return the names of a run's files, in the order of its tables."""
    return f"{name}.parquet", f"{name}-late.parquet", f"{name}-events.parquet"


def tables_of(looped: Looped, cards: NDArray[np.void], speed: float, epoch_us: int) -> Tables:
    """Return the evidence of a run; `columns_of` says what the arguments are."""
    return Tables(
        columns_of(looped, cards, speed, epoch_us),
        late_columns(looped, epoch_us),
        {"lateness_us": looped.lateness_ns // NS_IN_US},
    )


def columns_of(
    looped: Looped, cards: NDArray[np.void], speed: float, epoch_us: int
) -> dict[str, Any]:
    """Return a row a rider.

    City instants and durations are microseconds, the former from the first arrival on; planned,
    dispatched and answered are real ones, microseconds since 1970, 0 at gates off the rack. The tap
    is how long the gate's device was needed, without waiting for it to begin.

    Args:
        speed: City seconds to a real one.
        epoch_us: The instant at which the monotonic clock was 0, microseconds since 1970.
    """
    station, count = looped.station, len(looped.begun_us)
    gate = np.arange(count, dtype=np.int64) % station.gates
    columns: dict[str, Any] = {
        "rider": np.arange(count, dtype=np.int64),
        "card": cards["card"],
        "gate": gate,
        "on_rack": np.isin(gate, station.on_rack),
        "arrived_us": station.arrived_us,
        "begun_us": looped.begun_us,
        "tapped_us": looped.tapped_us,
        "left_us": looped.left_us,
        "service_us": looped.service_us,
        "outcome": looped.outcome,
    }
    clocks = (looped.planned_ns, looped.dispatched_ns, looped.answered_ns)
    for name, at_ns in zip(("planned_us", "dispatched_us", "answered_us"), clocks, strict=True):
        columns[name] = np.where(at_ns > 0, at_ns // NS_IN_US + epoch_us, 0)
    real_us = (looped.answered_ns - looped.dispatched_ns) / NS_IN_US
    tap_us = np.where(columns["on_rack"], np.rint(real_us * speed), station.tap_us)
    columns["tap_us"] = tap_us.astype(np.int64)
    return columns


def late_columns(looped: Looped, epoch_us: int) -> dict[str, Any]:
    """Return a row a late event; `rider` is -1 where the city itself was late."""
    late = looped.late

    def instants(name: str) -> NDArray[np.int64]:
        at_ns = np.array([getattr(each, name) for each in late], np.int64)
        return np.where(at_ns > 0, at_ns // NS_IN_US + epoch_us, 0)

    return {
        "rider": np.array([each.tap for each in late], np.int64),
        "planned_us": instants("planned_ns"),
        "dispatched_us": instants("dispatched_ns"),
        "answered_us": instants("answered_ns"),
        "lateness_us": np.array([each.lateness_ns // NS_IN_US for each in late], np.int64),
        "absorbed": np.array([each.absorbed for each in late], np.bool_),
    }


def gate_figures(columns: Columns, places: Sequence[str]) -> list[dict[str, Any]]:
    """Return what each gate did and how far it was from theory, recomputed from the columns."""
    served = columns["left_us"] != NOT_SERVED
    return [
        {"gate": int(gate), "place": places[gate] if gate < len(places) else ""}
        | _figures({name: np.asarray(rows)[here] for name, rows in columns.items()})
        for gate in np.unique(columns["gate"])
        if (here := served & (columns["gate"] == gate)).any()
    ]


def _figures(gate: Columns) -> dict[str, Any]:
    wait_us = gate["begun_us"] - gate["arrived_us"]
    theory_us = lindley(gate["arrived_us"], gate["service_us"])
    apart_us = np.abs(wait_us - theory_us)
    waiting = queue_lengths(gate["arrived_us"], gate["begun_us"])
    in_theory = queue_lengths(gate["arrived_us"], gate["arrived_us"] + theory_us)
    outcomes, counts = np.unique(gate["outcome"], return_counts=True)
    return {
        "riders": len(wait_us),
        "queue_max": max((count for _, count in waiting), default=0),
        "queue_max_lindley": max((count for _, count in in_theory), default=0),
        "wait_p50_us": quantile(wait_us, 50),
        "wait_p99_us": quantile(wait_us, 99),
        "wait_max_us": int(wait_us.max()),
        "wait_mean_us": round(float(wait_us.mean())),
        "tap_p50_us": quantile(gate["tap_us"], 50),
        "tap_p99_us": quantile(gate["tap_us"], 99),
        "lindley_max_us": int(apart_us.max()),
        "lindley_mean_us": round(float(apart_us.mean())),
        "outcomes": dict(zip(outcomes.tolist(), counts.tolist(), strict=True)),
    }


def courses(name: str, columns: Columns) -> tuple[Course, Course]:
    """Return queue and wait at the gates of the rack over time, as they were and in theory."""
    queue: list[tuple[list[int], list[int]]] = []
    waits: list[list[tuple[int, int]]] = [[], []]
    here = columns["on_rack"] & (columns["left_us"] != NOT_SERVED)
    for gate in np.unique(columns["gate"][here]):
        rows = here & (columns["gate"] == gate)
        arrived = columns["arrived_us"][rows]
        begun = columns["begun_us"][rows]
        theory = arrived + lindley(arrived, columns["service_us"][rows])
        for at, begins in enumerate((begun, theory)):
            queue.append((arrived.tolist(), begins.tolist()))
            waits[at] += zip(arrived.tolist(), (begins - arrived).tolist(), strict=True)
    lengths = [
        queue_lengths(
            [at for arrived, _ in queue[side::2] for at in arrived],
            [at for _, begins in queue[side::2] for at in begins],
        )
        for side in (0, 1)
    ]
    return Course(name, *lengths), Course(name, sorted(waits[0]), sorted(waits[1]))


def run_figures(tables: Tables, places: Sequence[str]) -> dict[str, Any]:
    """Return what follows from a run's tables."""
    lateness_us = np.asarray(tables.events["lateness_us"])
    return {
        "events": len(lateness_us),
        "late": len(tables.late["rider"]),
        "late_taps": int((np.asarray(tables.late["rider"]) >= 0).sum()),
        "lateness_p50_us": quantile(lateness_us, 50),
        "lateness_p99_us": quantile(lateness_us, 99),
        "lateness_max_us": int(lateness_us.max(initial=0)),
        "gates": gate_figures(tables.riders, places),
    }


def predicted(before: Columns, after: Columns, slow_ms: int) -> list[dict[str, Any]]:
    """Return, for each gate of the rack, the waits of the slow run foretold from the other one."""
    rows = []
    for gate in np.unique(before["gate"][before["on_rack"]]):
        served = (before["left_us"] != NOT_SERVED) & (after["left_us"] != NOT_SERVED)
        here = served & (before["gate"] == gate)
        if not here.any():
            continue
        arrived = before["arrived_us"][here]
        told_us = lindley(arrived, before["service_us"][here] + slow_ms * US_IN_MS)
        apart_us = np.abs(after["begun_us"][here] - arrived - told_us)
        rows.append(
            {
                "gate": int(gate),
                "wait_mean_us": round(float(told_us.mean())),
                "wait_p99_us": quantile(told_us, 99),
                "apart_max_us": int(apart_us.max()),
                "apart_mean_us": round(float(apart_us.mean())),
            }
        )
    return rows


def figures_of(tables: Mapping[str, Tables], record: Mapping[str, Any]) -> dict[str, Any]:
    """Return every figure of a record that its evidence holds."""
    return {
        "runs": [
            {"name": name, **run_figures(each, record["on_rack"])} for name, each in tables.items()
        ],
        "predicted": predicted(
            tables["reference"].riders, tables["slow"].riders, record["slow_ms"]
        )
        if "slow" in tables
        else [],
    }


def checks_of(run: Mapping[str, Any], columns: Columns, speed: float) -> list[Check]:
    """Return what is asked of a run: of its lateness, and of its queue."""
    beyond_us, spread_us = 0, 0.0
    for gate in np.unique(columns["gate"]):
        rows = (columns["gate"] == gate) & (columns["left_us"] != NOT_SERVED)
        arrived, begun = columns["arrived_us"][rows], columns["begun_us"][rows]
        wait_us = begun - arrived
        own = lindley(arrived, columns["left_us"][rows] - begun)
        beyond_us = max(beyond_us, int(np.abs(wait_us - own).max(initial=0)))
        busy_us = columns["left_us"][rows] - begun
        slack_us = np.abs(busy_us - columns["service_us"][rows]).sum()
        apart_us = np.abs(wait_us - lindley(arrived, columns["service_us"][rows]))
        spread_us = max(spread_us, float(apart_us.max(initial=0) - slack_us))
    queue = (
        f"a rider waits {beyond_us:,} us otherwise than Lindley's recursion says of the times for "
        "which the gate was busy"
    )
    spread = f"waits differ from theory by {spread_us:,.0f} us more than the rack was late"
    name = run["name"]
    return [
        Check("validity", f"{name}_kept_step", run["stopped"]),
        Check("queue", f"{name}_is_first_come_first_served", queue if beyond_us else ""),
        Check(
            "queue", f"{name}_agrees_with_lindley_within_the_lateness",
            spread if spread_us > ROUNDING_US * speed else "",
        ),
    ]  # fmt: skip


def quantile(values: NDArray[np.int64], percent: int) -> int:
    """Return a value that occurs, such that so many of a hundred are no more; 0 of none."""
    return int(np.percentile(values, percent, method="inverted_cdf")) if values.size else 0
