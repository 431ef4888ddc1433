"""A PC/SC reader of two slots with no hardware: Debian's pcscd with vsmartcard's vpcd driver.

If a pcscd already runs, its vpcd readers are used. Else one is started, with a configuration of its
own in a temporary folder, and ended with this process, also when this process is killed. A pcscd's
socket is always in one place, so ours gets a mount namespace in which that place is the temporary
folder: any number of processes can have one at a time. Where the kernel refuses that, ours is the
machine's pcscd while it lasts, and a second process waits for the first to end.

vpcd listens for its cards on all addresses of the machine; there is no setting for that. Its
reversed mode, in which it connects to 127.0.0.1, is no way out: vpcd 0.8 aborts pcscd as soon as it
finds nobody there, so no card could ever leave.
"""

from __future__ import annotations

import atexit
import contextlib
import os
import re
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from scheme.errors import ReaderError

DRIVER = Path("/usr/lib/pcsc/drivers/serial/libifdvpcd.so")  # Debian's vsmartcard-vpcd
SYSTEM_CONFIG = Path("/etc/reader.conf.d")
NAME = "Jakarta One virtual reader"
SLOTS = 2  # compiled into Debian's vpcd
STANZA = f"""FRIENDLYNAME "{NAME}"
DEVICENAME   /dev/null:{{port}}
LIBPATH      {DRIVER}
CHANNELID    {{port}}
"""
# The inner shell waits until its input ends, which is when our process does, and ends pcscd.
START = """exec 3<&0
(cat <&3 >/dev/null; kill $$; rm -rf "$1") &
exec </dev/null 3<&-
mkdir -p "$2"
unshare -m true 2>/dev/null || exec "$0" -f -c "$1/reader.conf"
exec unshare -m sh -c 'mount --bind "$1" "$2" && exec "$0" -f -c "$1/reader.conf"' "$0" "$1" "$2"
"""
SOCKET_FOLDER = Path("/run/pcscd")  # compiled into pcscd
SOCKET = "pcscd.comm"
SOCKET_VARIABLE = "PCSCLITE_CSOCK_NAME"  # libpcsclite reads it once a process
READY_S = 10.0
OTHER_S = 60.0  # how long another process of ours may be the machine's pcscd
STEP_S = 0.02
FOLDER_PREFIX = "jakarta-one-pcscd-"

Names = Callable[[], list[str] | None]  # readers that pcscd knows; None if no pcscd answers


class Slot(NamedTuple):
    """One slot: the name of its reader, and the port where its card has to connect."""

    reader: str
    port: int


class VirtualPcsc:
    """The slots of a pcscd that runs.

    Attributes:
        slots: All of them.
    """

    def __init__(self, slots: tuple[Slot, ...], stop: Callable[[], None]) -> None:
        self.slots = slots
        self.stop = stop
        self._taken: set[Slot] = set()

    def claim(self, occupied: Callable[[str], bool]) -> Slot:
        """Return a free slot and keep it.

        Args:
            occupied: Tells by its name whether somebody else's card is in a reader.

        Raises:
            ReaderError: If every slot is taken.
        """
        for slot in self.slots:
            if slot not in self._taken and not occupied(slot.reader):
                self._taken.add(slot)
                return slot
        raise ReaderError(
            f"virtual PC/SC reader: expected a free slot, got {len(self.slots)} that are taken; "
            "close one, or use vpcd://, which has room for any number"
        )

    def release(self, slot: Slot) -> None:
        """Give a slot back."""
        self._taken.discard(slot)


_shared: list[VirtualPcsc] = []
_folders: list[Path] = []


def virtual_pcsc(names: Names) -> VirtualPcsc:
    """Return this process's virtual reader, found or started when it is first asked for.

    Raises:
        ReaderError: If there is none and none can be started; says which command mends it.
    """
    if _shared and not answers():
        _shared.pop().stop()
    if not _shared:
        _shared.append(_found_or_started(names))
        atexit.register(_shared[-1].stop)
    return _shared[0]


def answers() -> bool:
    """Return whether a pcscd answers this process, without libpcsclite settling on its socket."""
    path = Path(os.environ.get(SOCKET_VARIABLE, SOCKET_FOLDER / SOCKET))
    if path.parent.name.startswith(FOLDER_PREFIX) and path.parent not in _folders:
        del os.environ[SOCKET_VARIABLE]  # that of the process that started this one
        return answers()
    with socket.socket(socket.AF_UNIX) as line:
        return line.connect_ex(str(path)) == 0


