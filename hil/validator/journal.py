"""The journal of a validator: one append-only file, and what it holds after any loss of power.

    file   magic 8 "JK1JRNL1", then entries
    entry  length 4 (of kind and body) · CRC-32 4 over length, kind and body · kind 1 · body

Big-endian. `append` returns once the entry is on the disk (fdatasync), and not before; that is what
"accepted", "sealed" and "acknowledged" mean. A tail that is cut or torn is recognised when the file
is opened, cut off, and told. Damage in the middle costs the entries it hits and no other: reading
goes on at the next entry whose CRC holds, and the damaged file is kept beside. What an entry means
is `hil.validator.memory`.
"""

from __future__ import annotations

import fcntl
import os
import struct
import zlib
from collections.abc import Iterable
from enum import IntEnum
from pathlib import Path
from typing import NamedTuple

from scheme.errors import StoreError

MAGIC = b"JK1JRNL1"
HEAD = struct.Struct(">II")
BODY_MAX = 1 << 20
FILE, PART, DAMAGED, LOCK = "journal", "journal.part", "journal.damaged", "journal.lock"


class Kind(IntEnum):
    """What an entry says."""

    state = 1  # what outlives compaction beside records and batches, behind them in the file
    intent = 2  # a card is about to be told to move money, or left before it answered
    record = 3  # a tap record was made
    sealed = 4  # a batch was sealed: its very bytes
    acknowledged = 5  # the back office has a batch durably
    clock = 6  # the clock was set


class Entry(NamedTuple):
    """One entry."""

    kind: Kind
    body: bytes


class Damage(NamedTuple):
    """Bytes of a journal that are no entry.

    Attributes:
        at: Where they begin.
        size: How many they are.
        tail: Whether no entry stands behind them: a write that power loss cut short.
    """

    at: int
    size: int
    tail: bool


class Scanned(NamedTuple):
    """What a journal's bytes hold."""

    entries: list[Entry]
    damage: list[Damage]


def encode(entry: Entry) -> bytes:
    """Return the bytes of an entry."""
    content = bytes((entry.kind,)) + entry.body
    assert len(content) <= BODY_MAX, len(content)
    length = len(content).to_bytes(4, "big")
    return length + zlib.crc32(content, zlib.crc32(length)).to_bytes(4, "big") + content


def scan(data: bytes) -> Scanned:
    """Return the entries of a journal's bytes and what between them is damaged; never raises."""
    entries: list[Entry] = []
    damage: list[Damage] = []
    at = len(MAGIC) if data.startswith(MAGIC) else 0
    while at < len(data):
        found = _entry_at(data, at)
        if found is not None:
            entries.append(found)
            at += HEAD.size + 1 + len(found.body)
            continue
        after = next((i for i in range(at + 1, len(data)) if _entry_at(data, i)), len(data))
        damage.append(Damage(at, after - at, after == len(data)))
        at = after
    if not data.startswith(MAGIC) and data and not damage:
        damage.append(Damage(0, 0, False))
    return Scanned(entries, damage)


def _entry_at(data: bytes, at: int) -> Entry | None:
    if len(data) - at <= HEAD.size:
        return None
    length, crc = HEAD.unpack_from(data, at)
    begin = at + HEAD.size
    # The cheap questions first: in damaged bytes they are asked at every place.
    if not 1 <= length <= BODY_MAX or begin + length > len(data) or data[begin] not in _KINDS:
        return None
    content = data[begin : begin + length]
    if zlib.crc32(content, zlib.crc32(data[at : at + 4])) != crc:
        return None
    return Entry(Kind(content[0]), content[1:])


_KINDS = frozenset(int(kind) for kind in Kind)


class Journal:
    """The journal in a folder, held by one process at a time.

    Attributes:
        path: The file.
        entries: What it held when it was opened, oldest first.
        warnings: What was found damaged then, in words.
    """

    def __init__(self, folder: Path) -> None:
        """Open the journal, made if there is none.

        Raises:
            StoreError: If another process holds it, or the disk does not take it.
        """
        self.path = folder / FILE
        self._folder = folder
        self._handle = -1
        self._broken = ""
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._lock = _locked(folder / LOCK)
            self.entries, self.warnings = self._recovered()
        except OSError as error:
            raise _fault(self.path, error) from error

    @property
    def size(self) -> int:
        """Bytes in the file."""
        return self._size

    def append(self, *entries: Entry) -> None:
        """Write entries and return once they are on the disk.

        Raises:
            StoreError: If the disk does not take them; the journal takes nothing more then, since
                nobody knows what of a failed write is on the disk. Open it anew.
        """
        if self._broken:
            raise StoreError(f"{self.path}: takes nothing more since {self._broken}")
        data = b"".join(map(encode, entries))
        try:
            self._write(data)
        except OSError as error:
            self._broken = str(error)
            raise _fault(self.path, error) from error
        self._size += len(data)

    def compact(self, entries: Iterable[Entry]) -> None:
        """Replace all entries by these, whole or not at all; raises StoreError as `append` does."""
        try:
            part = self._folder / PART
            handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND, 0o600)
            data = MAGIC + b"".join(map(encode, entries))
            _write_all(handle, data)
            os.fsync(handle)
            part.replace(self.path)
            _sync_folder(self._folder)
        except OSError as error:
            self._broken = str(error)
            raise _fault(self.path, error) from error
        os.close(self._handle)
        self._handle, self._size = handle, len(data)

    def close(self) -> None:
        """Let go of the file."""
        if self._handle >= 0:
            os.close(self._handle)
            os.close(self._lock)
        self._handle = -1
        self._broken = self._broken or "it was closed"

    def _write(self, data: bytes) -> None:
        _write_all(self._handle, data)
        os.fdatasync(self._handle)

    def _recovered(self) -> tuple[list[Entry], list[str]]:
        """Open the file; cut a torn tail off, put damage elsewhere aside."""
        self._handle = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        data = self.path.read_bytes()
        self._size = len(data)
        if not data:
            self._write(MAGIC)
            _sync_folder(self._folder)
            self._size = len(MAGIC)
            return [], []
        entries, damage = scan(data)
        warnings = [self._told(found, len(data)) for found in damage]
        if damage and damage[0].tail and damage[0].at >= len(MAGIC):
            os.ftruncate(self._handle, damage[0].at)
            os.fsync(self._handle)
            self._size = damage[0].at
        elif damage:
            (self._folder / DAMAGED).write_bytes(data)
            self.compact(entries)
        return entries, warnings

    def _told(self, found: Damage, size: int) -> str:
        where = f"{self.path}: bytes {found.at} to {found.at + found.size} of {size}"
        if found.tail:
            return f"{where}: a last entry that was not written to its end; cut off"
        return f"{where}: damaged; entries around it are kept, the file is kept as {DAMAGED}"


def _write_all(handle: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(handle, view) :]


def _locked(path: Path) -> int:
    """Return a handle that holds the lock; the kernel frees it when its process dies."""
    handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        holder = os.pread(handle, 20, 0).decode(errors="replace") or "unknown"
        os.close(handle)
        raise StoreError(f"{path}: held by process {holder}; stop that validator first") from error
    os.ftruncate(handle, 0)
    os.pwrite(handle, b"%d" % os.getpid(), 0)
    return handle


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _fault(path: Path, error: OSError) -> StoreError:
    if isinstance(error, StoreError):
        return error
    return StoreError(f"{path}: expected the disk to take it, got {error.strerror or error}")
