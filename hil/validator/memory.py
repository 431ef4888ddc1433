"""What the entries of a journal mean: all that a validator knows again after a loss of power.

`Memory.take` folds one entry in; a running validator takes what it appends, so that the memory of
the living and of the restarted are one program. Pure: no file, no clock.

    intent        presentation 4 · at 8 ms · place 2 · tariff 2 · hotlist 2 · sequence 4 · kind 1
                  · SAM 4 · SAM counter 4 · spent 1 · trace 12 · SELECT answer 63
    record        presentation 4 · its second 4 · tap record 112
    sealed        a sealed batch (docs/spec/records.md)
    acknowledged  batch number 4 · its digest 32
    clock         offset 8, milliseconds, signed
    state         sequence 4 · presentation 4 · batch 4 · its digest 32 · SAM counter 4 · offset 8
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace

from hil.validator.journal import Entry, Kind
from scheme.apdu import parse_selected
from scheme.batches import NO_PREVIOUS, Batch, parse_batch
from scheme.decision import DOUBLE_TAP_S
from scheme.errors import RecordError
from scheme.presentation import Presentation, Signed, TornTap
from scheme.records import RECORD_SIZE, RecordFlag, RecordKind, TapRecord

INTENT = struct.Struct(">IqHHHIBII?12s63s")
RECORD = struct.Struct(">II112s")
ACKNOWLEDGED = struct.Struct(">I32s")
CLOCK = struct.Struct(">q")
STATE = struct.Struct(">III32sIq")


@dataclass(frozen=True, slots=True)
class Intent:
    """A tap whose money may have moved without anybody having heard.

    Attributes:
        presentation: Its number at this terminal.
        selected: What SELECT answered, 63 bytes.
        spent: Whether a later record of the card shows that it cannot be completed any more: its
            debit never was, and a later counter must not be taken for it. It is told as torn.
    """

    presentation: int
    presented: Presentation
    kind: RecordKind
    signed: Signed
    selected: bytes
    spent: bool = False

    @property
    def card(self) -> int:
        """The number of the card."""
        return parse_selected(self.selected).card

    def entry(self) -> Entry:
        """Return it as an entry."""
        _, place, at_ms, tariff, hotlist, sequence, trace = self.presented
        body = INTENT.pack(
            self.presentation, at_ms, place, tariff, hotlist, sequence, self.kind, *self.signed,
            self.spent, trace, self.selected,
        )  # fmt: skip
        return Entry(Kind.intent, body)

    def torn(self) -> TornTap:
        """Return it as the dialogue remembers it."""
        return TornTap(self.presented, parse_selected(self.selected), self.kind, self.signed)

    @classmethod
    def of(cls, terminal: int, body: bytes) -> Intent:
        """Return the intent in an entry's body."""
        number, at_ms, *held, kind, sam, counter, spent, trace, selected = INTENT.unpack(body)
        place, tariff, hotlist, sequence = held
        presented = Presentation(terminal, place, at_ms, tariff, hotlist, sequence, trace)
        return cls(number, presented, RecordKind(kind), Signed(sam, counter), selected, spent)


def record_entry(presentation: int, at_s: int, record: TapRecord) -> Entry:
    """Return the entry of a record that a presentation has led to at a second UTC."""
    return Entry(Kind.record, RECORD.pack(presentation, at_s, record.data))


def acknowledged_entry(number: int, digest: bytes) -> Entry:
    """Return the entry of a batch that the back office has."""
    return Entry(Kind.acknowledged, ACKNOWLEDGED.pack(number, digest))


def clock_entry(offset_ms: int) -> Entry:
    """Return the entry of a clock that was set."""
    return Entry(Kind.clock, CLOCK.pack(offset_ms))


