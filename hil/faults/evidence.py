"""The proof of faults: what was armed, where and when, and when it fired.

A fault that was armed and did not fire makes whatever it was for INVALID: it was not tested.
"""

from __future__ import annotations

import json
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any


@dataclass
class Evidence:
    """One fault.

    Attributes:
        fault: As it is written, `tear=lost@DEBIT`.
        where: The reader, proxy or device.
        armed_ns: When, nanoseconds since 1970.
        fired_ns: Likewise, 0 if it has not.
        said: What it did then.
    """

    fault: str
    where: str
    armed_ns: int = field(default_factory=time.time_ns)
    fired_ns: int = 0
    said: str = ""

    @property
    def fired(self) -> bool:
        """Whether it happened."""
        return self.fired_ns > 0

    def fire(self, said: str) -> None:
        """Note that it has happened, once it has."""
        self.fired_ns, self.said = time.time_ns(), said


class FaultLog:
    """The faults of one unit, in the order in which they were armed."""

    def __init__(self) -> None:
        self.rows: list[Evidence] = []

    def arm(self, fault: str, where: str) -> Evidence:
        """Note that a fault waits."""
        self.rows.append(Evidence(fault, where))
        return self.rows[-1]

    @property
    def fired(self) -> list[Evidence]:
        """Those that have happened."""
        return [row for row in self.rows if row.fired]

    @property
    def silent(self) -> list[Evidence]:
        """Those that have not."""
        return [row for row in self.rows if not row.fired]

    def document(self) -> list[dict[str, Any]]:
        """Return all of it, for JSON."""
        return [asdict(row) for row in self.rows]


def counts(logs: list[FaultLog]) -> dict[str, int]:
    """Return how many faults were armed and how many fired."""
    return {
        "armed": sum(len(log.rows) for log in logs),
        "fired": sum(len(log.fired) for log in logs),
    }


def write_evidence(path: Path, logs: list[FaultLog]) -> None:
    """Write the faults of some units, one JSON object a line, by the instant they were armed."""
    rows = [row for log in logs for row in log.document()]
    rows.sort(key=lambda row: int(row["armed_ns"]))
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
