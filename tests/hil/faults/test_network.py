"""The proxy that breaks: down, slow, half open, unheard; and what a validator makes of it."""

from __future__ import annotations

import socket
import socketserver
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from hil.faults.network import Network, Way
from hil.validator.device import Device
from scheme.errors import EnvironmentFaultError
from scheme.target import TERMINAL_DTYPE
from testbed.reference_process import ReferenceProcess
from tests.hil.validator.test_line import free_port, running, senders, wait
from tests.hil.validator.till import Till

SOON_S = 0.2
WITHIN_S = 10.0


class Echo(socketserver.StreamRequestHandler):
    """An office that says what it is told."""

    def handle(self) -> None:
        while data := self.request.recv(4096):
            self.request.sendall(data)


def unsent(device: Device) -> bool:
    """Return whether a validator has batches that nobody acknowledged."""
    return bool(device.book.memory.unsent)


@pytest.fixture
def network() -> Iterator[Network]:
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Echo) as office:
        office.daemon_threads = True
        threading.Thread(target=office.serve_forever, args=(0.02,), daemon=True).start()
        made = Network(("127.0.0.1", office.server_address[1]))
        yield made
        made.close()
        office.shutdown()


def connected(network: Network, timeout_s: float = WITHIN_S) -> socket.socket:
    return socket.create_connection(("127.0.0.1", network.port), timeout_s)


def said(line: socket.socket, data: bytes) -> bytes:
    line.sendall(data)
    return line.recv(4096)


def ended(line: socket.socket) -> bool:
    """Return whether a connection ends, in an orderly way or not."""
    try:
        return not line.recv(1)
    except ConnectionError:
        return True


def refused(network: Network) -> bool:
    """Return whether a connection is ended, be it before it is quite there."""
    try:
        with connected(network) as line:
            return ended(line)
    except OSError:
        return True


def test_a_whole_network_carries_both_ways(network: Network) -> None:
    with connected(network) as line:
        assert said(line, b"tap") == b"tap"
        line.shutdown(socket.SHUT_WR)
        assert line.recv(1) == b""


def test_a_network_that_is_down_ends_what_stands_and_what_comes(network: Network) -> None:
    with connected(network) as line:
        assert said(line, b"tap") == b"tap"
        evidence = network.arm(Way.down)
        assert evidence.said == "a standing connection ended"
        assert ended(line)
    evidence = network.arm(Way.down)
    assert not evidence.fired
    assert refused(network)
    wait(lambda: evidence.fired)
    network.mend()
    with connected(network) as line:
        assert said(line, b"tap") == b"tap"


def test_a_slow_network_is_late_both_ways(network: Network) -> None:
    with connected(network) as line:
        evidence = network.arm(Way.slow, 40)
        begun = time.monotonic()
        assert said(line, b"tap") == b"tap"
        assert time.monotonic() - begun >= 0.08
    assert evidence.said == "3 bytes 40 ms late"


@pytest.mark.parametrize("way", [Way.half_open, Way.unheard])
def test_a_half_open_network_says_nothing_until_it_is_mended_and_then_ends(
    way: Way, network: Network
) -> None:
    evidence = network.arm(way)
    with connected(network, SOON_S) as line:
        line.sendall(b"tap")
        with pytest.raises(TimeoutError):
            line.recv(1)
        assert evidence.fired
        network.mend()
        line.settimeout(WITHIN_S)
        assert ended(line)


def test_a_fault_that_nobody_met_has_not_fired(network: Network) -> None:
    network.arm(Way.half_open)
    network.mend()
    assert [row.fault for row in network.log.silent] == ["network=half_open"]


def test_a_port_that_is_taken_is_told(network: Network) -> None:
    with pytest.raises(EnvironmentFaultError, match="expected to listen at"):
        Network(("127.0.0.1", 1), ("127.0.0.1", network.port))


def test_a_batch_whose_answer_was_lost_is_booked_once(tmp_path: Path) -> None:
    port = free_port()
    with (
        ReferenceProcess(tmp_path / "store", port=port) as server,
        server.target() as office,
        closing(Network(("127.0.0.1", port))) as network,
    ):
        office.enrol_terminals(np.zeros(0, TERMINAL_DTYPE), senders())
        till = Till(
            tmp_path, office=f"http://127.0.0.1:{network.port}", batch_age_ms=20,
            clock_every_s=3_600, lists_every_s=3_600,
        )  # fmt: skip
        device = till.on()
        with running(device):
            till.tapped(device)  # and with it, clock and lists are asked for
            wait(lambda: office.status()["received"]["taps"] == 1 and not unsent(device))
            evidence = network.arm(Way.unheard)
            till.tapped(device)
            wait(lambda: evidence.fired and office.status()["received"]["taps"] == 2)
            assert unsent(device)
            network.mend()
            wait(lambda: not unsent(device))
        assert office.status()["received"]["taps"] == 2
