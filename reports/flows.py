"""The money flow between participants as a Sankey drawing: who gave what to whom.

Givers stand left, takers right; a participant that does both stands on both sides. The scheme's
hold, through which fares pass, stands in the middle.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from html import escape

from reports.charts import svg
from scheme.money import rupiah

BAR, GAP = 12, 9
COLUMNS_X = (248, 474, 690)
USABLE = 360  # pixels that the fullest column's rupiah take
LEAST = 1.0  # pixels that even the smallest flow takes, or it would not be seen


@dataclass
class Node:
    """A participant in one column, and how far its bar is taken up from both sides."""

    name: str
    column: int
    idr: int
    y: float = 0.0
    height: float = 0.0
    left: float = 0.0
    right: float = 0.0


def money_flow(flows: list[tuple[str, str, int]], scheme: str) -> str:
    """Return the drawing; `scheme` names the participant that owns the hold."""
    if not flows:
        return ""
    nodes = _nodes(flows, scheme)
    scale = USABLE / max(
        sum(n.idr for n in nodes.values() if n.column == column) or 1 for column in (0, 1, 2)
    )
    height = _place(nodes, scale)
    ribbons = []
    ends = sorted(flows, key=lambda f: (-f[2], f[0], f[1]))
    for giver, taker, idr in ends:
        start = nodes[giver, 1 if giver == scheme else 0]
        end = nodes[taker, 1 if taker == scheme and giver != scheme else 2]
        ribbons.append(_ribbon(start, end, idr, max(LEAST, idr * scale)))
    return svg(round(height), "Money flow between participants", ribbons + _bars(nodes))


def _nodes(flows: list[tuple[str, str, int]], scheme: str) -> dict[tuple[str, int], Node]:
    given: dict[tuple[str, int], int] = defaultdict(int)
    taken: dict[tuple[str, int], int] = defaultdict(int)
    for giver, taker, idr in flows:
        given[giver, 1 if giver == scheme else 0] += idr
        taken[taker, 1 if taker == scheme else 2] += idr
    keys = sorted(given.keys() | taken.keys(), key=lambda k: -max(given[k], taken[k]))
    return {key: Node(key[0], key[1], max(given[key], taken[key])) for key in keys}


def _place(nodes: dict[tuple[str, int], Node], scale: float) -> float:
    """Stack every column from the top; return the height of the drawing."""
    bottom = [12.0, 12.0, 12.0]
    for node in nodes.values():
        node.height = max(2.0, node.idr * scale)
        node.y = node.left = node.right = bottom[node.column]
        bottom[node.column] += max(node.height, 9.0) + GAP
    return max(bottom[0], bottom[1] + 18, bottom[2]) + 6


def _ribbon(start: Node, end: Node, idr: int, width: float) -> str:
    x1, x2 = COLUMNS_X[start.column] + BAR, COLUMNS_X[end.column]
    y1, y2 = start.right, end.left
    start.right += width
    end.left += width
    middle = (x1 + x2) / 2
    path = (
        f"M{x1} {y1:.1f}C{middle:.0f} {y1:.1f} {middle:.0f} {y2:.1f} {x2} {y2:.1f}"
        f"V{y2 + width:.1f}C{middle:.0f} {y2 + width:.1f} {middle:.0f} {y1 + width:.1f} "
        f"{x1} {y1 + width:.1f}Z"
    )
    said = f"{start.name} to {end.name}: {rupiah(idr)}"
    return f'<path d="{path}" class="ribbon"><title>{escape(said)}</title></path>'


def _bars(nodes: dict[tuple[str, int], Node]) -> list[str]:
    """Return every bar with its name: outside left and right, below in the middle."""
    parts = []
    for node in nodes.values():
        x, middle = COLUMNS_X[node.column], node.y + node.height / 2 + 4
        where, at, anchor = (
            (x - 8, middle, "end"),
            (x + BAR / 2, node.y + node.height + 15, "middle"),
            (x + BAR + 8, middle, "start"),
        )[node.column]
        parts.append(
            f'<rect x="{x}" y="{node.y:.1f}" width="{BAR}" height="{node.height:.1f}" class="bar"/>'
            f'<text x="{where}" y="{at:.1f}" text-anchor="{anchor}" class="name">'
            f'{escape(node.name)} <tspan class="tick">{rupiah(node.idr)}</tspan></text>'
        )
    return parts
