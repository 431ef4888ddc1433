"""A pacer: wakes an event loop at absolute instants, to some tens of microseconds on Linux.

Timers of asyncio and of uvloop count whole milliseconds, which a latency of 200 us cannot afford.
A Linux timer descriptor counts nanoseconds of the monotonic clock and costs nothing between two
instants, where spinning would take the core from the server under test. Elsewhere the loop's own
timer serves.
"""

from __future__ import annotations

import asyncio
import ctypes
import os
import sys
import time
from collections.abc import Callable

# Source: linux/time.h, linux/timerfd.h.
CLOCK_MONOTONIC = 1
TFD_TIMER_ABSTIME = 1
NS = 1_000_000_000


class _Instant(ctypes.Structure):
    _fields_ = (("seconds", ctypes.c_long), ("nanoseconds", ctypes.c_long))


class _TimerSpec(ctypes.Structure):
    _fields_ = (("interval", _Instant), ("value", _Instant))


def now_ns() -> int:
    """Return the clock that pacing and latencies use: monotonic nanoseconds."""
    return time.monotonic_ns()


class Pacer:
    """Calls `wake` once at the instant last asked for; asking again moves it."""

    def __init__(self, loop: asyncio.AbstractEventLoop, wake: Callable[[], None]) -> None:
        self._loop = loop
        self._wake = wake
        self._timer: asyncio.TimerHandle | None = None
        self._libc = ctypes.CDLL(None)
        self._descriptor = _timer_descriptor(self._libc)
        if self._descriptor >= 0:
            loop.add_reader(self._descriptor, self._expired)

    def wake_at(self, at_ns: int) -> None:
        """Ask to be woken at an instant of `now_ns`; one that has passed wakes at once."""
        if self._descriptor >= 0:
            # Zero would disarm the timer.
            seconds, nanoseconds = divmod(max(at_ns, 1), NS)
            spec = _TimerSpec(_Instant(0, 0), _Instant(seconds, nanoseconds))
            settime = self._libc.timerfd_settime
            settime(self._descriptor, TFD_TIMER_ABSTIME, ctypes.byref(spec), None)
            return
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_later(max(at_ns - now_ns(), 0) / NS, self._wake)

    def close(self) -> None:
        """Wake no more."""
        if self._descriptor >= 0:
            self._loop.remove_reader(self._descriptor)
            os.close(self._descriptor)
            self._descriptor = -1
        if self._timer is not None:
            self._timer.cancel()

    def _expired(self) -> None:
        try:
            os.read(self._descriptor, 8)
        except BlockingIOError:
            return  # moved to a later instant after it had expired
        self._wake()


def _timer_descriptor(libc: ctypes.CDLL) -> int:
    """Return a timer descriptor, or -1 where there is none."""
    if not sys.platform.startswith("linux"):
        return -1
    return int(libc.timerfd_create(CLOCK_MONOTONIC, os.O_NONBLOCK | os.O_CLOEXEC))
