"""Locks on bench devices among the processes of a machine; they die with their owner.

A lock is the kernel's (`flock`) on a file of the device's name. A process that ends, however it
ends, has let go of all its locks at that moment. The file stays, and says who has it or had it
last; that it is there means nothing. Several locks are taken in sorted order, all or none, so that
no two processes wait for each other.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import os
import pwd
import re
import socket
import tempfile
import time
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from scheme.errors import EnvironmentFaultError, ReaderError

FOLDER_VARIABLE = "JAKARTA_ONE_RUNTIME"
MACHINE_FOLDER = Path("/run/lock")  # every user of a Debian machine may write there
STEP_S = 0.02
LEAST_S = 0.1  # who only looks holds a lock for an instant; that must turn nobody away
BODY_MAX = 4_096
ANYBODY = 0o666
ANYBODYS_FOLDER = 0o1777
HOW = os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW  # in a folder of everybody's no link is followed


@dataclass(frozen=True, slots=True)
class Holder:
    """Who holds a lock, or held it last.

    Attributes:
        resource: What it is a lock on.
        run: What it does there, in its own words.
        since_s, deadline_s: Seconds since 1970; a deadline of 0 is none. A local lock whose
            deadline has passed is still held: the deadline says when somebody may ask.
    """

    resource: str
    owner: str
    pid: int
    host: str
    run: str
    since_s: float
    deadline_s: float = 0.0

    def sentence(self, now_s: float) -> str:
        """Return who that is, in words."""
        age = max(0, round(now_s - self.since_s))
        late = f", {round(now_s - self.deadline_s)} s over its deadline" if self.late(now_s) else ""
        return f"{self.owner} (pid {self.pid} on {self.host}, {self.run}, {age} s ago{late})"

    def late(self, now_s: float) -> bool:
        """Return whether it has passed its deadline."""
        return 0 < self.deadline_s < now_s


@dataclass(frozen=True, slots=True)
class Standing:
    """A lock as it stands: whether somebody has it, and who that is or was."""

    resource: str
    held: bool
    holder: Holder | None


def lock_folder() -> Path:
    """Return the folder of this machine's locks, the same for all its users; makes it.

    Raises:
        EnvironmentFaultError: If it cannot be made.
    """
    named = os.environ.get(FOLDER_VARIABLE)
    if named:
        base = Path(named)
    elif os.access(MACHINE_FOLDER, os.W_OK):
        base = MACHINE_FOLDER
    else:
        base = Path(os.environ.get("XDG_RUNTIME_DIR") or tempfile.gettempdir())
    folder = base / "jakarta-one" / "locks"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for made in (folder.parent, folder):
            if made.stat().st_uid == os.geteuid():
                made.chmod(ANYBODYS_FOLDER)
    except OSError as error:
        raise EnvironmentFaultError(
            f"{folder}: expected a folder for locks, got {error.strerror}; "
            f"set {FOLDER_VARIABLE} to a folder that you may write to"
        ) from error
    return folder


def lock_file(resource: str, folder: Path) -> Path:
    """Return the file of a resource's lock."""
    return folder / f"{re.sub(r'[^A-Za-z0-9.-]+', '_', resource)}.lock"


@contextlib.contextmanager
def locked(
    resources: Iterable[str],
    run: str,
    within_s: float,
    *,
    deadline_s: float = 0.0,
    folder: Path | None = None,
) -> Iterator[list[int]]:
    """Hold the locks of resources; yield their descriptors, for who hands them to a child.

    Args:
        run: What is done there, for whoever waits.
        within_s: How long to wait for them at most.
        deadline_s: When the holder means to be done, seconds since 1970, 0 for not said.

    Raises:
        ReaderError: If one of them is not free in time; names it and its holder. None is held then.
        EnvironmentFaultError: If a lock's file cannot be opened.
    """
    where = folder or lock_folder()
    until = time.monotonic() + max(within_s, LEAST_S)
    with contextlib.ExitStack() as held:
        descriptors = []
        for resource in sorted(set(resources)):
            descriptor = _open(lock_file(resource, where))
            held.callback(os.close, descriptor)
            if not _taken(descriptor, until):
                raise ReaderError(_refusal(resource, descriptor, within_s))
            _write(descriptor, _me(resource, run, deadline_s))
            descriptors.append(descriptor)
        yield descriptors


def standing(folder: Path | None = None) -> list[Standing]:
    """Return every lock that was ever taken here, and whether it is held now."""
    found = []
    for file in sorted((folder or lock_folder()).glob("*.lock")):
        descriptor = _open(file)
        try:
            free = _try(descriptor, fcntl.LOCK_SH)
            holder = _read(descriptor)
        finally:
            os.close(descriptor)
        resource = holder.resource if holder else file.stem
        found.append(Standing(resource, not free, holder))
    return found


def _taken(descriptor: int, until: float) -> bool:
    while not _try(descriptor, fcntl.LOCK_EX):
        if time.monotonic() >= until:
            return False
        time.sleep(STEP_S)
    return True


def _try(descriptor: int, how: int) -> bool:
    try:
        fcntl.flock(descriptor, how | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno not in (errno.EWOULDBLOCK, errno.EACCES):
            raise
        return False
    return True


def _open(file: Path) -> int:
    """Return a descriptor of a lock's file, which anybody may lock who may work at the bench."""
    try:
        with contextlib.suppress(FileNotFoundError):
            # Without O_CREAT: in a sticky folder the kernel refuses it for another user's file.
            return os.open(file, HOW)
        descriptor = os.open(file, HOW | os.O_CREAT, ANYBODY)
        if os.fstat(descriptor).st_uid == os.geteuid():
            os.fchmod(descriptor, ANYBODY)
    except OSError as error:
        raise EnvironmentFaultError(
            f"{file}: expected to open the lock, got {error.strerror}"
        ) from error
    return descriptor


def _me(resource: str, run: str, deadline_s: float) -> Holder:
    return Holder(
        resource, user(), os.getpid(), socket.gethostname(), run, time.time(), deadline_s
    )


def user() -> str:
    """Return whose process this is, by name where the machine knows one."""
    try:
        return os.environ.get("SUDO_USER") or pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return f"uid {os.geteuid()}"


def _write(descriptor: int, holder: Holder) -> None:
    body = json.dumps(asdict(holder)).encode()[:BODY_MAX]
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, body, 0)


def _read(descriptor: int) -> Holder | None:
    """Return who wrote a lock's file last; None if nobody did, or is just about to."""
    try:
        return Holder(**json.loads(os.pread(descriptor, BODY_MAX, 0)))
    except (ValueError, TypeError):
        return None


def _refusal(resource: str, descriptor: int, within_s: float) -> str:
    holder = _read(descriptor)
    who = holder.sentence(time.time()) if holder else "somebody who has not said who"
    return (
        f'"{resource}": expected it free within {within_s:g} s, got held by {who}; '
        "jakarta-one rack leases --why tells more"
    )
