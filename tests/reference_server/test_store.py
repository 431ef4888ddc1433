"""The store `raw`: one durable commit, what becomes of each arrival, and its bounds."""

from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path

import pytest

from reference_server.group_commit import GroupCommit
from reference_server.schema import ArrivalKind
from reference_server.settings import Limits
from reference_server.store import Arrival, BatchCursor, RawReader, RawStore
from scheme.errors import StoreError


def upload(number: int, body: bytes = b"x", sender: int = 18) -> Arrival:
    """Return an accepted upload whose digest is its body."""
    return Arrival(
        0, ArrivalKind.upload, sender, number, 1, 1, len(body), body, "accepted", body
    )  # fmt: skip


def refused(body: bytes) -> Arrival:
    """Return a refused upload."""
    return Arrival(0, ArrivalKind.refused, 18, 1, 1, 1, len(body), b"", "record_malformed", body)


def test_arrivals_are_numbered_in_order_and_go_on_after_a_restart(tmp_path: Path) -> None:
    first = RawStore(tmp_path, Limits())
    assert [s.arrival for s in first.append([upload(1), refused(b""), upload(2)])] == [1, 2, 3]
    first.close()
    again = RawStore(tmp_path, Limits())
    (stored,) = again.append([upload(3)])
    assert (stored.arrival, stored.high_water) == (4, 3)
    again.close()


def test_within_one_commit_a_repeat_and_a_conflict_are_told_apart(tmp_path: Path) -> None:
    raw = RawStore(tmp_path, Limits())
    stored = raw.append([upload(1, b"a"), upload(1, b"a"), upload(1, b"b")])
    assert [(s.arrival, s.repeated, s.standing) for s in stored] == [
        (1, False, None), (1, True, None), (2, False, b"a"),
    ]  # fmt: skip
    reader = RawReader(tmp_path)
    kept = [(a.kind, a.name, a.body) for a in reader.after(0, 1_000)]
    assert kept == [(1, "accepted", b"a"), (2, "batch-digest-differs", b"b")]
    assert reader.repeats() == {1: 1}
    reader.close()
    raw.close()


def test_the_pipeline_reads_a_call_alone_and_in_its_place(tmp_path: Path) -> None:
    raw = RawStore(tmp_path, Limits())
    call = Arrival(0, ArrivalKind.call, 0, 0, 0, 1, 0, b"", "cards", b"")
    raw.append([upload(1), upload(2), call, upload(3)])
    reader = RawReader(tmp_path)
    lots, at = [], 0
    while arrivals := reader.after(at, 1_000):
        lots.append([a.arrival for a in arrivals])
        at = arrivals[-1].arrival
    assert lots == [[1, 2], [3], [4]]
    assert [a.arrival for a in reader.after(0, 1)] == [1]
    reader.close()
    raw.close()


def test_refused_uploads_are_kept_up_to_a_bound_and_then_only_counted(tmp_path: Path) -> None:
    raw = RawStore(tmp_path, Limits(refused_rows_max=3, refused_bytes_max=10))
    stored = raw.append([refused(b"123456"), refused(b"123456"), refused(b"1234"), refused(b"1")])
    assert [s.arrival for s in stored] == [1, 2, 3, 0]
    reader = RawReader(tmp_path)
    assert [(a.size, a.taps, a.body) for a in reader.after(0, 1_000)] == [
        (6, 1, b"123456"), (6, 0, b""), (4, 1, b"1234"),
    ]  # fmt: skip
    reader.close()
    raw.close()


def test_a_full_disk_stores_nothing_says_so_and_goes_on_when_there_is_room(
    tmp_path: Path,
) -> None:
    raw = RawStore(tmp_path, Limits())
    raw.append([upload(1)])
    pages = raw._connection.execute("PRAGMA page_count").fetchone()[0]
    raw._connection.execute(f"PRAGMA max_page_count = {pages}")

    async def send() -> None:
        commits = GroupCommit(raw, Limits())
        commits.start()
        with pytest.raises(StoreError, match="database or disk is full"):
            await commits.submit(upload(2, bytes(1 << 20)))
        raw._connection.execute("PRAGMA max_page_count = 1000000")
        stored = await commits.submit(upload(2, bytes(1 << 20)))
        assert (stored.arrival, stored.high_water, stored.repeated) == (2, 2, False)
        await commits.close()

    asyncio.run(send())
    raw.close()


def test_a_statement_of_ours_that_is_wrong_is_no_fault_of_the_disk(tmp_path: Path) -> None:
    raw = RawStore(tmp_path, Limits())
    raw._connection.execute("DROP TABLE repeat")
    raw.append([upload(1)])
    with pytest.raises(sqlite3.OperationalError, match="no such table"):
        raw.append([upload(1)])
    raw.close()


@pytest.mark.parametrize(
    ("numbers", "high_water", "missing"),
    [
        ([], 0, ()),
        ([1, 2, 3], 3, ()),
        ([2], 0, (1,)),
        ([1, 5, 3], 1, (2, 4)),
        ([1, 100], 1, tuple(range(2, 18))),
    ],
)
def test_a_cursor_says_what_is_missing(
    numbers: list[int], high_water: int, missing: tuple[int, ...]
) -> None:
    cursor = BatchCursor()
    for number in numbers:
        cursor.add(number)
    assert (cursor.high_water, cursor.missing()) == (high_water, missing)
