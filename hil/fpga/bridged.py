"""What runs in the simulator behind a bridge: bytes between a pseudo-terminal and the RTL's line.

A coroutine looks every 10 us of simulated time. Nothing in it blocks for longer than it takes to
let the rest of the machine live: when the line is quiet, time in the simulator goes slowly.
"""

from __future__ import annotations

import contextlib
import os
import select
import socket
import tty
from typing import Any

import cocotb
from cocotb.triggers import Timer

NS_A_TICK = 2
RESET_TICKS = 6
RING = 256
POLL_TICKS = 120  # a byte on the line lasts as long
BUSY_POLLS = 40  # after the last byte the line counts as busy for so long
IDLE_S = 0.0002
SOCKET = "J1_BRIDGE"  # the variable that names the socket of whoever started it


@cocotb.test()
async def bytes_go_to_and_fro(dut: Any) -> None:
    """Serve until whoever started this is gone."""
    dut.reset_n.value = 0
    await Timer(RESET_TICKS * NS_A_TICK, "ns")
    dut.reset_n.value = 1
    await Timer(RESET_TICKS * NS_A_TICK, "ns")
    with socket.socket(socket.AF_UNIX) as owner:
        owner.connect(os.environ[SOCKET])
        master, slave = os.openpty()
        try:
            tty.setraw(slave)
            os.set_blocking(master, False)
            owner.sendall(os.ttyname(slave).encode())
            await _Carrier(dut, master, owner).carry()
        finally:
            os.close(master)
            os.close(slave)


class _Carrier:
    """One pseudo-terminal and one line."""

    def __init__(self, dut: Any, master: int, owner: socket.socket) -> None:
        self._dut = dut
        self._master = master
        self._owner = owner
        self._taken = 0
        self._go = 0
        self._polls_left = 0

    async def carry(self) -> None:
        """Carry bytes until the owner hangs up."""
        while True:
            await Timer(POLL_TICKS * NS_A_TICK, "ns")
            self._from_fpga()
            sending = bool(int(self._dut.sending.value))
            self._polls_left = BUSY_POLLS if sending else max(0, self._polls_left - 1)
            looked_at = [self._owner.fileno()] + ([] if sending else [self._master])
            wait_s = 0 if self._polls_left else IDLE_S
            ready, _, _ = select.select(looked_at, [], [], wait_s)
            if self._owner.fileno() in ready:
                return  # nothing is ever said there: it was closed
            if self._master in ready:
                self._to_fpga()

    def _to_fpga(self) -> None:
        try:
            data = os.read(self._master, RING)
        except BlockingIOError:
            return
        self._dut.outgoing.value = int.from_bytes(data, "little")
        self._dut.outgoing_bytes.value = len(data)
        self._go ^= 1
        self._dut.go.value = self._go
        self._polls_left = BUSY_POLLS

    def _from_fpga(self) -> None:
        count = int(self._dut.incoming_bytes.value)
        if count == self._taken:
            return
        assert not int(self._dut.misframed.value), "expected a stop bit from the FPGA"
        ring = int(self._dut.incoming.value)
        data = bytes(ring >> 8 * (at % RING) & 0xFF for at in range(self._taken, count))
        self._taken = count
        self._polls_left = BUSY_POLLS
        with contextlib.suppress(BlockingIOError):  # what a host does not fetch is lost
            os.write(self._master, data)
