"""The replay of sealed uploads on gevent, for the Locust front; `load.replay` is its asyncio twin.

A Locust user that waits for its own answers hides every stall: 50 of them showed a p95 of 9 ms
where the truth was 1,524 ms. So one conductor in each worker sends every upload of its share at
its intended instant, in a greenlet of its own, and latency counts from there. gevent's timer adds
about a millisecond, which is why the asyncio driver remains the measuring instrument.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from typing import NamedTuple

import gevent
from gevent.pool import Pool

from load.clocks import US_PER_S, Clocks
from load.pacer import now_ns
from load.replay import (
    HTTP_BUSY,
    LOST_WAITS_S,
    RETRY_AFTER_S,
    RETRY_AFTER_S_MAX,
    says_repeated,
    squeezed_us,
)
from load.sealing import SealedPlan
from load.wire import BATCHES_PATH, TAPS_PATH, Reply

TOGETHER_MOST = 512  # uploads under way in one worker


class Final(NamedTuple):
    """What became of one upload; times in microseconds."""

    upload: int  # index in the sealed plan
    path: str
    reply: Reply
    intended_us: int  # latency from the intended instant
    service_us: int  # latency from the first time it was sent
    at_us: int  # wall instant at which it was intended, since 1970


class Conductor:
    """One worker's share of a plan, sent once.

    Attributes:
        clocks: What it noted.
        repeated_by_retry: `repeated` answers to uploads that it had sent before itself.
    """

    def __init__(
        self,
        sealed: SealedPlan,
        speed: float,
        post: Callable[[str, bytes], Reply],
        tell: Callable[[Final], None],
    ) -> None:
        """Prepare a run.

        Args:
            sealed: What to send.
            speed: City seconds in a second of ours.
            post: Sends bytes to a path and returns the answer; status 0 if the connection broke,
                with the reason as body.
            tell: Told of every upload that was answered or given up.
        """
        self.sealed = sealed
        self.clocks = Clocks(squeezed_us(sealed, speed))
        self.repeated_by_retry = 0
        self._post = post
        self._tell = tell
        self._sender: list[int] = sealed.sender.tolist()
        self._single: list[bool] = sealed.single.tolist()
        self._chains: dict[int, deque[int]] = {}
        self._greenlets = Pool(TOGETHER_MOST)

    def run(self, at_s: float, grace_s: float) -> None:
        """Send every upload; return once each is answered or given up.

        Args:
            at_s: Wall instant of the clock's zero, seconds since 1970.
            grace_s: How long to wait for answers after the last intended instant.
        """
        wall_ns = time.time_ns()
        self._zero_us = round(at_s * US_PER_S)
        self._zero_ns = now_ns() + round(at_s * 1e9) - wall_ns
        for upload, due_us in enumerate(self.clocks.intended_us):
            wait_us = due_us - self._now_us()
            # Yielding even when late lets answers be read while the plan catches up.
            gevent.sleep(max(wait_us, 0) / US_PER_S)
            chain = self._chains.get(self._sender[upload])
            if chain is None:
                self._chains[self._sender[upload]] = deque()
                self._greenlets.spawn(self._follow, upload)
            else:
                chain.append(upload)
        self._greenlets.join(timeout=grace_s)
        self._greenlets.kill()

    def _now_us(self) -> int:
        return (now_ns() - self._zero_ns) // 1_000

    def _follow(self, upload: int) -> None:
        """Send an upload, and what its sender's chain gained meanwhile."""
        chain = self._chains[self._sender[upload]]
        while True:
            self._send(upload)
            if not chain:
                break
            upload = chain.popleft()
            self.clocks.ready_us[upload] = self._now_us()
        del self._chains[self._sender[upload]]

    def _send(self, upload: int) -> None:
        path = TAPS_PATH if self._single[upload] else BATCHES_PATH
        clocks = self.clocks
        clocks.sent_us[upload] = max(self._now_us(), clocks.ready_us[upload])
        reply = self._reply(upload, path)
        now = max(self._now_us(), clocks.sent_us[upload])
        if reply.status:
            clocks.answered_us[upload] = now
            clocks.status[upload] = reply.status
            clocks.repeated[upload] = says_repeated(reply.body)
            again = clocks.attempts[upload] > 1 and not self.sealed.copy[upload]
            self.repeated_by_retry += clocks.repeated[upload] and again
        intended, service = clocks.intended_us[upload], now - clocks.sent_us[upload]
        at_us = self._zero_us + intended
        self._tell(Final(upload, path, reply, now - intended, service, at_us))

    def _reply(self, upload: int, path: str) -> Reply:
        """Return the last answer: a busy target is asked again, over a broken link a few times."""
        waits_s = iter(LOST_WAITS_S)
        while True:
            self.clocks.attempts[upload] += 1
            reply = self._post(path, self.sealed.payloads[upload])
            if reply.status == HTTP_BUSY:
                told_s = RETRY_AFTER_S if reply.retry_after_s is None else reply.retry_after_s
                gevent.sleep(min(told_s, RETRY_AFTER_S_MAX))
            elif reply.status or (wait_s := next(waits_s, None)) is None:
                return reply
            else:
                gevent.sleep(wait_s)
