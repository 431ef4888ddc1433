"""A whole run: city, clearing house, rack, crowd, day close, verdict; and each stage alone.

The only module in which the worlds meet. It decides no fare and no verdict: it hands files and
addresses from one world to the next.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hil.locks import locked
from hil.play import play
from hil.posts import try_readers
from hil.presence import check_ready
from hil.rack import RackFile, load_rack
from load.driver import Limits, drive
from load.plan import read_manifest
from load.replay import Progress as Driven
from load.sealing import SealedPlan, seal
from reports.bundle import verify
from reports.verdict import judge
from scheme.errors import BadInputError, InventoryError
from scheme.keys import TestKeys
from sim.city import generate
from sim.scenario import Scenario, load_scenario, with_rack
from testbed.enrol import enrol
from testbed.progress import Progress, silent
from testbed.run_directory import RunDirectory, make_run_directory
from testbed.sustained import machine_sustains
from testbed.targets import OURS, OpenTarget, check_target, open_target

RACK_SPEED = 1_800.0  # a three-hour slice in some six seconds; real readers want 1
LOAD_SPEED = 240.0  # where a scenario says none
BOOKED_WITHIN_S = 120.0
LOCK_WITHIN_S = 60.0  # how long a play waits for devices that another has


def run_scenario(
    file: Path,
    *,
    out: Path | None = None,
    seed: int | None = None,
    workers: int | None = None,
    rack: str | None = None,
    target: str | None = None,
    speed: float | None = None,
    epoch: int = 0,
    progress: Progress = silent,
) -> dict[str, Any]:
    """Run a scenario and return its record, which also stands in the run directory.

    Raises:
        BadInputError: If the scenario, a flag or a file it names is wrong; nothing was written.
        EnvironmentFaultError: If the machine or the back office could not do its part.
    """
    scenario = load_scenario(file, seed)
    rack_file = _rack_file(scenario, rack)
    if rack_file is not None:
        scenario = with_rack(scenario, rack_file.path)
        check_ready(rack_file)
        with locked(rack_file.locks(), f"run {file}", LOCK_WITHIN_S):
            try_readers(rack_file)
    office_name = target or _target_of(scenario)
    check_target(office_name)
    measure, expect = scenario.measure, scenario.expect
    if rack == "none":
        measure, expect = without_rack(measure, expect)
    asked: dict[str, Any] = {
        "scenario": scenario.id,
        "title": scenario.title,
        "seed": scenario.seed,
        "epoch": epoch,
        "target": office_name,
        "speed": speed or _speed_of(scenario),
        "expect": expect,
        "measure": measure,
    }
    root = out or Path("runs") / f"{scenario.id}-{scenario.seed}"
    run = make_run_directory(root, asked)
    try:
        generate(scenario, run.city, workers or _cores(), progress)
        _through_the_office(scenario, rack_file, run, asked, progress)
        return judge_run(run, progress)
    except (OSError, InventoryError):  # bench or machine could not: nobody has half a run
        shutil.rmtree(run.root, ignore_errors=True)
        raise


def _through_the_office(
    scenario: Scenario,
    rack_file: RackFile | None,
    run: RunDirectory,
    asked: dict[str, Any],
    progress: Progress,
) -> None:
    """Enrol the city, play its slice, drive its uploads, close the day, fetch the export."""
    sustained = None
    if asked["target"] in OURS:
        progress("what this machine sustains", 0, 0)
        sustained = machine_sustains(run.city, run.root / "scratch")
    with open_target(asked["target"], run.store) as office:
        progress("enrol", 0, 0)
        enrol(office.target, run.city, asked["epoch"])
        if rack_file is not None:
            _play(run.city, rack_file, run.rack, RACK_SPEED, progress)
        sealed = _seal(run.city, run.rack, asked["epoch"], progress)
        limits = Limits(sustained_per_s=sustained)
        _drive(sealed, office, asked["speed"], run.load, progress, limits)
        _close(office, run, progress)


def judge_run(run: RunDirectory, progress: Progress = silent) -> dict[str, Any]:
    """Judge a run from its evidence; write record.json, junit.xml and report.html."""
    asked = run.settings()
    progress("judge", 0, 0)
    return judge(
        run.city,
        run.export,
        run.load if run.load.is_dir() else None,
        run.rack if run.rack.is_dir() else None,
        run.root,
        asked["expect"],
    )


def generate_city(
    file: Path,
    *,
    out: Path | None = None,
    seed: int | None = None,
    workers: int | None = None,
    progress: Progress = silent,
) -> tuple[dict[str, Any], Path]:
    """Write a city's folder; return its manifest and where it lies."""
    scenario = load_scenario(file, seed)
    folder = out or Path("cities") / f"{scenario.id}-{scenario.seed}"
    generate(scenario, folder, workers or _cores(), progress)
    return read_manifest(folder), folder


def play_rack(
    city: Path,
    *,
    rack: str | None = None,
    speed: float | None = None,
    out: Path | None = None,
    progress: Progress = silent,
) -> dict[str, Any]:
    """Play a city's slice on a rack; FAIL if a card part differs from the city's.

    INVALID if a fault that was armed did not fire: it was not tested.

    What it measures lies beside the city, in CITY-rack, so that a run keeps its own evidence.
    """
    rack_file = load_rack(Path(rack or "rack.sim.yaml"))
    played = _play(city, rack_file, out or _beside(city, "rack"), speed or RACK_SPEED, progress)
    return played | {"verdict": verdict_of_play(played)}


