"""The line to the back office: a thread that seals, sends, sets the clock and fetches lists.

It never holds up a tap. An office that is away is an error event and a longer wait; a disk that
takes nothing more ends the thread, and the device hears of it.
"""

from __future__ import annotations

import threading
import time

from hil.validator.book import Book
from hil.validator.config import Config
from hil.validator.lists import Lists
from hil.validator.memory import clock_entry
from hil.validator.office import HttpOffice
from hil.validator.outbox import BackOff, Outbox, Sealer, Tell
from scheme.errors import BadInputError, StoreError, TargetError

IDLE_S = 0.5


class Line:
    """The back office's side of a running validator.

    Attributes:
        fault: What ended it, or None.
    """

    def __init__(self, config: Config, book: Book, lists: Lists, tell: Tell) -> None:
        self._config, self._book, self._lists, self._tell = config, book, lists, tell
        self._office = HttpOffice(config.office, config.sender, config.mac_key)
        self._back_off = BackOff(config.test_keys.seed if config.test_keys else 0, config.sender)
        sealer = Sealer(config.sender, config.key_version, config.signing_key)
        self._outbox = Outbox(
            book, sealer, self._office, self._back_off, config.batch_records, tell
        )
        self.fault: StoreError | None = None
        self._wake, self._stopped = threading.Event(), False
        self._failures = 0
        self._due = {"clock": 0.0, "lists": 0.0, "seal": 0.0, "send": 0.0}
        self._thread = threading.Thread(target=self._run, daemon=True)

    @property
    def set_aside(self) -> int:
        """How many batches wait for people."""
        return self._outbox.set_aside

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def woken(self) -> None:
        """Take note that there is something new to hand in."""
        if self._outbox.full:
            self._wake.set()

    def stop(self, within_s: float) -> None:
        """End; a call under way is waited for."""
        self._stopped = True
        self._wake.set()
        self._thread.join(within_s)

    def _run(self) -> None:
        try:
            while not self._stopped:
                self._work()
                wait_s = min(min(self._due.values()) - time.monotonic(), IDLE_S)
                self._wake.wait(max(wait_s, 0.0))
                self._wake.clear()
        except StoreError as error:
            self.fault = error
        finally:
            self._office.close()

    def _work(self) -> None:
        if self._is_due("clock"):
            self._ask("clock", self._config.clock_every_s)
        if self._is_due("lists"):
            self._ask("lists", self._config.lists_every_s)
        if self._outbox.full or self._is_due("seal"):
            self._due["seal"] = time.monotonic() + self._config.batch_age_ms / 1_000
            if self._outbox.seal() and self._due["send"] == float("inf"):
                self._due["send"] = 0.0
        if self._is_due("send"):
            wait_s = self._outbox.send()
            self._due["send"] = time.monotonic() + wait_s

    def _is_due(self, what: str) -> bool:
        return self._due[what] <= time.monotonic()

    def _ask(self, what: str, every_s: float) -> None:
        """Ask for the time or for new lists, and again after a while."""
        wait_s = every_s
        try:
            if what == "lists":
                self._fetch()
            elif not self._set_clock():
                wait_s = IDLE_S
            self._failures = 0
        except (TargetError, BadInputError) as error:
            self._failures += 1
            wait_s = min(every_s, self._back_off.seconds(self._failures))
            self._tell("error", {"where": what, "text": str(error)})
        self._due[what] = time.monotonic() + wait_s

    def _set_clock(self) -> bool:
        """Set the clock; return False if that has to wait.

        While a torn tap can still be completed the clock is left alone: the 120 s count on it.
        """
        bounds = self._office.time()
        with self._book.lock:
            before = self._book.memory.offset_ms
            after = bounds.corrected(before)
            if before == after:
                return True
            if self._book.memory.intents:
                return False
            self._book.keep(clock_entry(after))
        self._tell("clock", {"offset_ms": after, "was_ms": before})
        return True

    def _fetch(self) -> None:
        at_s = self._book.now_ms() // 1_000
        held = self._lists.versions
        bundle = self._office.published("tariffs", held.tariff.version + 1, at_s)
        if bundle is not None:
            self._lists.take_tariff(bundle)
        version = held.hotlist.version + 1
        cards = self._office.published("hotlists", version, at_s)
        if cards is not None:
            self._lists.take_hotlist(version, cards)
