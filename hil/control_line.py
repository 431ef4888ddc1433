"""The bench's end of a device's control and log side (docs/spec/device.md): orders out, events in.

Works with any device under test that speaks JSON lines over TCP; ours is `hil.validator`. Every
wait is bounded; a device that hangs up or says nothing in time is a ReaderError that names it.
"""

from __future__ import annotations

import contextlib
import json
import socket
import time
from collections.abc import Collection
from typing import Any

from scheme.errors import ReaderError

CONNECT_S = 5.0
PIECE = 65_536
ANSWERS = {"present": "decision", "remove": "removed", "clock": "clock", "state": "ready"}
"""The event that answers an order; `power` is answered by silence."""
Event = dict[str, Any]


class ControlLine:
    """A connection to one device."""

    def __init__(self, host: str, port: int, connect_s: float = CONNECT_S) -> None:
        """Connect; raises ReaderError if nobody listens."""
        self._name = f"{host}:{port}"
        try:
            self._line = socket.create_connection((host, port), connect_s)
        except OSError as error:
            raise ReaderError(
                f"device at {self._name}: expected a control port, got {error}; start it first"
            ) from error
        self._line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._buffer = b""

    def order(self, do: str, **fields: Any) -> None:
        """Send an order; raises ReaderError if the device has gone."""
        try:
            self._line.sendall(json.dumps({"do": do} | fields).encode() + b"\n")
        except OSError as error:
            raise ReaderError(f"device at {self._name}: it has gone: {error}") from error

    def wait(self, events: Collection[str], within_s: float) -> Event:
        """Return the next event of one of these names, past whatever comes before it.

        Raises:
            ReaderError: If none comes in time, or the device goes, or says what is no event.
        """
        until = time.monotonic() + within_s
        while True:
            said = self._next(until, events)
            if said["event"] in events:
                return said

    def close(self) -> None:
        """Hang up."""
        with contextlib.suppress(OSError):
            self._line.shutdown(socket.SHUT_RDWR)
        self._line.close()

    def _next(self, until: float, events: Collection[str]) -> Event:
        while b"\n" not in self._buffer:
            left_s = until - time.monotonic()
            try:
                self._line.settimeout(max(left_s, 0.001))
                piece = self._line.recv(PIECE) if left_s > 0 else None
            except TimeoutError:
                piece = None
            except OSError:
                piece = b""
            if piece is None:
                names = " or ".join(sorted(events))
                raise ReaderError(f"device at {self._name}: expected {names}, got nothing in time")
            if not piece:
                raise ReaderError(f"device at {self._name}: it has gone")
            self._buffer += piece
        line, _, self._buffer = self._buffer.partition(b"\n")
        try:
            said = json.loads(line)
            said["event"], said["number"], said["at_ms"]
        except (ValueError, TypeError, KeyError, RecursionError) as error:
            raise ReaderError(
                f"device at {self._name}: expected an event with number and at_ms, got {line!r}"
            ) from error
        return dict(said)
