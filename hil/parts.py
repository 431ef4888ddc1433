"""A gate and a power switch that are programs, for benches without hardware and for tests."""

from __future__ import annotations

import threading
from collections import defaultdict, deque
from time import monotonic_ns

from hil.protocols import BenchState
from scheme.errors import ReaderError


class SimulatedPart:
    """What both have in common: a URL, and being open or not.

    Attributes:
        state: Where it stands.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self.state = BenchState.safe
        self._opened = False

    def open(self) -> None:
        """Take hold of it."""
        self._opened = True
        self.state = BenchState.idle

    def close(self) -> None:
        """Make it safe and let it go."""
        if self._opened:
            self.make_safe()
        self._opened = False

    def make_safe(self) -> None:
        """Bring it to where it does no harm."""
        self.state = BenchState.safe

    def check_open(self) -> None:
        """Raise ReaderError unless it is open."""
        if not self._opened:
            raise ReaderError(f'"{self.url}" is not open')


class SimulatedGate(SimulatedPart):
    """Gates that remember each release, so that whoever waits for an opening sees it."""

    def __init__(self, address: str) -> None:
        super().__init__(f"gate:sim://{address}")
        self._released: dict[int, deque[int]] = defaultdict(deque)
        self._changed = threading.Condition()

    def release(self, channel: int) -> int:
        """Open a gate for one person; return when."""
        self.check_open()
        with self._changed:
            at_ns = monotonic_ns()
            self._released[channel].append(at_ns)
            self._changed.notify_all()
        return at_ns

    def opened(self, channel: int, timeout_s: float) -> int | None:
        """Return when the next opening that nobody has been told yet was, None if none is."""
        self.check_open()
        with self._changed:
            there = self._changed.wait_for(lambda: bool(self._released[channel]), timeout_s)
            return self._released[channel].popleft() if there else None


class SimulatedPower(SimulatedPart):
    """A switch with any number of channels, all of them on at first.

    Attributes:
        off: The channels that are off.
    """

    def __init__(self, address: str) -> None:
        super().__init__(f"power:sim://{address}")
        self.off: set[int] = set()

    def switch(self, channel: int, on: bool) -> int:
        """Switch a channel; return when."""
        self.check_open()
        (self.off.discard if on else self.off.add)(channel)
        return monotonic_ns()

    def make_safe(self) -> None:
        """Give every device its power back."""
        super().make_safe()
        self.off.clear()
