"""The clearing house without processes: uploads straight into `raw`, the pipeline in this one."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from reference_server.clock import WallClock
from reference_server.devices import Senders
from reference_server.keystore import KeyStore
from reference_server.ledger import effect_lines, net_effects
from reference_server.pipeline import KEYS_FOLDER, Pipeline
from reference_server.proof import Refusal, check_upload, head_of
from reference_server.schema import BOOKS, ArrivalKind
from reference_server.settings import Limits
from reference_server.store import Arrival, RawStore, Stored
from scheme.batches import Seal
from tests.reference_server import town

LIMITS = Limits()


class Office:
    """A store, what is written into it, and the pipeline over it."""

    def __init__(self, folder: Path, limits: Limits = LIMITS) -> None:
        self.folder = folder
        self.limits = limits
        self.raw = RawStore(folder, limits)
        self.senders = Senders()
        self.senders.enrol(town.senders().tobytes())
        self.pipeline: Pipeline | None = None

    def enrol(self) -> None:
        """Make the town known."""
        keys = KeyStore(self.folder / KEYS_FOLDER)
        known = []
        for key in json.loads(town.keys()):
            keys.take(key["issuer"], key["version"], bytes.fromhex(key["tac_master"]))
            known.append({"issuer": key["issuer"], "version": key["version"]})
        self.call("participants", 0, town.participants())
        self.call("senders", 0, town.senders().tobytes())
        self.call("terminals", 0, town.terminals().tobytes())
        self.call("cards", 0, town.cards().tobytes())
        self.call("keys", 0, json.dumps(known).encode())
        self.call("tariff", 1, town.tariff())

    def call(self, name: str, number: int, body: bytes) -> None:
        """Store an operator call."""
        digest = hashlib.sha256(body).digest()
        self.raw.append(
            [Arrival(0, ArrivalKind.call, 0, number, 0, 1, len(body), digest, name, body)]
        )

    def close_day(self, day: int = town.DAY, at_ms: int = town.CLOSE_AT_MS) -> None:
        """Store a close call."""
        self.call("close", day, at_ms.to_bytes(8, "big"))

    def upload(self, *sealed: bytes) -> list[Stored]:
        """Store uploads as the door would, by the route of their seal."""
        return self.raw.append([self._arrival(data) for data in sealed])

    def work(self) -> Pipeline:
        """Let a new pipeline do everything that there is to do, and return it."""
        if self.pipeline is not None:
            self.pipeline.close()
        self.pipeline = Pipeline(self.folder, WallClock(), self.limits)
        self.pipeline.drain()
        return self.pipeline

    def rebuild(self) -> Pipeline:
        """Throw the books away and make them again from `raw`."""
        if self.pipeline is not None:
            self.pipeline.close()
            self.pipeline = None
        for path in self.folder.glob(f"{BOOKS.file_name}*"):
            path.unlink()
        return self.work()

    def close(self) -> None:
        """Let go of the stores."""
        if self.pipeline is not None:
            self.pipeline.close()
        self.raw.close()

    def _arrival(self, data: bytes) -> Arrival:
        checked = check_upload(data, Seal(data[5]), self.senders)
        if isinstance(checked, Refusal):
            head = head_of(data)
            return Arrival(
                0, ArrivalKind.refused, head.sender, head.number, head.taps, 1, len(data), b"",
                checked.reason, data,
            )  # fmt: skip
        return Arrival(
            0, ArrivalKind.upload, checked.sender, checked.number, checked.count, 1, len(data),
            checked.digest, "accepted", data,
        )  # fmt: skip


def standing(pipeline: Pipeline) -> dict[tuple[str, str, str], int]:
    """Return the rupiah that stand by (debit, credit, code): what all postings come to."""
    names = {number: name for name, number in pipeline.books.accounts().items()}
    sums: dict[tuple[str, str, str], int] = {}
    by_number = ["", *(names[number] for number in sorted(names))]
    for line in effect_lines(net_effects(pipeline.books.postings()), by_number):
        _, low, high, code, _, idr = line.split("|")
        debit, credit, amount = (low, high, int(idr)) if int(idr) > 0 else (high, low, -int(idr))
        sums[debit, credit, code] = sums.get((debit, credit, code), 0) + amount
    return sums


def verdicts(pipeline: Pipeline) -> list[tuple[int, int, int]]:
    """Return card, NT above the opening one, and verdict of every stored tap, sorted."""
    rows: list[tuple[Any, ...]] = []
    for taps in pipeline.books.taps():
        cards, nts = taps.records["card"].tolist(), taps.records["nt"].tolist()
        rows += zip(cards, nts, taps.verdict.tolist(), strict=True)
    return sorted((town.CARDS.index(card), nt - town.OPENING_NT, v) for card, nt, v in rows)
