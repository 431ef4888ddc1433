"""The reference validator at work: what a gate, a bus, a till or an on-board unit does all day.

One thread taps, another hands in (`hil.validator.line`), others listen to a bench
(`hil.validator.control`). A rider hears "accepted" once the record is on the disk, and a card is
told to move money once the intent is; so a loss of power at any moment loses no tap and doubles
none. After any fault in a tap the terminal is built anew from what is kept, as after a restart.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable
from typing import Any, Protocol, runtime_checkable

from hil.issuing import may_of
from hil.reader import Card, held, open_reader
from hil.validator.ahead import WriteAhead
from hil.validator.book import Book
from hil.validator.clock import LATEST_MS, machine_ms
from hil.validator.config import U32, Config
from hil.validator.control import Control, Order
from hil.validator.line import Line
from hil.validator.lists import Lists
from hil.validator.memory import Intent, clock_entry, record_entry
from hil.validator.panel import OUT_OF_ORDER, SHOWN, Shown
from hil.validator.terminal import Validator
from scheme.dialogue import Outcome
from scheme.errors import CardGoneError, PurseRefusedError, ReaderError, StoreError
from scheme.keys import Role
from scheme.presentation import Presentation
from scheme.records import TapRecord, trace_id
from scheme.sam import IssuerKeys
from scheme.sam_personalisation import SamData
from scheme.services import LOADS, TerminalKind
from scheme.verdicts import Verdict

TICK_S = 0.05
TORN_EVERY_S = 1.0
GATE_OPEN_S = 3.0
STOP_S = 12.0
MEND_EVERY_S = 1.0
WITHIN_MAX_MS = 60_000
TRACE_SIZE = 12
STILL_THERE = bytes((0xFF, 0xCA, 0, 0, 0))  # PC/SC part 3, 3.2.2.1.3: the reader asks for the UID
GATED = frozenset({TerminalKind.gate, TerminalKind.lane})
SAM_BASE = 50_000_000


@runtime_checkable
class Watching(Protocol):
    """A reader that says when a card comes."""

    def detect(self, timeout_s: float) -> int:
        """Return the instant at which a card was seen; raise CardGoneError if none came."""
        ...


class Device:
    """A validator, switched on.

    Attributes:
        reader, sam: What cards are presented to, and what the SAM is in.
        book: What it keeps.
        control: Where a bench connects, or None.
    """

    def __init__(self, config: Config) -> None:
        """Open everything.

        Raises:
            BadInputError: If a list is none.
            EnvironmentFaultError: If journal, reader, SAM or port cannot be had.
        """
        self._config = config
        self.book = Book(config.folder, config.terminal, config.compact_bytes)
        self._lists = Lists(config.folder, config.tariff)
        self.control = Control(*config.control) if config.control else None
        self.reader = open_reader(config.reader)
        self.sam = open_reader(config.sam)
        self._ahead = WriteAhead(self.reader, self._intend)
        self._line = Line(config, self.book, self._lists, self.tell) if config.office else None
        self._gate_until = float("inf")
        self._tapped = False  # whether the card that came by itself still lies there
        self._torn_due = 0.0
        self._mend_due = float("inf")
        self._insert_sam()
        self._terminal = self._resumed()

    def tell(self, event: str, fields: dict[str, Any]) -> None:
        """Tell a bench what happened, if one listens."""
        if self.control is not None:
            self.control.tell(event, self.book.now_ms(), fields)

    def run(self, stop: threading.Event) -> None:
        """Work until told to stop; raises StoreError if the disk takes nothing more."""
        self._tell_ready()
        for warning in self.book.warnings:
            self.tell("error", {"where": "journal", "text": warning})
        if self._line is not None:
            self._line.start()
        try:
            while not stop.is_set():
                self.step(TICK_S)
        except StoreError:
            self._show(OUT_OF_ORDER)
            raise

    def close(self) -> None:
        """Let go of everything."""
        if self._line is not None:
            self._line.stop(STOP_S)
        if self.control is not None:
            self.control.close()
        self.reader.close()
        self.sam.close()
        self.book.close()

    def step(self, within_s: float) -> None:
        """Do the next thing: an order, a card that is there, or what time brings."""
        order = self._next_order(0.0 if self._config.poll else within_s)
        try:
            if order is not None:
                _OBEYED[order["do"]](self, order)
            elif self._config.poll:
                self._poll(within_s)
        except ReaderError as error:
            self._failed("reader", error)
        now_s = time.monotonic()
        if now_s >= self._mend_due:
            self._mend()
        if now_s >= self._gate_until:
            self._gate_until = float("inf")
            self.tell("gate", {"open": False})
        if now_s >= self._torn_due:
            self._torn_due = now_s + TORN_EVERY_S
            self._record_torn()
        if self._line is not None and self._line.fault is not None:
            raise self._line.fault

    def present(self, amount_idr: int = 0, trace: bytes = b"") -> Outcome | None:
        """Carry out a presentation; return how it ended, or None if the bench failed.

        Raises:
            StoreError: If the disk takes nothing more. No card is debited without it.
        """
        memory, at_ms, versions = self.book.memory, self.book.now_ms(), self._lists.versions
        number = memory.presentation + 1
        trace = trace or trace_id(self._config.sender, self._config.terminal, number)
        self._ahead.begin(number, Presentation(
            self._config.terminal, self._config.facts.place, at_ms, versions.tariff.version,
            versions.hotlist.version, memory.sequence + 1, trace,
        ))  # fmt: skip
        try:
            outcome = self._terminal.tap(at_ms, versions, trace, amount_idr).outcome
        except (PurseRefusedError, ReaderError) as error:
            self._failed("tap", error)
            return None
        if outcome.record is not None:
            self.book.keep(record_entry(number, at_ms // 1_000, outcome.record))
        elif outcome.torn is not None and outcome.torn.presented.trace not in memory.intents:
            self.book.keep(self._ahead.left(outcome.torn).entry())
        self._tell_outcome(outcome)
        return outcome

    def _tell_outcome(self, outcome: Outcome) -> None:
        selected, record = outcome.selected, outcome.record
        decision: dict[str, Any] = {"verdict": outcome.verdict.name, "recovered": outcome.recovered}
        decision["card"] = selected.card if selected else None
        said = record.fields() if record else {}
        decision |= {name: said.get(name) for name in ("nt", "amount", "balance", "sequence")}
        self.tell("decision", decision)
        self._show(SHOWN[outcome.verdict])
        if outcome.verdict is Verdict.accepted and self._config.facts.kind in GATED:
            self.tell("gate", {"open": True})
            self._gate_until = time.monotonic() + GATE_OPEN_S
        if record is not None:
            self._tell_record(record)

    def _tell_record(self, record: TapRecord) -> None:
        said = {"sequence": record.fields()["sequence"], "record": record.data.hex()}
        self.tell("record", said)
        if self._line is not None:
            self._line.woken()

    def _show(self, shown: Shown) -> None:
        self.tell("display", {"text": shown.text, "sound": shown.sound.value})

    def _failed(self, where: str, error: Exception) -> None:
        self.tell("error", {"where": where, "text": str(error)})
        self._show(OUT_OF_ORDER)
        self._terminal = self._resumed()
        if not isinstance(error, CardGoneError | PurseRefusedError):
            self._mend_due = time.monotonic()

    def _mend(self) -> None:
        """Open reader and SAM anew, and again after a while if they are not back."""
        try:
            for broken in (self.reader, self.sam):
                broken.close()
                broken.open()
        except ReaderError:
            self._mend_due = time.monotonic() + MEND_EVERY_S
            return
        self._mend_due = float("inf")
        self._tell_ready()

    def _intend(self, intent: Intent) -> None:
        self.book.keep(intent.entry())

    def _resumed(self) -> Validator:
        """Return the terminal as the journal knows it."""
        config, memory = self._config, self.book.memory
        terminal = Validator(config.terminal, config.facts, self._ahead, self.sam, {})
        terminal.resume(
            memory.sequence, memory.unrecovered(), memory.recoverable(), memory.accepted
        )
        return terminal

    def _record_torn(self) -> None:
        if not self.book.memory.intents:
            return
        at_ms = self.book.now_ms()
        try:
            records = self._terminal.record_torn(at_ms)
        except ReaderError as error:
            self._failed("sam", error)
            return
        for record in records:
            # It belongs to a presentation of before; the number says only how far they went.
            number = self.book.memory.presentation
            self.book.keep(record_entry(number, at_ms // 1_000, record))
            self._tell_record(record)

    def _insert_sam(self) -> None:
        """Have a SAM: issue one where the file says so, else wait for the one that is there."""
        config = self._config
        if config.issue:
            assert config.test_keys is not None
            holder = held(self.sam)
            holder.insert(_issued(config, holder.issue, self.book.memory.sam_counter))
        elif isinstance(self.sam, Watching):
            self.sam.detect(config.sam_within_s)

    def _next_order(self, within_s: float) -> Order | None:
        if self.control is None:
            return None
        try:
            return self.control.orders.get(timeout=within_s) if within_s else (
                self.control.orders.get_nowait()
            )
        except queue.Empty:
            return None

    def _poll(self, within_s: float) -> None:
        """Tap a card that comes by itself, once: the next is tapped when this one has gone."""
        if self._tapped:
            if self._answers():
                time.sleep(within_s)
                return
            self._tapped = False
            self.tell("removed", {})
        elif self._there(within_s):
            self._tapped = True
            self.present()
            self.reader.field_off()

    def _there(self, within_s: float) -> bool:
        if not isinstance(self.reader, Watching):
            time.sleep(within_s)
            return self._answers() and self._told_detected()
        try:
            self.reader.detect(within_s)
        except CardGoneError:
            return False
        return self._told_detected()

    def _told_detected(self) -> bool:
        self.tell("detect", {})
        return True

    def _answers(self) -> bool:
        try:
            self.reader.transceive(STILL_THERE)
        except CardGoneError:
            return False
        return True

    def _obey_present(self, order: Order) -> None:
        amount_idr, trace = order.get("amount_idr", 0), order.get("trace", "")
        try:
            given = bytes.fromhex(trace)
        except ValueError:
            given = b"?"
        if not 0 <= amount_idr <= U32 or len(given) not in (0, TRACE_SIZE):
            text = f"present: expected rupiah up to {U32} and a trace of 24 hex digits, got {order}"
            self.tell("error", {"where": "control", "text": text})
            return
        self._there(min(max(order.get("within_ms", 0), 0), WITHIN_MAX_MS) / 1_000)
        self.present(amount_idr, given)
        self.reader.field_off()

    def _obey_remove(self, order: Order) -> None:
        self.reader.field_off()
        self.tell("removed", {})

    def _obey_power(self, order: Order) -> None:
        """Do nothing: power on is starting it, and power off does not wait for its turn."""

    def _obey_clock(self, order: Order) -> None:
        before, at_ms = self.book.memory.offset_ms, order.get("at_ms")
        if at_ms is not None:
            if not 0 <= at_ms <= LATEST_MS:
                text = f"clock: expected milliseconds from 0 to {LATEST_MS}, got {at_ms}"
                self.tell("error", {"where": "control", "text": text})
                return
            self.book.keep(clock_entry(at_ms - machine_ms()))
        self.tell("clock", {"offset_ms": self.book.memory.offset_ms, "was_ms": before})

    def _obey_state(self, order: Order) -> None:
        self._tell_ready()

    def _obey_wrong(self, order: Order) -> None:
        self.tell("error", {"where": "control", "text": order["text"]})

    def _tell_ready(self) -> None:
        memory, versions = self.book.memory, self._lists.versions
        self.tell("ready", {
            "terminal": self._config.terminal, "sequence": memory.sequence,
            "tariff": versions.tariff.version, "hotlist": versions.hotlist.version,
            "torn": len(memory.intents), "unsealed": len(memory.unsealed),
            "unsent": len(memory.unsent), "offset_ms": memory.offset_ms,
            "set_aside": self._line.set_aside if self._line else 0,
        })  # fmt: skip


_OBEYED: dict[str, Callable[[Device, Order], None]] = {
    "present": Device._obey_present,
    "remove": Device._obey_remove,
    "power": Device._obey_power,
    "clock": Device._obey_clock,
    "state": Device._obey_state,
    "wrong": Device._obey_wrong,
}


def _issued(config: Config, issue: Callable[[SamData], Card], counter: int) -> Card:
    """Return a virtual SAM that goes on from the last counter that the journal knows."""
    assert config.test_keys is not None
    roles = (Role.debit, Role.load) if config.facts.service in LOADS else (Role.debit,)
    masters = {
        IssuerKeys(config.issue, role, config.key_version): config.test_keys.issuer_master(
            config.issue, role
        )
        for role in roles
    }
    number = SAM_BASE + config.terminal
    receipt_key = config.test_keys.sam_receipt_key(number)
    data = SamData(
        number, config.terminal, may_of(config.facts.service), masters, receipt_key,
        counter=counter,
    )  # fmt: skip
    return issue(data)
