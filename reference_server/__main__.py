"""`python -m reference_server`: serve; with --pipeline, be the pipeline process of a door."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from reference_server.settings import Limits, Settings, default_store
from scheme.errors import EnvironmentFaultError

EXIT_ENVIRONMENT = 3


def main() -> int:
    """Run the command line and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m reference_server", description=__doc__)
    parser.add_argument("--store", type=Path, default=default_store(), metavar="DIR")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0, help="0 takes a free one")
    parser.add_argument("--ready-file", type=Path, default=None, metavar="FILE")
    parser.add_argument("--clock-epoch-ms", type=int, default=None)
    parser.add_argument("--clock-factor", type=float, default=1.0)
    parser.add_argument("--chunk-bytes", type=int, default=Limits().chunk_bytes_max)
    parser.add_argument("--pipeline", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    limits = Limits(chunk_bytes_max=given.chunk_bytes)
    settings = Settings(
        given.store, given.host, given.port, given.ready_file, given.clock_epoch_ms,
        given.clock_factor, limits,
    )  # fmt: skip
    try:
        return _work(settings) if given.pipeline else _serve(settings)
    except EnvironmentFaultError as error:
        print(error, file=sys.stderr)
        return EXIT_ENVIRONMENT


def _serve(settings: Settings) -> int:
    from reference_server.app import serve

    serve(settings)
    return 0


def _work(settings: Settings) -> int:
    from reference_server.clock import make_clock
    from reference_server.worker import Worker

    # Nothing but answers may go to the door: what a library prints goes to stderr.
    answers = os.dup(1)
    os.dup2(2, 1)
    clock = make_clock(settings.clock_epoch_ms, settings.clock_factor)
    Worker(settings.store, clock, settings.limits, requests=0, answers=answers).run()
    return 0


if __name__ == "__main__":
    sys.exit(main())
