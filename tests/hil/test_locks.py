"""Locks on bench devices: all or none, bounded waits, and free when their owner is gone."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from hil.locks import FOLDER_VARIABLE, Holder, lock_file, lock_folder, locked, standing
from scheme.errors import EnvironmentFaultError, ReaderError

HOLD = """
import sys
from pathlib import Path
from hil.locks import locked
with locked(sys.argv[2:], "a run", 5, folder=Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""
ROOT = Path(__file__).parents[2]


@pytest.fixture
def owner(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """Return another process that holds the locks `a` and `b`."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path), "b", "a"],
        cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.communicate()


def test_a_lock_that_somebody_has_is_refused_in_time_with_its_holder(
    tmp_path: Path, owner: subprocess.Popen[str]
) -> None:
    with (
        pytest.raises(ReaderError, match=rf'"b": .* within 0 s, got held by .*pid {owner.pid} on'),
        locked(["b"], "mine", 0, folder=tmp_path),
    ):
        raise AssertionError("it was held")


def test_a_link_in_the_place_of_a_lock_is_not_followed(tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    kept.write_text("of somebody")
    lock_file("a", tmp_path).symlink_to(kept)
    with (
        pytest.raises(EnvironmentFaultError, match="expected to open the lock"),
        locked(["a"], "mine", 0, folder=tmp_path),
    ):
        raise AssertionError("it was followed")
    assert kept.read_text() == "of somebody"


def test_several_locks_are_taken_all_or_none(tmp_path: Path, owner: subprocess.Popen[str]) -> None:
    with pytest.raises(ReaderError, match='"b"'), locked(["c", "b", "A"], "", 0, folder=tmp_path):
        raise AssertionError("b was held")
    held = {lock.resource: lock.held for lock in standing(tmp_path)}
    assert held == {"A": False, "a": True, "b": True}
    assert owner.poll() is None


def test_a_lock_is_free_when_its_owner_is_killed_though_its_file_stays(
    tmp_path: Path, owner: subprocess.Popen[str]
) -> None:
    os.kill(owner.pid, signal.SIGKILL)
    owner.wait()
    assert lock_file("a", tmp_path).exists()
    with locked(["a", "b"], "mine", 1, folder=tmp_path):
        told = standing(tmp_path)
    assert [(lock.held, lock.holder.pid if lock.holder else 0) for lock in told] == [
        (True, os.getpid()),
        (True, os.getpid()),
    ]
    assert [lock.held for lock in standing(tmp_path)] == [False, False]


def test_one_process_does_not_get_a_lock_twice(tmp_path: Path) -> None:
    again = locked(["a"], "", 0, folder=tmp_path)
    with locked(["a"], "", 0, folder=tmp_path), pytest.raises(ReaderError, match='"a"'), again:
        raise AssertionError("it was held")


def test_a_wait_ends_when_the_lock_is_let_go(tmp_path: Path) -> None:
    taken = threading.Event()

    def wait() -> None:
        with locked(["a"], "", 30, folder=tmp_path):
            taken.set()

    with locked(["a"], "", 0, folder=tmp_path):
        waiter = threading.Thread(target=wait)
        waiter.start()
        assert not taken.is_set()
    waiter.join()
    assert taken.is_set()


def test_a_file_that_says_nothing_is_a_lock_all_the_same(tmp_path: Path) -> None:
    lock_file("a", tmp_path).write_text("{half a bo")
    assert [(lock.resource, lock.held, lock.holder) for lock in standing(tmp_path)] == [
        ("a", False, None)
    ]
    with locked(["a"], "", 0, folder=tmp_path):
        assert standing(tmp_path)[0].held


def test_a_holder_says_who_it_is_and_whether_it_is_late() -> None:
    holder = Holder("a", "sri", 7, "lab", "rack play", 1_000.0, 1_060.0)
    assert holder.sentence(1_030) == "sri (pid 7 on lab, rack play, 30 s ago)"
    assert holder.sentence(1_090).endswith("90 s ago, 30 s over its deadline)")


def test_a_name_with_signs_in_it_has_a_file(tmp_path: Path) -> None:
    assert lock_file("pcsc://ACS (1) /x", tmp_path) == tmp_path / "pcsc_ACS_1_x.lock"


def test_the_folder_is_one_for_all_users_or_the_one_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path))
    assert lock_folder() == tmp_path / "jakarta-one" / "locks"
    assert lock_folder().stat().st_mode & 0o7777 == 0o1777
    (tmp_path / "file").touch()
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path / "file"))
    with pytest.raises(EnvironmentFaultError, match=f"set {FOLDER_VARIABLE}"):
        lock_folder()


def test_a_lock_taken_leaves_no_descriptor_behind(tmp_path: Path) -> None:
    descriptors = Path("/proc/self/fd")
    before = len(list(descriptors.iterdir()))
    for _ in range(3):
        with locked(["a", "b"], "", 0, folder=tmp_path):
            pass
    assert len(list(descriptors.iterdir())) == before
