"""A fault swept over a range: from, to, step, repeats; and what became of the card at each point.

| unit | the fault at value V | where |
|---|---|---|
| `us` | the card leaves V µs after the command began, by the model of `hil.faults.air` | anywhere |
| `lost`, `unheard` | at the V-th exchange of the tap, before or after the card hears | anywhere |
| `write` | the card leaves in its V-th persistent write of the command | Java cards |
| `tick` | likewise V ticks, fired by a timer | with a timer that tears |
| `byte` | the wire goes dead after V bytes of the answer | pn532:// and vpcd:// of our own |
| `ms` | the answer is V ms late | anywhere |
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from hil.faults.evidence import counts
from hil.faults.plan import Fault, Kind, Tear
from hil.faults.tap import Bench, State, Tapped
from hil.fpga.tears import Tears
from scheme.apdu import Ins
from scheme.errors import BadInputError

UNITS: dict[str, tuple[Kind, Tear | None]] = {
    "us": (Kind.tear, Tear.us),
    "lost": (Kind.tear, Tear.lost),
    "unheard": (Kind.tear, Tear.unheard),
    "write": (Kind.tear, Tear.write),
    "tick": (Kind.tear, Tear.ticks),
    "byte": (Kind.cut, None),
    "ms": (Kind.delay, None),
}
BY_EXCHANGE = ("lost", "unheard")
OUTCOMES = ("old", "new", "torn", "recovered", "wrong", "silent")
POINTS_MAX = 10_000
Progress = Callable[[int, int], None]


def unit_of(fault: str, unit: str | None) -> str:
    """Return the unit of a fault, its first one unless said; raises BadInputError if it has none.

    Args:
        fault: `tear`, `cut` or `delay`.
    """
    units = [name for name, (kind, _) in UNITS.items() if kind.value == fault]
    if not units:
        kinds = sorted({kind.value for kind, _ in UNITS.values()})
        raise BadInputError.at("--fault", expected=f"one of {', '.join(kinds)}", got=fault)
    if unit is not None and unit not in units:
        raise BadInputError.at("--unit", expected=f"one of {', '.join(units)}", got=unit)
    return unit or units[0]


class Range(NamedTuple):
    """What is swept: both ends are among the points, if the step meets the last."""

    unit: str
    at: frozenset[Ins]
    first: int
    last: int
    step: int
    repeats: int
    reads: int = 5

    def checked(self) -> Range:
        """Return it if it can be swept; raises BadInputError with what was expected."""
        least = {"lost": 1, "unheard": 1, "write": 1}.get(self.unit, 0)
        if self.first < least:
            raise BadInputError.at("--from", expected=f"at least {least}", got=self.first)
        if self.last < self.first:
            raise BadInputError.at("--to", expected=f"at least {self.first}", got=self.last)
        for name, value in (("--step", self.step), ("--repeats", self.repeats)):
            if value < 1:
                raise BadInputError.at(name, expected="at least 1", got=value)
        if self.reads < 1:
            raise BadInputError.at("--reads", expected="at least 1", got=self.reads)
        if len(self.values()) * self.repeats > POINTS_MAX:
            raise BadInputError.at("--step", expected=f"at most {POINTS_MAX:,} taps", got=self.step)
        return self

    def values(self) -> range:
        """Return the values, in order."""
        return range(self.first, self.last + 1, self.step)

    def fault(self, value: int) -> Fault:
        """Return the fault at a value."""
        kind, tear = UNITS[self.unit]
        if self.unit in BY_EXCHANGE:
            return Fault(kind, self.at, 0, tear, nth=value)
        return Fault(kind, self.at, value, tear)


class Point(NamedTuple):
    """All repeats at one value."""

    value: int
    taps: list[Tapped]

    def outcomes(self) -> Counter[str]:
        """Return how often each of `OUTCOMES` came."""
        told: Counter[str] = Counter()
        for tap in self.taps:
            told[tap.state.value] += 1
            told["recovered"] += tap.after == "recovered"
            told["wrong"] += not tap.right
            told["silent"] += not tap.fired
        return told


def sweep(
    url: str, swept: Range, progress: Progress, timer: Tears | None = None
) -> dict[str, Any]:
    """Sweep a fault at the reader of a URL; return the record, with its verdict.

    INVALID if a fault did not fire, FAIL if a card was torn or paid otherwise than once, else PASS.

    Raises:
        BadInputError: If the range is none, or the reader cannot make that fault.
        ReaderError: If the reader cannot be opened, or not hold a card that we issue.
    """
    swept.checked()
    bench, points = Bench(url, timer), list[Point]()
    try:
        total = len(swept.values()) * swept.repeats
        for value in swept.values():
            taps = []
            for _ in range(swept.repeats):
                taps.append(bench.tap_with(swept.fault(value), swept.reads))
                progress(len(points) * swept.repeats + len(taps), total)
            points.append(Point(value, taps))
        log = bench.reader.log
    finally:
        bench.close()
    return {
        "format": "jakarta-one/sweep/1",
        "reader": url,
        "fault": UNITS[swept.unit][0].value,
        "unit": swept.unit,
        "at": "|".join(sorted(ins.name.upper() for ins in swept.at)) or "ANY",
        "from": swept.first,
        "to": swept.last,
        "step": swept.step,
        "repeats": swept.repeats,
        "reads": swept.reads,
        "taps": total,
        "faults": counts([log]),
        "points": [_point(point) for point in points],
        "verdict": _verdict(points),
        "reasons": list(_reasons(points)),
        "evidence": log.document(),
    }


def _point(point: Point) -> dict[str, Any]:
    told = point.outcomes()
    return {
        "value": point.value,
        **{name: told[name] for name in OUTCOMES},
        "taps": dict(Counter(tap.tap for tap in point.taps)),
        "after": dict(Counter(tap.after for tap in point.taps)),
        "said": sorted({tap.said for tap in point.taps if tap.said}),
    }


def _verdict(points: list[Point]) -> str:
    taps = [tap for point in points for tap in point.taps]
    if not all(tap.fired for tap in taps):
        return "INVALID"
    broken = any(tap.state is State.torn or not tap.right for tap in taps)
    return "FAIL" if broken else "PASS"


def _reasons(points: list[Point]) -> Iterator[str]:
    for name, words in (
        ("silent", "the fault did not fire"),
        ("torn", "the card was neither old nor new, or not the same each time it was read"),
        ("wrong", "the card had not paid exactly once in the end"),
    ):
        at = [str(point.value) for point in points if point.outcomes()[name]]
        if at:
            shown = ", ".join(at[:8]) + (f" and {len(at) - 8} more" if len(at) > 8 else "")
            yield f"{words}: at {shown}"
