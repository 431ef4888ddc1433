"""The vpcd protocol's frames, for both of its sides: a length of 2 bytes, then that much.

The side of the reader speaks first. One byte alone is an order to the card, anything longer a
command; a card answers the order for its ATR, and every command. Each frame goes out in one write,
and an acknowledgement is asked for before every receive: without that a frame that the other side
sends in two writes takes 44 ms (Nagle's algorithm against a delayed acknowledgement).

Source: frankmorgner/vsmartcard, doc/api.txt and vpcd.c; times measured with Debian's vpcd 0.8.
"""

from __future__ import annotations

import socket
from enum import IntEnum
from time import monotonic

HOST = "127.0.0.1"


class Order(IntEnum):
    """What a reader has a card do."""

    power_off = 0
    power_on = 1
    reset = 2
    tell_atr = 4


def prepare(line: socket.socket) -> None:
    """Have a connection send what it is given at once."""
    line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def framed(payload: bytes) -> bytes:
    """Return a frame as it goes over the wire."""
    return len(payload).to_bytes(2, "big") + payload


def send_frame(line: socket.socket, payload: bytes) -> None:
    """Send a frame; raises OSError if the other side has gone."""
    line.sendall(framed(payload))


def receive_frame(line: socket.socket) -> bytes:
    """Return the next frame, empty if the other side has gone or says that it does."""
    head = _receive(line, 2)
    return _receive(line, int.from_bytes(head, "big")) if head else b""


def _receive(line: socket.socket, size: int) -> bytes:
    """Return `size` bytes, or none at all if the connection ends before they are here.

    Raises:
        OSError: If they are not here in twice the socket's time, however they drip.
    """
    parts: list[bytes] = []
    limit_s, began_s = line.gettimeout(), monotonic()
    while size:
        line.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
        part = line.recv(size)
        if not part:
            return b""
        parts.append(part)
        size -= len(part)
        if size and limit_s is not None and monotonic() - began_s > limit_s:
            raise TimeoutError(f"expected {size} bytes more within {limit_s:g} s")
    return b"".join(parts)
