"""What a request to the FPGA takes from a host on pyserial and back, model and RTL behind a pty.

`ratio` is the model's median round trip to that of an echo of as many bytes on such a pty, without
frames, checks or an FPGA. The RTL runs in Icarus Verilog with the line of a board, 12 ticks a bit:
its figures are the simulator's, and `slower` says by how much its clock is. Nothing here is the
time of a board or of a USB bridge.
"""

from __future__ import annotations

import os
import threading
import time
import tty
from collections.abc import Callable
from contextlib import closing
from typing import Any

from hil.fpga import frames
from hil.fpga.frames import Frame, encode
from hil.fpga.link import SerialPort
from hil.fpga.regs import ANSWER, Command, Reg
from hil.fpga.timer import COCOTB, MODEL, FpgaTimer

REQUESTS = {MODEL: 2_000, COCOTB: 300}
ECHOES = 2_000
ASKED = encode(Frame(1, *frames.read(Reg.TICK)))
ANSWERED = encode(Frame(1, Command.READ | ANSWER, bytes(8)))


def measure() -> dict[str, Any]:
    """Return round trips in microseconds."""
    echo = percentiles(echoes())
    model, rtl = ask(MODEL), ask(COCOTB)
    return {
        "echo_us": echo,
        "model_us": model["us"],
        "rtl_us": rtl["us"],
        "ratio": round(model["us"]["p50"] / echo["p50"], 1),
        "slower": rtl["slower"],
        "requests": {"echo": ECHOES, "model": REQUESTS[MODEL], "rtl": REQUESTS[COCOTB]},
    }


def ask(address: str) -> dict[str, Any]:
    """Return the round trips of reading TICK, and how much slower the clock is than it says."""
    with closing(FpgaTimer(address)) as timer:
        timer.open()
        link = timer.link
        link.round_trips_ns.clear()
        began, first = time.monotonic(), timer.ticks()
        for _ in range(REQUESTS[address] - 1):
            last = timer.ticks()
        taken_s = time.monotonic() - began
        slower = taken_s / ((last - first) / timer.tick_hz)
        return {"us": percentiles(link.round_trips_ns), "slower": round(slower, 1)}


def echoes() -> list[int]:
    """Return the round trips of bare bytes over a pty, nanoseconds."""
    master, slave = os.openpty()
    tty.setraw(slave)

    def answer() -> None:
        for _ in range(ECHOES):
            heard = 0
            while heard < len(ASKED):
                heard += len(os.read(master, 256))
            os.write(master, ANSWERED)

    thread = threading.Thread(target=answer, daemon=True)
    thread.start()
    try:
        with closing(SerialPort(os.ttyname(slave), "echo")) as port:
            return [_round_trip(port.write, port.read) for _ in range(ECHOES)]
    finally:
        thread.join(1)
        os.close(master)
        os.close(slave)


def _round_trip(write: Callable[[bytes], None], read: Callable[[], bytes]) -> int:
    began = time.monotonic_ns()
    write(ASKED)
    heard = 0
    while heard < len(ANSWERED):
        heard += len(read())
    return time.monotonic_ns() - began


def percentiles(taken_ns: list[int]) -> dict[str, int]:
    """Return p50 and p99, microseconds."""
    ordered = sorted(taken_ns)
    return {f"p{n}": ordered[(len(ordered) - 1) * n // 100] // 1_000 for n in (50, 99)}
