"""`rack loop`: the city's gates of one station, and validators on a rack that stand for some.

Here `sim.loop` is given the rack as a function. The same riders pass twice, at the readers as they
are and at readers that are slower, and both queues stand beside what queueing theory says.
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from hil.faults.evidence import FaultLog, counts, write_evidence
from hil.lanes import Freeze, Lanes, Presented, warm
from hil.locks import locked
from hil.presence import check_ready
from hil.rack import RackFile, RackPlace, load_rack
from hil.slices import RackTerminal, Slice, profile_limits, write_columns
from reports.bundle import checked
from reports.checks import Check
from reports.digests import digests
from reports.document import read_document
from reports.junit import junit
from reports.loop_page import Course, loop_page
from scheme.decision import Terminal
from scheme.errors import BadInputError, InventoryError
from scheme.hotlist import NO_HOTLIST
from scheme.image import Image
from scheme.keys import TestKeys
from scheme.numbers import SAM_SERIAL_OFFSET, device_numbers
from scheme.records import TAP_DTYPE
from scheme.services import Direction, TerminalKind
from sim.crowd import Crowd, crowd_of
from sim.loop import Answer, Looped, Presentation, run_loop
from sim.pacer import Pacing, Ticket
from sim.plan import read_table
from sim.scenario import Scenario, load_scenario
from sim.transit.terminals import lane_serial
from testbed.loop_record import Tables, checks_of, courses, figures_of, file_names, tables_of
from testbed.progress import Progress, silent
from testbed.run_directory import RunDirectory, make_run_directory

FORMAT = "jakarta-one/rack-loop/1"
LOCK_WITHIN_S = 60.0
IMAGE_FIELDS = (
    "card", "issuer", "profile", "blocked", "key_version", "group", "group_expiry", "expiry", "nt",
    "balance",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Asked:
    """What a loop is asked for.

    Attributes:
        station: Its name; empty for that of the rack's first entry gate.
        stand_ins: Places of the rack that stand for its gates; none for those that are there.
        gates: How many gates work there, if not as many as the scenario has.
        per_minute: Riders a minute of a stream; the scenario's riders without it.
        slow_ms: How much longer a tap takes in the second run, city time; 0 for no second run.
        freeze: When the rack stands still and for how long, city time from the first rider on.
    """

    station: str = ""
    stand_ins: tuple[str, ...] = ()
    seconds: float = 60.0
    gates: int | None = None
    per_minute: float | None = None
    slow_ms: int = 400
    freeze: Freeze | None = None
    pacing: Pacing = Pacing()  # noqa: RUF009 - it is frozen


class Hearing:
    """Passes on to the city what a gate of the rack tells."""

    def __init__(self, ticket: Ticket) -> None:
        self._ticket = ticket

    def began(self, at_ns: int) -> None:
        """The card is presented now."""
        self._ticket.began(at_ns)

    def done(self, at_ns: int, accepted: bool, outcome: str) -> None:
        """The outcome is there."""
        self._ticket.answered(at_ns, Answer(accepted, outcome))

    def failed(self, error: BaseException) -> None:
        """The bench broke."""
        self._ticket.failed(error)


def loop_station(
    file: Path,
    rack: Path,
    asked: Asked,
    *,
    out: Path | None = None,
    seed: int | None = None,
    progress: Progress = silent,
) -> dict[str, Any]:
    """Run the loop once or twice, write the run directory and return the record.

    Raises:
        BadInputError: If scenario, rack or what is asked for is wrong; nothing was written.
        ReaderError: If the bench broke; what was measured until then was written.
    """
    scenario = load_scenario(file, seed)
    rack_file = load_rack(rack)
    progress("riders", 0, 0)
    places = _places(rack_file, asked)
    name = asked.station or places[0].place
    crowd = crowd_of(
        scenario, places[0].service, name, asked.seconds, len(places), asked.gates, asked.per_minute
    )
    _check_freeze(asked, crowd)
    standing = replace(rack_file, places=tuple(_at(place, crowd, name) for place in places))
    check_ready(standing)
    settings = _settings(scenario, rack, crowd, name, asked, [place.name for place in places])
    root = out or Path("runs") / f"loop-{scenario.id}-{scenario.seed}"
    run = make_run_directory(root, settings)
    evidence = run.root / "evidence"
    evidence.mkdir()
    part = _slice(scenario, crowd, [place.name for place in places])
    warm(part, crowd.from_ms)
    runs, logs = list[tuple[str, Looped]](), list[FaultLog]()
    with locked(standing.locks(), f"rack loop {scenario.id}", LOCK_WITHIN_S):
        for title, slow_ms in (("reference", 0), ("slow", asked.slow_ms)):
            if title == "slow" and (not slow_ms or runs[-1][1].error):
                continue
            progress(f"loop, {title}", 0, 0)
            looped, told = _run(part, standing, scenario, crowd, asked, slow_ms)
            runs.append((title, looped))
            logs += told
    record = _judged(settings, runs, crowd, evidence, logs)
    _write(run.root, *record)
    for _, looped in runs:
        if looped.error is not None:
            raise looped.error
    return record[0]


def _places(rack: RackFile, asked: Asked) -> list[RackPlace]:
    """Return the places that stand for gates of the station."""
    if asked.stand_ins:
        return [rack.place(name) for name in asked.stand_ins]
    into = [place for place in rack.places if place.direction is Direction.entry and place.sam]
    there = [place for place in into if place.place == asked.station]
    chosen = there[:1] or into[:1]
    if not chosen:
        raise InventoryError(f"{rack.path}: expected an entry gate with a SAM, got none")
    return chosen


def _at(place: RackPlace, crowd: Crowd, name: str) -> RackPlace:
    return replace(place, service=crowd.service, place=name, direction=Direction.entry)


def _check_freeze(asked: Asked, crowd: Crowd) -> None:
    last_us = int(crowd.station.arrived_us[-1])
    if asked.freeze and asked.freeze.at_ms * 1_000 > last_us:
        expected = f"before the last rider comes, at {last_us / 1e6:g} s"
        raise BadInputError.at("--freeze-at", expected=expected, got=asked.freeze.at_ms / 1_000)


def _slice(scenario: Scenario, crowd: Crowd, names: Sequence[str]) -> Slice:
    """Return terminals at the station and the riders' cards, as the rack knows a slice."""
    images = {
        int(row["card"]): Image(*(int(row[field]) for field in IMAGE_FIELDS))  # type: ignore[arg-type]
        for row in crowd.cards
    }
    facts = Terminal(crowd.service, TerminalKind.gate, Direction.entry, crowd.place)
    terminals = {}
    for lane, name in enumerate(names):
        serial = lane_serial(crowd.place, int(Direction.entry), lane)
        number, sam = device_numbers(np.array([serial, serial + SAM_SERIAL_OFFSET])).tolist()
        terminals[name] = RackTerminal(number, sam, facts)
    limits = profile_limits(scenario.city.data / "card_profiles.yaml")
    return Slice(
        scenario.seed, [], terminals, images, limits, crowd.tariff, {0: NO_HOTLIST},
        np.zeros(0, TAP_DTYPE),
    )  # fmt: skip


