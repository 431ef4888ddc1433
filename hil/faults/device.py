"""Faults of a whole device under test: its power cut, its clock put wrong."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Sequence
from time import time_ns

from hil.control_line import ControlLine
from hil.faults.evidence import Evidence, FaultLog
from scheme.errors import EnvironmentFaultError, ReaderError

DIES_S = 5.0
ANSWERS_S = 5.0
CLOCK_OFF_MS = 1_000  # an offset this near to the one asked for is the one asked for


class Powered:
    """A device that is a program we start, and whose power is its life.

    Attributes:
        log: What was armed and what has fired.
    """

    def __init__(self, command: Sequence[str]) -> None:
        self.log = FaultLog()
        self._command = list(command)
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def on(self) -> bool:
        """Whether it runs."""
        return self._process is not None and self._process.poll() is None

    def switch_on(self) -> None:
        """Start it; raises EnvironmentFaultError if there is no such program."""
        if self.on:
            return
        try:
            self._process = subprocess.Popen(self._command, stdin=subprocess.DEVNULL)
        except OSError as error:
            raise EnvironmentFaultError(
                f"{self._command[0]}: expected a device to start, got {error.strerror}"
            ) from error

    def cut_power(self) -> Evidence:
        """Take its power: it is killed, and has no word in it. Fired once it is dead of that."""
        evidence = self.log.arm("power=off", " ".join(self._command))
        process = self._process
        if process is not None and process.poll() is None:
            process.kill()
            if process.wait(DIES_S) == -signal.SIGKILL:
                evidence.fire(f"process {process.pid} killed")
        return evidence

    def switch_off(self) -> None:
        """Ask it to end, and kill it if it does not; no fault."""
        process = self._process
        if process is None or process.poll() is not None:
            return
        process.terminate()
        try:
            process.wait(DIES_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def put_clock_wrong(log: FaultLog, control: tuple[str, int], by_ms: int) -> Evidence:
    """Have a device's clock be off by so much; fired once it says that it is."""
    evidence = log.arm(f"clock={by_ms}ms", f"{control[0]}:{control[1]}")
    try:
        line = ControlLine(*control)
        try:
            line.order("clock", at_ms=time_ns() // 1_000_000 + by_ms)
            told = line.wait(("clock",), ANSWERS_S)
        finally:
            line.close()
    except ReaderError as error:
        evidence.said = str(error)
        return evidence
    off_ms = int(told.get("offset_ms", 0))
    if abs(off_ms - by_ms) <= CLOCK_OFF_MS:
        evidence.fire(f"clock off by {off_ms} ms, before {told.get('was_ms', 0)} ms")
    return evidence