def verdict_of_play(played: Mapping[str, Any]) -> str:
    """Return INVALID if a fault that was armed did not fire, else whether the play agrees."""
    for counted in (played["tears"], played["faults"]):
        if counted["armed"] != counted["fired"]:
            return "INVALID"
    judged = {row["verdict"] for row in played["limits"]}
    if played["mismatches"] or played["displaced"] or "FAIL" in judged:
        return "FAIL"
    return "MARGINAL" if "MARGINAL" in judged else "PASS"


def drive_load(
    city: Path,
    *,
    target: str | None = None,
    speed: float | None = None,
    epoch: int = 0,
    out: Path | None = None,
    progress: Progress = silent,
) -> dict[str, Any]:
    """Send a city's plan to a back office, enrolled first; INVALID if the driver fell behind.

    What it measures lies beside the city, in CITY-load, so that a run keeps its own evidence. A
    reference server of its own starts with an empty store, which is thrown away.
    """
    read_manifest(city)
    folder = out or _beside(city, "load")
    scratch = folder / f".store-{os.getpid()}"
    try:
        with open_target(target or "reference", scratch) as office:
            enrol(office.target, city, epoch)
            sealed = _seal(city, None, epoch, progress)
            driven = _drive(sealed, office, speed or LOAD_SPEED, folder, progress)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return driven | {
        "verdict": "PASS" if driven["valid"] else "INVALID",
        "intended_us_p99": driven["intended_us"]["p99"],
    }


def enrol_city(city: Path, *, target: str, epoch: int = 0) -> None:
    """Make a city known to a back office that runs already.

    Raises:
        BadInputError: If the target is ours, which is started afresh for each run, or the city is
            none.
    """
    if target in OURS:
        raise BadInputError.at("--target", expected="a target.yaml of a running office", got=target)
    with open_target(target, city) as office:
        enrol(office.target, city, epoch)


def build_report(root: Path) -> dict[str, Any]:
    """Judge a run again from its evidence."""
    return judge_run(RunDirectory(root))


def verify_report(root: Path) -> dict[str, Any]:
    """Work out every figure of a run's record again; name those that differ."""
    RunDirectory(root).settings()
    return verify(root)


def without_rack(
    measure: Mapping[str, Any], expect: Mapping[str, Any]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return what is measured and expected of a run that was asked to play no rack."""
    quantities = [name for name in measure.get("quantities", ()) if name != "rack"]
    expected = {name: value for name, value in expect.items() if name != "rack_taps_min"}
    return {**measure, "quantities": quantities}, expected


def _beside(city: Path, what: str) -> Path:
    named = city if city.name not in {"", ".."} else city.resolve()
    return named.with_name(f"{named.name}-{what}")


def _play(
    city: Path, rack_file: RackFile, out: Path, speed: float, progress: Progress
) -> dict[str, Any]:
    keys = TestKeys(int(read_manifest(city)["key_seed"]))
    check_ready(rack_file)
    with locked(rack_file.locks(), f"rack play {city}", LOCK_WITHIN_S):
        return play(
            city, rack_file, out, speed, keys, lambda done, total: progress("rack", done, total)
        )


def _seal(city: Path, rack: Path | None, epoch: int, progress: Progress) -> SealedPlan:
    progress("seal", 0, 0)
    keys = TestKeys(int(read_manifest(city)["key_seed"]))
    recorded = rack / "records.bin" if rack else None
    played = recorded.read_bytes() if recorded and recorded.is_file() else None
    return seal(city, keys, epoch, played)


def _drive(
    sealed: SealedPlan,
    office: OpenTarget,
    speed: float,
    out: Path,
    progress: Progress,
    limits: Limits | None = None,
) -> dict[str, Any]:
    def show(driven: Driven) -> None:
        progress("load", driven.sent, driven.planned)

    return drive(sealed, office.url, speed, out, show, limits=limits)


def _close(office: OpenTarget, run: RunDirectory, progress: Progress) -> None:
    manifest = read_manifest(run.city)
    progress("book", 0, 0)
    office.target.wait_until_booked(BOOKED_WITHIN_S)
    progress("close the day", 0, 0)
    office.target.close_day(int(manifest["day"]), int(manifest["close_at_ms"]))
    progress("export", 0, 0)
    office.target.export(run.export)


def _rack_file(scenario: Scenario, rack: str | None) -> RackFile | None:
    file = scenario.rack if rack is None else Path(rack)
    return None if file is None or rack == "none" else load_rack(file)


def _target_of(scenario: Scenario) -> str:
    return "reference" if scenario.target == "ours" else scenario.target


def _speed_of(scenario: Scenario) -> float:
    return float(scenario.measure.get("speed", LOAD_SPEED))


def _cores() -> int:
    cores = len(os.sched_getaffinity(0))
    if cores < 1:
        raise BadInputError.at("--workers", expected="at least 1", got=cores)
    return cores
