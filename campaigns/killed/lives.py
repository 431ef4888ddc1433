"""The lives of one validator: started, tapped at, killed by kill -9, and started again.

A kill comes at a random moment after the start or after it was ready, or is aimed: before or after
the card has answered a given command, which is between any two steps of the dialogue. What the card
has done it has done; the till must find out.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from random import Random
from typing import NamedTuple, TypeVar

from campaigns.killed.town import Account, Town
from hil.control_line import ControlLine, Event
from hil.vicc import VirtualCard
from scheme.apdu import Ins
from scheme.errors import EnvironmentFaultError, ReaderError

ROOT = Path(__file__).resolve().parents[2]
HOST = "127.0.0.1"
UP_S, TAP_S, EMPTY_S = 20.0, 20.0, 60.0
POLL_S = 0.003
Got = TypeVar("Got")
STARTING_S, TAPPING_S = 0.6, 0.3  # a random moment is drawn from up to so much
AIMED_TAPS, PRICE_IDR = 12, 900
WAYS = ("tapping", "aimed", "tapping", "starting", "tapping", "aimed", "tapping", "tapping")
AIMS = (
    (Ins.debit, True), (Ins.debit, False), (Ins.proof, True), (Ins.init, True), (Ins.select, False)
)  # fmt: skip


class Kill(NamedTuple):
    """When the validator dies.

    Attributes:
        after_s: Seconds after its start or its being ready, or None if it is aimed.
        tap: From which tap of this life on the aim holds.
        ins, answered: The card's command, and whether the card has answered it by then.
    """

    way: str
    after_s: float | None = None
    tap: int = 0
    ins: int = 0
    answered: bool = False

    @classmethod
    def drawn(cls, index: int, chance: Random) -> Kill:
        """Return a kill: ways and aims take turns, moments are drawn."""
        way = WAYS[index % len(WAYS)]
        if way == "aimed":
            aim = AIMS[index // 2 % len(AIMS)]
            return cls(way, None, chance.randrange(AIMED_TAPS), *aim)
        longest_s = STARTING_S if way == "starting" else TAPPING_S
        return cls(way, chance.uniform(0, longest_s))


class Lives:
    """One till and all its lives.

    Attributes:
        counted: Verdicts heard, kills by way, recoveries.
    """

    def __init__(self, town: Town, folder: Path, office: str, seed: int) -> None:
        self._town, self._seed, self._folder = town, seed, folder
        self._ports = free_ports()
        self._config = town.config(folder, office, self._ports)
        self._process: subprocess.Popen[bytes] | None = None
        self._owed: list[Account] = []
        self._taps = 0
        self._killed = threading.Event()
        self.counted: Counter[str] = Counter()

    def killed(self, index: int) -> None:
        """Live one life and be killed in it."""
        chance = Random(f"{self._seed}/kill/{index}")
        kill = Kill.drawn(index, chance)
        self.counted[f"kills_{kill.way}"] += 1
        self._start()
        timer: threading.Timer | None = None
        if kill.way == "starting":
            timer = self._timer(kill)
        try:
            with self._plugged() as plugged:
                if kill.way == "tapping":
                    timer = self._timer(kill)
                self._aim(kill)
                while True:
                    self._tap(plugged, chance)
        except ReaderError as error:
            if not self._killed.wait(UP_S):
                raise EnvironmentFaultError(f"the validator was not killed: {error}") from error
        finally:
            self._town.fatal = lambda ins, answered: None
            if timer is not None:
                timer.cancel()
            self._kill()

    def last(self) -> list[str]:
        """Live one life to its end: settle what is owed, hand in everything; say what failed."""
        self._start()
        try:
            with self._plugged() as plugged:
                while self._owed:
                    self._tap(plugged, Random(0))
                wrong = self._emptied(plugged)
                assert self._process is not None
                self._process.terminate()
                code = self._process.wait(UP_S)
                return wrong + ([f"told to end: expected exit 0, got {code}"] if code else [])
        finally:
            self._kill()

    def _start(self) -> None:
        self._killed.clear()
        self._taps = 0
        command = [sys.executable, "-m", "hil.validator", "--config", str(self._config)]
        with (self._folder / "validator.log").open("ab") as log:
            self._process = subprocess.Popen(
                command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )

    def _kill(self) -> None:
        process = self._process
        assert process is not None
        if process.poll() is None:
            with suppress(ProcessLookupError):
                os.kill(process.pid, signal.SIGKILL)
        process.wait()
        self._killed.set()

    def _timer(self, kill: Kill) -> threading.Timer:
        assert kill.after_s is not None
        timer = threading.Timer(kill.after_s, self._kill)
        timer.daemon = True
        timer.start()
        return timer

    def _aim(self, kill: Kill) -> None:
        """Kill it at a command of the card; from twice as many taps on at any, so that it ends."""

        def fatal(ins: int, answered: bool) -> None:
            late = self._taps > 2 * AIMED_TAPS
            if self._taps >= kill.tap and answered == kill.answered and (ins == kill.ins or late):
                self._kill()

        if kill.way == "aimed":
            self._town.fatal = fatal

    def _plugged(self) -> Plugged:
        return Plugged(self._town, self._ports, self._alive)

    def _alive(self) -> bool:
        assert self._process is not None
        return self._process.poll() is None

    def _tap(self, plugged: Plugged, chance: Random) -> None:
        """Present a card: one whose last tap nobody answered, else any."""
        account = self._owed[0] if self._owed else chance.choice(self._town.accounts)
        if account not in self._owed:
            self._owed.append(account)
        said = plugged.tapped(account, chance.randrange(1, PRICE_IDR))
        self._taps += 1
        if said["event"] == "decision":
            self.counted["taps"] += 1
            self.counted[said["verdict"]] += 1
            self.counted["recovered"] += said["recovered"]
            if said["verdict"] != "tap_was_torn":
                self._owed.remove(account)

    def _emptied(self, plugged: Plugged) -> list[str]:
        until = time.monotonic() + EMPTY_S
        while True:
            said = plugged.state()
            if not said["unsealed"] + said["unsent"]:
                return []
            refused = said["set_aside"] and said["set_aside"] == said["unsealed"] + said["unsent"]
            if refused or time.monotonic() > until:
                return [f"expected everything handed in within {EMPTY_S:.0f} s, got {said}"]
            time.sleep(POLL_S)


class Plugged:
    """A validator that is up, with its SAM in and a card in its field."""

    def __init__(
        self, town: Town, ports: tuple[int, int, int], alive: Callable[[], bool]
    ) -> None:
        self._town, self._ports, self._alive = town, ports, alive
        self._sam, self._card = VirtualCard(town.sam), VirtualCard(town.accounts[0])

    def __enter__(self) -> Plugged:
        reader, sam, control = self._ports
        try:
            self._until_up(lambda: self._sam.connect(sam))
            self._until_up(lambda: self._card.connect(reader))
            self._control = self._until_up(lambda: ControlLine(HOST, control))
            self._control.wait({"ready"}, UP_S)
        except BaseException:
            self._leave()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._control.close()
        self._leave()

    def tapped(self, account: Account, price_idr: int) -> Event:
        """Present a card and return the decision, or the error if there was none."""
        if not self._card.put(account):
            raise ReaderError("the validator has gone")
        self._control.order("present", within_ms=2_000, amount_idr=price_idr)
        return self._control.wait({"decision", "error"}, TAP_S)

    def state(self) -> Event:
        """Return what it says of itself."""
        self._control.order("state")
        return self._control.wait({"ready"}, TAP_S)

    def _leave(self) -> None:
        self._sam.remove()
        self._card.remove()

    def _until_up(self, connect: Callable[[], Got]) -> Got:
        until = time.monotonic() + UP_S
        while True:
            try:
                return connect()
            except ReaderError:
                if time.monotonic() > until or not self._alive():
                    raise
                time.sleep(POLL_S)


def free_ports() -> tuple[int, int, int]:
    """Return three ports that nobody listens at."""
    listeners = [socket.create_server((HOST, 0)) for _ in range(3)]
    one, two, three = (listener.getsockname()[1] for listener in listeners)
    for listener in listeners:
        listener.close()
    return one, two, three
