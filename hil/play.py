"""Play a city's slice on a rack: whole cards, at their squeezed instants, through real dialogues.

Each card begins as the plan has it. A card part that differs from the city's is a mismatch, and the
card's later taps are withheld and counted as displaced. One place after the other has its turn, in
one process; what cannot keep its instant is late, and is measured from the instant it had.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np

from hil.clocks import Clocks
from hil.drift import Drift, orders
from hil.evidence import Played, exchange_columns, phases, summary, tap_columns
from hil.exchange import Timed
from hil.faults.evidence import Evidence, counts, write_evidence
from hil.faults.plan import Tear, torn
from hil.fpga.tears import Tears
from hil.gates import Gates
from hil.limits import judged
from hil.posts import Deck, carried, close_posts, fault_logs, open_posts
from hil.rack import RackFile, kind_of
from hil.slices import PlannedTap, Slice, read_slice, write_columns
from hil.timer import Squeeze, now_ns, sleep_until
from hil.validator.terminal import Validator
from scheme.apdu import Ins
from scheme.days import calendar_day
from scheme.decision import Versions
from scheme.dialogue import Device
from scheme.errors import BadInputError, PurseRefusedError, StoreError
from scheme.hotlist import Hotlist
from scheme.keys import TestKeys
from scheme.records import TapRecord, trace_id
from scheme.verdicts import Verdict

FORMAT = "jakarta-one/rack-play/1"
TEARS = {1: Tear.unheard, 2: Tear.lost}
MOVES = (Ins.debit, Ins.credit)  # the instructions at which a plan tears
LET_THROUGH = (Verdict.accepted.name, "recovered")
OUT_OF_REACH_MS = 1 << 60  # later than any city instant
Progress = Callable[[int, int], None]


def play(
    city: Path, rack: RackFile, out: Path, speed: float, keys: TestKeys, on_progress: Progress
) -> dict[str, Any]:
    """Play the slice of a city on a rack; write the evidence into `out` and return its summary.

    Args:
        speed: City seconds to a wall second; 1 for real readers.
        on_progress: Is told how many taps are done, and how many there are.

    Raises:
        BadInputError: If the folder is no city's, or the rack lacks a place of its slice.
        ReaderError: If a reader or a SAM fails; the taps so far are not written.
        StoreError: If the disk does not take the evidence.
    """
    if speed <= 0:
        raise BadInputError.at("--speed", expected="more than 0", got=speed)
    part = read_slice(city)
    with (
        closing(Clocks(rack, part.terminals)) as clocks,
        closing(Gates(rack, part.terminals)) as gates,
    ):
        run = Run(part, rack, keys, clocks.tears(), gates)
        try:
            run.play(speed, on_progress)
        finally:
            run.close()
        told = clocks.told()
    try:
        out.mkdir(parents=True, exist_ok=True)
        return run.write(out, speed, told)
    except OSError as error:
        raise StoreError(f"{out}: expected to write the evidence, got {error}") from error


class Run:
    """One play: the posts, the cards in hand, and what has been recorded so far."""

    def __init__(
        self,
        part: Slice,
        rack: RackFile,
        keys: TestKeys,
        tears: Mapping[str, Tears],
        gates: Gates,
    ) -> None:
        self._part = part
        self._gates = gates
        self._rack = rack
        self._deck = Deck(part.cards, part.limits_idr, keys)
        self._posts = open_posts(part, rack, keys, tears)
        self._presentations: dict[int, int] = {}
        self._torn_rows: dict[tuple[int, int, int], int] = {}
        self._records: dict[int, list[TapRecord]] = {}
        self._equal = np.zeros(len(part.taps), np.bool_)
        self._displaced: set[int] = set()
        self._drift = Drift()
        self._tears = {"armed": 0, "fired": 0}
        self._played: list[Played | None] = []
        self._squeeze: Squeeze | None = None

    def close(self) -> None:
        """Let go of every reader."""
        close_posts(self._posts)

    def play(self, speed: float, on_progress: Progress) -> None:
        """Play every tap at its instant."""
        taps = self._part.taps
        first_ms = taps[0].at_ms if taps else 0
        self._part.tariff.on(
            calendar_day(first_ms // 1_000)
        )  # warm, as a device that is switched on
        self._squeeze = squeeze = Squeeze.from_now(first_ms, speed)
        for row, tap in enumerate(taps):
            number = self._presentations.get(tap.terminal, 0) + 1
            self._presentations[tap.terminal] = number
            planned_order = orders(tap.torn, self._part.planned(tap))
            if tap.card in self._displaced:
                self._drift.withhold(tap.terminal, planned_order)
                self._played.append(None)
                continue
            self._drift.plan(tap.terminal, planned_order)
            intended_ns = squeeze.wall(tap.at_ms)
            sleep_until(intended_ns)
            self._played.append(self._tap(row, tap, number, intended_ns))
            if row % 50 == 0:
                on_progress(row, len(taps))
        for post in self._posts.values():
            self._record_torn(post.validator, OUT_OF_REACH_MS)
        on_progress(len(taps), len(taps))

    def write(self, out: Path, speed: float, clocks: dict[str, Any]) -> dict[str, Any]:
        """Write the evidence; return the summary, which is rack.json as well."""
        records = [record.data for _, made in sorted(self._records.items()) for record in made]
        (out / "records.bin").write_bytes(b"".join(records))
        taps, played = self._part.taps, self._played
        assert self._squeeze is not None
        kinds = {place.name: kind_of(place.reader) for place in self._rack.places}
        columns = tap_columns(taps, played, self._equal, self._squeeze, kinds)
        write_columns(out / "taps.parquet", columns)
        write_columns(out / "exchanges.parquet", exchange_columns(taps, played))
        of_plan, of_rack = fault_logs(self._posts.values())
        write_evidence(out / "faults.jsonl", of_plan + of_rack)
        whole: dict[str, Any] = {
            "format": FORMAT,
            "rack": str(self._rack.path),
            "simulated": all(place.simulated for place in self._rack.places),
            "speed": speed,
            "records": len(records),
            "tears": self._tears,
            "faults": counts(of_rack),
        }
        whole |= summary(played, self._equal)
        whole |= carried(self._posts.values())
        whole["phases"] = told = phases(played)
        measured = {phase: us["p99_us"] for phase, us in told.items() if us["p99_us"]}
        measured["tap"] = whole["service_p99_us"]
        whole["clocks"] = clocks
        whole["limits"] = judged(self._rack.limits, measured)
        (out / "rack.json").write_text(json.dumps(whole, indent=2) + "\n", encoding="utf-8")
        return whole

    def _tap(self, row: int, tap: PlannedTap, number: int, intended_ns: int) -> Played:
        post = self._posts[tap.rack_place]
        self._record_torn(post.validator, tap.at_ms)
        tear = post.reader.arm(torn(TEARS[tap.torn], *MOVES)) if tap.torn else None
        presented_ns = now_ns()
        post.reader.insert(self._deck.card(tap.card, post.reader))
        trace, versions = trace_id(self._part.seed, tap.terminal, number), self._versions(tap)
        record, outcome, exchanges, opened_ns = None, "", list[Timed](), None
        started_ns = now_ns()
        try:
            presented = post.validator.tap(tap.at_ms, versions, trace, tap.amount)
            exchanges, record = presented.exchanges, presented.outcome.record
            verdict = presented.outcome.verdict.name
            outcome = "recovered" if presented.outcome.recovered else verdict
        except PurseRefusedError as refused:
            outcome = f"SW {refused.sw:04X}"
        done_ns = now_ns()
        if outcome in LET_THROUGH:
            opened_ns = self._gates.let_through(tap.rack_place)
        if tear is not None:
            post.reader.disarm()
            self._count_tear(tear, exchanges)
        post.reader.field_off()  # it has left; the socket of a virtual reader stays for the next
        if outcome == "tap_was_torn":
            self._torn_rows[tap.terminal, tap.card, tap.at_ms] = row
        self._compare(row, tap, record, outcome)
        if not self._equal[row]:
            self._drift.measure(tap.terminal, post.validator.sam_counter())
        return Played(
            intended_ns, presented_ns, started_ns, done_ns, outcome, exchanges, opened_ns
        )

    def _count_tear(self, tear: Evidence, exchanges: list[Timed]) -> None:
        """Count a tear as fired if it says so and the terminal did miss the answer."""
        heard = any(timed.device is Device.card and timed.ins in MOVES for timed in exchanges)
        self._tears["armed"] += 1
        self._tears["fired"] += tear.fired and not heard

    def _versions(self, tap: PlannedTap) -> Versions:
        """Return what the terminal holds by then, as its planned record says."""
        planned = self._part.planned(tap)
        held = planned.fields()["hotlist"] if planned else 0
        return Versions(self._part.tariff, self._part.hotlists.get(held, Hotlist(held)))

    def _compare(self, row: int, tap: PlannedTap, record: TapRecord | None, outcome: str) -> None:
        """Keep the record; settle whether the row is as the city has it."""
        planned = self._part.planned(tap)
        if record is not None:
            self._records.setdefault(tap.terminal, []).append(record)
        if tap.torn:
            self._settle(row, tap.card, outcome == "tap_was_torn")
        else:
            self._settle(row, tap.card, self._drift.same_card_part(record, planned))

    def _settle(self, row: int, card: int, equal: bool) -> None:
        self._equal[row] = equal
        if not equal:
            self._displaced.add(card)

    def _record_torn(self, validator: Validator, at_ms: int) -> None:
        """Have a terminal record its torn taps that are past recovery, and compare them."""
        for record in validator.record_torn(at_ms):
            card = int(record.fields()["card"])
            row = self._torn_rows.pop((validator.number, card, record.at_ms))
            planned = self._part.planned(self._part.taps[row])
            self._records.setdefault(validator.number, []).append(record)
            self._settle(row, card, self._drift.same_card_part(record, planned))
