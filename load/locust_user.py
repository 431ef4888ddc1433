"""The Locust front: one `PlanUser` a worker replays its share of a city's plan.

Every upload is one `request` event with the latency from its intended instant; the service time
stands in an entry of its own outside the total, since two events an upload would double the
aggregated rate and mix two latencies. Source: locust/stats.py, `log_request`. Locust's own
annotations are partial, hence the `Any` at its edge.
"""

from __future__ import annotations

import argparse
import math
from pathlib import Path
from typing import Any, ClassVar

import gevent
from locust import FastHttpUser, LoadTestShape, task
from locust.exception import StopUser

from load.conductor import TOGETHER_MOST, Conductor, Final
from load.plan import check_epoch, read_manifest, read_plan
from load.sealing import SealedPlan, seal_plan
from load.stage import DONE, FAILED, SEALED, Share, Stage, deals, takes_part
from load.wire import Reply
from scheme.errors import BadInputError
from scheme.keys import TestKeys

GRACE_S = 30.0
SERVICE_SUFFIX = " (service)"


def listen(events: Any) -> None:
    """Register arguments and messages with Locust; a locustfile calls it once."""
    events.init_command_line_parser.add_listener(_add_arguments)
    events.init.add_listener(_on_init)


def _add_arguments(parser: Any, **_: Any) -> None:
    # Each is checked here, before Locust forks or binds anything, so that a mistake is one line.
    parser.add_argument(
        "--jk1-city", env_var="JK1_CITY", default="", type=_city, metavar="DIR",
        help="folder that `jakarta-one city generate` wrote",
    )  # fmt: skip
    parser.add_argument(
        "--jk1-speed", env_var="JK1_SPEED", default="60", type=_above_0, metavar="N",
        help="city seconds in a second (default 60)",
    )  # fmt: skip
    parser.add_argument(
        "--jk1-epoch", env_var="JK1_EPOCH", default="0", type=_epoch, metavar="N",
        help="0 to 41: fresh numbers for a store that holds the plan already (default 0)",
    )  # fmt: skip
    parser.add_argument(
        "--jk1-lag-ms", env_var="JK1_LAG_MS", default="50", type=_above_0, metavar="N",
        help="greatest driver lag p99 at which the run counts (default 50)",
    )  # fmt: skip


def _city(text: str) -> str:
    if not text:
        raise argparse.ArgumentTypeError("expected a city's folder, or JK1_CITY in the environment")
    try:
        read_manifest(Path(text))
    except BadInputError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
    return text


def _above_0(text: str) -> float:
    number = float(text)
    if not (math.isfinite(number) and number > 0):
        raise argparse.ArgumentTypeError(f"expected a number above 0, got {text}")
    return number


def _epoch(text: str) -> int:
    try:
        check_epoch(int(text))
    except BadInputError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
    return int(text)


def _on_init(environment: Any, **_: Any) -> None:
    runner = environment.runner
    if deals(runner):
        PlanShape.stage = Stage(environment)
    if takes_part(runner):
        PlanUser.share = Share(runner)


class PlanShape(LoadTestShape):
    """As many users as workers, until the plan is at its end. It shapes no load: the plan does."""

    stage: ClassVar[Stage]

    def reset_time(self) -> None:
        """Forget the run before; Locust calls it when a test starts."""
        super().reset_time()  # type: ignore[no-untyped-call]
        self.stage.finished = False

    def tick(self) -> tuple[int, float] | None:
        """Return the users wanted, or None when every share is done."""
        if self.stage.finished:
            return None
        runner: Any = self.runner
        users = self.stage.shares or int(runner.worker_count)
        return users, float(users)


class PlanUser(FastHttpUser):
    """The conductor of one worker; no person and no card, in spite of Locust's word for it."""

    concurrency = TOGETHER_MOST
    share: ClassVar[Share]

    @task
    def replay(self) -> None:
        """Seal this worker's share, wait for the others, send it, report, and stop."""
        runner: Any = self.environment.runner
        options: Any = self.environment.parsed_options
        own = Path(options.jk1_city), options.jk1_epoch, self.share.index, self.share.shares
        try:
            # In a real thread, so that heartbeats go on while batches are signed.
            sealed = gevent.get_hub().threadpool.apply(sealed_share, own)
        except BadInputError as error:
            runner.send_message(FAILED, str(error))
            raise StopUser from error
        conductor = Conductor(sealed, options.jk1_speed, self.post, self.tell)
        runner.send_message(SEALED)
        conductor.run(self.share.start.get(), GRACE_S)
        document = conductor.clocks.document()
        report = {name: document[name] for name in ("planned", "sent", "answered", "driver_lag_us")}
        report["duplicates"] = document["duplicates"] - conductor.repeated_by_retry
        report["duplicates_planned"] = sealed.copies_planned
        runner.send_message(DONE, report)
        raise StopUser

    def post(self, path: str, data: bytes) -> Reply:
        """Send one upload and return the answer; no event, since this is not the latency meant."""
        client: Any = self.client
        kind = {"Content-Type": "application/octet-stream"}
        response: Any = client.post(path, data=data, headers=kind, catch_response=True)
        status = int(response.status_code)
        if not status:
            return Reply(0, repr(response.error).encode(), None, False)
        told = response.headers.get("retry-after", "") if response.headers else ""
        return Reply(status, response.content or b"", float(told) if told.isdigit() else None, True)

    def tell(self, final: Final) -> None:
        """Fire the one event of an upload, and keep its service time beside it."""
        status, body = final.reply.status, final.reply.body
        failure = None
        if not 200 <= status < 300:
            failure = BadAnswerError(f"HTTP {status}" if status else body.decode())
        self.environment.events.request.fire(
            request_type="POST",
            name=final.path,
            response_time=final.intended_us / 1_000,
            response_length=len(body),
            exception=failure,
            context={"upload": final.upload, "service_us": final.service_us},
            start_time=final.at_us / 1e6,
            url=f"{self.host}{final.path}",
        )
        entry: Any = self.environment.stats.get(final.path + SERVICE_SUFFIX, "POST")
        entry.log(final.service_us / 1_000, len(body))


class BadAnswerError(Exception):
    """An upload was not taken, as Locust's table of failures shows it."""


def sealed_share(city: Path, epoch: int, index: int, shares: int) -> SealedPlan:
    """Return one share of a city's plan, sealed in this process."""
    plan = read_plan(city)
    keys = TestKeys(int(plan.manifest["key_seed"]))
    return seal_plan(plan.shard(index, shares), keys, epoch, workers=1)
