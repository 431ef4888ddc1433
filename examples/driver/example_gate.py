"""`example://` as a gate: one that opens as soon as it is told to."""

from __future__ import annotations

from time import monotonic_ns

from scheme.errors import ReaderError


class ExampleGate:
    """A gate with any number of channels, each of which remembers one opening."""

    def __init__(self, address: str) -> None:
        self.url = f"example://{address}"
        self._opened: dict[int, int] | None = None

    def open(self) -> None:
        """Take hold of it."""
        self._opened = {}

    def close(self) -> None:
        """Let it go."""
        self._opened = None

    def make_safe(self) -> None:
        """Shut every gate."""
        self._channels().clear()

    def release(self, channel: int) -> int:
        """Open a gate for one person; return when."""
        self._channels()[channel] = now_ns = monotonic_ns()
        return now_ns

    def opened(self, channel: int, timeout_s: float) -> int | None:
        """Return when it was opened; nobody opens it while we wait, so there is no waiting."""
        return self._channels().pop(channel, None)

    def _channels(self) -> dict[int, int]:
        if self._opened is None:
            raise ReaderError(f'"{self.url}" is not open')
        return self._opened


def make(address: str) -> ExampleGate:
    """Return a gate, not opened yet."""
    return ExampleGate(address)
