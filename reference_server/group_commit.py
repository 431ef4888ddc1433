"""The one thread that writes `raw`: many arrivals, one durable commit, then the answers.

Whatever waits when the disk is free goes into the next commit, so that a commit is never waited
for by a clock and grows only under load. The queue is bounded: who finds it full is told to come
back.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import Callable

from reference_server.settings import Limits
from reference_server.store import Arrival, RawStore, Stored
from scheme.errors import EnvironmentFaultError

Waiting = tuple[Arrival, "asyncio.Future[Stored]"]


class QueueFullError(EnvironmentFaultError):
    """More waits for the disk than may wait."""


class GroupCommit:
    """The queue before the disk, and the thread behind it.

    Attributes:
        on_commit: Called in the event loop after every commit with what was stored.
    """

    def __init__(self, store: RawStore, limits: Limits) -> None:
        self.on_commit: Callable[[list[tuple[Arrival, Stored]]], None] = lambda group: None
        self._store = store
        self._limits = limits
        self._waiting: deque[Waiting] = deque()
        self._waiting_bytes = 0
        self._changed = threading.Condition()
        self._closing = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread = threading.Thread(target=self._write, name="raw writer", daemon=True)

    def start(self) -> None:
        """Start the thread; answers come in the running event loop."""
        self._loop = asyncio.get_running_loop()
        self._thread.start()

    def submit(self, arrival: Arrival) -> asyncio.Future[Stored]:
        """Return what will become of an arrival once it is durable.

        Raises:
            QueueFullError: If too much waits already.
        """
        assert self._loop is not None, "started"
        answer: asyncio.Future[Stored] = self._loop.create_future()
        with self._changed:
            if (
                len(self._waiting) >= self._limits.queue_uploads_max
                or self._waiting_bytes + len(arrival.body) > self._limits.queue_bytes_max
            ):
                raise QueueFullError(f"intake: {len(self._waiting)} uploads wait for the disk")
            self._waiting.append((arrival, answer))
            self._waiting_bytes += len(arrival.body)
            self._changed.notify()
        return answer

    @property
    def waiting(self) -> int:
        """How many arrivals wait for the disk."""
        return len(self._waiting)

    async def close(self) -> None:
        """Write what waits and stop the thread."""
        with self._changed:
            self._closing = True
            self._changed.notify()
        await asyncio.to_thread(self._thread.join)

    def _write(self) -> None:
        while group := self._take():
            arrivals = [arrival for arrival, _ in group]
            try:
                outcome: list[Stored] | Exception = self._store.append(arrivals)
            except Exception as error:  # also a bug of ours must not leave senders waiting
                outcome = error
            assert self._loop is not None
            self._loop.call_soon_threadsafe(self._answer, group, outcome)

    def _take(self) -> list[Waiting]:
        """Wait for something to write; return nothing once closed and empty."""
        with self._changed:
            while not self._waiting and not self._closing:
                self._changed.wait()
            group: list[Waiting] = []
            size = 0
            while self._waiting and size < self._limits.commit_bytes_max:
                group.append(self._waiting.popleft())
                size += len(group[-1][0].body)
            self._waiting_bytes -= size
            return group

    def _answer(self, group: list[Waiting], outcome: list[Stored] | Exception) -> None:
        if isinstance(outcome, Exception):
            for _, answer in group:
                if not answer.cancelled():
                    answer.set_exception(outcome)
            return
        for (_, answer), stored in zip(group, outcome, strict=True):
            if not answer.cancelled():
                answer.set_result(stored)
        arrivals = (arrival for arrival, _ in group)
        self.on_commit(list(zip(arrivals, outcome, strict=True)))
