"""Java cards for a campaign: a JVM of their own, issued in one go, dropped when they are done."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Protocol, cast

from campaigns.bench.terminal import OK, STORE_DATA
from hil.harness import APPLET, Harness, Jvm, Kind, Point
from hil.harness import JavaCard as Remote
from scheme.errors import CardGoneError, EnvironmentFaultError

INSTALL_WRITES_MAX = 20_000


class Talk(Protocol):
    """What is said to a card from its issue on."""

    @property
    def kind(self) -> str:
        """`card` or `sam`."""

    @property
    def blocks(self) -> tuple[bytes, ...]:
        """The STORE DATA commands that issue it."""

    @property
    def seed(self) -> bytes:
        """What its challenges are drawn from."""

    @property
    def said(self) -> list[bytes | None]:
        """The commands; None is a reset."""


class JavaCard:
    """A card that can lose power, and tells what it has stored."""

    def __init__(self, remote: Remote) -> None:
        self.remote = remote

    def answer(self, apdu: bytes) -> bytes | None:
        """Return the answer, or None if the power went."""
        try:
            return self.remote.answer(apdu)
        except CardGoneError:
            return None

    def say(self, apdus: Sequence[bytes | None]) -> list[bytes | None]:
        """Return the answers to many commands; None is a reset, and an answer where power went."""
        return self.remote.batch(list(apdus)) if apdus else []

    def reset(self) -> None:
        """Take power away and give it back."""
        self.remote.reset()

    def tear(self, point: int, k: int, weak: bool) -> None:
        """Lose power at a moment of the next command; point 0 takes that back."""
        self.remote.tear(Point(point), k, weak)

    def seed(self, seed: bytes) -> None:
        """Draw the challenges from a seed, from here on."""
        self.remote.seed(seed)

    def state(self) -> bytes:
        """Return every persistent byte."""
        return self.remote.state()

    def count(self) -> tuple[int, int]:
        """Return writes and commits of the last command."""
        writes = self.remote.writes()
        return writes.persistent, writes.commits

    def drop(self) -> None:
        """Throw the card away."""
        self.remote.drop()


class JavaCards:
    """A JVM full of cards, for as long as a `with` lasts.

    Args:
        applet: The folder of a built applet, the product's if not given.
    """

    def __init__(self, applet: Path = APPLET) -> None:
        self._applet = applet
        self._open = ExitStack()

    def __enter__(self) -> JavaCards:
        jvm = Jvm(self._applet)
        self._open.callback(jvm.stop)
        self._harness = Harness(jvm.port)
        self._open.callback(self._harness.close)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._open.close()

    def blank(self, kind: str) -> JavaCard:
        """Return a card that was never issued."""
        return JavaCard(self._harness.new(Kind[kind]))

    def install_torn(self, kind: str, k: int) -> bool:
        """Install a card and take the power at its k-th write; return whether it got so far."""
        try:
            self._harness.new(Kind[kind], k).drop()
        except CardGoneError:
            return True
        return False

    def install_writes(self, kind: str) -> int:
        """Return how often an install writes, found by tearing it ever later."""
        least, most = 0, 1
        while self.install_torn(kind, most):
            least, most = most, 2 * most
            assert most < INSTALL_WRITES_MAX, "an install that never ends"
        while most - least > 1:
            middle = (least + most) // 2
            least, most = (middle, most) if self.install_torn(kind, middle) else (least, middle)
        return least

    def issue(self, kind: str, blocks: Sequence[bytes], seed: bytes) -> JavaCard:
        """Return a card issued with STORE DATA, its challenges drawn from a seed.

        Raises:
            EnvironmentFaultError: If it refuses a block.
        """
        card = self.blank(kind)
        answers = card.say([*blocks, None])
        # SELECT answers 6985 before the issue, and makes the identity current all the same.
        told = zip(blocks, answers, strict=False)
        refused = [at for at, (b, a) in enumerate(told) if b[1] == STORE_DATA and a != OK]
        if refused:
            got = cast(bytes, answers[refused[0]]).hex()
            raise EnvironmentFaultError(
                f"issuing a {kind}: block {blocks[refused[0]][:5].hex()}: expected 9000, got {got}"
            )
        card.seed(seed)
        return card

    def play(self, talk: Talk) -> list[bytes]:
        """Say a whole talk to a fresh card; return an answer for each step, empty for a reset."""
        card = self.issue(talk.kind, talk.blocks, talk.seed)
        answers = card.say(talk.said)
        card.drop()
        return [b"the power went" if answer is None else answer for answer in answers]
