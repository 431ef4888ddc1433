"""`jakarta-one validator`: the reference device, and what a bench says to any device."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def make_group() -> typer.Typer:
    """Return the commands of the validator."""
    group = typer.Typer(
        help="Run the reference validator; speak to a device (docs/spec/device.md).",
        no_args_is_help=True,
    )
    group.command("serve")(serve)
    group.command("say")(say)
    return group


def serve(
    config: Annotated[Path, typer.Argument(metavar="FILE", help="Its validator file.")],
) -> None:
    """Run the reference validator until it is told to end.

    Example: jakarta-one validator serve gate.yaml
    """
    from hil.validator.__main__ import serve as serve_device

    serve_device(config)


def say(
    address: Annotated[str, typer.Argument(metavar="HOST:PORT", help="Its control side.")],
    order: Annotated[str, typer.Argument(help="present, remove, clock or state.")],
    fields: Annotated[
        list[str] | None, typer.Argument(metavar="NAME=VALUE...", help="Fields of the order.")
    ] = None,
    within_s: Annotated[float, typer.Option("--within", min=0.0, help="Seconds to wait.")] = 10.0,
) -> None:
    """Say one order to a device and print the event that answers it, as JSON.

    Exits with 1 if that event is an error.

    Example: jakarta-one validator say 127.0.0.1:9500 present amount_idr=3500
    """
    import json

    from hil.control_line import ANSWERS, ControlLine
    from scheme.errors import BadInputError
    from testbed.cli.exits import ExitCode

    host, _, port = address.rpartition(":")
    if not host or not port.isdecimal():
        raise BadInputError.at("address", expected="HOST:PORT", got=address)
    if order not in ANSWERS:
        raise BadInputError.at("order", expected=" or ".join(ANSWERS), got=order)
    said = dict(_field(text) for text in fields or [])
    line = ControlLine(host, int(port))
    try:
        line.wait({"ready"}, within_s)
        line.order(order, **said)
        answer = line.wait({ANSWERS[order], "error"}, within_s)
    finally:
        line.close()
    typer.echo(json.dumps(answer))
    if answer["event"] == "error":
        raise typer.Exit(ExitCode.failed)


def _field(text: str) -> tuple[str, int | str]:
    name, equals, value = text.partition("=")
    if not equals:
        from scheme.errors import BadInputError

        raise BadInputError.at("field", expected="NAME=VALUE", got=text)
    return name, int(value) if value.isdecimal() and name != "trace" else value
