"""The FPGA's driver on the model: the suite passes, planted faults fail it, hosts come and go."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager

import pytest

from hil.fpga.conformance import CASES, judge
from hil.fpga.model.fpga import Fpga
from hil.fpga.model.meters import EventLog, Watchdog
from hil.fpga.model.settings import Settings
from hil.fpga.model.tear import Tear
from hil.fpga.modelport import ModelPort
from hil.fpga.regs import Mark, Reg, Source, Status, TearState
from hil.fpga.stimulus import Kind, Step, Stimulus
from hil.fpga.tears import TearPlan
from hil.fpga.ties import WRAP
from hil.fpga.timer import FpgaTimer, Served
from hil.protocols import BenchState, Timer
from scheme.errors import BadInputError

SMALL = Settings(log_bits=5)


class EarlyTear(Tear):
    """One whose pulse comes a tick too early, and whose register says otherwise."""

    def step(
        self, now: int, hit: bool, arm: bool, stop: bool, skip: int, delay: int, width: int
    ) -> bool:
        return super().step(now, hit, arm, stop, skip, delay - 1, width)


class DeadTear(Tear):
    """One that is triggered and never fires."""

    def _delay(self, now: int, left: int, width: int) -> None:
        self.state, self._left = TearState.DELAYING, 1 << 40


class DeafWatchdog(Watchdog):
    """One that never finds its host silent."""

    def step(self, heard: bool, limit: int, clear: bool) -> None:
        super().step(True, limit, clear)


class ForgetfulLog(EventLog):
    """One that drops what has no room and does not say so."""

    def add(self, event: object) -> None:
        super().add(event)  # type: ignore[arg-type]
        self.lost, self._gap = 0, False


@contextmanager
def on_model(fpga: Fpga | None = None, ppm: float = 0.0) -> Iterator[FpgaTimer]:
    """Yield the driver of a model, not opened."""
    port = ModelPort(fpga or Fpga(SMALL), ppm=ppm)
    port.plug()
    timer = FpgaTimer("model:", serve=lambda _: Served(port.path, 1.0, lambda: None))
    try:
        with closing(timer):
            yield timer
    finally:
        port.unplug()


def test_the_suite_passes_on_the_model() -> None:
    timer = FpgaTimer("model:")
    results = judge(timer)
    assert [result for result in results if result.verdict != "PASS"] == []
    assert len(results) == len(CASES)
    with pytest.raises(OSError, match="is not open"):
        timer.ticks()


def with_tear(tear: Tear) -> Callable[[Fpga], None]:
    return lambda fpga: setattr(fpga, "_tear", tear)


@pytest.mark.parametrize(
    ("plant", "failed"),
    [
        (with_tear(EarlyTear()), {"JK1-FPG-005"}),
        (with_tear(DeadTear()), {"JK1-FPG-005"}),
        (lambda fpga: setattr(fpga, "_watchdog", DeafWatchdog()), {"JK1-FPG-012"}),
        (lambda fpga: setattr(fpga, "_log", ForgetfulLog(32, 99)), {"JK1-FPG-011"}),
    ],
)
def test_a_planted_fault_fails_the_suite(
    plant: Callable[[Fpga], None], failed: set[str]
) -> None:
    fpga = Fpga(SMALL)
    plant(fpga)
    cases = [case for case in CASES if case.id in {"JK1-FPG-001", *failed}]
    with on_model(fpga) as timer:
        results = judge(timer, cases)
    assert {result.case.id for result in results if result.verdict == "FAIL"} == failed


def test_it_is_a_timer_of_the_bench_and_stands_in_one_of_three_states() -> None:
    with on_model() as timer:
        assert isinstance(timer, Timer)
        states = [timer.state]
        for does in (timer.open, lambda: timer.arm(TearPlan(source=Source.NONE)), timer.make_safe):
            does()
            states.append(timer.state)
        assert states == [BenchState.safe, BenchState.idle, BenchState.armed, BenchState.idle]
        assert timer.tick_hz == 12_000_000


def test_a_host_that_comes_back_sees_that_it_was_safe_and_finds_its_place_in_the_log() -> None:
    fpga = Fpga(SMALL)
    with on_model(fpga) as first:
        first.open()
        for _ in range(70):
            first.trigger()
            first.log()
        first.set(outputs=5, watchdog=60_000)
        time.sleep(0.03)  # 5 ms and the outputs fall
        path = first.link  # kept open by nobody: the first host has died
        path.close()
        served = Served(first._served.path, 1.0, lambda: None)  # type: ignore[union-attr]
        with closing(FpgaTimer("model:", serve=lambda _: served)) as second:
            second.open()
            assert second.was_safe
            assert second.read(Reg.PINS) == 0
            second.trigger()
            marks = [event.marks & ~Mark.LOST for event in second.log()]
            assert marks == [Mark.SOFTWARE]


def test_it_is_kept_alive_for_a_host_that_is_busy_but_not_for_ever() -> None:
    with on_model() as timer:
        timer.open()
        timer.set(outputs=5, watchdog=600_000)
        with timer.kept_alive(within_s=0.2):
            time.sleep(0.15)
            assert not timer.status() & Status.SAFE
            timer.write(Reg.OUTPUTS, 5)
            time.sleep(0.5)
            assert timer.status() & Status.SAFE


def test_the_drift_of_its_clock_is_measured_within_what_is_said() -> None:
    with on_model(ppm=4_000) as timer:
        timer.open()
        time.sleep(0.3)
        timer.tie()
        drift, off = timer.ties.drift_ppm, timer.ties.drift_uncertainty_ppm
        assert drift is not None
        assert abs(drift - 4_000) < off < 40_000


def test_edges_are_told_once_each_with_channel_and_level() -> None:
    moves = Stimulus((Step(100, Kind.IN, 3), Step(300, Kind.IN, 2), Step(400, Kind.END)))
    port = ModelPort(Fpga(SMALL), [moves])
    port.plug()
    with closing(FpgaTimer("model:", serve=lambda _: Served(port.path, 1, port.unplug))) as timer:
        timer.open()
        timer.arm(TearPlan(width=1_000, outputs=8))
        timer.trigger()
        timer.wait_idle(100_000)
        stamps = [*timer.events(2), *timer.events(9)]
        assert [(stamp.channel, stamp.level) for stamp in stamps] == [(0, 1), (1, 1), (0, 0)]
        assert stamps[2].tick - stamps[0].tick == 200


def test_a_wait_ends_in_time_across_the_wrap_of_the_clock() -> None:
    fpga = Fpga(SMALL._replace(first_tick=WRAP - 200_000))
    with on_model(fpga) as timer:
        timer.open()
        timer.arm(TearPlan(source=Source.NONE))
        began = time.monotonic()
        assert not timer.wait_fired(600_000).has_fired
        assert time.monotonic() - began < 5
        assert timer.read(Reg.TICK) < WRAP // 2


def test_recorded_inputs_hold_inputs_only() -> None:
    for step in (Step(10, Kind.IN, 1), Step(100, Kind.SEND, data=b"x")):
        with pytest.raises(BadInputError, match="expected `in` steps from tick 64 on"):
            ModelPort(recorded=[Stimulus((step, Step(200, Kind.END)))])
