"""The journal: cut anywhere, a byte flipped anywhere, a disk that is full, two processes."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hil.validator.journal import DAMAGED, MAGIC, Entry, Journal, Kind, encode, scan
from scheme.errors import StoreError

ENTRIES = st.lists(
    st.builds(Entry, st.sampled_from(Kind), st.binary(max_size=150)), min_size=1, max_size=8
)
IN_A_FOLDER = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)


def written(entries: list[Entry]) -> bytes:
    """Return the bytes of a journal."""
    return MAGIC + b"".join(map(encode, entries))


def whole_before(entries: list[Entry], size: int) -> int:
    """Return how many entries lie wholly in the first `size` bytes."""
    return max(n for n in range(len(entries) + 1) if len(written(entries[:n])) <= max(size, 8))


@given(ENTRIES, st.data())
def test_a_journal_cut_anywhere_holds_every_entry_that_was_whole(
    entries: list[Entry], data: st.DataObject
) -> None:
    raw = written(entries)
    cut = data.draw(st.integers(0, len(raw)))
    found, damage = scan(raw[:cut])
    assert found == entries[: whole_before(entries, cut)]
    assert all(part.tail for part in damage)
    assert bool(damage) == (raw[:cut] not in (b"", *map(written, prefixes(entries))))


def prefixes(entries: list[Entry]) -> list[list[Entry]]:
    """Return every prefix of a list."""
    return [entries[:n] for n in range(len(entries) + 1)]


@given(ENTRIES, st.data())
def test_a_byte_flipped_anywhere_costs_the_entry_it_hits_and_no_other(
    entries: list[Entry], data: st.DataObject
) -> None:
    raw = bytearray(written(entries))
    at = data.draw(st.integers(0, len(raw) - 1))
    raw[at] ^= data.draw(st.integers(1, 255))
    found, damage = scan(bytes(raw))
    hit = whole_before(entries, at) if at >= len(MAGIC) else None
    assert damage
    assert found == [entry for n, entry in enumerate(entries) if n != hit]


@given(st.binary(max_size=400))
def test_whatever_bytes_a_journal_has_it_is_read(raw: bytes) -> None:
    entries, damage = scan(raw)
    told = sum(len(encode(entry)) for entry in entries) + sum(part.size for part in damage)
    assert told + (len(MAGIC) if raw.startswith(MAGIC) else 0) == len(raw)


@IN_A_FOLDER
@given(ENTRIES, st.data())
def test_a_journal_cut_in_its_tail_is_mended_and_goes_on(
    tmp_path_factory: pytest.TempPathFactory, entries: list[Entry], data: st.DataObject
) -> None:
    folder = tmp_path_factory.mktemp("journal")
    raw = written(entries)
    (folder / "journal").write_bytes(raw[: data.draw(st.integers(0, len(raw)))])
    first = Journal(folder)
    kept = list(first.entries)
    first.append(Entry(Kind.clock, b"later"))
    first.close()
    again = Journal(folder)
    assert (again.entries, again.warnings) == ([*kept, Entry(Kind.clock, b"later")], [])
    again.close()


def test_damage_in_the_middle_is_told_and_the_damaged_file_is_kept(tmp_path: Path) -> None:
    entries = [Entry(Kind.record, bytes((n,)) * 40) for n in range(3)]
    raw = bytearray(written(entries))
    raw[len(written(entries[:1])) + 20] ^= 1
    (tmp_path / "journal").write_bytes(raw)
    journal = Journal(tmp_path)
    assert journal.entries == [entries[0], entries[2]]
    assert "entries around it are kept" in journal.warnings[0]
    assert (tmp_path / DAMAGED).read_bytes() == raw
    journal.close()
    again = Journal(tmp_path)
    assert (again.entries, again.warnings) == ([entries[0], entries[2]], [])
    again.close()


def test_compaction_leaves_what_it_is_given_and_goes_on(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    journal.append(*[Entry(Kind.record, bytes(200))] * 20)
    journal.compact([Entry(Kind.state, b"all of it")])
    journal.append(Entry(Kind.clock, b"1"))
    size = journal.size
    journal.close()
    assert journal.path.stat().st_size == size
    again = Journal(tmp_path)
    assert again.entries == [Entry(Kind.state, b"all of it"), Entry(Kind.clock, b"1")]
    again.close()


def test_a_compaction_that_power_loss_broke_off_leaves_the_old_journal(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    journal.append(Entry(Kind.clock, b"old"))
    journal.close()
    (tmp_path / "journal.part").write_bytes(written([Entry(Kind.state, b"new")])[:11])
    again = Journal(tmp_path)
    assert again.entries == [Entry(Kind.clock, b"old")]
    again.compact([Entry(Kind.state, b"newer")])
    again.close()
    assert (tmp_path / "journal").read_bytes() == written([Entry(Kind.state, b"newer")])


def test_a_disk_that_takes_nothing_is_a_named_fault_and_nothing_more_is_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = Journal(tmp_path)

    def full(handle: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "fdatasync", full)
        with pytest.raises(StoreError, match="No space left"):
            journal.append(Entry(Kind.record, b"x"))
    with pytest.raises(StoreError, match="takes nothing more"):
        journal.append(Entry(Kind.record, b"y"))
    journal.close()


def test_two_processes_cannot_hold_one_journal_and_the_second_names_the_first(
    tmp_path: Path,
) -> None:
    journal = Journal(tmp_path)
    program = (
        "import sys\nfrom pathlib import Path\nfrom hil.validator.journal import Journal\n"
        "Journal(Path(sys.argv[1]))"
    )
    command = [sys.executable, "-c", program, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert f"held by process {os.getpid()}" in done.stderr
    journal.close()
    assert subprocess.run(command, capture_output=True, check=False).returncode == 0
