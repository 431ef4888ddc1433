"""A sweep of a fault as a page: how often each outcome came at each value, as a heat map.

Rows are outcomes, columns the values of the sweep; a cell is the darker the more of its repeats
ended so. Many values share a column, which then shows the worst of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from reports.charts import LEFT, RIGHT, WIDTH, line, svg, text
from reports.page import document, section

ROWS = {
    "old": ("s1", "card as before"),
    "new": ("s3", "card has paid"),
    "recovered": ("s5", "next tap recovered"),
    "torn": ("s4", "card torn"),
    "wrong": ("s2", "paid not once"),
    "silent": ("s7", "did not fire"),
}
COLUMNS_MAX = 160
ROW, TOP, FOOT = 30, 16, 40
LABELS = 70  # to the left of the plot, beside its own margin
TICKS = 8


def sweep_page(record: Mapping[str, Any]) -> str:
    """Return a sweep as one file that needs nothing beside it."""
    verdict = str(record["verdict"])
    what = f"{record['fault']} by {record['unit']} at {record['at']} on {record['reader']}"
    armed, fired = record["faults"]["armed"], record["faults"]["fired"]
    said = (
        f"{record['taps']:,} taps, from {record['from']} to {record['to']} by {record['step']}, "
        f"each {record['repeats']} times; after each the card was read {record['reads']} times and "
        f"tapped again. {armed:,} faults were armed and {fired:,} fired."
    )
    head = (
        f'<header><p class="badge {verdict.lower()}">{escape(verdict)}</p>'
        f"<div><h1>{escape(what)}</h1><p>{escape(said)}</p></div></header>"
    )
    reasons = "".join(f"<li>{escape(reason)}</li>" for reason in record["reasons"])
    parts = [head, f'<ul class="reasons">{reasons}</ul>' if reasons else ""]
    parts.append(section("What became of the card", f"Across: {record['unit']}.", heat_map(record)))
    return document(f"{verdict}: {what}", parts)


def heat_map(record: Mapping[str, Any]) -> str:
    """Return the drawing."""
    columns = _columns(record["points"])
    height = TOP + ROW * len(ROWS) + FOOT
    left = LEFT + LABELS
    wide = (WIDTH - left - RIGHT) / len(columns)
    parts = []
    for at, (name, (css, words)) in enumerate(ROWS.items()):
        y = TOP + at * ROW
        parts.append(text(left - 8, y + ROW * 0.62, words, "tick", "end"))
        for column, points in enumerate(columns):
            share = max(_share(point, name, record["repeats"]) for point in points)
            if share:
                parts.append(_cell(left + column * wide, y, wide, css, share, _said(points, name)))
    floor = TOP + ROW * len(ROWS)
    parts.append(line((left, floor), (WIDTH - RIGHT, floor), "axis"))
    for column in range(0, len(columns), max(1, -(-len(columns) // TICKS))):
        x = left + (column + 0.5) * wide
        parts.append(text(x, floor + 18, f"{columns[column][0]['value']:,}", "tick", "middle"))
    return svg(height, f"Outcome by {record['unit']}", parts)


def _columns(points: Sequence[Mapping[str, Any]]) -> list[Sequence[Mapping[str, Any]]]:
    each = -(-len(points) // COLUMNS_MAX)
    return [points[at : at + each] for at in range(0, len(points), each)]


def _share(point: Mapping[str, Any], name: str, repeats: int) -> float:
    return float(point[name]) / repeats


def _said(points: Sequence[Mapping[str, Any]], name: str) -> str:
    shown = "; ".join(f"{point['value']:,}: {point[name]}" for point in points)
    return f"{ROWS[name][1]} at {shown}"


def _cell(x: float, y: float, wide: float, css: str, share: float, said: str) -> str:
    gap = 1 if wide > 4 else 0
    return (
        f'<rect x="{x:.1f}" y="{y + 2}" width="{wide - gap:.1f}" height="{ROW - 4}" '
        f'class="{css}" fill-opacity="{0.25 + 0.75 * share:.2f}"><title>{escape(said)}</title>'
        "</rect>"
    )
