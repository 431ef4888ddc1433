"""`jakarta-one load`: the crowd alone, against a back office."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from testbed.cli.exits import exit_of_verdict
from testbed.cli.options import Beside, Epoch, Json, Speed, Target


def make_group() -> typer.Typer:
    """Return the commands of the crowd."""
    group = typer.Typer(help="Replay a city's uploads against a back office.", no_args_is_help=True)
    group.callback()(_group)
    group.command("run")(run)
    group.command("enrol")(enrol)
    return group


def _group() -> None:
    pass


def run(
    city: Annotated[Path, typer.Argument(help="Folder that `city generate` wrote.")],
    target: Target = None,
    speed: Speed = None,
    epoch: Epoch = 0,
    out: Beside = None,
    json: Json = False,
) -> None:
    """Send every upload of a plan at its intended instant and measure from there.

    Example: jakarta-one load run my_city --target my_target.yaml --speed 60
    """
    from testbed.cli.closing import document
    from testbed.cli.progress import bars
    from testbed.run import drive_load

    with bars() as progress:
        driven = drive_load(
            city, target=target, speed=speed, epoch=epoch, out=out, progress=progress
        )
    if json:
        typer.echo(document(driven))
    else:
        typer.echo(
            f"{driven['verdict']}: {driven['sent']:,} of {driven['planned']:,} uploads sent, "
            f"{driven['duplicates']:,} answered as duplicates; driver lag p99 "
            f"{driven['lag_us_p99']:,} us; intended p99 {driven['intended_us_p99']:,} us"
        )
        if driven.get("reason"):
            typer.echo(driven["reason"])
    raise typer.Exit(exit_of_verdict(driven["verdict"]))


def enrol(
    city: Annotated[Path, typer.Argument(help="Folder that `city generate` wrote.")],
    target: Annotated[str, typer.Option("--target", metavar="FILE", help="A target.yaml.")],
    epoch: Epoch = 0,
) -> None:
    """Make a city's cards, devices, keys and lists known to a back office, and send nothing.

    For a driver of your own, or Locust, which sends uploads and enrols nobody.

    Example: jakarta-one load enrol my_city --target my_target.yaml --epoch 1
    """
    from testbed.run import enrol_city

    enrol_city(city, target=target, epoch=epoch)
    typer.echo(f"enrolled {city}, epoch {epoch}")
    plan = f"JK1_CITY={city} JK1_EPOCH={epoch}"
    typer.echo(f"next: {plan} locust -f load/locustfile.py --headless --host URL")
