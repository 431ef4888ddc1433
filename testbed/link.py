"""One kept-alive HTTP connection to a back office; knows no route and no document.

Every request here is idempotent by contract, so a connection that went stale between two requests
is opened once more without asking anybody.
"""

from __future__ import annotations

import http.client
import json
import ssl
from types import TracebackType
from typing import Any, NamedTuple, Self
from urllib.parse import urlsplit

from scheme.errors import BadInputError, TargetError

TIMEOUT_S = 60.0
SHOWN_MAX = 300  # characters of an answer that are shown in an error


class Reply(NamedTuple):
    """An HTTP answer as it came."""

    status: int
    body: bytes


class Link:
    """A connection to one back office, opened with the first request.

    Attributes:
        url: Where it listens, without a slash at the end.
    """

    def __init__(self, url: str, token: str = "", tls: ssl.SSLContext | None = None) -> None:
        """Make a link; raises `BadInputError` if the URL is none of http or https."""
        parts = urlsplit(url)
        try:
            self._port = parts.port
        except ValueError as error:
            raise BadInputError.at("--target", expected="a port up to 65535", got=url) from error
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise BadInputError.at("--target", expected="http://HOST:PORT", got=repr(url))
        self.url = url.rstrip("/")
        self._host = parts.hostname
        self._prefix = parts.path.rstrip("/")
        self._tls = (tls or ssl.create_default_context()) if parts.scheme == "https" else None
        self._headers = {"authorization": f"Bearer {token}"} if token else {}
        self._connection: http.client.HTTPConnection | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection; the next request opens another."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def ask(
        self,
        method: str,
        path: str,
        body: bytes = b"",
        headers: dict[str, str] | None = None,
        timeout_s: float = TIMEOUT_S,
    ) -> Reply:
        """Return the answer to a request, whatever its status.

        Raises:
            TargetError: If nobody answers within `timeout_s`, or what came is not HTTP.
        """
        sent = self._headers | (headers or {})
        fresh = self._connection is None
        try:
            return self._exchange(method, path, body, sent, timeout_s)
        except (http.client.RemoteDisconnected, ConnectionError) as error:
            self.close()
            if fresh:
                raise self._lost(method, path, error) from error
        except (OSError, http.client.HTTPException) as error:
            self.close()
            raise self._lost(method, path, error) from error
        try:
            return self._exchange(method, path, body, sent, timeout_s)
        except (OSError, http.client.HTTPException) as error:
            self.close()
            raise self._lost(method, path, error) from error

    def expect(
        self,
        method: str,
        path: str,
        body: bytes = b"",
        headers: dict[str, str] | None = None,
        timeout_s: float = TIMEOUT_S,
    ) -> bytes:
        """Return the body of an answer whose status is 200 to 299.

        Raises:
            TargetError: If the status is another; says what the problem document says.
        """
        reply = self.ask(method, path, body, headers, timeout_s)
        if not 200 <= reply.status < 300:
            raise TargetError(
                f"{method} {self.url}{path}: expected status 200, got {reply.status}"
                f" {problem_text(reply.body)}"
            )
        return reply.body

    def expect_json(self, method: str, path: str, body: bytes = b"", **more: Any) -> Any:
        """Return the JSON document of an answer; raises `TargetError` if it is none."""
        answer = self.expect(method, path, body, **more)
        try:
            return json.loads(answer)
        except ValueError as error:
            raise TargetError(
                f"{method} {self.url}{path}: expected JSON, got {answer[:SHOWN_MAX]!r}"
            ) from error

    def _exchange(
        self, method: str, path: str, body: bytes, headers: dict[str, str], timeout_s: float
    ) -> Reply:
        connection = self._connection or self._open(timeout_s)
        if connection.sock is not None:
            connection.sock.settimeout(timeout_s)
        connection.request(method, self._prefix + path, body or None, headers)
        with connection.getresponse() as response:
            return Reply(response.status, response.read())

    def _open(self, timeout_s: float) -> http.client.HTTPConnection:
        if self._tls is not None:
            self._connection = http.client.HTTPSConnection(
                self._host, self._port, timeout=timeout_s, context=self._tls
            )
        else:
            self._connection = http.client.HTTPConnection(self._host, self._port, timeout=timeout_s)
        return self._connection

    def _lost(self, method: str, path: str, error: Exception) -> TargetError:
        got = str(error) or type(error).__name__
        return TargetError(f"{method} {self.url}{path}: expected an answer, got {got}")


def problem_text(body: bytes) -> str:
    """Return what a problem document says, or the beginning of whatever came instead."""
    try:
        document = json.loads(body)
    except ValueError:
        return repr(body[:SHOWN_MAX])
    if not isinstance(document, dict):
        return repr(document)[:SHOWN_MAX]
    words = [str(document[name]) for name in ("type", "title", "detail") if document.get(name)]
    return ": ".join(words)[:SHOWN_MAX]
