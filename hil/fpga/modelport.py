"""The model on a pseudo-terminal, in step with the wall clock: whoever opens `path` finds an FPGA.

A thread carries the bytes. Its inputs are connected to nothing, or to recorded stimuli, of which
the next begins each time that output 3 rises.
"""

from __future__ import annotations

import contextlib
import os
import select
import threading
import tty
from collections.abc import Sequence
from time import monotonic_ns

from hil.fpga.model.fpga import BITS_A_BYTE, Fpga
from hil.fpga.model.settings import Settings
from hil.fpga.stimulus import Kind, Step, Stimulus
from scheme.errors import BadInputError

READ_SIZE = 4096
STARTER = 3  # the output that starts recorded inputs
LEAD_TICKS = 64  # that recorded inputs leave between their start and their first step
CARRY_S = 0.0002  # between two looks while bytes are on the line
AHEAD_S = 0.02  # likewise while it has to go on in small steps
BEHIND_TICKS = 50_000  # by which it may be behind while it goes in small steps
NS = 1_000_000_000


class ModelPort:
    """One model on a pty of its own.

    Attributes:
        path: The terminal to open, once it is plugged in.
        fpga: The model.
    """

    def __init__(
        self, fpga: Fpga | None = None, recorded: Sequence[Stimulus] = (), ppm: float = 0.0
    ) -> None:
        """Take the model, its inputs, and how much too fast its clock is."""
        self.path = ""
        self.fpga = fpga or Fpga(Settings())
        self._waiting = [input_steps(one) for one in recorded]
        self._left: list[tuple[int, int]] = []
        self._rate = self.fpga.settings.clock_hz * (1 + ppm / 1e6)
        self._master = self._slave = -1
        self._out = threading.Event()
        self._bell: tuple[int, int] = (-1, -1)
        self._thread: threading.Thread | None = None
        self._began_ns = 0
        self._line_free_at = 0
        self._starter = 0

    def plug(self) -> None:
        """Offer the model on a new pty; it keeps its state, and its clock went on."""
        self._master, self._slave = os.openpty()
        tty.setraw(self._slave)
        os.set_blocking(self._master, False)
        self.path = os.ttyname(self._slave)
        self._out.clear()
        self._bell = os.pipe()
        self._began_ns = self._began_ns or monotonic_ns()
        self._thread = threading.Thread(target=self._serve, name=self.path, daemon=True)
        self._thread.start()

    def unplug(self) -> None:
        """Take the port away from whoever has it open; again is no fault."""
        thread, self._thread = self._thread, None
        if thread is not None:
            self._out.set()
            os.write(self._bell[1], b"\x00")
            thread.join()
            for fd in self._bell:
                os.close(fd)

    def _serve(self) -> None:
        try:
            while not self._out.is_set():
                busy = bool(self.fpga.sent) or self._line_free_at > self.fpga.at
                wait_s = CARRY_S if busy else AHEAD_S if self._waiting else None
                ready, _, _ = select.select([self._master, self._bell[0]], [], [], wait_s)
                if self._master in ready:
                    with contextlib.suppress(BlockingIOError):
                        self._take(os.read(self._master, READ_SIZE))
                self._run(self._tick())
                self._carry()
        finally:
            os.close(self._master)
            os.close(self._slave)

    def _tick(self) -> int:
        """Return the tick since reset that it is by the wall clock.

        While it has to go on in small steps it may fall behind; its clock is late from then on.
        """
        tick = int((monotonic_ns() - self._began_ns) * self._rate / NS)
        behind = tick - self.fpga.at - BEHIND_TICKS if self._waiting else 0
        if behind > 0:
            self._began_ns += round(behind * NS / self._rate)
            tick -= behind
        return tick

    def _take(self, data: bytes) -> None:
        """Put bytes on the line, each in its time."""
        a_byte = BITS_A_BYTE * self.fpga.settings.divisor
        at = max(self._tick(), self._line_free_at, self.fpga.at)
        for byte in data:
            at += a_byte
            self.fpga.receive(at, byte)
        self._line_free_at = at + 1

    def _run(self, until: int) -> None:
        """Let the model go on, and its inputs with it."""
        fpga = self.fpga
        while fpga.at < until:
            stop = until
            if self._left:
                stop = min(stop, self._left[0][0])
            elif self._waiting:
                stop = min(stop, fpga.at + LEAD_TICKS)  # not to step over the start
            fpga.run(stop)
            if self._left and self._left[0][0] == fpga.at:
                fpga.levels = self._left.pop(0)[1]
            self._look_for_start()

    def _look_for_start(self) -> None:
        for at, pins in self.fpga.turned:
            rose = pins >> STARTER & 1 > self._starter
            self._starter = pins >> STARTER & 1
            if rose and self._waiting:
                self._left = [(at + after, levels) for after, levels in self._waiting.pop(0)]
        self.fpga.turned.clear()

    def _carry(self) -> None:
        """Send the host what has left the model."""
        a_byte = BITS_A_BYTE * self.fpga.settings.divisor
        ready = bytearray()
        while self.fpga.sent and self.fpga.sent[0].at + a_byte <= self.fpga.at:
            ready.append(self.fpga.sent.popleft().byte)
        with contextlib.suppress(BlockingIOError):
            if ready:
                os.write(self._master, ready)


def input_steps(recorded: Stimulus) -> list[tuple[int, int]]:
    """Return recorded inputs as ticks after the start and levels.

    Raises:
        BadInputError: If it does something else, or begins too early.
    """
    steps: Sequence[Step] = [step for step in recorded.steps if step.kind != Kind.END]
    for step in steps:
        if step.kind != Kind.IN or step.at < LEAD_TICKS:
            raise BadInputError.at(
                "recorded inputs", expected=f"`in` steps from tick {LEAD_TICKS} on",
                got=f"{step.at} {step.kind}",
            )
    return [(step.at, step.value) for step in steps]
