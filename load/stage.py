"""How workers of a Locust run share one plan: who sends what, when all start, what came of it.

The master deals out shares and the instant at which every clock starts, gathers what the workers
noted, and judges the run as `load.driver` does. Without workers one process plays both sides.
"""

from __future__ import annotations

import logging
import time
from typing import Any

from gevent.event import AsyncResult
from locust.runners import LocalRunner, MasterRunner, WorkerRunner

from load.histogram import Histogram
from load.validity import judge

HEAD_START_S = 0.5  # from the master's word to the clock's zero
EXIT_BAD_INPUT = 2
EXIT_INVALID = 4
SHARE, SEALED, START = "jk1_share", "jk1_sealed", "jk1_start"
DONE, FAILED = "jk1_done", "jk1_failed"

logger = logging.getLogger(__name__)


def takes_part(runner: Any) -> bool:
    """Return whether this process sends uploads."""
    return isinstance(runner, WorkerRunner | LocalRunner)


def deals(runner: Any) -> bool:
    """Return whether this process deals out shares and judges."""
    return isinstance(runner, MasterRunner | LocalRunner)


class Stage:
    """The master's side: who has which share, who is done, and what came of it."""

    def __init__(self, environment: Any) -> None:
        self.environment = environment
        environment.events.test_start.add_listener(self.deal)
        environment.runner.register_message(SEALED, self.sealed)
        environment.runner.register_message(DONE, self.done)
        environment.runner.register_message(FAILED, self.failed)
        self.shares = 0
        self.waiting = 0
        self.reports: list[dict[str, Any]] = []
        self.finished = False

    def deal(self, **_: Any) -> None:
        """Tell every worker its share; called when a test starts."""
        runner = self.environment.runner
        self.reports, self.finished = [], False
        local = isinstance(runner, LocalRunner)
        workers = [None] if local else [worker.id for worker in runner.clients.ready]
        self.shares = self.waiting = len(workers)
        for index, worker in enumerate(workers):
            runner.send_message(SHARE, {"index": index, "shares": self.shares}, worker)

    def sealed(self, **_: Any) -> None:
        """Start the clock once every share is sealed."""
        self.waiting -= 1
        if self.waiting == 0:
            start = {"at_s": time.time() + HEAD_START_S}
            self.environment.runner.send_message(START, start)

    def done(self, msg: Any, **_: Any) -> None:
        """Take a worker's report; the last one ends the run."""
        self.reports.append(msg.data)
        if len(self.reports) == self.shares:
            self._conclude()
            self.finished = True

    def failed(self, msg: Any, **_: Any) -> None:
        """End the run, since a worker could not read or seal its share."""
        logger.error("%s", msg.data)
        self.environment.process_exit_code = EXIT_BAD_INPUT
        self.finished = True

    def _conclude(self) -> None:
        lag = Histogram()
        for report in self.reports:
            lag.merge(Histogram.from_document(report["driver_lag_us"]))
        total = {
            name: sum(report[name] for report in self.reports)
            for name in ("planned", "sent", "duplicates", "duplicates_planned")
        }
        lag_us_p99_max = round(self.environment.parsed_options.jk1_lag_ms * 1_000)
        verdict = judge(**total, lag_us_p99=lag.percentile(99), lag_us_p99_max=lag_us_p99_max)
        if verdict.valid:
            logger.info(
                "plan kept: %d of %d uploads sent, driver lag p99 %d us",
                total["sent"], total["planned"], lag.percentile(99),
            )  # fmt: skip
        else:
            self.environment.process_exit_code = EXIT_INVALID
            logger.error("run INVALID: %s", "; ".join(verdict.reasons))


class Share:
    """A worker's side: which share is its own, and when to start."""

    def __init__(self, runner: Any) -> None:
        self.index, self.shares = 0, 1
        self.start = AsyncResult()
        runner.register_message(SHARE, self.dealt)
        runner.register_message(START, self.started)

    def dealt(self, msg: Any, **_: Any) -> None:
        """Take the share that the master dealt."""
        self.index, self.shares = msg.data["index"], msg.data["shares"]
        self.start = AsyncResult()

    def started(self, msg: Any, **_: Any) -> None:
        """Take the wall instant of the clock's zero."""
        self.start.set(msg.data["at_s"])
