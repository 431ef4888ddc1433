"""`jakarta-one tariff`: prices side by side."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from testbed.cli.options import Json


def make_group() -> typer.Typer:
    """Return the commands about tariffs."""
    group = typer.Typer(help="Check a tariff's prices.", no_args_is_help=True)
    group.callback()(_group)
    group.command("check")(check)
    return group


def _group() -> None:
    pass


def check(
    file: Annotated[Path, typer.Argument(help="tariff.yaml, its folder, or a shipped one's name.")],
    examples: Annotated[
        Path | None,
        typer.Option("--examples", metavar="CSV", help="Prices from outside, one a row."),
    ] = None,
    json: Json = False,
) -> None:
    """Price examples by the rulebook and by the judge's oracle, beside the price from outside.

    Example: jakarta-one tariff check jakarta-2026 --examples prices.csv
    """
    from scenarios.shipped import tariff_path
    from testbed.cli.closing import document
    from testbed.cli.exits import ExitCode
    from testbed.tariff_check import check_tariff

    checked = check_tariff(tariff_path(file), examples)
    if json:
        typer.echo(document(checked))
    else:
        typer.echo("\n".join(checked["lines"]))
    raise typer.Exit(ExitCode.failed if checked["differences"] else ExitCode.passed)