def _run(
    part: Slice, rack: RackFile, scenario: Scenario, crowd: Crowd, asked: Asked, slow_ms: int
) -> tuple[Looped, list[FaultLog]]:
    """Let everybody through once, with fresh cards; return it and what was armed and fired."""
    station, speed = crowd.station, asked.pacing.speed
    numbers = crowd.cards["card"].tolist()
    deal = [numbers[lane :: station.gates] for lane in station.on_rack]
    freeze = asked.freeze and Freeze(
        crowd.from_ms + asked.freeze.at_ms, asked.freeze.for_ms / speed
    )
    keys = TestKeys(scenario.seed)
    lanes = Lanes(part, rack, keys, deal, round(slow_ms / speed), freeze)

    def serve(presentation: Presentation, ticket: Ticket) -> None:
        rider, at_ms = presentation.rider, crowd.from_ms + presentation.at_us // 1_000
        lanes.present(
            presentation.gate, Presented(rider + 1, numbers[rider], at_ms, Hearing(ticket))
        )

    try:
        return run_loop(station, serve, asked.pacing), lanes.logs()
    finally:
        lanes.close()


def _settings(
    scenario: Scenario, rack: Path, crowd: Crowd, name: str, asked: Asked, on_rack: list[str]
) -> dict[str, Any]:
    pacing = asked.pacing
    return {
        "scenario": scenario.id,
        "seed": scenario.seed,
        "rack": str(rack),
        "station": name,
        "service": crowd.service.name,
        "source": crowd.source,
        "from_ms": crowd.from_ms,
        "riders": len(crowd.cards),
        "gates": crowd.station.gates,
        "on_rack": on_rack,
        "speed": pacing.speed,
        "on_overrun": pacing.policy.value,
        "tolerance_ms": pacing.tolerance_ns / 1e6,
        "budget_ms": pacing.budget_ns / 1e6,
        "budget_share": pacing.budget_share,
        "slow_ms": asked.slow_ms,
        "freeze": asked.freeze._asdict() if asked.freeze else None,
    }


