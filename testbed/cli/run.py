"""`jakarta-one run`: a scenario from the city to the verdict."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from testbed.cli.exits import exit_of_verdict
from testbed.cli.options import Epoch, Json, Out, Rack, Seed, Speed, Target, Workers


def run(
    scenario: Annotated[Path, typer.Argument(help="Scenario file, or the name of a shipped one.")],
    out: Out = None,
    seed: Seed = None,
    workers: Workers = None,
    rack: Rack = None,
    target: Target = None,
    speed: Speed = None,
    epoch: Epoch = 0,
    json: Json = False,
) -> None:
    """Run a scenario: city, rack, load, clearing house, verdict.

    Example: jakarta-one run scenarios/morning_peak.yaml --seed 7 --json
    """
    from scenarios.shipped import rack_path, scenario_path
    from testbed.cli.closing import closing, document
    from testbed.cli.progress import bars

    found = scenario_path(scenario)
    from testbed.run import run_scenario

    with bars() as progress:
        record = run_scenario(
            found,
            out=out,
            seed=seed,
            workers=workers,
            rack=str(rack_path(Path(rack))) if rack else None,
            target=target,
            speed=speed,
            epoch=epoch,
            progress=progress,
        )
    typer.echo(document(record) if json else closing(record))
    raise typer.Exit(exit_of_verdict(record["verdict"]))
