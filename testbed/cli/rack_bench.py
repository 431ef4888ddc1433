"""`jakarta-one rack scan | check | lock | leases | doctor | conformance`: the bench itself."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperCommand

from testbed.cli.options import Json

if TYPE_CHECKING:
    from hil.rack import RackFile

COMMAND = "command"  # what stands behind `--`, in the context's own store
RackOption = Annotated[
    str | None, typer.Option("--rack", metavar="FILE", help="Rack file that the names are of.")
]


class WithCommand(TyperCommand):
    """A command that runs another, which stands behind `--`."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Take what stands behind `--` away, whole, before options are looked for."""
        if "--" in args:
            at = args.index("--")
            args, ctx.meta[COMMAND] = args[:at], args[at + 1 :]
        return list(super().parse_args(ctx, args))


def add_to(group: typer.Typer) -> None:
    """Give the commands of the bench to the rack's group."""
    for command in (scan, check, leases, doctor, conformance, agent):
        group.command(command.__name__)(command)
    group.command("lock", cls=WithCommand)(lock)


def scan(json: Json = False) -> None:
    """List readers, ports and drivers, as the start of a rack file.

    Example: jakarta-one rack scan > my_rack.yaml
    """
    from hil.scan import scan as look
    from hil.scan import snippet
    from testbed.cli.closing import document

    found = look()
    typer.echo(document(found) if json else snippet(found))


def check(
    file: Annotated[str, typer.Argument(help="Rack file.")] = "rack.sim.yaml",
    needs: Annotated[
        list[str] | None,
        typer.Option("--needs", metavar="FEATURE", help="A feature that a place must have."),
    ] = None,
    offline: Annotated[
        bool, typer.Option("--offline", help="Look at the file alone, not at this machine.")
    ] = False,
    json: Json = False,
) -> None:
    """Tell every mistake of a rack file at once, and every device that is missing.

    Exits with 2 if the file is wrong, with 1 if only devices are missing.

    Example: jakarta-one rack check my_rack.yaml --needs tear
    """
    from scenarios.shipped import rack_path
    from testbed.cli.closing import document
    from testbed.cli.exits import ExitCode
    from testbed.rack_check import check as look
    from testbed.rack_check import check_lines

    told = look(rack_path(Path(file)), needs or (), offline=offline)
    typer.echo(document(told) if json else "\n".join(check_lines(told)))
    where = {problem["where"] for problem in told["problems"]}
    if "file" in where:
        raise typer.Exit(ExitCode.usage)
    raise typer.Exit(ExitCode.failed if where else ExitCode.passed)


def lock(
    ctx: typer.Context,
    names: Annotated[list[str], typer.Argument(help="Devices, or places of --rack.")],
    rack: RackOption = None,
    wait: Annotated[
        float, typer.Option("--wait", min=0, metavar="S", help="Wait so long at most.")
    ] = 10.0,
    minutes: Annotated[
        float, typer.Option("--for", min=0, metavar="MIN", help="Say when you mean to be done.")
    ] = 0.0,
) -> None:
    """Hold devices until Ctrl-C, or while a command behind `--` runs.

    Example: jakarta-one rack lock gate-3 --rack my_rack.yaml -- make test
    """
    import time

    from hil.locks import locked
    from testbed.rack_check import locks_of

    command = ctx.meta.get(COMMAND, [])
    wanted = names if rack is None else locks_of(names, _rack(rack))
    deadline_s = time.time() + 60 * minutes if minutes else 0.0
    run = " ".join(["rack lock", *command])
    with locked(wanted, run, wait, deadline_s=deadline_s) as descriptors:
        if command:
            _become(command, descriptors)
        try:
            typer.echo(f"held: {', '.join(sorted(set(wanted)))}; Ctrl-C lets go")
            while True:
                signal.pause()
        except KeyboardInterrupt:
            typer.echo("let go")


def leases(
    why: Annotated[
        bool, typer.Option("--why", help="Also who had what is free now, and what for.")
    ] = False,
    rack: RackOption = None,
    json: Json = False,
) -> None:
    """List the devices that somebody holds on this machine, and at the agents of --rack.

    Example: jakarta-one rack leases --why
    """
    from testbed.cli.closing import document
    from testbed.rack_leases import here, lines, there

    told = here(why=why) + (there(_rack(rack)) if rack is not None else [])
    typer.echo(document(told) if json else "\n".join(lines(told)))


def doctor(json: Json = False) -> None:
    """Say what is missing on this machine, and the command that mends it.

    Example: jakarta-one rack doctor
    """
    from hil.doctor import examine
    from testbed.cli.closing import document

    findings = examine()
    if json:
        typer.echo(document([finding._asdict() for finding in findings]))
    else:
        typer.echo("\n".join(line for finding in findings for line in finding.lines()))
        typer.echo("Without any of that, rack.sim.yaml plays: jakarta-one rack check")


def conformance(
    url: Annotated[str, typer.Argument(help="Reader, for example mine://?port=1")],
    json: Json = False,
) -> None:
    """Judge a reader and its driver, or the FPGA: open, closed, with a card, without one.

    Example: jakarta-one rack conformance vpcd:// --json
    """
    from testbed.cli.closing import document
    from testbed.cli.exits import exit_of_verdict
    from testbed.rack_check import conformance as record_of
    from testbed.rack_check import conformance_lines

    record = record_of(url)
    typer.echo(document(record) if json else "\n".join(conformance_lines(record)))
    raise typer.Exit(exit_of_verdict(record["verdict"]))


def agent(
    file: Annotated[str, typer.Argument(help="Rack file of the places to offer.")],
    host: Annotated[str, typer.Option("--host", help="Address to listen at.")] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", min=1, max=65_535)] = 8_443,
    certificate: Annotated[
        Path | None, typer.Option("--certificate", metavar="PEM", help="For HTTPS, with --key.")
    ] = None,
    key: Annotated[Path | None, typer.Option("--key", metavar="PEM")] = None,
    token_env: Annotated[
        str, typer.Option("--token-env", metavar="NAME", help="Variable that holds the token.")
    ] = "JAKARTA_ONE_AGENT_TOKEN",
) -> None:
    """Offer the places of a rack to other machines.

    Example: jakarta-one rack agent my_rack.yaml --host 0.0.0.0 --certificate a.pem --key a.key
    """
    from hil.agent.serve import serve, token_of
    from hil.presence import check_ready

    rack = _rack(file)
    check_ready(rack)
    said = f"{len(rack.places)} places at {host}:{port}; Ctrl-C ends"

    def listening() -> None:
        typer.echo(said, err=True)

    serve(rack, token_of(token_env), host, port, certificate, key, listening=listening)


def _rack(file: str) -> RackFile:
    """Return the rack that a person means: their own file, or a shipped one by its name."""
    from hil.rack import load_rack
    from scenarios.shipped import rack_path

    return load_rack(rack_path(Path(file)))


def _become(command: list[str], descriptors: list[int]) -> None:
    """Become a command, which holds the locks then, and lets go of them when it ends."""
    from scheme.errors import EnvironmentFaultError

    for descriptor in descriptors:
        os.set_inheritable(descriptor, True)
    try:
        os.execvp(command[0], command)
    except OSError as error:
        raise EnvironmentFaultError(
            f"{command[0]}: expected a command to run, got {error.strerror}"
        ) from error
