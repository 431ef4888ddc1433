"""The timers of a rack's places during a play, their clocks tied to the host's before and after."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import asdict
from time import monotonic_ns
from typing import Any

from hil.drivers import open_part
from hil.fpga.tears import Tears
from hil.fpga.ties import Tie, Ties
from hil.protocols import Timer
from hil.rack import RackFile
from hil.rack_sections import Resource

EXCHANGES = 16  # of which the shortest counts


class Clocks:
    """The timers of some places, open.

    Args:
        places: Names of places; each timer is opened once, for all that share it.
    """

    def __init__(self, rack: RackFile, places: Iterable[str]) -> None:
        self._resources = rack.resources
        self._timers: dict[str, Timer] = {}
        self._ties: dict[str, Ties] = {}
        with ExitStack() as opened:
            for name in sorted(_timers_of(rack, places)):
                timer = open_part("timer", rack.resources[name].url, rack.time_scale)
                opened.callback(timer.close)
                assert isinstance(timer, Timer)
                self._timers[name], self._ties[name] = timer, Ties(timer.tick_hz)
            self.tie()
            self._open = opened.pop_all()

    def tears(self) -> dict[str, Tears]:
        """Return the timers that can tear."""
        return {name: timer for name, timer in self._timers.items() if isinstance(timer, Tears)}

    def tie(self) -> None:
        """Tie each clock to the host's by the shortest of some round trips."""
        for name, timer in self._timers.items():
            self._ties[name].add([_tied(timer) for _ in range(EXCHANGES)])

    def told(self) -> dict[str, dict[str, Any]]:
        """Return what a report says of each timer: offset, drift, uncertainty, calibration."""
        self.tie()
        return {
            name: {**ties.told(), "calibration": _calibration(self._resources[name])}
            for name, ties in self._ties.items()
        }

    def close(self) -> None:
        """Let go of every timer; again is no fault."""
        self._open.close()


def _timers_of(rack: RackFile, places: Iterable[str]) -> set[str]:
    parts = (rack.place(name).parts for name in places)
    return {part["timer"][0] for part in parts if "timer" in part}


def _calibration(resource: Resource) -> dict[str, Any] | None:
    return asdict(resource.calibration) if resource.calibration else None


def _tied(timer: Timer) -> Tie:
    sent_ns = monotonic_ns()
    tick = timer.ticks()
    return Tie.of(tick, sent_ns, monotonic_ns())
