"""Where shards are worked on: in this process, or in a few beside it. The outcome is the same."""

from __future__ import annotations

import multiprocessing
import signal
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from typing import Any

from scheme.errors import BadInputError

WORKERS_MOST = 64
Map = Callable[[Callable[[Any], Any], Iterable[Any]], Iterable[Any]]


@contextmanager
def workers(count: int) -> Iterator[Map]:
    """Give a `map` that keeps the order of its tasks, over so many processes.

    Raises:
        BadInputError: If the count is not 1 to 64.
    """
    if not 1 <= count <= WORKERS_MOST:
        raise BadInputError.at("--workers", expected=f"1 to {WORKERS_MOST}", got=count)
    if count == 1:
        yield map
        return
    # Spawned, not forked: a fork would copy the threads' locks of whoever calls us.
    context = multiprocessing.get_context("spawn")
    # Ctrl-C reaches every process: theirs end at once and say nothing, ours tells it.
    quiet = (signal.SIGINT, signal.SIG_DFL)
    with ProcessPoolExecutor(count, context, signal.signal, quiet) as pool:
        yield pool.map
