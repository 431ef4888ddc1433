"""Charts as inline SVG, made by hand: no script, no font, no file beside them.

Colours are classes (`s1` to `s7`, `line1`, `grid`), so that the page sets them for light and dark.
Figures that can be read off a shape stand in its `<title>` too.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from html import escape
from typing import NamedTuple

from reports.picture import Picture
from scheme.days import clock_text

WIDTH = 960
LEFT, RIGHT, TOP, BOTTOM = 60, 20, 14, 32
MINUTE_MS = 60_000
TICKS_MINUTES = (5, 10, 15, 30, 60, 120, 180, 360)

Point = tuple[float, float]


class Frame(NamedTuple):
    """A plot area: data across from `left` to `right`, up from `low` to `high`."""

    height: int
    left: float
    right: float
    low: float
    high: float

    def at(self, across: float, up: float) -> Point:
        """Return where a value lies in the drawing."""
        x = LEFT + (across - self.left) / (self.right - self.left) * (WIDTH - LEFT - RIGHT)
        floor = self.height - BOTTOM
        return x, floor - (up - self.low) / (self.high - self.low) * (floor - TOP)


def svg(height: int, label: str, parts: Iterable[str]) -> str:
    """Return a drawing that scales with the page and says what it is to a screen reader."""
    return (
        f'<svg viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{escape(label)}">'
        f"{''.join(parts)}</svg>"
    )


def taps_over_time(picture: Picture) -> str:
    """Return taps by family of services, stacked, over the hours of the day."""
    counts = list(picture.taps.values())
    if not counts:
        return ""
    bins = len(counts[0])
    ticks = round_steps(max(map(sum, zip(*counts, strict=True))))
    frame = Frame(290, 0, max(1, bins - 1), 0, ticks[-1])
    parts = [_rule(frame, tick, f"{tick:,}") for tick in ticks]
    floor = [0] * bins
    for at, (name, taps) in enumerate(picture.taps.items(), 1):
        roof = [low + count for low, count in zip(floor, taps, strict=True)]
        outline = [frame.at(i, v) for i, v in enumerate(roof)]
        outline += [frame.at(i, floor[i]) for i in reversed(range(bins))]
        said = f"<title>{escape(name)}: {sum(taps):,} taps</title>"
        parts.append(f'<polygon points="{_points(outline)}" class="s{at}">{said}</polygon>')
        floor = roof
    parts += _clock(frame, picture, bins)
    unit = "a minute" if picture.bin_minutes == 1 else f"in {picture.bin_minutes} minutes"
    parts.append(text(LEFT, TOP - 3, f"taps {unit}", "tick"))
    return svg(frame.height, "Taps over time by service", parts)


def _clock(frame: Frame, picture: Picture, bins: int) -> list[str]:
    """Return clock readings below the time axis, about ten of them."""
    span = bins * picture.bin_minutes
    step = next((t for t in TICKS_MINUTES if span / t <= 10), TICKS_MINUTES[-1])
    parts = []
    first = picture.first_minute
    for minute in range(first + -first % step, first + span, step):
        x, y = frame.at((minute - first) / picture.bin_minutes, 0)
        reading = clock_text(minute * MINUTE_MS)[11:16]
        parts += [line((x, y), (x, y + 5), "axis"), text(x, y + 20, reading, "tick", "middle")]
    return parts


def latency_spectrum(picture: Picture) -> str:
    """Return both latencies over the percentile, as wrk2 draws them, on a log scale."""
    points = picture.spectrum
    if len(points) < 2:
        return ""
    across = [_nines(percent, len(points)) for percent, _, _ in points]
    values = [value for _, *both in points for value in both if value > 0] or [1]
    low, high = math.floor(math.log10(min(values))), math.ceil(math.log10(max(values) + 1))
    frame = Frame(290, 0, across[-1], low, max(high, low + 1))
    parts = [_rule(frame, power, _duration(10**power)) for power in range(low, high + 1)]
    for nines, words in enumerate(("50 %", "90 %", "99 %", "99.9 %", "99.99 %", "99.999 %")):
        where = math.log10(2) if nines == 0 else float(nines)
        if where <= across[-1]:
            x, y = frame.at(where, low)
            parts += [line((x, TOP), (x, y), "grid"), text(x, y + 20, words, "tick", "middle")]
    for at, css in ((1, "line1"), (2, "line2")):
        path = [
            frame.at(x, math.log10(max(1, point[at])))
            for x, point in zip(across, points, strict=True)
        ]
        parts.append(f'<polyline points="{_points(path)}" class="{css}"/>')
    return svg(frame.height, "Latency by percentile, service and intended", parts)


def _nines(percent: float, count: int) -> float:
    """Return log10 of 1 / (1 - p); the greatest value stands one step behind the last."""
    if percent < 100:
        return -math.log10(1 - percent / 100) if percent > 0 else 0.0
    return (count - 1) / 8


def latency_strip(picture: Picture) -> str:
    """Return the worst intended latency of each second: a stall of the target is a sawtooth."""
    worst = picture.strip
    if len(worst) < 2:
        return ""
    ticks = round_steps(max(worst) / 1_000, 3)
    frame = Frame(150, 0, len(worst), 0, ticks[-1])
    parts = [_rule(frame, tick, _duration(tick * 1_000)) for tick in ticks]
    for second, value_us in enumerate(worst):
        if value_us:
            (x, y), (_, floor) = frame.at(second, value_us / 1_000), frame.at(second, 0)
            width = max(0.6, frame.at(second + 1, 0)[0] - x - 0.4)
            parts.append(
                f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" '
                f'height="{max(0.5, floor - y):.1f}" class="s1"/>'
            )
    x, y = frame.at(0, 0)
    parts.append(text(x, y + 20, f"each of {len(worst):,} seconds of the run", "tick"))
    return svg(frame.height, "Worst latency of each second", parts)


def round_steps(top: float, count: int = 4) -> list[int]:
    """Return about `count` round steps from 0 that reach `top`."""
    raw = max(1.0, top / count)
    unit = 10 ** math.floor(math.log10(raw))
    step = int(next(unit * m for m in (1, 2, 5, 10) if unit * m >= raw))
    return list(range(0, max(1, math.ceil(top / step)) * step + 1, step))


def _rule(frame: Frame, up: float, words: str) -> str:
    (x, y), (end, _) = frame.at(frame.left, up), frame.at(frame.right, up)
    return line((x, y), (end, y), "grid") + text(LEFT - 8, y + 4, words, "tick", "end")


def _duration(us: float) -> str:
    if us < 1_000:
        return f"{us:g} µs"
    return f"{us / 1_000:g} ms" if us < 1_000_000 else f"{us / 1_000_000:g} s"


def _points(path: Sequence[Point]) -> str:
    return " ".join(f"{x:.1f},{y:.1f}" for x, y in path)


def text(x: float, y: float, words: str, css: str = "", anchor: str = "start") -> str:
    """Return a word in a drawing."""
    return (
        f'<text x="{x:.1f}" y="{y:.1f}" class="{css}" text-anchor="{anchor}">{escape(words)}</text>'
    )


def line(start: Point, end: Point, css: str) -> str:
    """Return a straight line in a drawing."""
    (x1, y1), (x2, y2) = start, end
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" class="{css}"/>'
