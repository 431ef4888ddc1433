"""The benchmark of the FPGA's line asks what it says, and counts in microseconds."""

from __future__ import annotations

import pytest

from benchmarks import fpga
from benchmarks.__main__ import measurements
from hil.fpga.timer import MODEL


def test_it_is_named() -> None:
    assert "fpga" in measurements()


def test_round_trips_are_those_of_its_requests(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(fpga.REQUESTS, MODEL, 20)
    monkeypatch.setattr(fpga, "ECHOES", 20)
    asked = fpga.ask(MODEL)
    assert 0 < asked["us"]["p50"] <= asked["us"]["p99"]
    assert asked["slower"] == pytest.approx(1, abs=0.9)  # the model keeps to the wall clock
    assert len(fpga.echoes()) == 20


def test_percentiles_are_of_the_ordered_times() -> None:
    assert fpga.percentiles([n * 1_000 for n in range(100, -1, -1)]) == {"p50": 50, "p99": 99}
