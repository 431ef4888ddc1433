"""The report's part on cards: which taps ran on which kind of card, and the card's time in a field.

The time is a model and says so; the budget by phase is drawn against the limit.
"""

from __future__ import annotations

from html import escape
from typing import Any

from reports.charts import BOTTOM, TOP, Frame, line, svg, text
from reports.field_time import PHASES

TICK_MS = 25
ROW = 46
WORDS = {"python": "Python purse", "java": "Java applet", "own": "whatever was there"}


def kind_rows(record: dict[str, Any]) -> list[tuple[str, ...]]:
    """Return one row a kind of reader and card."""
    return [
        (
            f"{kind['driver']}://", WORDS.get(kind["card_kind"], kind["card_kind"]),
            f"{kind['places']:,}", f"{kind['taps']:,}", f"{kind['exchanges'] or 0:,}",
            _us(kind["exchange_p50_us"]), _us(kind["exchange_p99_us"]),
            _us(kind["detect_p99_us"]), _us(kind["tap_p99_us"]), _us(kind["p99_us"]),
        )
        for kind in record["card_kinds"]
    ]  # fmt: skip


KIND_HEAD = (
    "reader", "card", "places", "taps", "card exchanges", "exchange p50", "exchange p99",
    "detection p99", "tap p99", "with waiting p99",
)  # fmt: skip


def field_said(figures: dict[str, Any] | None) -> str:
    """Return what stands above the picture."""
    if figures is None:
        return "No presentation on the rack told its bytes."
    return (
        f"A model, not a measurement: {figures['model']}, over the bytes that {figures['taps']:,} "
        f"presentations really exchanged. p50 {_us(figures['p50_us'])}, p95 "
        f"{_us(figures['p95_us'])}, p99 {_us(figures['p99_us'])}; 95 of 100 may take "
        f"{figures['limit_us'] // 1_000} ms."
    )


def field_budget(figures: dict[str, Any] | None) -> str:
    """Return the mean of each phase, one bar behind the other, with the limit and the p95."""
    if figures is None:
        return ""
    right = max(figures["limit_us"] * 1.1, figures["p95_us"] * 1.1) / 1_000
    frame = Frame(TOP + ROW + BOTTOM + 20, 0, right, 0, 1)
    parts = []
    for ms in range(0, int(right) + 1, TICK_MS):
        x, y = frame.at(ms, 0)
        parts.append(line((x, TOP + 14), (x, y), "grid"))
        parts.append(text(x, y + 20, f"{ms} ms", "tick", "middle"))
    begun = 0.0
    for at, phase in enumerate(PHASES, 1):
        ms = figures["phases_us"][phase] / 1_000
        (x, y), (end, _) = frame.at(begun, 0), frame.at(begun + ms, 0)
        parts.append(
            f'<rect x="{x:.1f}" y="{y - ROW:.1f}" width="{max(0.5, end - x):.1f}" '
            f'height="{ROW - 8}" class="s{at}"><title>{escape(phase)}: {ms:.1f} ms</title></rect>'
        )
        begun += ms
    for ms, words in (
        (figures["p95_us"] / 1_000, "p95"), (figures["limit_us"] / 1_000, "limit")
    ):  # fmt: skip
        x, y = frame.at(ms, 0)
        parts += [line((x, TOP + 8), (x, y), "axis"), text(x, TOP + 4, words, "tick", "middle")]
    return svg(frame.height, "Modelled time of a card in the field, by phase", parts)


def _us(value: int | None) -> str:
    return "not taken" if value is None else f"{value / 1_000:,.2f} ms"
