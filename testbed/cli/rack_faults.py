"""`jakarta-one rack sweep | faults`: a fault over a range at one reader; faults by the clock."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from testbed.cli.options import Json


def sweep(
    url: Annotated[str, typer.Argument(help="Reader whose cards can be issued: java://empty")],
    first: Annotated[int, typer.Option("--from", metavar="N", help="First value.")],
    last: Annotated[int, typer.Option("--to", metavar="N", help="Last value.")],
    fault: Annotated[str, typer.Option("--fault", help="tear, cut or delay.")] = "tear",
    unit: Annotated[
        str | None,
        typer.Option("--unit", help="Tear: us, lost, unheard, write, tick. Cut: byte. Delay: ms."),
    ] = None,
    at: Annotated[
        str | None, typer.Option("--at", metavar="INS", help="Instruction, several by |, or ANY.")
    ] = None,
    step: Annotated[int, typer.Option("--step", metavar="N")] = 1,
    repeats: Annotated[int, typer.Option("--repeats", metavar="N")] = 1,
    reads: Annotated[
        int, typer.Option("--reads", metavar="N", help="Read the card so often after each.")
    ] = 5,
    timer: Annotated[
        str | None,
        typer.Option("--timer", metavar="URL", help="What tears: fpga://model:, fpga:///dev/..."),
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="DIR", help="For sweep.json and sweep.html.")
    ] = None,
    json: Json = False,
) -> None:
    """Break one tap at every point of a range; read the card, tap again, and draw a heat map.

    Exits with 4 if a fault did not fire: that point was not tested.

    Example: jakarta-one rack sweep model://empty --fault tear --from 0 --to 6000 --step 250
    """
    from testbed.cli.closing import document
    from testbed.cli.exits import exit_of_verdict
    from testbed.cli.progress import bars
    from testbed.rack_sweep import sweep_lines, sweep_reader

    with bars() as progress:
        record = sweep_reader(
            url, fault=fault, unit=unit, at=at, first=first, last=last, step=step, repeats=repeats,
            reads=reads, timer=timer, out=out, progress=progress,
        )  # fmt: skip
    typer.echo(document(record) if json else "\n".join(sweep_lines(record)))
    raise typer.Exit(exit_of_verdict(record["verdict"]))


def faults(
    file: Annotated[Path, typer.Argument(help="File of faults by the clock.")],
    json: Json = False,
) -> None:
    """Break network, power and clock of a device when a file says so, and mend them again.

    Exits with 4 if nobody met a fault: it was not tested.

    Example: jakarta-one rack faults evening.yaml --json
    """
    from hil.faults.actions import load_actions, run
    from testbed.cli.closing import document
    from testbed.cli.exits import exit_of_verdict
    from testbed.cli.progress import bars

    asked = load_actions(file)
    with bars() as progress:
        record = run(asked, lambda done, total: progress("faults", done, total))
    if json:
        typer.echo(document(record))
    else:
        for row in record["evidence"]:
            typer.echo(f"{row['fault']}: {row['said'] or 'did not fire'}")
        counted = record["faults"]
        typer.echo(f"{record['verdict']}: {counted['armed']} armed, {counted['fired']} fired")
    raise typer.Exit(exit_of_verdict(record["verdict"]))
