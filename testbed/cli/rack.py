"""`jakarta-one rack`: readers and cards alone. The bench itself is in `rack_bench`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from testbed.cli import rack_bench, rack_faults, rack_loop
from testbed.cli.exits import exit_of_verdict
from testbed.cli.options import Beside, Json, Speed


def make_group() -> typer.Typer:
    """Return the commands of the rack."""
    group = typer.Typer(help="Look after a bench, and play taps on it.", no_args_is_help=True)
    group.callback()(_group)
    group.command("play")(play)
    group.command("loop")(rack_loop.loop)
    rack_bench.add_to(group)
    group.command("sweep")(rack_faults.sweep)
    group.command("faults")(rack_faults.faults)
    return group


def _group() -> None:
    pass


def play(
    city: Annotated[Path, typer.Argument(help="Folder that `city generate` wrote.")],
    rack: Annotated[str | None, typer.Option("--rack", metavar="FILE", help="Rack file.")] = None,
    speed: Speed = None,
    out: Beside = None,
    json: Json = False,
) -> None:
    """Play the rack's slice of a plan and compare the card parts byte for byte.

    Example: jakarta-one rack play my_city --rack rack.sim.yaml --speed 60
    """
    from scenarios.shipped import rack_path
    from testbed.cli.closing import document
    from testbed.cli.progress import bars
    from testbed.run import play_rack

    with bars() as progress:
        file = rack_path(Path(rack or "rack.sim.yaml"))
        played = play_rack(city, rack=str(file), speed=speed, out=out, progress=progress)
    if json:
        typer.echo(document(played))
    else:
        typer.echo(
            f"{played['verdict']}: {played['taps']:,} taps in {played['exchanges']:,} exchanges, "
            f"{played['mismatches']} card parts differ, {played['displaced']} displaced; "
            f"{sum(played[what]['fired'] for what in ('tears', 'faults'))} of "
            f"{sum(played[what]['armed'] for what in ('tears', 'faults'))} faults fired; "
            f"a tap takes p50 {played['service_p50_us']} us, p99 {played['service_p99_us']} us; "
            f"from its planned instant p50 {played['p50_us']} us, p99 {played['p99_us']} us"
        )
    raise typer.Exit(exit_of_verdict(played["verdict"]))
