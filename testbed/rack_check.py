"""`rack check` and `rack conformance` as documents and as sentences."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hil import reader_conformance
from hil.form import Problem
from hil.locks import locked, standing
from hil.presence import missing
from hil.rack import RackFile, RackPlace, read_rack
from hil.rack_sections import FEATURES, device_locks
from hil.reader import check_url
from scheme.errors import InventoryError

if TYPE_CHECKING:
    from hil.fpga.conformance import Result as FpgaResult

CHECK_FORMAT = "jakarta-one/rack-check/1"
CONFORMANCE_FORMAT = "jakarta-one/reader-conformance/1"
FPGA = "fpga"
LOCK_WITHIN_S = 10.0


def check(path: Path, needs: Iterable[str] = (), *, offline: bool = False) -> dict[str, Any]:
    """Return what a rack file says, and everything that is wrong with it or missing for it.

    Args:
        needs: Features that at least one place must have.
        offline: Whether only the file is looked at, and not this machine.

    Raises:
        BadInputError: If the file is missing or no YAML, or a feature is none.
    """
    rack, problems = read_rack(path)
    wrong = [_row(problem, "file") for problem in problems]
    for need in needs:
        if need not in FEATURES:
            raise InventoryError(f'no feature "{need}"; there are: {", ".join(FEATURES)}')
        if rack is not None and need not in rack.features():
            got = ", ".join(sorted(rack.features())) or "none"
            problem = Problem(str(path), 0, "--needs", f"a place with {need}", got)
            wrong.append(_row(problem, "file"))
    absent = missing(rack) if rack is not None and not problems and not offline else []
    return {
        "format": CHECK_FORMAT,
        "rack": str(path),
        "title": rack.title if rack else "",
        "places": _places(rack) if rack else [],
        "duts": [{"name": d.name, "model": d.model, "firmware": d.firmware} for d in rack.duts]
        if rack
        else [],
        "problems": wrong + [_row(problem, "machine") for problem in absent],
    }


def check_lines(told: dict[str, Any]) -> list[str]:
    """Return what a person is told of a check."""
    lines = [_place_line(place) for place in told["places"]]
    lines += [problem["sentence"] for problem in told["problems"]]
    count = len(told["problems"])
    sentence = f"{count} problem{'s' if count > 1 else ''}" if count else "nothing is wrong"
    return [*lines, f"{told['rack']}: {len(told['places'])} places, {sentence}"]


def locks_of(names: Iterable[str], rack: RackFile) -> list[str]:
    """Return what to lock for places and resources of a rack.

    Raises:
        InventoryError: If a name is neither, or nothing there can be locked.
    """
    places = {place.name: place.locks for place in rack.places}
    resources = {r.name: (r.identity,) for r in rack.resources.values() if r.identity}
    known = {**resources, **places}
    found: list[str] = []
    for name in names:
        if name not in known:
            there = ", ".join(known)
            raise InventoryError(f'no place or device "{name}" in {rack.path}; there are: {there}')
        if not known[name]:
            raise InventoryError(
                f'place "{name}" in {rack.path}: expected a device to lock, got programs only, of '
                "which each process has its own"
            )
        found += known[name]
    return found


def judged(url: str) -> Sequence[reader_conformance.Result | FpgaResult]:
    """Return a result for each case that what stands behind a URL is judged by: reader or FPGA.

    Raises:
        InventoryError: If no driver answers for the URL.
        ReaderError: If it cannot be opened at all, which is no verdict on it, or another has it.
    """
    scheme, _, address = url.partition("://")
    if scheme != FPGA:
        check_url(url)
    with locked(device_locks(url), f"rack conformance {url}", LOCK_WITHIN_S):
        if scheme == FPGA:
            from hil.fpga.conformance import judge  # which wants pyserial
            from hil.fpga.timer import FpgaTimer

            return judge(FpgaTimer(address))
        return reader_conformance.judge(url)


def conformance(url: str) -> dict[str, Any]:
    """Return the record of the cases of a reader or an FPGA; raises as `judged` does."""
    rows = [
        {
            "id": result.case.id,
            "name": result.case.name,
            "reason": result.case.reason,
            "verdict": result.verdict,
            "expected": result.expected,
            "got": result.got,
        }
        for result in judged(url)
    ]
    counts = {
        verdict: sum(row["verdict"] == verdict for row in rows)
        for verdict in ("PASS", "FAIL", "NOT ASSESSED")
    }
    return {
        "format": CONFORMANCE_FORMAT,
        "url": url,
        "verdict": "FAIL" if counts["FAIL"] else "PASS",
        "cases": counts["PASS"] + counts["FAIL"],
        "passed": counts["PASS"],
        "failed": counts["FAIL"],
        "not_assessed": counts["NOT ASSESSED"],
        "results": rows,
    }


def conformance_lines(record: dict[str, Any]) -> list[str]:
    """Return what a person is told: every case that did not pass, then the sum."""
    lines = []
    for row in record["results"]:
        if row["verdict"] != "PASS":
            lines.append(f"{row['verdict']} {row['id']} {row['name']}: {row['reason']}")
            lines.append(f"     expected {row['expected']}")
            lines.append(f"     got      {row['got']}")
    left = record["not_assessed"]
    rest = f", {left} not assessed" if left else ""
    sentence = f"{record['passed']} of {record['cases']} cases passed{rest}"
    return [*lines, f"{record['verdict']}: {sentence}"]


def _places(rack: RackFile) -> list[dict[str, Any]]:
    wanted = rack.locks()
    held = {lock.resource: lock.holder for lock in standing() if lock.held} if wanted else {}
    return [_place(place, {name for name in place.locks if name in held}) for place in rack.places]


def _place(place: RackPlace, held: set[str]) -> dict[str, Any]:
    return {
        "name": place.name,
        "service": place.service.name,
        "place": place.place,
        "direction": place.direction.name,
        "reader": place.reader,
        "sam": place.sam,
        "parts": {kind: f"{name}/{channel}" for kind, (name, channel) in place.parts.items()},
        "simulated": place.simulated,
        "features": list(place.features),
        "locks": list(place.locks),
        "held": sorted(held),
        "quarantine": place.quarantine,
    }


def _place_line(place: dict[str, Any]) -> str:
    kind = "simulated" if place["simulated"] else "real"
    state = f"  quarantine: {place['quarantine']}" if place["quarantine"] else ""
    state += f"  held: {', '.join(place['held'])}" if place["held"] else ""
    return (
        f"{place['name']:26} {kind:9}  {place['reader']}  [{', '.join(place['features'])}]{state}"
    )


def _row(problem: Problem, where: str) -> dict[str, Any]:
    return {**problem._asdict(), "where": where, "sentence": str(problem)}
