"""How many uploads a second this machine sustains, asked of a scratch clearing house.

The crowd and the reference server share the cores, so the figure is of both together. The taps are
those of the plan in an epoch that no run uses, in a store that is thrown away.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from load.driver import sustained_per_s
from load.plan import read_plan
from load.sealing import seal_plan
from scheme.keys import TestKeys
from scheme.numbers import EPOCH_MAX
from testbed.enrol import enrol
from testbed.targets import open_target

UPLOADS = 4_000


def machine_sustains(city: Path, scratch: Path) -> int:
    """Return the uploads a second of the plan's own kinds that this machine answers at most."""
    plan = read_plan(city)
    shards = max(1, len(plan.uploads["upload"]) // UPLOADS)
    few = seal_plan(plan.shard(0, shards), TestKeys(int(plan.manifest["key_seed"])), EPOCH_MAX)
    try:
        with open_target("reference", scratch) as office:
            enrol(office.target, city, EPOCH_MAX)
            return sustained_per_s(few, office.url, UPLOADS)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
