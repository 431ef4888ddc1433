"""The gates of a rack's places during a play: opened for who is let through, and seen to open."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import ExitStack

from hil.drivers import open_part
from hil.protocols import Gate
from hil.rack import RackFile
from scheme.errors import ReaderError

OPENS_S = 1.0


class Gates:
    """The gates of some places, each part opened once for all that share it."""

    def __init__(self, rack: RackFile, places: Iterable[str]) -> None:
        """Open them; raises ReaderError if one cannot be."""
        parts = {name: rack.place(name).parts for name in places}
        self._at = {name: part["gate"] for name, part in parts.items() if "gate" in part}
        self._gates: dict[str, Gate] = {}
        self._within_s = OPENS_S * rack.time_scale
        with ExitStack() as opened:
            for name in sorted({name for name, _ in self._at.values()}):
                gate = open_part("gate", rack.resources[name].url, rack.time_scale)
                opened.callback(gate.close)
                assert isinstance(gate, Gate)
                self._gates[name] = gate
            self._open = opened.pop_all()

    def let_through(self, place: str) -> int | None:
        """Open a place's gate for one person; return when it opened, None if it has no gate.

        Raises:
            ReaderError: If it does not open in time.
        """
        if place not in self._at:
            return None
        name, channel = self._at[place]
        self._gates[name].release(channel)
        opened_ns = self._gates[name].opened(channel, self._within_s)
        if opened_ns is None:
            raise ReaderError(
                f'gate "{name}/{channel}" of place "{place}": expected it to open within '
                f"{self._within_s:g} s, got nothing"
            )
        return opened_ns

    def close(self) -> None:
        """Let go of every gate; again is no fault."""
        self._open.close()
