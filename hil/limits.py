"""Limits profiles: what a bench holds its measured times to, from scenarios/data/limits.yaml."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import NamedTuple

from hil.form import Fields, Form
from scenarios.shipped import data_folder
from scheme.errors import BadInputError

FORMAT = "jakarta-one/limits/1"
TOP_KEYS = ("format", "profiles")
LIMIT_KEYS = ("unit", "limit", "marginal")
MOST_MS = 60_000.0


class Limit(NamedTuple):
    """The most that a quantity's p99 may be, and from where on it is close, in milliseconds."""

    quantity: str
    limit_ms: float
    marginal_ms: float

    def verdict(self, p99_ms: float | None) -> str:
        """Return PASS, MARGINAL or FAIL; a quantity that was not measured FAILs."""
        if p99_ms is None or p99_ms > self.limit_ms:
            return "FAIL"
        return "MARGINAL" if p99_ms > self.marginal_ms else "PASS"


@cache
def profiles(path: Path | None = None) -> dict[str, tuple[Limit, ...]]:
    """Return the limits by profile.

    Raises:
        BadInputError: If the file says what it may not say.
    """
    form = Form(path or data_folder() / "limits.yaml")
    top = form.mapping(form.parsed("file of limits"), 1, "document", TOP_KEYS)
    found = {}
    if top is not None and top.member("format", (FORMAT,)):
        names = [str(name) for name in top.raw("profiles") or ()]
        listed = form.mapping(top.raw("profiles"), top.line("profiles"), "profiles", (), names)
        found = {
            name: _limits(form, form.mapping(node, line, name, (), [str(key) for key in node]))
            for name, line, node in (listed.entries() if listed else ())
        }
    if form.problems:
        raise BadInputError("; ".join(str(problem) for problem in form.problems))
    return found


def judged(profile: str, p99_us: Mapping[str, int]) -> list[dict[str, object]]:
    """Return a row for each limit of a profile, given what was measured of each quantity."""
    rows: list[dict[str, object]] = []
    for limit in profiles()[profile] if profile else ():
        p99 = p99_us.get(limit.quantity)
        p99_ms = None if p99 is None else p99 / 1_000
        rows.append({**limit._asdict(), "p99_ms": p99_ms, "verdict": limit.verdict(p99_ms)})
    return rows


def _limits(form: Form, quantities: Fields | None) -> tuple[Limit, ...]:
    limits = []
    for quantity, line, node in quantities.entries() if quantities else ():
        fields = form.mapping(node, line, quantity, LIMIT_KEYS)
        if fields is not None and fields.member("unit", ("ms",)):
            limit = fields.number("limit", 0, MOST_MS, 0)
            limits.append(Limit(quantity, limit, fields.number("marginal", 0, limit, limit)))
    return tuple(limits)
