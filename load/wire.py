"""Uploads on the wire: a target's address, requests, and one keep-alive HTTP/1.1 connection.

A connection has one request under way at a time. It knows no plan: whoever hands it a request is
told the answer, or that the connection was lost.
"""

from __future__ import annotations

import asyncio
import ssl
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol, cast
from urllib.parse import urlsplit

import httptools

from scheme.errors import BadInputError

BATCHES_PATH = "/v1/batches"
TAPS_PATH = "/v1/taps"


class Reply(NamedTuple):
    """What came back for one request."""

    status: int
    body: bytes
    retry_after_s: float | None
    keep_alive: bool


class Listener(Protocol):
    """Who is told what becomes of a connection's request."""

    def replied(self, connection: Connection, reply: Reply) -> None:
        """Take the answer to the request under way."""
        ...

    def lost(self, connection: Connection) -> None:
        """Take note that a connection is closed, with a request under way or without."""
        ...


@dataclass(frozen=True, slots=True)
class Address:
    """Where a target listens."""

    host: str
    port: int
    tls: bool
    prefix: str

    @classmethod
    def of(cls, url: str) -> Address:
        """Return the address in a URL.

        Raises:
            BadInputError: If it is no http or https URL with a host.
        """
        parts = urlsplit(url)
        try:
            port = parts.port
        except ValueError as error:
            raise BadInputError.at("--target", expected="a port up to 65535", got=url) from error
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise BadInputError.at("--target", expected="http://HOST:PORT", got=repr(url))
        tls = parts.scheme == "https"
        return cls(parts.hostname, port or (443 if tls else 80), tls, parts.path.rstrip("/"))

    @property
    def netloc(self) -> str:
        """Host and port as a Host header has them."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"

    def head(self, path: str) -> bytes:
        """Return the head of an upload's request up to the value of Content-Length."""
        return (
            f"POST {self.prefix}{path} HTTP/1.1\r\nHost: {self.netloc}\r\n"
            "Content-Type: application/octet-stream\r\nContent-Length: "
        ).encode("ascii")

    async def connect(self, loop: asyncio.AbstractEventLoop, listener: Listener) -> Connection:
        """Return an open connection; raises `OSError` if nobody listens."""
        context = ssl.create_default_context() if self.tls else None
        _, connection = await loop.create_connection(
            lambda: Connection(listener), self.host, self.port, ssl=context
        )
        return connection


class Connection(asyncio.Protocol):
    """One keep-alive connection with at most one request under way.

    Attributes:
        upload: What the driver sent last and awaits an answer to; -1 if nothing.
    """

    __slots__ = ("_body", "_listener", "_parser", "_retry_after", "_transport", "open", "upload")

    def __init__(self, listener: Listener) -> None:
        self._listener = listener
        self._parser = httptools.HttpResponseParser(self)
        self._body: list[bytes] = []
        self._retry_after: float | None = None
        self.upload = -1
        self.open = False

    def request(self, upload: int, data: bytes) -> None:
        """Send a request; its answer goes to the listener with `upload` standing here."""
        assert self.upload < 0, self.upload
        self.upload = upload
        self._transport.write(data)

    def close(self) -> None:
        """Close the connection; the listener hears that it is lost."""
        self._transport.close()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the transport; called by the loop."""
        self._transport = cast(asyncio.Transport, transport)
        self.open = True

    def data_received(self, data: bytes) -> None:
        """Parse what came; called by the loop."""
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError:
            self._transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell the listener; called by the loop."""
        self.open = False
        self._listener.lost(self)

    def on_message_begin(self) -> None:
        """Forget the answer before; called by the parser."""
        self._body.clear()
        self._retry_after = None

    def on_header(self, name: bytes, value: bytes) -> None:
        """Keep the one header that matters; called by the parser."""
        if name.lower() == b"retry-after" and value.strip().isdigit():
            self._retry_after = float(value)

    def on_body(self, body: bytes) -> None:
        """Keep a piece of the body; called by the parser."""
        self._body.append(body)

    def on_message_complete(self) -> None:
        """Hand the answer over; called by the parser."""
        parser: Any = self._parser
        status = int(parser.get_status_code())
        keep_alive = bool(parser.should_keep_alive())
        self._listener.replied(
            self, Reply(status, b"".join(self._body), self._retry_after, keep_alive)
        )
