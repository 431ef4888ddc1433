"""`jakarta-one city`: the city alone."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from testbed.cli.options import Json, Seed, Workers


def make_group() -> typer.Typer:
    """Return the commands of the city."""
    group = typer.Typer(help="Make a city's plan, truth and records.", no_args_is_help=True)
    group.callback()(_group)
    group.command("generate")(generate)
    return group


def _group() -> None:
    pass


def generate(
    scenario: Annotated[Path, typer.Argument(help="Scenario file, or the name of a shipped one.")],
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="DIR", help="Its folder. [default: cities/SCENARIO-SEED]"),
    ] = None,
    seed: Seed = None,
    workers: Workers = None,
    json: Json = False,
) -> None:
    """Write plan/, truth/, records/ and manifest.json of a scenario.

    Example: jakarta-one city generate scenarios/smoke.yaml --out my_city
    """
    from scenarios.shipped import scenario_path
    from testbed.cli.closing import document, program
    from testbed.cli.progress import bars

    found = scenario_path(scenario)
    from testbed.run import generate_city

    with bars() as progress:
        manifest, folder = generate_city(
            found, out=out, seed=seed, workers=workers, progress=progress
        )
    if json:
        typer.echo(document(manifest))
        return
    typer.echo(f"{manifest['counts']['records']:,} tap records, plan {manifest['plan_digest']}")
    typer.echo(f"next: {program()} load run {folder}")
