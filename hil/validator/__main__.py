"""Run the reference validator of a file until it is told to end.

Example: python -m hil.validator --config gate.yaml
Exit 0 when told to end, 2 for a wrong file, 3 if the machine could not do it.
"""

from __future__ import annotations

import argparse
import signal
import sys
import threading
from pathlib import Path

from hil.validator.config import read_config
from hil.validator.device import Device
from scheme.errors import BadInputError, EnvironmentFaultError


def serve(path: Path) -> None:
    """Run a validator until SIGTERM or Ctrl-C; raises as `Device` does."""
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    device = Device(read_config(path))
    try:
        device.run(stop)
    finally:
        device.close()


def main(arguments: list[str] | None = None) -> int:
    """Run what the arguments name; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m hil.validator", description=__doc__)
    parser.add_argument("--config", required=True, type=Path, metavar="FILE")
    chosen = parser.parse_args(arguments)
    try:
        serve(chosen.config)
    except BadInputError as wrong:
        print(f"validator: {wrong}", file=sys.stderr)
        return 2
    except EnvironmentFaultError as fault:
        print(f"validator: {fault}", file=sys.stderr)
        return 3
    return 0


if __name__ == "__main__":
    sys.exit(main())
