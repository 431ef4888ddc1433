"""Progress bars on stderr, where it is a terminal; nothing in a pipe."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from testbed.progress import Progress, silent


@contextmanager
def bars() -> Iterator[Progress]:
    """Yield a function that draws a bar a stage; colours obey NO_COLOR."""
    if not sys.stderr.isatty():
        yield silent
        return
    from rich.console import Console
    from rich.progress import BarColumn, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as Bars

    columns = (TextColumn("{task.description:<28}"), BarColumn(), TimeElapsedColumn())
    with Bars(*columns, console=Console(stderr=True), transient=True) as drawn:
        tasks = {}

        def show(stage: str, done: int, total: int) -> None:
            if stage not in tasks:
                tasks[stage] = drawn.add_task(stage, total=total or None)
            drawn.update(tasks[stage], completed=done, total=total or None)

        yield show
