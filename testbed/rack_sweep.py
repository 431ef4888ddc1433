"""A sweep of a fault at one reader, its record and its page."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from hil.drivers import open_part
from hil.faults.plan import instructions
from hil.faults.sweep import BY_EXCHANGE, Range, sweep, unit_of
from hil.fpga.tears import Tears
from hil.locks import locked
from hil.rack_sections import device_locks
from hil.reader import check_url
from reports.heatmap import sweep_page
from scheme.errors import BadInputError, StoreError
from testbed.progress import Progress, silent

LOCK_WITHIN_S = 10.0
RECORD, PAGE = "sweep.json", "sweep.html"


def sweep_reader(
    url: str,
    *,
    fault: str = "tear",
    unit: str | None = None,
    at: str | None = None,
    first: int = 0,
    last: int = 0,
    step: int = 1,
    repeats: int = 1,
    reads: int = 5,
    timer: str | None = None,
    out: Path | None = None,
    progress: Progress = silent,
) -> dict[str, Any]:
    """Sweep a fault; write sweep.json and sweep.html into `out`, if there is one.

    Args:
        fault: tear, cut or delay.
        unit: What is counted; microseconds, bytes and milliseconds unless said.
        at: An instruction, several joined by `|`, or ANY. Without it DEBIT, or ANY where the unit
            counts exchanges.
        timer: URL of a timer whose output 0 takes the card's power.

    Raises:
        BadInputError: If an argument cannot be, or the reader cannot make that fault.
        ReaderError: If the reader cannot be opened, or not hold a card that we issue.
        StoreError: If the disk does not take the record.
    """
    by = unit_of(fault, unit)
    place = at or ("ANY" if by in BY_EXCHANGE else "DEBIT")
    swept = Range(by, instructions(place, "--at"), first, last, step, repeats, reads)
    check_url(url)
    devices = device_locks(*filter(None, (url, timer)))
    with locked(devices, f"rack sweep {url}", LOCK_WITHIN_S), _tears(timer) as tears:
        record = sweep(url, swept, lambda done, total: progress("sweep", done, total), tears)
    if out is not None:
        try:
            out.mkdir(parents=True, exist_ok=True)
            (out / RECORD).write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
            (out / PAGE).write_text(sweep_page(record), encoding="utf-8")
        except OSError as error:
            raise StoreError(f"{out}: expected to write the sweep, got {error}") from error
    return record


@contextmanager
def _tears(url: str | None) -> Iterator[Tears | None]:
    """Yield a timer that tears, open; raises BadInputError if it cannot."""
    if url is None:
        yield None
        return
    timer = open_part("timer", url)
    with closing(timer):
        if not isinstance(timer, Tears):
            raise BadInputError.at("--timer", expected="a timer that can tear", got=url)
        yield timer


def sweep_lines(record: dict[str, Any]) -> list[str]:
    """Return a record for people."""
    faults = record["faults"]
    names = ("old", "new", "recovered", "torn", "wrong", "silent")
    lines = [f"{record['unit']:>10}  " + "".join(f"{name:>10}" for name in names)]
    for point in record["points"]:
        cells = "".join(f"{point[name] or '.':>10}" for name in names)
        lines.append(f"{point['value']:>10}  {cells}")
    lines.append(
        f"{record['verdict']}: {record['taps']:,} taps, {faults['armed']:,} faults armed, "
        f"{faults['fired']:,} fired"
    )
    return [*lines, *record["reasons"]]
