"""The RTL behind a serial port: Icarus Verilog in a process of its own, served on a pty.

Whoever starts it stops it; if it dies instead, the simulator sees its socket close and ends by
itself. Either way the folder it worked in is gone afterwards.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from hil.fpga.model.settings import Settings
from hil.fpga.modelport import input_steps
from hil.fpga.replay import DEBIAN, RTL
from hil.fpga.stimulus import Stimulus
from scheme.errors import EnvironmentFaultError, ReaderError

HERE = Path(__file__).resolve().parent
TIME_SCALE = 40.0  # simulated time goes that much slower than the clock, and more on a busy machine
START_S = 60.0
STOP_S = 10.0
LOG, INPUTS_FILE, SOCKET_FILE = "bridge.log", "inputs", "owner"


class Bridge:
    """One simulated FPGA.

    Attributes:
        path: The terminal to open, once it is started.
        pid: Of the process that leads the simulator's, 0 if there is none.
        folder: Where it works.
    """

    def __init__(self, settings: Settings | None = None, recorded: Sequence[Stimulus] = ()) -> None:
        """Take its parameters, and inputs of which each time that output 3 rises some begin."""
        self.path = ""
        self.pid = 0
        self.folder = Path()
        self._settings = settings or Settings()
        self._recorded = recorded
        self._owner: socket.socket | None = None
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Build and start it; raise ReaderError if it does not stand within a minute."""
        if shutil.which("iverilog") is None:
            raise ReaderError(f'timer "fpga://cocotb:": expected Icarus Verilog, got none{DEBIAN}')
        self.folder = Path(tempfile.mkdtemp(prefix="j1-fpga-"))
        try:
            if self._recorded:
                steps = [
                    step for one in self._recorded for step in [(-1, 0), *input_steps(one)]
                ]
                lines = "".join(f"{at} {levels:x}\n" for at, levels in steps)
                (self.folder / INPUTS_FILE).write_text(lines, "ascii")
            with socket.socket(socket.AF_UNIX) as door:
                door.bind(str(self.folder / SOCKET_FILE))
                door.listen(1)
                self._launch()
                self._owner = self._met(door)
            self.path = self._owner.recv(256).decode()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """End it, by force if it does not go; again is no fault."""
        if self._owner is not None:
            self._owner.close()
        if self._process is not None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(STOP_S if self._owner else 0)
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
        shutil.rmtree(self.folder, ignore_errors=True) if self.pid else None
        self._owner = self._process = None
        self.pid = 0

    def _launch(self) -> None:
        numbers = [str(number) for number in self._settings]
        paths = [str(HERE.parents[1]), os.environ.get("PYTHONPATH", "")]
        with (self.folder / LOG).open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "hil.fpga.bridge", str(self.folder), *numbers],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, paths))},
                start_new_session=True,
            )
        self.pid = self._process.pid

    def _met(self, door: socket.socket) -> socket.socket:
        """Return the connection to the simulator."""
        assert self._process is not None
        door.settimeout(0.1)
        for _ in range(round(START_S / 0.1)):
            with contextlib.suppress(TimeoutError):
                return door.accept()[0]
            if self._process.poll() is not None:
                break
        said = (self.folder / LOG).read_text("utf-8", "replace").strip()[-600:]
        raise ReaderError(
            f'timer "fpga://cocotb:": expected a simulator within {START_S:g} s, got: '
            f"{said or 'nothing'}"
        )


def serve(folder: Path, settings: Settings) -> None:
    """Run the simulator until whoever started it hangs up, and clear up behind it."""
    from cocotb_tools.runner import get_runner

    inputs = folder / INPUTS_FILE
    try:
        runner = get_runner("icarus")
        runner.build(
            sources=[HERE / "bridge.v", *sorted(RTL.glob("*.v"))],
            includes=[RTL],
            hdl_toplevel="bridge",
            parameters=settings.parameters(),
            build_dir=folder,
            build_args=["-g2005"],
        )
        runner.test(
            test_module="hil.fpga.bridged",
            hdl_toplevel="bridge",
            plusargs=[f"+inputs={inputs}"] if inputs.exists() else [],
            extra_env={"J1_BRIDGE": str(folder / SOCKET_FILE)},
            build_dir=folder,
            test_dir=folder,
            results_xml=str(folder / "results.xml"),
        )
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    try:
        serve(Path(sys.argv[1]), Settings(*map(int, sys.argv[2:])))
    except ModuleNotFoundError as missing:
        sys.exit(f'{missing}; do: pip install "jakarta-one-testbed[fpga]"')
    except EnvironmentFaultError as fault:
        sys.exit(str(fault))
