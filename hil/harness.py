"""The Java cards of one JVM, from outside: its start, its wire, and each card as a `Card`.

Nothing is built here. The JVM serves any number of cards on a loopback port, dies with our process
(its standard input closes) and is shared by every reader of the process. Frames are a length 4, an
operation or status 1, a card number 4 (in a request) and a payload; card_applet/README.md has them.
"""

from __future__ import annotations

import atexit
import contextlib
import selectors
import shutil
import socket
import subprocess
import tempfile
import threading
from enum import IntEnum
from pathlib import Path
from typing import IO, NamedTuple

from hil.vpcd_wire import HOST
from scheme.errors import CardGoneError, ReaderError

APPLET = Path(__file__).resolve().parent.parent / "card_applet"
MAIN = "id.jakartaone.harness.Main"
# The random bytes of a card come from the machine, not from jCardSim's fixed seed.
FLAGS = ("-XX:+UseParallelGC", "-Xshare:auto", "-Dcom.licel.jcardsim.randomdata.secure=1")
READY_S = 30.0
ANSWER_S = 30.0
RESET_ENTRY = 0xFFFF  # length that means a reset in a batch, and in its answer a torn command


class Op(IntEnum):
    """The operations of the wire."""

    new = 0x01
    apdu = 0x02
    reset = 0x03
    tear = 0x04
    state = 0x05
    count = 0x06
    drop = 0x07
    batch = 0x08
    seed = 0x09
    vpcd = 0x0A
    listen = 0x0B
    clone = 0x0C
    replace = 0x0D
    quit = 0xFF


class Kind(IntEnum):
    """What a new card is."""

    card = 1
    sam = 2


class Point(IntEnum):
    """Where a card loses its power."""

    disarm = 0
    before_write = 1
    in_write = 2
    in_commit = 3
    after_commit = 4


class Writes(NamedTuple):
    """What the last command wrote: counts, and bytes of old values that were journalled."""

    persistent: int
    commits: int
    journalled_bytes: int
    outside_transaction: int


class Harness:
    """One connection to a JVM full of cards; threads may share it, one request at a time."""

    def __init__(self, port: int, host: str = HOST) -> None:
        try:
            self._line = socket.create_connection((host, port), ANSWER_S)
        except OSError as error:
            raise ReaderError(
                f"java harness: expected one at {host}:{port}, got {error}; "
                "bare java:// starts its own"
            ) from error
        self._line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._lock = threading.Lock()

    def close(self) -> None:
        """End the connection; the cards stay in their JVM."""
        self._line.close()

    def new(self, kind: Kind, tear_at: int = 0) -> JavaCard:
        """Return a blank card; raise CardGoneError if its power went at that write of install."""
        tear = tear_at.to_bytes(4, "big") if tear_at else b""
        number = self.ask(Op.new, 0, bytes((kind,)) + tear)
        return JavaCard(self, int.from_bytes(number, "big"))

    def ask(self, op: Op, card: int, payload: bytes = b"") -> bytes:
        """Return the answer to a request.

        Raises:
            CardGoneError: If the card has lost its power in it.
            ReaderError: If the harness refuses, or is gone.
        """
        head = (5 + len(payload)).to_bytes(4, "big") + bytes((op,)) + card.to_bytes(4, "big")
        try:
            with self._lock:
                self._line.sendall(head + payload)
                answer = self._receive(int.from_bytes(self._receive(4), "big"))
        except OSError as error:
            raise ReaderError(
                f"java harness: expected an answer to {op.name}, got {error or 'nothing'}; "
                "the JVM may have ended, open the reader again"
            ) from error
        if answer[0] == 0:
            return answer[1:]
        if answer[0] == 2:
            raise CardGoneError(f"java card {card} lost its power in {op.name}")
        raise ReaderError(f"java harness: {op.name} refused: {answer[1:].decode('utf-8')}")

    def _receive(self, size: int) -> bytes:
        parts: list[bytes] = []
        while size:
            self._line.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
            part = self._line.recv(size)
            if not part:
                raise ConnectionError("the end of the connection")
            parts.append(part)
            size -= len(part)
        return parts[0] if len(parts) == 1 else b"".join(parts)


