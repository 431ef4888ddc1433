"""`jakarta-one report`: the judge alone, over a run directory."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from testbed.cli.exits import exit_of_verdict
from testbed.cli.options import Json


def make_group() -> typer.Typer:
    """Return the commands of the judge."""
    group = typer.Typer(help="Judge a run, or check a judgement.", no_args_is_help=True)
    group.callback()(_group)
    group.command("build")(build)
    group.command("verify")(verify)
    return group


def _group() -> None:
    pass


RunDirectory = Annotated[Path, typer.Argument(metavar="RUN", help="Run directory.")]


def build(run: RunDirectory, json: Json = False) -> None:
    """Judge a run from its evidence and write record.json, junit.xml and report.html.

    Example: jakarta-one report build runs/morning_peak-1
    """
    from testbed.cli.closing import closing, document
    from testbed.run import build_report

    record = build_report(run)
    typer.echo(document(record) if json else closing(record))
    raise typer.Exit(exit_of_verdict(record["verdict"]))


def verify(run: RunDirectory, json: Json = False) -> None:
    """Work out every figure of a record again and hold every file of its evidence to its digest.

    Example: jakarta-one report verify runs/morning_peak-1
    """
    from testbed.cli.closing import document
    from testbed.cli.exits import ExitCode
    from testbed.loop import is_loop, verify_loop
    from testbed.run import verify_report

    checked = verify_loop(run) if is_loop(run) else verify_report(run)
    if json:
        typer.echo(document(checked))
    else:
        for difference in checked["differences"]:
            typer.echo(difference)
        held = f"{checked['figures']:,} figures and {checked['files']:,} files"
        typer.echo(f"{held}, {len(checked['differences'])} differ")
    raise typer.Exit(ExitCode.failed if checked["differences"] else ExitCode.passed)
