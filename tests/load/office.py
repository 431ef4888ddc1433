"""A small back office on loopback, for tests: it takes uploads, stalls on schedule, and remembers.

A real server on real sockets, with a loop and a thread of its own; it checks no seal.
"""

from __future__ import annotations

import asyncio
import json
import threading
import time
from dataclasses import dataclass, field
from types import TracebackType
from typing import NamedTuple

from scheme.batches import parse_batch

FRAMES = {
    "plain": b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b",
    "chunked": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%b\r\n0\r\n\r\n",
    "close": b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%b",
    "garbage": b"%d NO HTTP\r\n%b\r\n",
}


class Taken(NamedTuple):
    """One upload as the office saw it; instants in monotonic microseconds."""

    path: str
    body: bytes
    read_us: int
    answered_us: int


@dataclass
class Office:
    """Answers POST with a receipt.

    Attributes:
        stall_every_s: Length of a period, the first from the first upload; 0 never stalls.
        stall_s: How long each period begins with silence.
        busy: How many first requests it answers with 503.
        hang_up: How many first requests it answers by closing the connection.
        manner: How it frames its answers: "plain", "chunked", "close" (no keep-alive) or
            "garbage" (no HTTP).
        taken: What it answered with a receipt, in order.
    """

    stall_every_s: float = 0.0
    stall_s: float = 0.0
    busy: int = 0
    hang_up: int = 0
    manner: str = "plain"
    taken: list[Taken] = field(default_factory=list)
    port: int = 0
    under_way: dict[int, int] = field(default_factory=dict)
    together_most: int = 0  # the most uploads of one sender that were under way at a time

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> Office:
        self._loop = asyncio.new_event_loop()
        self._seen: dict[tuple[int, int], bytes] = {}
        self._writers: set[asyncio.StreamWriter] = set()
        self._first_s = 0.0
        server = self._loop.run_until_complete(
            asyncio.start_server(self._serve, "127.0.0.1", 0, backlog=1_024)
        )
        self._server = server
        self.port = server.sockets[0].getsockname()[1]
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        asyncio.run_coroutine_threadsafe(self._close(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _thaw(self) -> None:
        """Return at once, or when the stall is over."""
        if self.stall_every_s:
            self._first_s = self._first_s or time.monotonic()
            phase_s = (time.monotonic() - self._first_s) % self.stall_every_s
            await asyncio.sleep(max(0.0, self.stall_s - phase_s))

    def _note(self, sender: int, change: int) -> None:
        self.under_way[sender] = self.under_way.get(sender, 0) + change
        self.together_most = max(self.together_most, self.under_way[sender])

    async def _close(self) -> None:
        self._server.close()
        for writer in list(self._writers):
            writer.close()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        try:
            while await self._answer(reader, writer):
                pass
        except (asyncio.IncompleteReadError, ConnectionError):
            pass  # the client has what it wanted
        finally:
            self._writers.discard(writer)
            writer.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        fields = {name.lower(): value for name, _, value in (h.partition(": ") for h in head[1:])}
        body = await reader.readexactly(int(fields.get("content-length", "0")))
        if self.hang_up:
            self.hang_up -= 1
            return False
        if self.busy:
            self.busy -= 1
            writer.write(b"HTTP/1.1 503 Busy\r\nRetry-After: 0\r\nContent-Length: 0\r\n\r\n")
            return True
        read_us = time.monotonic_ns() // 1_000
        batch = parse_batch(body)
        self._note(batch.sender, 1)
        await self._thaw()
        key = batch.sender, batch.number
        repeated = key in self._seen
        self._seen[key] = batch.digest
        text = json.dumps({"sender": key[0], "batch": key[1], "repeated": repeated}).encode()
        self._note(batch.sender, -1)
        path = head[0].split()[1]
        self.taken.append(Taken(path, body, read_us, time.monotonic_ns() // 1_000))
        writer.write(FRAMES[self.manner] % (len(text), text))
        return self.manner != "close"
