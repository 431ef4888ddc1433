"""What the cards did against what the back office was told: every debit once, none twice."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from campaigns.killed.town import TERMINAL, Account
from load.parquet import read_columns
from scheme.verdicts import Verdict

TAPS = ("card", "nt", "amount", "verdict", "refusal", "sequence", "recorder", "flags")
UPLOADS = ("sender", "batch", "result", "repeats")
CLEARING = 20  # verdicts of the clearing house begin here
Claims = dict[tuple[int, int], list[int]]


class Books:
    """An export, as far as the audit wants it."""

    def __init__(self, folder: Path) -> None:
        self._taps = rows(folder / "taps.parquet", TAPS, "sequence")
        self.uploads = rows(folder / "uploads.parquet", UPLOADS, "batch")
        self.exceptions = rows(folder / "exceptions.parquet", ("reason", "detail"), "reason")

    def claims(self) -> Claims:
        """Return the amounts that were accepted, by card and counter."""
        found: Claims = defaultdict(list)
        for tap in self._taps:
            if tap["verdict"] == Verdict.accepted and not tap["refusal"]:
                found[tap["card"], tap["nt"]].append(tap["amount"])
        return found

    def refused(self) -> list[dict[str, Any]]:
        """Return the taps that clearing refused."""
        return [tap for tap in self._taps if tap["verdict"] >= CLEARING]

    def gaps(self) -> Iterator[str]:
        """Yield records and batches that are missing or double in their numbering."""
        for what, numbers in (
            ("record", [tap["sequence"] for tap in self._taps if tap["recorder"] == TERMINAL]),
            ("batch", [upload["batch"] for upload in self.uploads]),
        ):
            counts = Counter(numbers)
            for number in range(1, max(numbers, default=0) + 1):
                if counts[number] != 1:
                    yield f"{what} {number}: expected once, got {counts[number]} times"

    def figures(self) -> dict[str, int]:
        """Return what was handed in, as numbers."""
        return {
            "records": len(self._taps),
            "torn_records": sum(1 for tap in self._taps if tap["flags"] & 2),
            "recovered_records": sum(1 for tap in self._taps if tap["flags"] & 1),
            "batches": len(self.uploads),
            "sent_again": sum(upload["repeats"] for upload in self.uploads),
        }


def faults(accounts: list[Account], books: Books) -> Iterator[tuple[str, str, str]]:
    """Yield (what, expected, got) for everything that may not be."""
    claims = books.claims()
    for account in accounts:
        for nt, amount_idr in account.moved:
            claimed = claims.pop((account.number, nt), [])
            if claimed != [amount_idr]:
                yield f"card {account.number} NT {nt}", f"Rp {amount_idr} once", f"{claimed}"
    for (card, nt), claimed in claims.items():
        yield f"card {card} NT {nt}", "no claim: the card never did it", f"{claimed}"
    for tap in books.refused():
        where = f"card {tap['card']} NT {tap['nt']}, record {tap['sequence']}"
        yield where, "accepted by clearing", Verdict(tap["verdict"]).name
    for gap in books.gaps():
        yield "numbering", "each number once", gap
    for upload in books.uploads:
        if upload["result"] != "accepted":
            yield f"batch {upload['batch']}", "accepted", upload["result"]
    for row in books.exceptions:
        yield "exceptions", "none", f"{row['reason']}: {row['detail']}"


def rows(path: Path, names: tuple[str, ...], order: str) -> list[dict[str, Any]]:
    """Return a table as rows."""
    columns = read_columns(path, names, order)
    return [
        dict(zip(names, row, strict=True))
        for row in zip(*(columns[name].tolist() for name in names), strict=True)
    ]
