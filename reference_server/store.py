"""The one module that opens databases, and the store `raw`: what arrived, byte for byte.

A store of another version is refused before anything is written. `raw` has one writer, a thread of
the door's process; the pipeline only reads it. The statements over `books` are in `books`.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple, TypeAlias

from reference_server.schema import APPLICATION_ID, RAW, ArrivalKind, Schema
from reference_server.settings import Limits
from scheme.errors import StoreError

Connection: TypeAlias = sqlite3.Connection
MISSING_MAX = 16
PRIMARY_CODE = 0xFF
DISK_CODES = frozenset(
    {
        sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_NOMEM,
    }
)  # fmt: skip


def check_version(folder: Path, schema: Schema) -> bool:
    """Return whether the store exists; writes nothing.

    Raises:
        StoreError: If it is of another version, or no store of ours.
    """
    path = folder / schema.file_name
    if not path.exists() or path.stat().st_size == 0:
        return False
    connection = _connect(path, read_only=True)
    try:
        mark, version = (
            connection.execute(f"PRAGMA {name}").fetchone()[0]
            for name in ("application_id", "user_version")
        )
    except sqlite3.DatabaseError as error:
        raise StoreError(f"{path}: expected a store of Jakarta One, got {error}") from error
    finally:
        connection.close()
    if mark != APPLICATION_ID:
        raise StoreError(f"{path}: expected a store of Jakarta One, got another database")
    if version != schema.version:
        raise StoreError(
            f"{path}: expected store version {schema.version}, got {version};"
            " start with --store and an empty folder, or with the release that wrote it"
        )
    return True


def open_store(folder: Path, schema: Schema) -> Connection:
    """Return a writing connection to a store, which is made whole if it is not there.

    Raises:
        StoreError: If the version is another, or the disk says no.
    """
    path = folder / schema.file_name
    exists = check_version(folder, schema)
    try:
        connection = _connect(path, read_only=False)
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA wal_autocheckpoint = 4000")
        connection.execute("PRAGMA journal_size_limit = 67108864")
        if not exists:
            with db_transaction(connection):
                for statement in schema.statements:
                    connection.execute(statement)
                connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
                connection.execute(f"PRAGMA user_version = {schema.version}")
    except (sqlite3.Error, OSError) as error:
        raise StoreError(f"{path}: cannot be opened for writing: {error}") from error
    return connection


def make_store(folder: Path, schema: Schema) -> None:
    """Make a store whole if it is not there; one that is there is not touched.

    Raises:
        StoreError: If the version is another, or the disk says no.
    """
    if check_version(folder, schema):
        return
    try:
        open_store(folder, schema).close()
    except StoreError:
        for ending in ("", "-wal", "-shm"):  # a part of a store is none
            (folder / f"{schema.file_name}{ending}").unlink(missing_ok=True)
        raise


def open_reader(folder: Path, schema: Schema) -> Connection:
    """Return a reading connection to a store that exists."""
    return _connect(folder / schema.file_name, read_only=True)


@contextmanager
def db_transaction(connection: Connection) -> Iterator[None]:
    """Commit what is done inside, durably, or nothing of it.

    Raises:
        StoreError: If the disk says no; nothing was written.
    """
    try:
        connection.execute("BEGIN IMMEDIATE")
        yield
        connection.execute("COMMIT")
    except BaseException as error:
        if connection.in_transaction:  # a full disk rolls back by itself
            connection.execute("ROLLBACK")
        if not isinstance(error, sqlite3.OperationalError):
            raise
        if error.sqlite_errorcode & PRIMARY_CODE not in DISK_CODES:
            raise  # a statement of ours is wrong
        raise StoreError(f"store: expected a durable commit, got {error}") from error


def _connect(path: Path, *, read_only: bool) -> Connection:
    mode = "ro" if read_only else "rwc"
    try:
        connection = sqlite3.connect(
            f"{path.absolute().as_uri()}?mode={mode}",
            uri=True,
            isolation_level=None,
            check_same_thread=False,
            timeout=30.0,
        )
    except sqlite3.Error as error:
        raise StoreError(f"{path}: cannot be opened: {error}") from error
    connection.execute("PRAGMA mmap_size = 268435456")
    return connection


class Arrival(NamedTuple):
    """One row of what arrived. For a refused upload `name` is the reason, for a call its name."""

    arrival: int
    kind: ArrivalKind
    sender: int
    number: int
    taps: int
    received_us: int
    size: int
    digest: bytes
    name: str
    body: bytes


class Stored(NamedTuple):
    """What became of an arrival once the disk holds it.

    Attributes:
        arrival: Its number, or that of the first upload where this one repeats it.
        repeated: The same bytes were stored before.
        standing: The digest that stands under this sender and number, where it is another.
        high_water: Up to this number nothing of the sender is missing.
        missing: The first numbers missing above it.
    """

    arrival: int
    repeated: bool = False
    standing: bytes | None = None
    high_water: int = 0
    missing: tuple[int, ...] = ()


@dataclass(slots=True)
class BatchCursor:
    """Which batch numbers of a sender are stored."""

    high_water: int = 0
    above: set[int] = field(default_factory=set)

    def add(self, number: int) -> None:
        """Count a number as stored."""
        self.above.add(number)
        while self.high_water + 1 in self.above:
            self.high_water += 1
            self.above.discard(self.high_water)

    def missing(self) -> tuple[int, ...]:
        """Return the first numbers missing below the highest one stored, at most 16."""
        if not self.above:
            return ()
        found: list[int] = []
        for number in range(self.high_water + 1, max(self.above)):
            if number not in self.above:
                found.append(number)
                if len(found) == MISSING_MAX:
                    break
        return tuple(found)


def read_cursor(connection: Connection, sender: int) -> BatchCursor:
    """Return which batches of a sender `raw` holds."""
    cursor = BatchCursor()
    rows = connection.execute(
        "SELECT number FROM arrival WHERE sender = ? AND kind = 1 ORDER BY number", (sender,)
    )
    for (number,) in rows:
        cursor.add(number)
    return cursor


_COLUMNS = ", ".join(Arrival._fields)
_INSERT = f"INSERT INTO arrival ({_COLUMNS}) VALUES (?,?,?,?,?,?,?,?,?,?) ON CONFLICT DO NOTHING"
_SELECT = f"SELECT {_COLUMNS} FROM arrival"


class RawStore:
    """The writing side of `raw`. One thread at a time may call it."""

    def __init__(self, folder: Path, limits: Limits) -> None:
        self._connection = open_store(folder, RAW)
        self._limits = limits
        self._cursors: dict[int, BatchCursor] = {}
        self._next = self._one("SELECT coalesce(max(arrival), 0) + 1 FROM arrival")
        self._refused_rows = self._one("SELECT count(*) FROM arrival WHERE kind = 2")
        self._refused_bytes = self._one(
            "SELECT coalesce(sum(length(body)), 0) FROM arrival WHERE kind = 2"
        )

    @property
    def last_arrival(self) -> int:
        """The number of the last arrival stored, 0 if none."""
        return self._next - 1

    def append(self, arrivals: list[Arrival]) -> list[Stored]:
        """Store arrivals in one durable commit; return what became of each, in order.

        Numbers are given here, whatever the arrivals say. An upload whose sender and number are
        taken by other bytes is stored as refused, for evidence.

        Raises:
            StoreError: If the disk says no; nothing was written.
        """
        before = self._next, self._refused_rows, self._refused_bytes
        touched: list[tuple[int, int]] = []
        try:
            with db_transaction(self._connection):
                stored = [self._append_one(arrival, touched) for arrival in arrivals]
        except BaseException:
            self._next, self._refused_rows, self._refused_bytes = before
            for sender, _ in touched:
                self._cursors.pop(sender, None)
            raise
        return stored

    def _append_one(self, new: Arrival, touched: list[tuple[int, int]]) -> Stored:
        if new.kind is ArrivalKind.refused:
            return self._append_refused(new)
        # Before the row is there, or a fresh cursor would count it twice.
        cursor = self._cursor(new.sender) if new.kind is ArrivalKind.upload else None
        row = new._replace(arrival=self._next)
        if self._connection.execute(_INSERT, row).rowcount == 1:
            self._next += 1
            if cursor is None:
                return Stored(row.arrival)
            touched.append((new.sender, new.number))
            cursor.add(new.number)
            return Stored(row.arrival, False, None, cursor.high_water, cursor.missing())
        assert cursor is not None, new.name
        return self._append_again(new, cursor)

    def _append_again(self, new: Arrival, cursor: BatchCursor) -> Stored:
        first, digest, size = self._connection.execute(
            "SELECT arrival, digest, size FROM arrival"
            " WHERE sender = ? AND number = ? AND kind = 1",
            (new.sender, new.number),
        ).fetchone()
        if digest != new.digest or size != new.size:
            refused = new._replace(kind=ArrivalKind.refused, name="batch-digest-differs")
            return self._append_refused(refused)._replace(standing=digest)
        self._connection.execute(
            "INSERT INTO repeat (arrival, received_us) VALUES (?, ?)", (first, new.received_us)
        )
        return Stored(first, True, None, cursor.high_water, cursor.missing())

    def _append_refused(self, new: Arrival) -> Stored:
        limits = self._limits
        if self._refused_rows >= limits.refused_rows_max:
            return Stored(0)
        row = new._replace(arrival=self._next)
        if self._refused_bytes + len(row.body) > limits.refused_bytes_max:
            row = row._replace(body=b"", taps=0)
        self._connection.execute(_INSERT, row)
        self._next += 1
        self._refused_rows += 1
        self._refused_bytes += len(row.body)
        return Stored(row.arrival)

    def _cursor(self, sender: int) -> BatchCursor:
        cursor = self._cursors.get(sender)
        if cursor is None:
            cursor = self._cursors[sender] = read_cursor(self._connection, sender)
        return cursor

    def _one(self, statement: str) -> int:
        return int(self._connection.execute(statement).fetchone()[0])

    def close(self) -> None:
        """Close the store."""
        self._connection.close()


class RawReader:
    """The reading side of `raw`."""

    def __init__(self, folder: Path) -> None:
        self._connection = open_reader(folder, RAW)

    def after(self, arrival: int, bytes_max: int) -> list[Arrival]:
        """Return the next arrivals in order: either uploads up to so many bytes, or one call."""
        found: list[Arrival] = []
        size = 0
        rows = self._connection.execute(f"{_SELECT} WHERE arrival > ? ORDER BY arrival", (arrival,))
        for row in rows:
            if row[1] == ArrivalKind.call:
                return found or [Arrival(*row)]
            found.append(Arrival(*row))
            size += row[6]
            if size >= bytes_max:
                break
        rows.close()
        return found

    def calls(self, until: int | None = None, name: str | None = None) -> Iterator[Arrival]:
        """Yield the operator calls in order, up to an arrival and of one name where given."""
        yield from map(
            Arrival._make,
            self._connection.execute(
                f"{_SELECT} WHERE kind = 3 AND arrival <= coalesce(?, arrival)"
                " AND name = coalesce(?, name) ORDER BY arrival",
                (until, name),
            ),
        )

    def digest_of(self, sender: int, number: int, until: int) -> tuple[bytes, bytes] | None:
        """Return digest and head of an accepted batch that arrived by then, or None."""
        row = self._connection.execute(
            "SELECT digest, substr(body, 1, 64) FROM arrival"
            " WHERE sender = ? AND number = ? AND kind = 1 AND arrival <= ?",
            (sender, number, until),
        ).fetchone()
        return None if row is None else (row[0], row[1])

    def batch_cursor(self, sender: int) -> BatchCursor:
        """Return which batches of a sender are stored."""
        return read_cursor(self._connection, sender)

    def repeats(self) -> dict[int, int]:
        """Return how many identical repeats of each arrival were answered."""
        rows = self._connection.execute("SELECT arrival, count(*) FROM repeat GROUP BY arrival")
        return dict(rows.fetchall())

    def counts(self) -> dict[str, int]:
        """Return how much is stored: uploads, their taps, refused uploads, repeats, arrivals."""
        by_kind = {
            kind: (rows, taps)
            for kind, rows, taps in self._connection.execute(
                "SELECT kind, count(*), sum(taps) FROM arrival GROUP BY kind"
            )
        }
        last = self._connection.execute("SELECT coalesce(max(arrival), 0) FROM arrival").fetchone()
        repeats = self._connection.execute("SELECT count(*) FROM repeat").fetchone()
        return {
            "uploads": by_kind.get(ArrivalKind.upload, (0, 0))[0],
            "taps": by_kind.get(ArrivalKind.upload, (0, 0))[1],
            "refused": by_kind.get(ArrivalKind.refused, (0, 0))[0],
            "repeats": int(repeats[0]),
            "arrivals": int(last[0]),
        }

    def close(self) -> None:
        """Close the reader."""
        self._connection.close()