def _found_or_started(names: Names) -> VirtualPcsc:
    until = time.monotonic() + OTHER_S
    while answers():
        known = names() or []
        if not any(name.startswith(NAME) for name in known):
            return VirtualPcsc(_found(known), lambda: None)
        if time.monotonic() > until:
            raise ReaderError(
                f'virtual PC/SC reader: expected none named "{NAME}" within {OTHER_S:.0f} s, got '
                "that of another process; wait until it ends"
            )
        time.sleep(STEP_S)
    with contextlib.ExitStack() as stack:
        slots = _start(names, stack)
        return VirtualPcsc(slots, stack.pop_all().close)


def _found(known: list[str]) -> tuple[Slot, ...]:
    """Return the slots of vpcd readers that a running pcscd has, by the system's configuration."""
    files = sorted(SYSTEM_CONFIG.iterdir()) if SYSTEM_CONFIG.is_dir() else []
    slots: list[Slot] = []
    for file in files:
        text = file.read_text("utf-8", "replace")
        name = re.search(r'^FRIENDLYNAME\s+"(.+)"', text, re.MULTILINE)
        port = re.search(r"^DEVICENAME\s+/dev/null:(\w+)", text, re.MULTILINE)
        if DRIVER.name in text and name and port:
            readers = [reader for reader in known if reader.startswith(name[1])]
            slots += [Slot(reader, int(port[1], 0) + i) for i, reader in enumerate(readers)]
    if not slots:
        raise ReaderError(
            f"virtual PC/SC reader: expected a vpcd reader at the pcscd that runs, got "
            f"{', '.join(known) or 'no reader'}; as root: apt-get install vsmartcard-vpcd, then "
            "systemctl restart pcscd, or systemctl stop pcscd.socket pcscd to have one started here"
        )
    return tuple(slots)


def _start(names: Names, stack: contextlib.ExitStack) -> tuple[Slot, ...]:
    daemon = shutil.which("pcscd", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")
    if daemon is None or not DRIVER.exists():
        missing = "pcscd" if daemon is None else str(DRIVER)
        raise ReaderError(
            f"virtual PC/SC reader: expected {missing}, got none; "
            "as root: apt-get install pcscd vsmartcard-vpcd"
        )
    if os.geteuid() != 0:
        raise ReaderError(
            "virtual PC/SC reader: expected a pcscd that runs, or to be root to start one, "
            "got neither; do: sudo systemctl start pcscd"
        )
    folder, port = _folder(), _free_ports()
    config, log = folder / "reader.conf", folder / "log"
    config.write_text(STANZA.format(port=port), encoding="utf-8")
    with log.open("wb") as output:
        process = subprocess.Popen(
            ["/bin/sh", "-c", START, daemon, str(folder), str(SOCKET_FOLDER)],
            stdin=subprocess.PIPE, stdout=output, stderr=output,
        )  # fmt: skip
    stack.callback(_end, process)
    until = time.monotonic() + READY_S
    readers: list[str] = []
    while len(readers) < SLOTS:
        if (folder / SOCKET).exists():
            os.environ[SOCKET_VARIABLE] = str(folder / SOCKET)
        if process.poll() is not None or time.monotonic() > until:
            said = log.read_text("utf-8", "replace").strip().splitlines()
            raise ReaderError(
                f"virtual PC/SC reader: expected {SLOTS} slots from {daemon} within "
                f"{READY_S:.0f} s, got {len(readers)}" + (f"; it said: {said[-1]}" if said else "")
            )
        time.sleep(STEP_S)
        readers = [name for name in (names() or [] if answers() else []) if name.startswith(NAME)]
    return tuple(Slot(reader, port + i) for i, reader in enumerate(sorted(readers)))


def _folder() -> Path:
    """Return this process's folder for it: the same after a restart, as libpcsclite needs it."""
    if not _folders:
        _folders.append(Path(tempfile.mkdtemp(prefix=FOLDER_PREFIX)))
    _folders[0].mkdir(exist_ok=True)
    return _folders[0]


def _end(process: subprocess.Popen[bytes]) -> None:
    """End pcscd by ending its input, so that its number is only used while it is its own."""
    assert process.stdin is not None
    process.stdin.close()
    try:
        process.wait(READY_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _free_ports() -> int:
    """Return the first of as many free ports in a row as there are slots."""
    while True:
        with contextlib.ExitStack() as stack:
            first = stack.enter_context(socket.create_server(("", 0))).getsockname()[1]
            try:
                for i in range(1, SLOTS):
                    stack.enter_context(socket.create_server(("", first + i)))
            except (OSError, OverflowError):
                continue
        return int(first)
