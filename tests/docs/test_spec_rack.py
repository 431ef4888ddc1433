"""docs/spec/rack.md says what the code says of rack files, readers, states and limits.

The FPGA's tables are made from its registers and held by a test beside them.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import pytest
from fastapi.routing import APIRoute

from hil.agent.app import create_app
from hil.agent.bench import AgentBench
from hil.fpga.conformance import CASES as FPGA_CASES
from hil.fpga.model.settings import Settings
from hil.fpga.ties import NS, UNMEASURED_PPM
from hil.limits import profiles
from hil.protocols import BenchState
from hil.rack import FORMAT, KEYS, PLACE_KEYS, load_rack, read_rack
from hil.rack_sections import (
    AGENT_KEYS,
    DEFAULT_DRIVERS,
    DUT_KEYS,
    FEATURES,
    FOUND_BY,
    QUARANTINE_KEYS,
    RESOURCE_KEYS,
)
from hil.reader_conformance import CASES
from sim.loop import STEPS_ASIDE_US
from sim.pacer import Pacing, Policy

ROOT = Path(__file__).parents[2]
SPEC = (ROOT / "docs/spec/rack.md").read_text(encoding="utf-8")
KEY_TABLES = {
    "document": KEYS,
    "resource": RESOURCE_KEYS,
    "place": PLACE_KEYS,
    "dut": DUT_KEYS,
    "agent": AGENT_KEYS,
    "quarantine": QUARANTINE_KEYS,
}
OTHERS = {"default drivers", "features", "reader cases", "states", "limits", "uncertainty",
          "agent calls", "overrun", "fpga cases"}  # fmt: skip


def rows(name: str) -> list[list[str]]:
    """Return the rows of a table, cells without backticks."""
    table = SPEC.split(f"<!-- table: {name} -->\n")[1].split("\n\n")[0].splitlines()[2:]
    return [[cell.strip().strip("`") for cell in line.split("|")[1:-1]] for line in table]


def test_every_table_is_compared_with_something() -> None:
    assert set(re.findall("<!-- table: (.*) -->", SPEC)) == set(KEY_TABLES) | OTHERS


@pytest.mark.parametrize("name", KEY_TABLES)
def test_the_keys_are_those_that_are_read(name: str) -> None:
    keys: tuple[Sequence[str], Sequence[str]] = KEY_TABLES[name]
    found = {how: [key for key, said, _ in rows(name) if said == how] for how in ("yes", "no")}
    one_of = [key for key, said, _ in rows(name) if said == "one of four"]
    assert found["yes"] == list(keys[0])
    assert [*one_of, *found["no"]] == list(keys[1])
    assert one_of == (list(FOUND_BY) if name == "resource" else [])


def test_the_default_drivers_and_features_are_those_of_the_code() -> None:
    assert {(kind, how): driver for kind, how, driver in rows("default drivers")} == DEFAULT_DRIVERS
    assert dict(rows("features")) == FEATURES


def test_the_cases_are_those_that_readers_and_fpgas_are_judged_by() -> None:
    assert rows("reader cases") == [[case.id, f"{case.name}: {case.reason}"] for case in CASES]
    told = [[case.id, f"{case.name}: {case.reason}"] for case in FPGA_CASES]
    assert rows("fpga cases") == told


def test_the_states_are_those_of_the_code() -> None:
    assert [row[0] for row in rows("states")] == [state.value for state in BenchState]


def test_the_calls_are_the_routes_of_the_agent() -> None:
    app = create_app(AgentBench(load_rack(ROOT / "rack.sim.yaml")), "no token is asked for here")
    routes = {
        f"{method} {route.path}".replace("{lease_id}", "ID")
        for route in app.routes
        if isinstance(route, APIRoute)
        for method in route.methods or ()
    }
    assert {call.partition("?")[0] for call, _ in rows("agent calls")} == routes


def test_the_uncertainty_is_made_of_what_the_code_takes_it_from() -> None:
    said = dict(row[:2] for row in rows("uncertainty"))
    assert said["tick"] == f"{NS / Settings().clock_hz:.0f} ns"
    assert f"{UNMEASURED_PPM:.0f} ppm" in "".join(rows("uncertainty")[3])


def test_the_limits_are_those_of_the_file() -> None:
    assert rows("limits") == [
        [name, limit.quantity, f"{limit.limit_ms:g}", f"{limit.marginal_ms:g}"]
        for name, limits in profiles().items()
        for limit in limits
    ]


def test_the_example_is_a_rack_file_without_a_mistake(tmp_path: Path) -> None:
    (example,) = re.findall(r"```yaml\n(format: .*?)```", SPEC, re.DOTALL)
    file = tmp_path / "rack.yaml"
    file.write_text(example)
    rack, problems = read_rack(file)
    assert problems == []
    assert rack is not None
    assert [place.name for place in rack.places] == ["in", "out"]
    assert f"format: {FORMAT}" in example


def test_the_policies_and_budgets_of_the_loop_are_those_of_the_pacer() -> None:
    assert [row[0] for row in rows("overrun")] == [policy.value for policy in Policy]
    pacing = Pacing()
    assert f"1 in {1 / pacing.budget_share:g} events" in rows("overrun")[0][2]
    assert f"more than {pacing.budget_ns / 1e6:g} ms" in rows("overrun")[0][2]
    assert f"`--tolerance` ({pacing.tolerance_ns / 1e6:g} ms" in SPEC
    assert f"within {pacing.patience_ns / 1e9:g} s" in SPEC
    assert f"at most {STEPS_ASIDE_US / 1e6:g} s" in SPEC
