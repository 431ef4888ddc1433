"""`card conformance`: the suite on a reader's card, as a record, as sentences, as junit.xml."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from hil.conformance import suite
from hil.keyfile import MasterKeys
from hil.reader import Reader
from reports.checks import Check
from reports.junit import junit
from scheme.errors import BadInputError, EnvironmentFaultError
from scheme.keys import Role
from scheme.personalisation import CardData
from scheme.sam_personalisation import SamData
from testbed.card_issue import holder_of
from testbed.progress import Progress

FORMAT = "jakarta-one/card-conformance/1"
RECORD, JUNIT = "record.json", "junit.xml"


def judge(reader: Reader, keys: MasterKeys | None, progress: Progress) -> dict[str, Any]:
    """Return the record of a run of every case.

    A reader whose card a program can change gets a fresh one for every case, under test keys; on
    any other the card that lies there is all there is, and it needs its issuer's keys.

    Raises:
        BadInputError: If keys are missing, or are not those of the card.
        ReaderError: If the bench fails, which is no verdict on the card.
    """
    total, done = len(suite.all_cases()), 0

    def count(_: suite.Result) -> None:
        nonlocal done
        done += 1
        progress("conformance", done, total)

    holder = holder_of(reader)
    if holder is not None:

        def issue(data: CardData | SamData) -> None:
            holder.insert(holder.issue(data))

        return _record(suite.run(reader, issue, count))
    if keys is None:
        raise BadInputError.at(
            reader.url, expected="--keys FILE with the keys of the card's issuer", got="none"
        )

    def master(issuer: int, role: Role, version: int) -> bytes:
        return keys.of(issuer, version).master(role)

    return _record(suite.run(reader, None, count, master))


def sentences(record: dict[str, Any]) -> list[str]:
    """Return what a person is told: every failed case, then the sum."""
    lines = []
    for row in record["results"]:
        if row["verdict"] == "FAIL":
            lines += [
                f"FAIL {row['id']} {row['name']} ({row['requirement']}: {row['reason']})",
                f"     expected {row['expected']}",
                f"     got      {row['got']}",
            ]
    left = record["not_assessed"]
    lines.append(
        f"{record['verdict']}: {record['passed']} of {record['cases']} cases passed"
        + (f", {left} not assessed: {_reasons(record)}" if left else "")
    )
    return lines


def check_out(out: Path) -> None:
    """Raise BadInputError if something that is no earlier record stands where one shall."""
    if out.is_dir() and (not any(out.iterdir()) or (out / RECORD).is_file()):
        return
    if out.exists():
        got = "a folder with other files" if out.is_dir() else "a file"
        expected = "an empty folder or an earlier record"
        raise BadInputError.at(str(out), expected=expected, got=got)


def write_record(out: Path, record: dict[str, Any]) -> None:
    """Write record.json and junit.xml; raises EnvironmentFaultError if that cannot be."""
    checks = [
        Check(row["requirement"], f"{row['id']} {row['name']}", _sentence(row))
        for row in record["results"]
        if row["verdict"] != "NOT ASSESSED"
    ]
    try:
        out.mkdir(parents=True, exist_ok=True)
        (out / JUNIT).write_text(junit({"scenario": "card conformance"}, checks), encoding="utf-8")
        text = json.dumps(record, indent=2, ensure_ascii=False)
        (out / RECORD).write_text(text + "\n", encoding="utf-8")
    except OSError as error:
        raise EnvironmentFaultError(f"{out}: expected to write a record, got {error}") from error


def _record(report: suite.Report) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "verdict": "FAIL" if report.failed else "PASS",
        "cases": report.cases,
        "passed": report.passed,
        "failed": report.failed,
        "not_assessed": report.not_assessed,
        "results": [
            {
                "id": result.case.id,
                "requirement": result.case.requirement,
                "name": result.case.name,
                "reason": result.case.reason,
                "verdict": result.verdict,
                "expected": result.expected,
                "got": result.got,
            }
            for result in report.results
        ],
    }


def _sentence(row: dict[str, Any]) -> str:
    passed = row["verdict"] == "PASS"
    return "" if passed else f"expected {row['expected']}, got {row['got']}: {row['reason']}"


def _reasons(record: dict[str, Any]) -> str:
    left = {row["got"] for row in record["results"] if row["verdict"] == "NOT ASSESSED"}
    return "; ".join(sorted(left))
