"""The options that several commands share, the same word and meaning everywhere."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Out = Annotated[
    Path | None,
    typer.Option("--out", metavar="DIR", help="Run directory. [default: runs/SCENARIO-SEED]"),
]
Seed = Annotated[
    int | None, typer.Option("--seed", min=0, help="Other chance than the scenario's.")
]
Workers = Annotated[
    int | None,
    typer.Option("--workers", min=1, max=64, help="Processes of the city. [default: cores]"),
]
Beside = Annotated[
    Path | None,
    typer.Option("--out", metavar="DIR", help="Where it measures into. [default: beside CITY]"),
]
Rack = Annotated[
    str | None,
    typer.Option("--rack", metavar="FILE", help="Rack file, or `none`: nothing of it is expected."),
]
Target = Annotated[
    str | None,
    typer.Option("--target", metavar="NAME", help="reference, or the path of a target.yaml."),
]
Speed = Annotated[
    float | None,
    typer.Option("--speed", min=0.001, help="City seconds in a second of ours."),
]
Epoch = Annotated[
    int, typer.Option("--epoch", min=0, max=41, help="Fresh numbers and proofs for the same plan.")
]
Json = Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")]