class JavaCard:
    """A card in a JVM: its commands, and what only a virtual card lets one see and do.

    Attributes:
        number: Its number at its harness.
    """

    def __init__(self, harness: Harness, number: int) -> None:
        self.number = number
        self._harness = harness

    def answer(self, apdu: bytes) -> bytes:
        """Return the answer to a command; raise CardGoneError if the power went in it."""
        return self._harness.ask(Op.apdu, self.number, apdu)

    def reset(self) -> None:
        """Forget what power loss forgets."""
        self._harness.ask(Op.reset, self.number)

    def tear(self, point: Point, at: int = 1, weak: bool = False) -> None:
        """Take the power away at a persistent write, from 1; stays armed until it happens.

        Args:
            weak: An interrupted cell reads back undecided until it is written again.
        """
        payload = bytes((point,)) + at.to_bytes(2, "big") + bytes((weak,))
        self._harness.ask(Op.tear, self.number, payload)

    def state(self) -> bytes:
        """Return every persistent byte, in a fixed order."""
        return self._harness.ask(Op.state, self.number)

    def writes(self) -> Writes:
        """Return what the last command wrote."""
        told = self._harness.ask(Op.count, self.number)
        return Writes(*(int.from_bytes(told[i : i + 2], "big") for i in range(0, 8, 2)))

    def batch(self, commands: list[bytes | None]) -> list[bytes | None]:
        """Return the answers to many commands at once.

        Args:
            commands: Commands; None is a reset.

        Returns:
            Their answers: empty for a reset, None where the power went.
        """
        told = self._harness.ask(Op.batch, self.number, b"".join(map(_entry, commands)))
        answers: list[bytes | None] = []
        at = 0
        while at < len(told):
            size = int.from_bytes(told[at : at + 2], "big")
            at += 2
            if size == RESET_ENTRY:
                answers.append(None)
                continue
            answers.append(told[at : at + size])
            at += size
        return answers

    def seed(self, seed: bytes) -> None:
        """Have the card's random bytes follow from 8 bytes, or with none from the machine again."""
        self._harness.ask(Op.seed, self.number, seed)

    def clone(self) -> JavaCard:
        """Return a card with the same persistent bytes."""
        number = self._harness.ask(Op.clone, self.number)
        return JavaCard(self._harness, int.from_bytes(number, "big"))

    def plug(self, port: int) -> None:
        """Go into the reader of a vpcd on this machine; with port 0 leave it."""
        self._harness.ask(Op.vpcd, self.number, port.to_bytes(2, "big"))

    def replace(self, other: JavaCard) -> bool:
        """Take the place of a card in its reader without it leaving; False if none asks there."""
        told = self._harness.ask(Op.replace, self.number, other.number.to_bytes(4, "big"))
        return told == b"\x01"

    def listen(self, port: int = 0) -> int:
        """Wait for a vpcd that connects (its reversed mode); return the port."""
        told = self._harness.ask(Op.listen, self.number, port.to_bytes(2, "big"))
        return int.from_bytes(told, "big")

    def drop(self) -> None:
        """Throw the card away."""
        self._harness.ask(Op.drop, self.number)


def _entry(command: bytes | None) -> bytes:
    if command is None:
        return RESET_ENTRY.to_bytes(2, "big")
    return len(command).to_bytes(2, "big") + command


class Jvm:
    """A JVM that we started.

    Attributes:
        port: Where it serves its cards.
    """

    def __init__(self, applet: Path = APPLET, flags: tuple[str, ...] = FLAGS) -> None:
        """Start it on what was built in `applet`; raises ReaderError with what to do about it."""
        start = command(applet, flags)
        self._log = tempfile.TemporaryFile()  # noqa: SIM115  # as long as the JVM
        self._process = subprocess.Popen(
            start, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._log
        )
        try:
            self.port = self._ready()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """End it; again is no fault."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(5)
        self._process.kill()
        self._process.wait()
        self._process.stdout.close()
        self._log.close()

    def _ready(self) -> int:
        line = _line_within(self._process.stdout, READY_S)
        word, _, port = line.partition(" ")
        if word != "ready" or not port.strip().isdecimal():
            self._log.seek(0)
            said = self._log.read().decode("utf-8", "replace").strip().splitlines()
            raise ReaderError(
                f'java harness: expected "ready PORT" within {READY_S:.0f} s, got {line.strip()!r}'
                + (f"; java said: {_cause(said)}" if said else "")
                + "; build it again: make card"
            )
        return int(port)


def command(applet: Path = APPLET, flags: tuple[str, ...] = FLAGS) -> list[str]:
    """Return the command that starts a harness; raises ReaderError if there is none to start."""
    classes, library = applet / "target" / "classes", applet / "target" / "lib"
    java = shutil.which("java")
    if java is None:
        raise ReaderError(
            'java harness: expected a program "java", got none; '
            "on Debian: apt-get install default-jdk-headless maven"
        )
    if not (classes / f"{MAIN.replace('.', '/')}.class").is_file() or not library.is_dir():
        raise ReaderError(
            f"java harness: expected the applet built in {applet / 'target'}, got none; "
            "in a checkout do: make card"
        )
    return [java, *flags, "-cp", f"{classes}:{library}/*", MAIN, "--port", "0"]


_shared: list[Harness] = []
_starting = threading.Lock()


def shared_harness() -> Harness:
    """Return this process's harness, started when it is first asked for."""
    with _starting:
        if not _shared:
            jvm = Jvm()
            atexit.register(jvm.stop)
            _shared.append(Harness(jvm.port))
            atexit.register(_shared[0].close)
        return _shared[0]


def _cause(said: list[str]) -> str:
    """Return the line that tells most of what a JVM wrote."""
    return next((line for line in reversed(said) if line.startswith("Caused by")), said[0])


def _line_within(stream: IO[bytes] | None, seconds: float) -> str:
    """Return a line, or nothing if it does not come in time."""
    assert stream is not None
    with selectors.DefaultSelector() as selector:
        selector.register(stream, selectors.EVENT_READ)
        if not selector.select(seconds):
            return ""
    return stream.readline().decode("utf-8", "replace")
