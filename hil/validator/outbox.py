"""The outbox: records into sealed batches, batches to the back office, however long it is away.

A batch is sealed once (Ed25519, naming the digest of the batch before), is in the journal before it
is sent, and is sent again as the very same bytes until a receipt names it; then the journal says
so, and only then is it gone. Waiting between failures doubles up to a bound, with a share of it
drawn by (seed, sender, attempt), so that a thousand gates do not come back at once.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from hil.validator.book import Book
from hil.validator.journal import Entry, Kind
from hil.validator.memory import acknowledged_entry
from hil.validator.office import CONFLICT, Office, receipt_fault
from scheme.batches import Batch, Seal, batch_body, seal_ed25519
from scheme.errors import TargetError
from scheme.records import records_view

FIRST_S = 0.5
LONGEST_S = 300.0
DOUBLINGS_MAX = 20
Tell = Callable[[str, dict[str, Any]], None]


@dataclass(frozen=True, slots=True)
class BackOff:
    """How long to wait after failures in a row.

    Attributes:
        seed, sender: What chance is keyed by, with the attempt.
    """

    seed: int
    sender: int
    first_s: float = FIRST_S
    longest_s: float = LONGEST_S

    def seconds(self, failures: int) -> float:
        """Return the wait after so many failures in a row: between half and all of the bound."""
        bound = min(self.longest_s, self.first_s * 2.0 ** min(failures - 1, DOUBLINGS_MAX))
        return bound * (0.5 + 0.5 * self._share(failures))

    def _share(self, failures: int) -> float:
        text = b"%d/%d/%d" % (self.seed, self.sender, failures)
        drawn = hashlib.blake2b(text, digest_size=8, person=b"jk1-back-off").digest()
        return int.from_bytes(drawn, "big") / 2.0**64


class Sealer:
    """Makes the batches of one sender."""

    def __init__(self, sender: int, key_version: int, key: Ed25519PrivateKey) -> None:
        self._sender, self._key_version, self._key = sender, key_version, key

    def seal(self, number: int, previous: bytes, records: list[bytes]) -> bytes:
        """Return a sealed batch; the same arguments give the same bytes."""
        view = records_view(b"".join(records))
        body = batch_body(
            Seal.ed25519, self._key_version, self._sender, number, previous, view
        )
        return seal_ed25519(body, self._key)


class Outbox:
    """What one terminal has still to hand in."""

    def __init__(
        self, book: Book, sealer: Sealer, office: Office, back_off: BackOff, most: int, tell: Tell
    ) -> None:
        """Make an outbox.

        Args:
            most: Records to a batch, at most.
            tell: Is told `uploaded` and `error` events.
        """
        self._book, self._sealer, self._office = book, sealer, office
        self._back_off, self._most, self._tell = back_off, most, tell
        self._failures = 0
        self._aside: set[int] = set()

    @property
    def set_aside(self) -> int:
        """How many batches the back office holds others in place of; they wait for people."""
        return len(self._aside)

    @property
    def full(self) -> bool:
        """Whether there are records for a whole batch."""
        return len(self._book.memory.unsealed) >= self._most

    def seal(self) -> bool:
        """Seal what is there, up to one batch; return whether there was anything."""
        with self._book.lock:
            memory = self._book.memory
            records = memory.pending(self._most)
            if not records:
                return False
            sealed = self._sealer.seal(memory.batch + 1, memory.digest, records)
            self._book.keep(Entry(Kind.sealed, sealed))
        return True

    def send(self) -> float:
        """Send the oldest batch once; return the seconds to wait before the next try.

        0 after a success; infinity if there is nothing to send.
        """
        batch = self._next()
        if batch is None:
            return float("inf")
        try:
            said = self._office.upload(batch.body + batch.seal)
        except TargetError as error:
            return self._failed(str(error))
        if fault := receipt_fault(said, batch):
            if said.status == CONFLICT:
                # Trying again cannot help, and what is behind it must not wait for people.
                self._aside.add(batch.number)
                self._tell("error", {"where": "upload", "text": f"batch {batch.number}: {fault}"})
                return 0.0
            asked_s = min(said.retry_after_s, self._back_off.longest_s)
            return max(self._failed(f"batch {batch.number}: {fault}"), asked_s)
        self._book.keep(acknowledged_entry(batch.number, batch.digest))
        self._failures = 0
        self._tell("uploaded", {"batch": batch.number, "records": batch.count})
        return 0.0

    def _next(self) -> Batch | None:
        with self._book.lock:
            unsent = self._book.memory.unsent
            numbers = sorted(number for number in unsent if number not in self._aside)
            return unsent[numbers[0]] if numbers else None

    def _failed(self, why: str) -> float:
        self._failures += 1
        self._tell("error", {"where": "upload", "text": why})
        return self._back_off.seconds(self._failures)
