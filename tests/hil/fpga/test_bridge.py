"""pyserial against the RTL in Icarus Verilog: the suite, the logs of model and RTL, and the end."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest

from hil.fpga.bridge import TIME_SCALE, Bridge
from hil.fpga.conformance import CASES, judge
from hil.fpga.frames import Event, Latency
from hil.fpga.link import FpgaGoneError
from hil.fpga.model.fpga import Fpga
from hil.fpga.model.settings import Settings
from hil.fpga.modelport import ModelPort
from hil.fpga.regs import Control, Mark, Reg, Source
from hil.fpga.stimulus import Kind, Step, Stimulus
from hil.fpga.tears import TearPlan
from hil.fpga.timer import FpgaTimer, Served
from scheme.errors import ReaderError

QUICK = Settings(divisor=2, log_bits=5)  # a shorter line and log, for time's sake
RECORDED = 4
RECORDED_TICKS = 2_500
GONE_TRIES = 300
ORPHAN = """
import sys, time
from hil.fpga.bridge import Bridge
bridge = Bridge()
bridge.start()
print(bridge.pid, bridge.folder, flush=True)
time.sleep(600)
"""


def bridged(settings: Settings, recorded: list[Stimulus], _: str) -> Served:
    """Return the RTL with a shorter line than a board's."""
    bridge = Bridge(settings, recorded)
    bridge.start()
    return Served(bridge.path, TIME_SCALE, bridge.stop)


def modelled(settings: Settings, recorded: list[Stimulus], _: str) -> Served:
    """Return the model of the same."""
    port = ModelPort(Fpga(settings), recorded)
    port.plug()
    return Served(port.path, 1.0, port.unplug)


def recorded_inputs(seed: int) -> Stimulus:
    """Return inputs that move at random, some for too short to count."""
    chance = random.Random(seed)
    steps, at, levels = list[Step](), 70, 0
    while at < RECORDED_TICKS:
        levels ^= 1 << chance.randrange(8)
        steps.append(Step(at, Kind.IN, levels))
        at += chance.choice((1, 2, 4, 30, chance.randrange(1, 500)))
    return Stimulus((*steps, Step(at, Kind.END)))


def told_of(timer: FpgaTimer, seed: int) -> tuple[list[Event], Latency]:
    """Return the log of one recorded stimulus, its ticks from the start on, and the latencies."""
    chance = random.Random(seed)
    timer.set(
        deglitch=chance.randrange(6),
        edges=chance.getrandbits(16),
        latency_start=chance.randrange(8),
        latency_stop=Source.FALL + chance.randrange(8),
        control=Control.CLEAR_LATENCY,
    )
    timer.log()
    timer.arm(TearPlan(width=RECORDED_TICKS + 900, outputs=8))
    timer.trigger()
    timer.wait_idle(100_000)
    log = timer.log()
    (start,) = [event.tick for event in log if event.marks & Mark.FIRED]
    return [event._replace(tick=event.tick - start) for event in log], timer.latency()


def test_the_suite_passes_on_the_rtl(record_property: Callable[[str, object], None]) -> None:
    timer = FpgaTimer("cocotb:", serve=partial(bridged, QUICK, []))
    with closing(timer):
        timer.open()
        link = timer.link
        results = judge(timer)
    assert [result for result in results if result.verdict != "PASS"] == []
    assert len(results) == len(CASES)
    trips = sorted(link.round_trips_ns)
    for percent in (50, 99):
        record_property(f"p{percent}_us", trips[len(trips) * percent // 100] // 1_000)


def test_model_and_rtl_log_recorded_inputs_alike() -> None:
    recorded = [recorded_inputs(seed) for seed in range(RECORDED)]
    logs = []
    for serve in (bridged, modelled):
        with closing(FpgaTimer("", serve=partial(serve, QUICK, recorded))) as timer:
            timer.open()
            logs.append([told_of(timer, seed) for seed in range(RECORDED)])
    assert logs[0] == logs[1]
    assert sum(len(log) for log, _ in logs[0]) > 10 * RECORDED
    assert sum(latency.measured for _, latency in logs[0]) > 0


def test_a_simulator_that_dies_is_a_port_that_is_gone_and_leaves_nothing() -> None:
    bridge = Bridge(QUICK)
    bridge.start()
    folder, pid = bridge.folder, bridge.pid
    served = Served(bridge.path, TIME_SCALE, bridge.stop)
    with closing(FpgaTimer("cocotb:", serve=lambda _: served)) as timer:
        timer.open()
        os.killpg(pid, signal.SIGKILL)
        with pytest.raises(FpgaGoneError):
            read_on(timer)
    wait_until_gone(pid, folder)
    bridge.stop()


def test_a_simulator_ends_by_itself_when_whoever_started_it_is_killed() -> None:
    owner = subprocess.Popen([sys.executable, "-c", ORPHAN], stdout=subprocess.PIPE, text=True)
    assert owner.stdout is not None
    pid, folder = owner.stdout.readline().split()
    owner.kill()
    owner.wait()
    owner.stdout.close()
    wait_until_gone(int(pid), Path(folder))


def test_a_machine_without_icarus_is_told_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(ReaderError, match="expected Icarus Verilog, got none; on Debian: apt-get"):
        FpgaTimer("cocotb:").open()


def read_on(timer: FpgaTimer) -> None:
    """Read until it fails, or for a while."""
    for _ in range(GONE_TRIES):
        timer.read(Reg.TICK)


def wait_until_gone(pid: int, folder: Path) -> None:
    """Return once no process of a group is left, nor its folder."""
    for _ in range(GONE_TRIES):
        try:
            os.killpg(pid, 0)
        except ProcessLookupError:
            if not folder.exists():
                return
        time.sleep(0.1)
    pytest.fail(f"expected group {pid} and {folder} to be gone")
