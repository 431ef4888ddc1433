"""The driver's connections: opened when needed up to a limit, kept alive, the warmest used first.

An upload that finds no connection free and none to open waits in order of arrival. The pool tries
nothing twice: it tells its owner what was lost.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import NamedTuple, Protocol

from load.wire import Address, Connection, Reply


class Owner(Protocol):
    """Who is told what becomes of uploads."""

    def went(self, upload: int) -> None:
        """Take note that an upload is being handed to a connection, now."""
        ...

    def replied(self, upload: int, reply: Reply) -> None:
        """Take the answer to an upload."""
        ...

    def lost(self, upload: int) -> None:
        """Take note that an upload's connection broke or could not be opened."""
        ...


class Counts(NamedTuple):
    """What the pool did in its life."""

    opened: int
    open_most: int
    waits: int  # uploads that found the limit reached


class Pool:
    """Keep-alive connections to one address."""

    def __init__(
        self, loop: asyncio.AbstractEventLoop, address: Address, most: int, owner: Owner
    ) -> None:
        self._loop = loop
        self._address = address
        self._most = most
        self._owner = owner
        self._idle: list[Connection] = []
        self._open: set[Connection] = set()
        self._opening = 0
        self._waiting: deque[tuple[int, bytes]] = deque()
        self._tasks: set[asyncio.Task[None]] = set()
        self._closed = False
        self._opened = self._open_most = self._waits = 0

    def counts(self) -> Counts:
        """Return what the pool did so far."""
        return Counts(self._opened, self._open_most, self._waits)

    async def open_ahead(self, count: int) -> None:
        """Open some connections before they are needed; finding nobody there is no error yet."""
        count = min(count, self._most)
        self._opening += count
        for connection in await asyncio.gather(*(self._connect() for _ in range(count))):
            if connection is not None:
                self._idle.append(connection)

    def send(self, upload: int, request: bytes) -> None:
        """Send a request over an idle connection, a new one, or the next that becomes idle."""
        if self._idle:
            self._hand(self._idle.pop(), upload, request)
        elif len(self._open) + self._opening < self._most:
            self._opening += 1
            task = self._loop.create_task(self._open_and_send(upload, request))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        else:
            self._waits += 1
            self._waiting.append((upload, request))

    async def close(self) -> None:
        """Close every connection; the owner hears no more."""
        self._closed = True
        pending = list(self._tasks)
        for task in pending:
            task.cancel()
        await asyncio.gather(*pending, return_exceptions=True)
        for connection in list(self._open):
            connection.close()
        while self._open:
            await asyncio.sleep(0)

    def replied(self, connection: Connection, reply: Reply) -> None:
        """Take an answer; called by a connection."""
        upload, connection.upload = connection.upload, -1
        if self._closed:
            return
        if not reply.keep_alive or upload < 0:  # an answer that nobody asked for ends trust
            connection.close()
        elif self._waiting:
            self._hand(connection, *self._waiting.popleft())
        else:
            self._idle.append(connection)
        if upload >= 0:
            self._owner.replied(upload, reply)

    def lost(self, connection: Connection) -> None:
        """Forget a closed connection; called by it."""
        self._open.discard(connection)
        if connection in self._idle:
            self._idle.remove(connection)
        upload, connection.upload = connection.upload, -1
        if not self._closed:
            self._give_up(upload)

    def _hand(self, connection: Connection, upload: int, request: bytes) -> None:
        self._owner.went(upload)
        connection.request(upload, request)

    async def _open_and_send(self, upload: int, request: bytes) -> None:
        connection = await self._connect()
        if connection is None:
            self._give_up(upload)
        else:
            self._hand(connection, upload, request)

    async def _connect(self) -> Connection | None:
        try:
            connection = await self._address.connect(self._loop, self)
        except OSError:
            return None
        finally:
            self._opening -= 1
        self._open.add(connection)
        self._opened += 1
        self._open_most = max(self._open_most, len(self._open))
        return connection

    def _give_up(self, upload: int) -> None:
        if upload >= 0:
            self._owner.lost(upload)
        if self._waiting:
            self.send(*self._waiting.popleft())