@dataclass
class Memory:
    """What a terminal remembers.

    Attributes:
        terminal: Its number.
        sequence: The number of its last record.
        presentation: The number of its last presentation that left a trace.
        batch, digest: Number and digest of the last batch sealed.
        sam_counter: The highest SAM counter seen.
        offset_ms: What is added to the machine's clock.
        intents: Torn taps that are neither completed nor recorded as torn, by trace id.
        accepted: Taps accepted of late, (second, card), oldest first.
        unsealed: Entries of records in no batch yet, by sequence.
        unsent: Batches that were not acknowledged yet, by number.
        oddities: What the entries say that cannot be, in words.
    """

    terminal: int
    sequence: int = 0
    presentation: int = 0
    batch: int = 0
    digest: bytes = NO_PREVIOUS
    sam_counter: int = 0
    offset_ms: int = 0
    intents: dict[bytes, Intent] = field(default_factory=dict)
    accepted: list[tuple[int, int]] = field(default_factory=list)
    unsealed: dict[int, Entry] = field(default_factory=dict)
    unsent: dict[int, Batch] = field(default_factory=dict)
    oddities: list[str] = field(default_factory=list)

    def take_all(self, entries: Iterable[Entry]) -> None:
        """Take entries in their order; what cannot be is noted and left out."""
        for at, entry in enumerate(entries):
            try:
                self.take(entry)
            except (struct.error, ValueError) as error:
                self.oddities.append(f"entry {at} ({entry.kind.name}): {error}")

    def take(self, entry: Entry) -> None:
        """Take one entry; raises RecordError or struct.error if its body is none of its kind."""
        _TAKERS[entry.kind](self, entry.body)

    def snapshot(self) -> Iterator[Entry]:
        """Yield entries that say all of this again: what a compacted journal holds.

        Records before the state and intents behind it: an old record must not spend a later intent.
        """
        for batch in self.unsent.values():
            yield Entry(Kind.sealed, batch.body + batch.seal)
        yield from self.unsealed.values()
        head = STATE.pack(
            self.sequence, self.presentation, self.batch, self.digest, self.sam_counter,
            self.offset_ms,
        )  # fmt: skip
        accepted = b"".join(_ACCEPTED.pack(at_s, card) for at_s, card in self.accepted)
        yield Entry(Kind.state, head + accepted)
        for intent in self.intents.values():
            yield intent.entry()

    def unrecovered(self) -> list[TornTap]:
        """Return the torn taps that are to be told as torn after 120 s, oldest first."""
        return [intent.torn() for intent in self.intents.values()]

    def recoverable(self) -> list[TornTap]:
        """Return those of them that PROOF can still complete."""
        return [intent.torn() for intent in self.intents.values() if not intent.spent]

    def pending(self, most: int) -> list[bytes]:
        """Return the records that the next batch would hold, lowest sequence first."""
        return [self.unsealed[at].body[-RECORD_SIZE:] for at in sorted(self.unsealed)[:most]]

    def _take_state(self, body: bytes) -> None:
        head, rest = body[: STATE.size], body[STATE.size :]
        (
            self.sequence, self.presentation, self.batch, self.digest, self.sam_counter,
            self.offset_ms,
        ) = STATE.unpack(head)  # fmt: skip
        self.accepted = [(at_s, card) for at_s, card in _ACCEPTED.iter_unpack(rest)]

    def _take_intent(self, body: bytes) -> None:
        intent = Intent.of(self.terminal, body)
        self.presentation = max(self.presentation, intent.presentation)
        self.sam_counter = max(self.sam_counter, intent.signed.counter)
        self.intents[intent.presented.trace] = intent

    def _take_record(self, body: bytes) -> None:
        presentation, at_s, data = RECORD.unpack(body)
        said = TapRecord(data).fields()
        self.presentation = max(self.presentation, presentation)
        self.sequence = max(self.sequence, said["sequence"])
        if said["terminal"] == self.terminal:
            self.sam_counter = max(self.sam_counter, said["sam_counter"])
        self.unsealed[said["sequence"]] = Entry(Kind.record, body)
        # Moved, recovered or told as torn: the trace id is that of the first presentation.
        self.intents.pop(said["trace"], None)
        if not said["flags"] & RecordFlag.torn:
            for trace, intent in self.intents.items():
                if intent.card == said["card"] and not intent.spent:
                    self.intents[trace] = replace(intent, spent=True)
        if not said["refusal"]:
            self.accepted = [tap for tap in self.accepted if tap[0] >= at_s - DOUBLE_TAP_S]
            self.accepted.append((at_s, said["card"]))

    def _take_sealed(self, body: bytes) -> None:
        batch = parse_batch(body)
        self.batch, self.digest = batch.number, batch.digest
        self.unsent[batch.number] = batch
        for sequence in batch.records["sequence"].tolist():
            self.unsealed.pop(sequence, None)
            self.sequence = max(self.sequence, sequence)

    def _take_acknowledged(self, body: bytes) -> None:
        number, digest = ACKNOWLEDGED.unpack(body)
        batch = self.unsent.get(number)
        if batch is not None and batch.digest != digest:
            raise RecordError(f"batch {number}: acknowledged under another digest; kept")
        self.unsent.pop(number, None)

    def _take_clock(self, body: bytes) -> None:
        (self.offset_ms,) = CLOCK.unpack(body)


_ACCEPTED = struct.Struct(">IQ")
_TAKERS = {
    Kind.state: Memory._take_state,
    Kind.intent: Memory._take_intent,
    Kind.record: Memory._take_record,
    Kind.sealed: Memory._take_sealed,
    Kind.acknowledged: Memory._take_acknowledged,
    Kind.clock: Memory._take_clock,
}
