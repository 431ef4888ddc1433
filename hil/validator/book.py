"""The journal and what it means, under one lock: the taps of one thread, the uploads of another."""

from __future__ import annotations

import threading
from pathlib import Path

from hil.validator.clock import machine_ms
from hil.validator.journal import Entry, Journal
from hil.validator.memory import Memory

COMPACT_BYTES = 1 << 20


class Book:
    """All that a validator keeps.

    Attributes:
        memory: What it knows; changed by `keep` alone, read under `lock`.
        warnings: What of the journal was damaged when it was opened, in words.
    """

    def __init__(self, folder: Path, terminal: int, compact_bytes: int = COMPACT_BYTES) -> None:
        """Open the journal in a folder and take in what it says.

        Raises:
            StoreError: If another process holds it, or the disk does not take it.
        """
        self.lock = threading.RLock()
        self._journal = Journal(folder)
        self.memory = Memory(terminal)
        self.memory.take_all(self._journal.entries)
        self.warnings = [*self._journal.warnings, *self.memory.oddities]
        self._compact_bytes = compact_bytes
        self._compacted_size = 0

    def keep(self, *entries: Entry) -> None:
        """Return once the entries are on the disk and known; raises StoreError if they are not."""
        with self.lock:
            self._journal.append(*entries)
            for entry in entries:
                self.memory.take(entry)
            # What is alive may be more than the bound: then wait until as much again has come.
            if self._journal.size > max(self._compact_bytes, 2 * self._compacted_size):
                self._journal.compact(self.memory.snapshot())
                self._compacted_size = self._journal.size

    def now_ms(self) -> int:
        """Return the validator's instant, milliseconds UTC: the machine's clock, set right."""
        return machine_ms() + self.memory.offset_ms

    def close(self) -> None:
        """Let go of the journal."""
        with self.lock:
            self._journal.close()
