"""Run one campaign and print what it found.

Exit 0 only if nothing was violated and every planted defect was found; 1 if not; 2 for arguments
that are none; 3 if the machine could not do it, say without a built card applet.

Example: python -m campaigns twins --fraction 0.02 --json
"""

from __future__ import annotations

import argparse
import importlib
import json
import pkgutil
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from campaigns.bench.result import Order, Progress
from scheme.errors import BadInputError, EnvironmentFaultError

HERE = Path(__file__).resolve().parent
SEED = 2026


def campaigns() -> list[str]:
    """Return the names of the campaigns: the modules here, not the folders that serve them."""
    found = pkgutil.iter_modules([str(HERE)])
    return sorted(m.name for m in found if not m.ispkg and not m.name.startswith("_"))


def as_text(found: dict[str, Any]) -> str:
    """Return a result for people, one key a line, and each violation under it."""
    lines = [f"{key:16} {json.dumps(value)}" for key, value in found.items() if key != "first"]
    for violation in found["first"]:
        lines += ["", *(f"{key:10} {value}" for key, value in violation.items())]
    return "\n".join(lines)


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    made = argparse.ArgumentParser(
        prog="python -m campaigns",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    made.add_argument("name", choices=campaigns())
    made.add_argument("--size", type=_positive, help="cards, tears, kills: its own unit")
    made.add_argument("--fraction", type=_fraction, default=1.0, help="of the size, over 0 to 1")
    made.add_argument("--seed", type=_natural, default=SEED, help=f"default {SEED}")
    made.add_argument("--card", type=_natural, help="replay one card and print what was said")
    made.add_argument("--no-planted", action="store_true", help="leave the planted defects out")
    made.add_argument("--json", action="store_true", help="one JSON document on stdout")
    return made


def main(arguments: list[str] | None = None) -> int:
    """Run what is named and print it."""
    chosen = parser().parse_args(arguments)
    campaign = importlib.import_module(f"campaigns.{chosen.name}")
    size = max(1, round((chosen.size or campaign.SIZE) * chosen.fraction))
    order = Order(size, chosen.seed, chosen.card, not chosen.no_planted)
    began = time.monotonic()
    try:
        if order.card is not None:
            return _replay(campaign, order, chosen.json)
        with _bar(chosen.name) as progress:
            result = campaign.run(order, progress)
    except BadInputError as wrong:
        print(f"campaigns: {wrong}", file=sys.stderr)
        return 2
    except EnvironmentFaultError as fault:
        print(f"campaigns: {fault}", file=sys.stderr)
        return 3
    found = result.document(time.monotonic() - began)
    print(json.dumps(found) if chosen.json else as_text(found))
    return 0 if result.holds else 1


def _replay(campaign: Any, order: Order, as_json: bool) -> int:
    """Play one card, print its transcript, and return 0 if it holds."""
    lines, holds = campaign.replay(order)
    told = {"seed": order.seed, "card": order.card, "holds": holds, "transcript": lines}
    print(json.dumps(told) if as_json else "\n".join(lines))
    return 0 if holds else 1


def _positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"expected a whole number from 1, got {text}")
    return value


def _natural(text: str) -> int:
    value = int(text)
    if value < 0:
        raise argparse.ArgumentTypeError(f"expected a whole number from 0, got {text}")
    return value


def _fraction(text: str) -> float:
    value = float(text)
    if not 0 < value <= 1:
        raise argparse.ArgumentTypeError(f"expected a number over 0 and at most 1, got {text}")
    return value


@contextmanager
def _bar(name: str) -> Iterator[Progress]:
    """Yield a function that draws a bar on stderr where it is a terminal, else does nothing."""
    if not sys.stderr.isatty():
        yield lambda done, total: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as Bars

    columns = (TextColumn(name), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Bars(*columns, console=Console(stderr=True), transient=True) as drawn:
        task = drawn.add_task(name, total=None)
        yield lambda done, total: drawn.update(task, completed=done, total=total)


if __name__ == "__main__":
    sys.exit(main())
