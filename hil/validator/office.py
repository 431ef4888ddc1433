"""The back office as a validator sees it: uploads, lists by version, and the time.

Routes and seals: docs/spec/clearing.md. Every call is bounded in time and idempotent; a connection
that went stale between two calls is opened once more. The bench speaks to back offices by
`scheme.target`; this is a device's side alone.
"""

from __future__ import annotations

import http.client
import json
import ssl
from email.utils import parsedate_to_datetime
from typing import NamedTuple, Protocol
from urllib.parse import urlsplit

from hil.validator.clock import LATEST_MS, Bounds, machine_ms
from scheme.batches import Batch
from scheme.cryptograms import cmac
from scheme.errors import BadInputError, TargetError

TIMEOUT_S = 10.0
SHOWN_MAX = 120
BATCHES_PATH = "/v1/batches"
TIME_PATH = "/v1/time"
OK, NOT_FOUND, CONFLICT = 200, 404, 409


class Said(NamedTuple):
    """An answer of the back office.

    Attributes:
        retry_after_s: What it asked to wait, 0 if nothing.
    """

    status: int
    body: bytes
    retry_after_s: float = 0.0
    date: str = ""

    def shown(self) -> str:
        """Return it in words."""
        return f"status {self.status} {self.body[:SHOWN_MAX].decode(errors='replace')!r}"


class Office(Protocol):
    """Whoever takes a validator's batches."""

    def upload(self, sealed: bytes) -> Said:
        """Hand in a sealed batch; raises TargetError if nobody answers in time."""
        ...


class HttpOffice:
    """The back office at a URL."""

    def __init__(self, url: str, sender: int, mac_key: bytes, timeout_s: float = TIMEOUT_S) -> None:
        """Make a client; raises BadInputError if the URL is none of http or https."""
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise BadInputError.at("office", expected="http://HOST:PORT", got=url)
        self.url = url.rstrip("/")
        self._prefix = parts.path.rstrip("/")
        self._sender, self._mac_key = sender, mac_key
        if parts.scheme == "https":
            self._connection: http.client.HTTPConnection = http.client.HTTPSConnection(
                parts.hostname, parts.port, timeout=timeout_s, context=ssl.create_default_context()
            )
        else:
            self._connection = http.client.HTTPConnection(
                parts.hostname, parts.port, timeout=timeout_s
            )

    def upload(self, sealed: bytes) -> Said:
        """Hand in a sealed batch."""
        kind = {"content-type": "application/octet-stream"}
        return self._ask("POST", BATCHES_PATH, sealed, kind)

    def published(self, kind: str, version: int, at_s: int) -> bytes | None:
        """Return a tariff or hotlist of a version, or None if there is none yet.

        Args:
            kind: `tariffs` or `hotlists`.
            at_s: The second of the validator's clock, which must be right within 300 s.

        Raises:
            TargetError: If nobody answers in time, or it answers otherwise.
        """
        path = f"/v1/{kind}/{version}"
        mac = cmac(self._mac_key, f"GET {path}\n{at_s}".encode())
        headers = {"x-jk1-sender": str(self._sender), "x-jk1-at": str(at_s), "x-jk1-mac": mac.hex()}
        said = self._ask("GET", path, b"", headers)
        if said.status == OK:
            return said.body
        if said.status == NOT_FOUND:
            return None
        raise TargetError(f"{self.url}{path}: expected status 200 or 404, got {said.shown()}")

    def time(self) -> Bounds:
        """Ask what time it is: the time endpoint, or the Date of whatever was answered.

        Raises:
            TargetError: If nobody answers in time, or the answer says no time.
        """
        sent_ms = machine_ms()
        said = self._ask("GET", TIME_PATH, b"", {})
        received_ms = machine_ms()
        try:
            if said.status == OK:
                at_ms, grain_ms = int(json.loads(said.body)["at_ms"]), 1
            else:
                at_ms = int(parsedate_to_datetime(said.date).timestamp()) * 1_000
                grain_ms = 1_000
        except (ValueError, TypeError, KeyError, OverflowError, RecursionError) as error:
            raise TargetError(
                f"{self.url}{TIME_PATH}: expected at_ms or a Date header, got {said.shown()}"
            ) from error
        if not 0 <= at_ms <= LATEST_MS:
            raise TargetError(
                f"{self.url}{TIME_PATH}: expected a time up to {LATEST_MS}, got {said.shown()}"
            )
        return Bounds.of(at_ms, grain_ms, sent_ms, received_ms)

    def close(self) -> None:
        """Close the connection; the next call opens another."""
        self._connection.close()

    def _ask(self, method: str, path: str, body: bytes, headers: dict[str, str]) -> Said:
        fresh = self._connection.sock is None
        try:
            try:
                return self._exchange(method, path, body, headers)
            except (http.client.RemoteDisconnected, ConnectionError):
                self._connection.close()
                if fresh:
                    raise
                return self._exchange(method, path, body, headers)
        except (OSError, http.client.HTTPException) as error:
            self._connection.close()
            told = str(error) or type(error).__name__
            raise TargetError(
                f"{method} {self.url}{path}: expected an answer, got {told}"
            ) from error

    def _exchange(self, method: str, path: str, body: bytes, headers: dict[str, str]) -> Said:
        self._connection.request(method, self._prefix + path, body or None, headers)
        with self._connection.getresponse() as answer:
            asked = answer.headers.get("retry-after", "")
            retry_s = float(asked) if asked.isdecimal() else 0.0
            return Said(answer.status, answer.read(), retry_s, answer.headers.get("date", ""))


def receipt_fault(said: Said, batch: Batch) -> str:
    """Return why an answer is no receipt of a batch, empty if it is one.

    A receipt names the batch and its digest: an answer of something between that takes anything
    with status 200 acknowledges nothing.
    """
    if said.status != OK:
        return said.shown()
    try:
        receipt = json.loads(said.body)
        named = receipt["sender"], receipt["batch"], receipt["digest"]
    except (ValueError, TypeError, KeyError, RecursionError):
        return f"no receipt: {said.shown()}"
    if named != (batch.sender, batch.number, batch.digest.hex()):
        return f"the receipt of another batch: {said.shown()}"
    return ""
