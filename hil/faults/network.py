"""A stretch of network that can break: a TCP proxy between a device and its back office.

| way | what a device meets |
|---|---|
| `down` | every connection ends at once, those that stand too |
| `slow` | every piece of data is so many milliseconds late, both ways |
| `half_open` | connections are taken, and nothing goes on: no answer, no end |
| `unheard` | what it asks arrives, and the answers are lost |

A way that is armed has fired once somebody has met it. When the network is mended, connections with
a hole in them end, as their devices' time-outs would have them.
"""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from enum import Enum

from hil.faults.evidence import Evidence, FaultLog
from scheme.errors import EnvironmentFaultError

PIECE = 16_384
CONNECT_S = 5.0
LINGER_NONE = struct.pack("ii", 1, 0)  # a reset instead of an orderly end


class Way(Enum):
    """How the network is broken."""

    down = "down"
    slow = "slow"
    half_open = "half_open"
    unheard = "unheard"


class Pair:
    """One connection of a device, and the one to the office behind it."""

    def __init__(self, device: socket.socket, office: socket.socket) -> None:
        self.device, self.office = device, office
        self.holed = False  # whether data of it were lost, so that it can never go on
        self.ended = False

    def end(self) -> None:
        """Reset both."""
        self.ended = True
        for line in (self.device, self.office):
            reset(line)


class Network:
    """The proxy.

    Attributes:
        port: Where devices connect.
        log: What was armed and what has fired.
    """

    def __init__(self, to: tuple[str, int], listen: tuple[str, int] = ("127.0.0.1", 0)) -> None:
        """Listen; raises EnvironmentFaultError if the port is taken."""
        self.log = FaultLog()
        self._to = to
        try:
            self._listener = socket.create_server(listen)
        except OSError as error:
            raise EnvironmentFaultError(
                f"network: expected to listen at {listen[0]}:{listen[1]}, got {error.strerror}"
            ) from error
        self.port: int = self._listener.getsockname()[1]
        self._where = f"{listen[0]}:{self.port} to {to[0]}:{to[1]}"
        self._lock = threading.Lock()
        self._pairs: list[Pair] = []
        self._way: Way | None = None
        self._ms = 0
        self._evidence: Evidence | None = None
        self._mended = threading.Event()
        threading.Thread(target=self._serve, daemon=True).start()

    def arm(self, way: Way, ms: int = 0) -> Evidence:
        """Break the network from now on, in place of how it was broken before."""
        value = str(ms) if way is Way.slow else ""
        evidence = self.log.arm(f"network={way.value}{value}", self._where)
        with self._lock:
            self._evidence, self._way, self._ms = evidence, way, ms
            self._mended.clear()
            standing = [pair for pair in self._pairs if way is Way.down and not pair.ended]
        for pair in standing:
            self._meet(way, "a standing connection ended")
            pair.end()
        return evidence

    def mend(self) -> None:
        """Have the network whole again."""
        with self._lock:
            self._way, self._evidence = None, None
            self._mended.set()
            holed = [pair for pair in self._pairs if pair.holed]
        for pair in holed:
            pair.end()

    def close(self) -> None:
        """Stop listening and end every connection; again is no fault."""
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.mend()
        with self._lock:
            standing = self._pairs.copy()
        for pair in standing:
            pair.end()

    def _serve(self) -> None:
        while True:
            try:
                device, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._take_in, args=(device,), daemon=True).start()

    def _take_in(self, device: socket.socket) -> None:
        if self._way is Way.down:
            self._meet(Way.down, "a connection refused")
            reset(device)
            return
        try:
            office = socket.create_connection(self._to, CONNECT_S)
        except OSError:
            reset(device)
            return
        office.settimeout(None)
        pair = Pair(device, office)
        with self._lock:
            self._pairs.append(pair)
        for line in (device, office):
            line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        back = threading.Thread(target=self._carry, args=(pair, office, device), daemon=True)
        back.start()
        self._carry(pair, device, office)
        back.join()
        device.close()
        office.close()
        with self._lock:
            self._pairs.remove(pair)

    def _carry(self, pair: Pair, source: socket.socket, sink: socket.socket) -> None:
        """Carry one direction until it ends."""
        with contextlib.suppress(OSError):
            while data := source.recv(PIECE):
                way = self._way
                if way is Way.down:
                    self._meet(way, "a connection ended")
                    pair.end()
                elif pair.holed or self._loses(way, answer=source is pair.office):
                    pair.holed = True
                    self._meet(way, f"{len(data)} bytes lost")
                else:
                    if way is Way.slow:
                        self._meet(way, f"{len(data)} bytes {self._ms} ms late")
                        self._mended.wait(self._ms / 1_000)
                    sink.sendall(data)
        pair.ended = pair.ended or not pair.holed
        if not pair.holed:
            with contextlib.suppress(OSError):
                sink.shutdown(socket.SHUT_WR)

    def _loses(self, way: Way | None, *, answer: bool) -> bool:
        return way is Way.half_open or (way is Way.unheard and answer)

    def _meet(self, way: Way | None, said: str) -> None:
        """Note that somebody has met how the network is broken, the first time."""
        with self._lock:
            evidence = self._evidence
            if way is self._way and evidence is not None and not evidence.fired:
                evidence.fire(said)


def reset(line: socket.socket) -> None:
    """End a connection as one ends that is gone, and wake whoever reads it."""
    with contextlib.suppress(OSError):
        line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER_NONE)
        line.shutdown(socket.SHUT_RDWR)
    with contextlib.suppress(OSError):
        line.close()
