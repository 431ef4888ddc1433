"""What an instance of the clearing house is told when it starts, and its limits."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path


def default_store() -> Path:
    """Return where the embedded store lies when nobody says: the user's data folder."""
    data = os.environ.get("XDG_DATA_HOME") or str(Path.home() / ".local" / "share")
    return Path(data) / "jakarta-one" / "store"


@dataclass(frozen=True, slots=True)
class Limits:
    """A bound on every queue and every kind of evidence.

    Attributes:
        queue_uploads_max: Uploads that may wait for the disk; one more is answered 503.
        queue_bytes_max: Their bytes.
        commit_bytes_max: Bytes that one group commit takes.
        refused_rows_max: Refused uploads that are kept; later ones are only counted.
        refused_bytes_max: Bytes of refused uploads that are kept; later ones leave only a row.
        call_bytes_max: Bytes of one operator call.
        chunk_bytes_max: Bytes of uploads that the pipeline clears in one db_transaction.
    """

    queue_uploads_max: int = 4_000
    queue_bytes_max: int = 128 << 20
    commit_bytes_max: int = 4 << 20
    refused_rows_max: int = 100_000
    refused_bytes_max: int = 64 << 20
    call_bytes_max: int = 256 << 20
    chunk_bytes_max: int = 4 << 20


@dataclass(frozen=True, slots=True)
class Settings:
    """How one instance runs.

    Attributes:
        store: Folder of `raw.sqlite`, `books.sqlite`, the key store and the operator's token.
        host: Address to listen on.
        port: Port to listen on; 0 takes a free one.
        ready_file: Written once it answers: a JSON document with `url`, `token_file` and `pid`.
        clock_epoch_ms: City time at the start, or None for wall time.
        clock_factor: City seconds a wall second, where there is an epoch.
    """

    store: Path = field(default_factory=default_store)
    host: str = "127.0.0.1"
    port: int = 0
    ready_file: Path | None = None
    clock_epoch_ms: int | None = None
    clock_factor: float = 1.0
    limits: Limits = field(default_factory=Limits)

    @property
    def token_file(self) -> Path:
        """Where the operator's token lies."""
        return self.store / "operator.token"
