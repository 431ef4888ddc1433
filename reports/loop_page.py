"""The page of a loop: the queue with the reference reader and with a slow one, beside the theory.

A broken line is what Lindley's recursion says of the same arrivals and the same service times; the
whole line beside it is what happened.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from typing import Any, NamedTuple

from reports.charts import LEFT, TOP, Frame, line, round_steps, svg, text
from reports.checks import Check
from reports.page import document, head, legend, section, table

US_IN_S = 1_000_000
TICKS = 8
LATE_SHOWN = 20
GATE_HEAD = (
    "run", "gate", "riders", "queue", "wait p50", "wait p99", "mean", "tap p50", "tap p99",
    "off, most", "off, mean",
)  # fmt: skip

Points = Sequence[tuple[int, int]]


class Course(NamedTuple):
    """Something over time, as it was and as theory has it: (microseconds, value), rising."""

    name: str
    was: Points
    theory: Points


def loop_page(
    record: dict[str, Any],
    queues: Sequence[Course],
    waits: Sequence[Course],
    late: Sequence[Sequence[str]],
    checks: Sequence[Check],
) -> str:
    """Return the whole document.

    Args:
        queues: How many wait at the gates of the rack, a course a run.
        waits: How long riders there wait, by when they came, microseconds.
        late: What was late, in words, a row an event.
    """
    names = [course.name for course in queues]
    said = (
        f"{record['riders']:,} riders at {record['gates']} of the gates of {record['station']}, "
        f"{len(record['on_rack'])} of them on the rack; {record['source']}. On overrun: "
        f"{record['on_overrun']}; speed {record['speed']:g}; seed {record['seed']}."
    )
    theory = (
        "Whole: what happened. Broken: Lindley's recursion over the same arrivals, "
        "W[n+1] = max(0, W[n] + S[n] − A[n+1])."
    )
    parts = [
        head(record, said),
        section("Queue at the gates of the rack", theory,
                legend(names, "line") + stepped(queues, "riders who wait", 1)),
        section("Wait of each rider there", "By the instant at which the rider came.",
                legend(names, "line") + stepped(waits, "seconds", US_IN_S)),
        section("Gates", "Longest queue, waits and taps, and how far off the theory the waits are.",
                table(GATE_HEAD, _gates(record), left=2)),
        section("Lateness", _lateness_said(record),
                table(("run", "what", "planned", "dispatched", "answered", "late", ""),
                      late[:LATE_SHOWN], left=2) if late else "<p>Nothing was.</p>"),
        section("Checks", "Every question that the verdict answers.", _checks(checks)),
    ]  # fmt: skip
    return document(f"{record['verdict']}: {record['scenario']}, {record['station']}", parts)


def stepped(courses: Sequence[Course], unit: str, scale: int) -> str:
    """Return courses as steps, at most two, each with its theory broken behind it."""
    points = [point for course in courses for point in (*course.was, *course.theory)]
    if not points:
        return ""
    right = max(at for at, _ in points) / US_IN_S
    ups = round_steps(max(value for _, value in points) / scale)
    frame = Frame(260, 0, max(1.0, right), 0, ups[-1])
    parts = []
    for up in ups:
        (x, y), (end, _) = frame.at(0, up), frame.at(frame.right, up)
        parts += [line((x, y), (end, y), "grid"), text(LEFT - 8, y + 4, f"{up}", "tick", "end")]
    for second in round_steps(frame.right, TICKS):
        if second <= frame.right:
            x, y = frame.at(second, 0)
            parts.append(text(x, y + 20, f"{second} s", "tick", "middle"))
    for at, course in enumerate(courses, 1):
        for course_points, css in ((course.theory, " theory"), (course.was, "")):
            path = _steps(frame, course_points, scale)
            parts.append(
                f'<polyline points="{path}" class="line{at}{css}">'
                f"<title>{escape(course.name)}{', theory' if css else ''}</title></polyline>"
            )
    parts.append(text(LEFT, TOP - 3, unit, "tick"))
    return svg(frame.height, unit, parts)


def _steps(frame: Frame, points: Points, scale: int) -> str:
    path, before = list[str](), 0.0
    for at_us, value in points:
        for up in (before, value / scale):
            x, y = frame.at(at_us / US_IN_S, up)
            path.append(f"{x:.1f},{y:.1f}")
        before = value / scale
    return " ".join(path)


def _gates(record: dict[str, Any]) -> Iterable[tuple[str, ...]]:
    for run in record["runs"]:
        for gate in run["gates"]:
            where = f"{gate['gate']}: {gate['place'] or 'reference time'}"
            yield (
                run["name"], where, f"{gate['riders']:,}", f"{gate['queue_max']:,}",
                *(_seconds(gate[name]) for name in ("wait_p50_us", "wait_p99_us", "wait_mean_us")),
                *(f"{gate[name] / 1_000:,.1f} ms" for name in (
                    "tap_p50_us", "tap_p99_us", "lindley_max_us", "lindley_mean_us")),
            )  # fmt: skip


def _lateness_said(record: dict[str, Any]) -> str:
    said = [
        f"{run['name']}: {run['late']:,} of {run['events']:,} events late, worst "
        f"{run['lateness_max_us'] / 1_000:,.1f} ms, p99 {run['lateness_p99_us'] / 1_000:,.1f} ms, "
        f"the city stood still for {run['frozen_us'] / 1_000:,.0f} ms"
        for run in record["runs"]
    ]
    return f"Later than {record['tolerance_ms']:g} ms is late. {'; '.join(said)}."


def _checks(checks: Sequence[Check]) -> str:
    rows = [
        ("✓" if check.holds else "✗", f"{check.group}: {check.name.replace('_', ' ')}",
         check.sentence or "holds")
        for check in checks
    ]  # fmt: skip
    return table(["", "check", "answer"], rows, left=3)


def _seconds(us: int) -> str:
    return f"{us / US_IN_S:,.2f} s"