Judged = tuple[dict[str, Any], list[Check], list[tuple[Course, Course]], list[list[str]]]


def _judged(
    settings: dict[str, Any],
    runs: Sequence[tuple[str, Looped]],
    crowd: Crowd,
    evidence: Path,
    logs: list[FaultLog],
) -> Judged:
    """Write the evidence; return the record, its checks, and what the page draws."""
    epoch_us = (time.time_ns() - time.monotonic_ns()) // 1_000
    told, checks, drawn, late = list[dict[str, Any]](), list[Check](), [], list[list[str]]()
    tables = {
        name: tables_of(looped, crowd.cards, settings["speed"], epoch_us) for name, looped in runs
    }
    figures = figures_of(tables, settings)
    for (name, looped), counted in zip(runs, figures["runs"], strict=True):
        for file, columns in tables[name].files(name):
            write_columns(evidence / file, columns)
        told.append(counted | _of_the_pacer(looped))
        checks += checks_of(told[-1], tables[name].riders, settings["speed"])
        drawn.append(courses(name, tables[name].riders))
        late += [_late_row(name, *row) for row in zip(*tables[name].late.values(), strict=True)]
    write_evidence(evidence / "faults.jsonl", logs)
    faults = counts(logs)
    silent_ones = faults["armed"] - faults["fired"]
    checks.append(
        Check(
            "validity", "every_fault_fired",
            f"{silent_ones} of {faults['armed']} faults did not fire" if silent_ones else "",
        )
    )  # fmt: skip
    broken = any(looped.error for _, looped in runs)
    failed = [check for check in checks if not check.holds]
    invalid = any(check.group == "validity" for check in failed)
    verdict = "ERROR" if broken else "INVALID" if invalid else "FAIL" if failed else "PASS"
    record = {
        "schema": FORMAT,
        "verdict": verdict,
        "reasons": [f"{check.name.replace('_', ' ')}: {check.sentence}" for check in failed],
        **settings,
        "faults": faults,
        "runs": told,
        "predicted": figures["predicted"],
    }
    return record, checks, drawn, late


def _of_the_pacer(looped: Looped) -> dict[str, Any]:
    return {
        "stopped": looped.stopped or str(looped.error or ""),
        "corrected": looped.corrected,
        "freezes": looped.freezes,
        "frozen_us": looped.frozen_ns // 1_000,
    }


def _late_row(name: str, *row: int) -> list[str]:
    rider, planned, dispatched, answered, lateness, absorbed = row
    return [
        name,
        f"tap of rider {rider}" if rider >= 0 else "an event of the city",
        "0 ms",
        f"{(dispatched - planned) / 1_000:,.1f} ms",
        f"{(answered - planned) / 1_000:,.1f} ms" if answered else "not at all",
        f"{lateness / 1_000:,.1f} ms",
        "the city stood still" if absorbed else "",
    ]


def is_loop(root: Path) -> bool:
    """Return whether a run directory is a loop's."""
    return "on_overrun" in RunDirectory(root).settings()


def verify_loop(root: Path) -> dict[str, Any]:
    """Work out every figure of a loop's record again from its evidence; name those that differ.

    Raises:
        StoreError: If record or evidence cannot be read.
    """
    record = read_document(root / "record.json", FORMAT, "jakarta-one rack loop", key="schema")
    names = [run["name"] for run in record["runs"]]
    tables = {
        name: Tables(*(read_table(root / "evidence" / file) for file in file_names(name)))
        for name in names
    }
    again = figures_of(tables, record)
    said = {
        "runs": [
            {name: run[name] for name in counted}
            for run, counted in zip(record["runs"], again["runs"], strict=True)
        ],
        "predicted": record["predicted"],
        "files": record["files"],
    }
    return checked(root, said, again, digests(root, ()))


def _write(
    root: Path,
    record: dict[str, Any],
    checks: list[Check],
    drawn: list[tuple[Course, Course]],
    late: list[list[str]],
) -> None:
    record["report"] = str(root / "report.html")
    queues, waits = [queue for queue, _ in drawn], [wait for _, wait in drawn]
    page = loop_page(record, queues, waits, late, checks)
    (root / "report.html").write_text(page, encoding="utf-8")
    (root / "junit.xml").write_text(junit(record, checks), encoding="utf-8")
    record["files"] = digests(root, ())
    (root / "record.json").write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
