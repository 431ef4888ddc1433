"""`python -m benchmarks NAME [--json]`: measure one thing beside its baseline and print it."""

from __future__ import annotations

import argparse
import importlib
import json
import pkgutil
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
LIBRARIES = ("baseline",)  # modules that a measurement imports, no measurement themselves


def measurements() -> list[str]:
    """Return the names that can be measured."""
    found = [module.name for module in pkgutil.iter_modules([str(HERE)])]
    return sorted(n for n in found if not n.startswith("_") and not n.endswith(LIBRARIES))


def as_text(measured: dict[str, Any]) -> str:
    """Return a measurement for people, one key a line."""
    return "\n".join(f"{key:16} {json.dumps(value)}" for key, value in measured.items())


def main(arguments: list[str] | None = None) -> int:
    """Measure what is named and print it."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("name", choices=measurements())
    parser.add_argument("--json", action="store_true", help="one JSON document on stdout")
    chosen = parser.parse_args(arguments)
    measured = importlib.import_module(f"benchmarks.{chosen.name}").measure()
    print(json.dumps(measured) if chosen.json else as_text(measured))
    return 0


if __name__ == "__main__":
    sys.exit(main())
