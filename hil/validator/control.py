"""The control and log side of a device under test: JSON lines over TCP (docs/spec/device.md).

A bench sends orders and hears events; every connection hears all of them. What is no order is
answered with an `error` event and changes nothing. Orders wait for their turn, but for the one that
takes the power. Which order does what is `hil.validator.device`.
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import socket
import threading
from typing import Any

from scheme.errors import EnvironmentFaultError

LINE_MAX = 4_096
POWER_CUT = 137  # what a shell says of a process that was killed
SEND_S = 2.0  # a bench that does not read is dropped, so that no tap waits for it

ORDERS: dict[str, dict[str, type]] = {
    "present": {"within_ms": int, "amount_idr": int, "trace": str},
    "remove": {},
    "power": {"on": bool},
    "clock": {"at_ms": int},
    "state": {},
}
"""Every order, with the fields it may have."""

EVENTS = (
    "ready", "detect", "decision", "display", "gate", "record", "uploaded", "clock", "removed",
    "error",
)  # fmt: skip
"""Every event."""

Order = dict[str, Any]


class Control:
    """Where a bench connects."""

    def __init__(self, host: str, port: int) -> None:
        """Listen; raises EnvironmentFaultError if the port is taken."""
        try:
            self._listener = socket.create_server((host, port))
        except OSError as error:
            raise EnvironmentFaultError(
                f"control: expected to listen at {host}:{port}, got {error.strerror}"
            ) from error
        self.port: int = self._listener.getsockname()[1]
        self.orders: queue.SimpleQueue[Order] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._lines: list[socket.socket] = []
        self._greeting = b""
        self._number = 0
        threading.Thread(target=self._serve, daemon=True).start()

    def tell(self, event: str, at_ms: int, fields: dict[str, Any]) -> None:
        """Send an event to every bench that listens; `ready` also to those that come later."""
        assert event in EVENTS, event
        with self._lock:
            self._number += 1
            said = {"event": event, "number": self._number, "at_ms": at_ms} | fields
            line = json.dumps(said).encode() + b"\n"
            if event == "ready":
                self._greeting = line
            for connection in self._lines.copy():
                self._send(connection, line)

    def close(self) -> None:
        """Stop listening and hang up."""
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        with self._lock:
            for connection in self._lines:
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)

    def _send(self, connection: socket.socket, line: bytes) -> None:
        try:
            connection.sendall(line)
        except OSError:
            self._lines.remove(connection)
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=self._listen, args=(connection,), daemon=True).start()

    def _listen(self, connection: socket.socket) -> None:
        connection.setsockopt(
            socket.SOL_SOCKET, socket.SO_SNDTIMEO, int(SEND_S).to_bytes(8, "little") + bytes(8)
        )
        with self._lock:
            self._lines.append(connection)
            if self._greeting:
                self._send(connection, self._greeting)
        with contextlib.suppress(OSError), connection, connection.makefile("rb") as lines:
            while line := lines.readline(LINE_MAX):
                order = read_order(line)
                if order["do"] == "power" and not order.get("on", True):
                    os._exit(POWER_CUT)  # in the middle of whatever it does
                self.orders.put(order)
        with self._lock:
            if connection in self._lines:
                self._lines.remove(connection)


def read_order(line: bytes) -> Order:
    """Return the order in a line; what is none comes back as an order `wrong` that says why."""
    try:
        said = json.loads(line)
    except (ValueError, RecursionError):
        return {"do": "wrong", "text": f"expected one JSON object a line, got {line[:80]!r}"}
    if not isinstance(said, dict) or said.get("do") not in list(ORDERS):
        names = ", ".join(ORDERS)
        return {"do": "wrong", "text": f'expected "do" with one of {names}, got {line[:80]!r}'}
    fields = ORDERS[said["do"]]
    for name, value in said.items():
        if name != "do" and (name not in fields or type(value) is not fields[name]):
            known = ", ".join(f"{n} ({t.__name__})" for n, t in fields.items()) or "no field"
            return {"do": "wrong", "text": f"{said['do']}: expected {known}, got {name}={value!r}"}
    return dict(said)
