"""The pipeline's process: works while there is work, answers what the door asks, ends with it.

The two speak JSON lines over the process's standard input and output. When the door dies its end
of the pipe closes, and so this process ends too; what it had not committed it does again later.
"""

from __future__ import annotations

import fcntl
import os
import select
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from reference_server.clock import Clock
from reference_server.metrics import by_name
from reference_server.pipeline import Pipeline, Work
from reference_server.settings import Limits
from scheme.errors import StoreError

RETRY_S = 1.0
# A chunk costs some milliseconds and a sync of the disk, however small it is: a trickle of uploads
# is gathered for so long, or the pipeline would take the door's disk and processor.
GATHER_S = 0.04
PRIORITY = 5  # below the door, whose answers somebody waits for
_encode = msgspec.json.Encoder().encode


class Worker:
    """Runs one pipeline between two pipes."""

    def __init__(
        self, folder: Path, clock: Clock, limits: Limits, requests: int, answers: int
    ) -> None:
        self._folder = folder
        self._clock = clock
        self._limits = limits
        self._requests = requests
        self._answers = answers
        self._unread = b""
        self._pipeline: Pipeline | None = None

    def run(self) -> None:
        """Work until the door closes its end."""
        os.nice(PRIORITY)
        # A pipeline whose door was killed may still be at its last chunk: wait until it is gone.
        with (self._folder / "books.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            self._work()

    def _work(self) -> None:
        busy = True
        while self._listen(wait=not busy):
            busy = self._guarded(self._step)

    def _step(self) -> bool:
        pipeline = self._ready()
        began = time.monotonic()
        work = pipeline.step()
        self._report(pipeline)
        if work is Work.chunk:
            time.sleep(max(0.0, began + GATHER_S - time.monotonic()))
        return work is not Work.nothing

    def _ready(self) -> Pipeline:
        if self._pipeline is None:
            self._pipeline = Pipeline(self._folder, self._clock, self._limits)
            self._report(self._pipeline)
        return self._pipeline

    def _guarded(self, work: Callable[[], bool]) -> bool:
        """Do some work; where the disk says no, say so and begin again from what is stored."""
        try:
            return work()
        except StoreError as error:
            self._say({"stalled": str(error)})
            sys.stderr.write(f"pipeline: {error}; trying again\n")
            self._pipeline = None
            time.sleep(RETRY_S)
            return True

    def _listen(self, wait: bool) -> bool:
        """Answer what was asked; return whether the door is still there."""
        ready, _, _ = select.select([self._requests], [], [], None if wait else 0)
        if not ready:
            return True
        data = os.read(self._requests, 65_536)
        if not data:
            return False
        *lines, self._unread = (self._unread + data).split(b"\n")
        for line in lines:
            if line:
                self._answer(msgspec.json.decode(line))
        return True

    def _answer(self, asked: dict[str, Any]) -> None:
        def answer() -> bool:
            pipeline = self._ready()
            document: dict[str, Any]
            if asked["ask"] == "export":
                from reference_server.export import export_books

                document = export_books(self._folder, pipeline.books, pipeline.repeats())
            else:
                document = {
                    "ledger_hash": pipeline.ledger_hash(),
                    "transfers": pipeline.books.transfer_count(),
                }
            self._say({"answer": asked["id"], "document": document})
            return False

        while self._guarded(answer):
            pass

    def _report(self, pipeline: Pipeline) -> None:
        self._say(
            {
                "arrival": pipeline.arrival,
                "late": pipeline.late,
                "verdicts": by_name(pipeline.verdicts),
            }
        )

    def _say(self, document: dict[str, Any]) -> None:
        data = _encode(document) + b"\n"
        while data:
            data = data[os.write(self._answers, data) :]
