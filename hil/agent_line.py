"""One connection to a rack agent: a question, its answer, and what an agent's faults are here."""

from __future__ import annotations

import http.client
import ssl
from time import monotonic
from typing import TypeVar
from urllib.parse import urlsplit

import msgspec

from hil.agent.wire import PREFIX, Fault, PlaceTold, is_token
from hil.leases import LeaseLostError
from scheme.errors import CardGoneError, InventoryError, ReaderError

ANSWER_S = 15.0  # a reader's own limit is 10 s, and the way there and back
ANSWER_MAX = 1 << 20
IDLE_S = 30.0  # an agent closes what was idle for 75 s; a question must not meet that
FAULTS: dict[str, type[ReaderError]] = {
    "gone": CardGoneError,
    "lost": LeaseLostError,
    "reader": ReaderError,
}

S = TypeVar("S", bound=msgspec.Struct)


class AgentLine:
    """A connection; one caller at a time."""

    def __init__(self, base: str, token: str, certificate: str) -> None:
        """Take where it is; raises ReaderError if the token cannot be sent as one."""
        if not is_token(token):
            raise ReaderError(f"agent {base}: expected a token of visible ASCII, got another")
        self._base = base
        self._headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        self._certificate = certificate
        self._used_s = 0.0
        self._connection: http.client.HTTPConnection | None = None

    def post(self, path: str, said: msgspec.Struct, kind: type[S]) -> S:
        """Return the answer to a question.

        Raises:
            ReaderError: Of the kind that the agent said; and if it did not answer, or not so.
            InventoryError: If it knows no such place or card.
        """
        body = self._call("POST", path, msgspec.json.encode(said))
        try:
            return msgspec.json.decode(body, type=kind)
        except msgspec.DecodeError as error:
            raise ReaderError(f"agent {self._base}: expected an answer, got {error}") from error

    def places(self) -> list[PlaceTold]:
        """Return what the agent offers, and who has it; raises ReaderError as `post` does."""
        body = self._call("GET", "/places", b"")
        try:
            return msgspec.json.decode(body, type=list[PlaceTold])
        except msgspec.DecodeError as error:
            raise ReaderError(f"agent {self._base}: expected its places, got {error}") from error

    def tell(self, path: str, said: msgspec.Struct | None) -> None:
        """Say something to which there is no answer but that it was done."""
        self._call("POST", path, msgspec.json.encode(said) if said is not None else b"")

    def delete(self, path: str) -> None:
        """Have something be no more."""
        self._call("DELETE", path, b"")

    def close(self) -> None:
        """Close the connection."""
        if self._connection is not None:
            self._connection.close()
        self._connection = None

    def _call(self, method: str, path: str, body: bytes) -> bytes:
        try:
            connection = self._fresh()
            connection.request(method, PREFIX + path, body, self._headers)
            answer = connection.getresponse()
            told, status = answer.read(ANSWER_MAX), answer.status
        except (OSError, http.client.HTTPException) as error:
            self.close()
            said = str(error) or type(error).__name__
            raise ReaderError(
                f"agent {self._base}: expected an answer within {ANSWER_S:.0f} s, got {said}; "
                "it may have been done all the same"
            ) from error
        self._used_s = monotonic()
        if status >= 300:
            raise self._fault(status, told)
        return told

    def _fresh(self) -> http.client.HTTPConnection:
        """Return a connection that the agent has not closed for being idle."""
        if self._connection is not None and monotonic() - self._used_s > IDLE_S:
            self.close()
        if self._connection is None:
            parts = urlsplit(self._base)
            host, port = parts.hostname or "", parts.port
            if parts.scheme == "https":
                trusted = ssl.create_default_context(cafile=self._certificate or None)
                self._connection = http.client.HTTPSConnection(
                    host, port, timeout=ANSWER_S, context=trusted
                )
            else:
                self._connection = http.client.HTTPConnection(host, port, timeout=ANSWER_S)
        return self._connection

    def _fault(self, status: int, told: bytes) -> Exception:
        try:
            fault = msgspec.json.decode(told, type=Fault)
        except msgspec.DecodeError:
            what = "the token was refused" if status == 401 else f"HTTP {status}"
            return ReaderError(f"agent {self._base}: expected it to do that, got: {what}")
        if fault.kind == "input":
            return InventoryError(f"agent {self._base}: {fault.said}")
        return FAULTS.get(fault.kind, ReaderError)(f"agent {self._base}: {fault.said}")
