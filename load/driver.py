"""The open-loop driver: replays a sealed plan over HTTP and writes what it measured.

It is the measuring instrument; `load.locust_user` is the familiar front of the same plan. Latency
counts from the squeezed intended instant, in integer microseconds, so that a target that stalls is
seen to stall.
"""

from __future__ import annotations

import asyncio
import gc
import importlib
import importlib.util
import json
import math
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from load.clocks import FORMAT
from load.replay import Progress, Replay
from load.sealing import SealedPlan
from load.validity import LAG_US_P99_MAX, judge_document
from load.wire import Address
from scheme.errors import BadInputError, StoreError


class Limits(NamedTuple):
    """What a driver may use, and what it may not exceed.

    Attributes:
        connections: The most connections open at a time; opened when needed, kept alive.
        grace_s: How long answers may take after the last intended instant.
        lag_us_p99_max: The greatest driver lag at which a run counts.
        sustained_per_s: Uploads a second that this machine sustains, if it was measured; a plan
            that asks for more than half of it does not count.
    """

    connections: int = 512
    grace_s: float = 30.0
    lag_us_p99_max: int = LAG_US_P99_MAX
    sustained_per_s: int | None = None


def drive(
    sealed: SealedPlan,
    url: str,
    speed: float,
    out: Path,
    on_progress: Callable[[Progress], None] | None = None,
    window: tuple[int, int] | None = None,
    limits: Limits | None = None,
) -> dict[str, Any]:
    """Replay a plan; write clocks.parquet and load.json into `out`; return what load.json says.

    Args:
        sealed: What to send.
        url: The target, for example http://127.0.0.1:8711.
        speed: City seconds in a second of ours.
        out: A folder; made if missing.
        on_progress: Told some four times a second how far the run is.
        window: From and to in city time, milliseconds UTC; the clock starts with it.
        limits: Connections, patience, and the greatest lag.

    Raises:
        BadInputError: If speed or URL make no sense.
        StoreError: If `out` cannot be written.
    """
    if not (math.isfinite(speed) and speed > 0):
        raise BadInputError.at("--speed", expected="a number above 0", got=speed)
    limits = limits or Limits()
    address = Address.of(url)
    out = _made(out)
    chosen = sealed.between(*window) if window else sealed
    replay = Replay(chosen, address, speed, on_progress)
    with _collector_at_rest():
        run_in_loop(replay.run(limits.connections, limits.grace_s))
    document = _document(replay, speed, window) | {"sustained_per_s": limits.sustained_per_s}
    verdict = judge_document(document, limits.lag_us_p99_max)
    document |= {"valid": verdict.valid, "reasons": verdict.reasons}
    document["reason"] = "; ".join(verdict.reasons)
    replay.clocks.write(out / "clocks.parquet", chosen.upload, replay.started_us)
    _write(out / "load.json", document)
    return document


def sustained_per_s(sealed: SealedPlan, url: str, uploads: int = 4_000) -> int:
    """Return how many uploads a second a target answers when all are due at once.

    The plan's first uploads are sent as fast as answers come back, one of a sender at a time. The
    target keeps them, so it is a scratch one, or the plan of an epoch that no run uses.

    Raises:
        BadInputError: If the URL makes no sense.
    """
    few = sealed.first(uploads)
    replay = Replay(few, Address.of(url), math.inf)
    with _collector_at_rest():
        run_in_loop(replay.run(Limits().connections, Limits().grace_s))
    return int(replay.clocks.document()["rate_per_s"]["achieved"])


def run_in_loop(work: Coroutine[Any, Any, None]) -> None:
    """Run a coroutine in uvloop's event loop where there is one, else in asyncio's."""
    factory = None
    if importlib.util.find_spec("uvloop"):
        factory = importlib.import_module("uvloop").new_event_loop
    with asyncio.Runner(loop_factory=factory) as runner:
        runner.run(work)


@contextmanager
def _collector_at_rest() -> Iterator[None]:
    """Keep the garbage collector from pausing a run: 60,000 uploads are many objects to walk."""
    was_on = gc.isenabled()
    gc.collect()
    gc.freeze()
    gc.disable()
    try:
        yield
    finally:
        gc.unfreeze()
        if was_on:
            gc.enable()


def _document(replay: Replay, speed: float, window: tuple[int, int] | None) -> dict[str, Any]:
    sealed, pool = replay.sealed, replay.pool_counts
    return {
        "format": FORMAT,
        "speed": speed,
        "epoch": sealed.epoch,
        "from_ms": sealed.from_ms,
        "window_ms": list(window) if window else None,
        "started_us": replay.started_us,
        "clock": "CLOCK_MONOTONIC",
        "records_planned": int(sealed.count[~sealed.copy].sum()),
        "singles_planned": int(sealed.single.sum()),
        "duplicates_planned": sealed.copies_planned,
        "duplicates_by_retry": replay.repeated_by_retry,
        "busy_answers": replay.busy,
        "lost_connections": replay.lost_connections,
        "connections": pool.open_most,
        "connection_waits": pool.waits,
        "cpu_us": replay.cpu_us,
    } | replay.clocks.document()


def _made(out: Path) -> Path:
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(f"{out}: expected a folder to write into, got {error}") from error
    return out


def _write(path: Path, document: dict[str, Any]) -> None:
    partial = path.with_suffix(".partial")
    try:
        partial.write_text(json.dumps(document, indent=1) + "\n")
        partial.replace(path)
    except OSError as error:
        raise StoreError(f"{path}: expected to write it, got {error}") from error
