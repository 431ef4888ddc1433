"""The smoke scenario settled once, for the tests that look at what became of it."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from sim.city import tell
from sim.morning import make_morning
from sim.scenario import SHIPPED, load_scenario
from sim.settling import settle_morning
from sim.tellings import Telling

SMOKE = SHIPPED / "smoke.yaml"


@cache
def smoke(seed: int | None = None) -> Telling:
    """Return the smoke scenario with all that became of it."""
    morning = make_morning(load_scenario(Path(SMOKE), seed))
    return tell(morning, settle_morning(morning, map), map)
