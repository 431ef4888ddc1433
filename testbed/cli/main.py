"""The command `jakarta-one`: puts the commands together and turns errors into exit codes.

Nothing here does any work, and no command imports its world before it is called, so that
`--help` answers at once.
"""

from __future__ import annotations

import os
import signal
import sys
import traceback
from types import FrameType
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from testbed.cli import card, city, load, rack, report, run, serve, tariff, validator
from testbed.cli.exits import ExitCode, error_line, exit_of_error

EXAMPLE = "Example: jakarta-one run scenarios/morning_peak.yaml\n\n"
SIGNALLED = 128  # what a shell adds to the number of the signal that ended a command
HELP = """\
Proves that cards, readers and a clearing house work together, to the rupiah: plays a city's
morning through them, and judges what was booked against what happened.

\b
A scenario, whole       jakarta-one run SCENARIO
A vendor's reader       jakarta-one rack play RUN/city --rack my_rack.yaml
A card                  jakarta-one card conformance pcsc://READER
A back office of yours  jakarta-one load run RUN/city --target my_target.yaml
"""
EPILOG = """\
Exit codes: 0 pass, 1 failed, 2 usage, 3 environment, 4 run invalid, 5 internal, 130 interrupted.
"""


class ExampleFirst(TyperGroup):
    """A group whose help opens with an example."""

    def format_usage(self, ctx: Any, formatter: Any) -> None:
        """Write the example above the usage line."""
        formatter.write(EXAMPLE)
        super().format_usage(ctx, formatter)


def make_app() -> typer.Typer:
    """Return the application with every command."""
    app = typer.Typer(
        cls=ExampleFirst,
        help=HELP,
        epilog=EPILOG,
        rich_markup_mode=None,  # plain help: importing Rich for it costs more than the help
        pretty_exceptions_enable=False,
        no_args_is_help=True,
        add_completion=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(_options)
    app.command("run")(run.run)
    app.add_typer(city.make_group(), name="city")
    app.command("serve")(serve.serve)
    app.add_typer(rack.make_group(), name="rack")
    app.add_typer(validator.make_group(), name="validator")
    app.add_typer(card.make_group(), name="card")
    app.add_typer(load.make_group(), name="load")
    app.add_typer(report.make_group(), name="report")
    app.add_typer(tariff.make_group(), name="tariff")
    return app


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and exit with the code that `testbed.cli.exits` gives."""
    given = sys.argv[1:] if arguments is None else arguments
    debug = "--debug" in given
    # Without it a process that is told to end leaves those that it started behind.
    signal.signal(signal.SIGTERM, _told_to_end)
    try:
        make_app()(args=[word for word in given if word != "--debug"], prog_name="jakarta-one")
    except BrokenPipeError:
        # Whoever read us has seen enough; closing stdout would complain once more.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(ExitCode.failed)
    except (Exception, KeyboardInterrupt) as error:
        if debug:
            traceback.print_exc()
        typer.echo(f"jakarta-one: {error_line(error)}", err=True)
        sys.exit(exit_of_error(error))


def _told_to_end(number: int, _at: FrameType | None) -> None:
    sys.exit(SIGNALLED + number)


def _show_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"jakarta-one {version('jakarta-one-testbed')}")
        raise typer.Exit


def _options(
    version: Annotated[
        bool,
        typer.Option("--version", is_eager=True, callback=_show_version, help="Print the version."),
    ] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show where an error arose.")] = False,
) -> None:
    """Take the options that stand before a command; `main` has read --debug already."""
