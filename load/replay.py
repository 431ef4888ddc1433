"""One replay of sealed uploads in an event loop: due instants, senders' chains, second tries.

Open loop: what is due is sent, whatever came back so far, but a sender's next upload waits for the
answer to the one before, and its intended instant stays. It judges no answer but whether to try
again: a busy target (503) is asked again when it said, a lost connection a few times.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable
from typing import NamedTuple

import msgspec
import numpy as np

from load.clocks import NEVER, US_PER_S, Clocks
from load.pacer import Pacer, now_ns
from load.pool import Counts, Pool
from load.sealing import SealedPlan
from load.wire import BATCHES_PATH, TAPS_PATH, Address, Reply

HTTP_BUSY = 503
RETRY_AFTER_S = 1.0  # where a busy target does not say
RETRY_AFTER_S_MAX = 10.0
LOST_WAITS_S = (0.0, 0.05, 0.1, 0.2, 0.4)  # before each new try after a lost connection
HEAD_START_US = 50_000  # from the last preparation to the clock's zero
OPEN_AHEAD = 32
PROGRESS_S = 0.25


class Progress(NamedTuple):
    """How far a run is."""

    planned: int
    sent: int
    answered: int
    elapsed_s: float


class Receipt(msgspec.Struct):
    """The one field of a receipt that a driver reads."""

    repeated: bool = False


def says_repeated(body: bytes) -> bool:
    """Return whether a receipt says that the target held this upload already."""
    try:
        return msgspec.json.decode(body, type=Receipt).repeated
    except msgspec.DecodeError:
        return False


class Replay:
    """One run, from the first connection to the last answer.

    Attributes:
        clocks: What it noted, complete when `run` returns.
        started_us: Wall time of the clock's zero, microseconds since 1970.
        busy: Answers that said to come again.
        lost_connections: Connections that broke with an upload on them, or could not be opened.
        repeated_by_retry: `repeated` answers to uploads that this driver itself sent again.
        cpu_us: Processor time that this process spent meanwhile.
    """

    def __init__(
        self,
        sealed: SealedPlan,
        address: Address,
        speed: float,
        on_progress: Callable[[Progress], None] | None = None,
    ) -> None:
        self.sealed = sealed
        self.clocks = Clocks(squeezed_us(sealed, speed))
        self.started_us = self.busy = self.lost_connections = self.repeated_by_retry = 0
        self.cpu_us = 0
        self.pool_counts = Counts(0, 0, 0)
        self._address = address
        self._on_progress = on_progress
        self._heads = (address.head(BATCHES_PATH), address.head(TAPS_PATH))
        self._single: list[bool] = sealed.single.tolist()
        self._sender: list[int] = sealed.sender.tolist()
        self._chains: dict[int, deque[int]] = {}  # what waits, by senders with an upload under way
        self._losses: dict[int, int] = {}
        self._next = self._sent = self._answered = self._finished = 0
        self._over = False

    async def run(self, connections: int, grace_s: float) -> None:
        """Send every upload; return once each is answered or given up.

        Args:
            connections: The most connections open at a time.
            grace_s: How long to wait for answers after the last intended instant.
        """
        if not len(self.sealed):
            return
        self._loop = asyncio.get_running_loop()
        self._done = self._loop.create_future()
        self._pool = Pool(self._loop, self._address, connections, self)
        await self._pool.open_ahead(min(len(set(self._sender)), OPEN_AHEAD))
        cpu_ns = time.process_time_ns()
        self._zero_ns = now_ns() + HEAD_START_US * 1_000
        self.started_us = time.time_ns() // 1_000 + HEAD_START_US
        self._pacer = Pacer(self._loop, self._release_due)
        self._sleep_until_next()
        self._tick()
        last_s = (HEAD_START_US + self.clocks.intended_us[-1]) / US_PER_S
        await asyncio.wait([self._done], timeout=last_s + grace_s)
        self._over = True
        self._pacer.close()
        self._tell()
        await self._pool.close()
        self.pool_counts = self._pool.counts()
        self.cpu_us = (time.process_time_ns() - cpu_ns) // 1_000

    def went(self, upload: int) -> None:
        """Note when an upload is first handed to a connection; called by the pool."""
        self.clocks.attempts[upload] += 1
        if self.clocks.sent_us[upload] == NEVER:
            self.clocks.sent_us[upload] = self._now_us()
            self._sent += 1

    def replied(self, upload: int, reply: Reply) -> None:
        """Note an answer, or try again when a busy target said; called by the pool."""
        if reply.status == HTTP_BUSY:
            self.busy += 1
            wait_s = RETRY_AFTER_S if reply.retry_after_s is None else reply.retry_after_s
            self._loop.call_later(min(wait_s, RETRY_AFTER_S_MAX), self._start, upload)
            return
        clocks = self.clocks
        clocks.answered_us[upload] = self._now_us()
        clocks.status[upload] = reply.status
        if says_repeated(reply.body):
            clocks.repeated[upload] = True
            if clocks.attempts[upload] > 1 and not self.sealed.copy[upload]:
                self.repeated_by_retry += 1
        self._answered += 1
        self._finish(upload)

    def lost(self, upload: int) -> None:
        """Try an upload again whose connection was lost, a few times; called by the pool."""
        self.lost_connections += 1
        tries = self._losses.get(upload, 0)
        self._losses[upload] = tries + 1
        if tries == len(LOST_WAITS_S):
            self._finish(upload)
        else:
            self._loop.call_later(LOST_WAITS_S[tries], self._start, upload)

    def _now_us(self) -> int:
        return max(0, (now_ns() - self._zero_ns) // 1_000)

    def _release_due(self) -> None:
        """Send all that is due, then sleep until the next is."""
        due, count = self.clocks.intended_us, len(self.sealed)
        while self._next < count and due[self._next] <= self._now_us():
            upload, self._next = self._next, self._next + 1
            chain = self._chains.get(self._sender[upload])
            if chain is None:
                self._chains[self._sender[upload]] = deque()
                self._start(upload)
            else:
                chain.append(upload)
        self._sleep_until_next()

    def _sleep_until_next(self) -> None:
        if self._next < len(self.sealed):
            self._pacer.wake_at(self._zero_ns + self.clocks.intended_us[self._next] * 1_000)

    def _start(self, upload: int) -> None:
        if self._over:
            return
        payload = self.sealed.payloads[upload]
        head = self._heads[self._single[upload]]
        self._pool.send(upload, b"%b%d\r\n\r\n%b" % (head, len(payload), payload))

    def _finish(self, upload: int) -> None:
        """Let the sender's next upload go; the last of all ends the run."""
        self._finished += 1
        chain = self._chains[self._sender[upload]]
        if chain:
            following = chain.popleft()
            self.clocks.ready_us[following] = self._now_us()
            self._start(following)
        else:
            del self._chains[self._sender[upload]]
        if self._finished == len(self.sealed) and not self._done.done():
            self._done.set_result(None)

    def _tick(self) -> None:
        if not self._over:
            self._tell()
            self._loop.call_later(PROGRESS_S, self._tick)

    def _tell(self) -> None:
        if self._on_progress is not None:
            elapsed_s = self._now_us() / US_PER_S
            self._on_progress(Progress(len(self.sealed), self._sent, self._answered, elapsed_s))


def squeezed_us(sealed: SealedPlan, speed: float) -> list[int]:
    """Return the intended instants of uploads, microseconds after a driver's clock starts."""
    offsets = np.rint((sealed.at_ms - sealed.from_ms) * 1_000 / speed).astype(np.int64)
    squeezed: list[int] = np.maximum(offsets, 0).tolist()
    return squeezed
