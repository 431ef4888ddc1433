"""`jakarta-one rack loop`: a station's gates in step with the wall clock, some of them a rack's."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from testbed.cli.exits import exit_of_verdict
from testbed.cli.options import Json, Out, Seed

POLICIES = ("continue", "freeze", "abort")


def loop(
    scenario: Annotated[Path, typer.Argument(help="Scenario file, or the name of a shipped one.")],
    rack: Annotated[
        str, typer.Option("--rack", metavar="FILE", help="Rack file.")
    ] = "rack.sim.yaml",
    station: Annotated[
        str,
        typer.Option("--station", metavar="NAME", help="[default: that of the rack's first entry]"),
    ] = "",
    place: Annotated[
        list[str] | None,
        typer.Option(
            "--place",
            metavar="NAME",
            help="A place of the rack that stands for a gate; again for more.",
        ),
    ] = None,
    seconds: Annotated[
        float, typer.Option("--seconds", metavar="N", help="Of the city, in which riders come.")
    ] = 60.0,
    per_minute: Annotated[
        float | None,
        typer.Option("--per-minute", metavar="N", help="A stream, not the scenario's own riders."),
    ] = None,
    gates: Annotated[
        int | None,
        typer.Option("--gates", min=1, metavar="N", help="Gates that work, not the scenario's."),
    ] = None,
    speed: Annotated[
        float, typer.Option("--speed", min=0.001, help="City seconds in a second of ours.")
    ] = 1.0,
    on_overrun: Annotated[
        str, typer.Option("--on-overrun", metavar="|".join(POLICIES), help="When late.")
    ] = POLICIES[0],
    tolerance: Annotated[
        float, typer.Option("--tolerance", min=0, metavar="MS", help="Lateness up to it is none.")
    ] = 50.0,
    slow: Annotated[
        int,
        typer.Option("--slow", min=0, metavar="MS", help="By so much in a second run; 0: none."),
    ] = 400,
    freeze_at: Annotated[
        float | None,
        typer.Option("--freeze-at", min=0, metavar="S", help="The rack stands still from here on."),
    ] = None,
    freeze_ms: Annotated[
        float, typer.Option("--freeze-ms", min=1, metavar="MS", help="For so long.")
    ] = 3_000.0,
    seed: Seed = None,
    out: Out = None,
    json: Json = False,
) -> None:
    """Let a station's riders queue for gates that a rack answers for, as fast as it does.

    Example: jakarta-one rack loop smoke --per-minute 36 --gates 1 --seconds 60 --speed 10
    """
    from hil.lanes import Freeze
    from scenarios.shipped import rack_path, scenario_path
    from scheme.errors import BadInputError
    from sim.pacer import Pacing, Policy
    from testbed.cli.closing import document
    from testbed.cli.progress import bars
    from testbed.loop import Asked, loop_station

    if on_overrun not in POLICIES:
        raise BadInputError.at("--on-overrun", expected=" or ".join(POLICIES), got=on_overrun)
    asked = Asked(
        station=station,
        stand_ins=tuple(place or ()),
        seconds=seconds,
        gates=gates,
        per_minute=per_minute,
        slow_ms=slow,
        freeze=None if freeze_at is None else Freeze(freeze_at * 1_000, freeze_ms),
        pacing=Pacing(
            speed=speed, policy=Policy(on_overrun), tolerance_ns=round(tolerance * 1_000_000)
        ),
    )
    with bars() as progress:
        record = loop_station(
            scenario_path(scenario), rack_path(Path(rack)), asked, out=out, seed=seed,
            progress=progress,
        )  # fmt: skip
    typer.echo(document(record) if json else "\n".join(_lines(record)))
    raise typer.Exit(exit_of_verdict(record["verdict"]))


def _lines(record: dict[str, Any]) -> list[str]:
    """Return what a person is told: verdict, each run's gates of the rack, and the theory."""
    why = f": {'; '.join(record['reasons'])}" if record["reasons"] else ""
    lines = [
        f"{record['verdict']}{why}",
        f"riders     {record['riders']:,} at {record['gates']} of the gates of "
        f"{record['station']}, {len(record['on_rack'])} on the rack; {record['source']}",
    ]
    for run in record["runs"]:
        lines += [
            f"{run['name']:10} gate {gate['gate']}: longest queue {gate['queue_max']}, mean wait "
            f"{gate['wait_mean_us'] / 1e6:.2f} s, p99 {gate['wait_p99_us'] / 1e6:.2f} s; tap p50 "
            f"{gate['tap_p50_us'] / 1e3:.1f} ms, p99 {gate['tap_p99_us'] / 1e3:.1f} ms; from "
            f"Lindley's recursion at most {gate['lindley_max_us'] / 1e3:.1f} ms, on average "
            f"{gate['lindley_mean_us'] / 1e3:.1f} ms"
            for gate in run["gates"]
            if gate["place"]
        ]
        lines.append(
            f"           {run['late']:,} of {run['events']:,} events late, worst "
            f"{run['lateness_max_us'] / 1e3:,.1f} ms; the city stood still for "
            f"{run['frozen_us'] / 1e3:,.0f} ms"
        )
    lines += [
        f"foretold   gate {row['gate']}: mean wait {row['wait_mean_us'] / 1e6:.2f} s, from the "
        f"slow run at most {row['apart_max_us'] / 1e3:.1f} ms, on average "
        f"{row['apart_mean_us'] / 1e3:.1f} ms"
        for row in record["predicted"]
    ]
    return [*lines, f"report     {record['report']}"]
