"""vectors/fares.csv against the device rule and the clearing side."""

from __future__ import annotations

from typing import Any

import pytest

from tests.fare_cases import Row, cases, entry_words, play, price, words_of


def check(row: Row, key: str, got: object, expected: object) -> None:
    """Compare one column of a case, naming the case and its rule."""
    assert got == expected, f"{row['case']} ({row['rule']}): {key}: expected {expected}, got {got}"


@pytest.mark.parametrize("row", cases(), ids=lambda row: row["case"])
def test_device_decides_as_worked_out_by_hand(row: Row) -> None:
    played = play(row)
    check(row, "verdicts", " ".join(played.verdicts), row["verdicts"])
    check(row, "debits", " ".join(map(str, played.debits)), row["debits"])


@pytest.mark.parametrize("row", cases(), ids=lambda row: row["case"])
def test_clearing_prices_as_worked_out_by_hand(row: Row) -> None:
    priced = price(row)
    check(row, "journeys", words_of(priced, "journey"), row["journeys"])
    check(row, "entries", words_of(priced, "entry"), entry_words(row))
    check(row, "stays", words_of(priced, "stay"), row["stays"])
    check(row, "gap", str(len(priced.keys) - priced.booked), row["gap"] or "0")


@pytest.mark.parametrize("row", cases(), ids=lambda row: row["case"])
def test_no_rupiah_is_left_in_hold_once_all_is_closed(row: Row) -> None:
    priced = price(row)
    if any(state == "open" for _, _, state, *_ in priced.journeys):
        return
    held: dict[str, int] = {}
    for record, key in zip(sorted(play(row).records), priced.keys, strict=True):
        if key:
            held[""] = held.get("", 0) + record[5]
    for _, debit, credit, *_, idr in priced.postings:
        assert idr > 0
        held[""] = held.get("", 0) + idr * ((credit == "hold:journey") - (debit == "hold:journey"))
    check(row, "left in hold", held.get("", 0), 0)


def test_every_rule_has_cases() -> None:
    named: dict[str, Any] = {}
    for row in cases():
        for rule in row["rule"].split():
            named.setdefault(rule, []).append(row["case"])
    assert len(cases()) >= 45
    assert {f"R{n}" for n in (*range(3, 16), 18, 19)} <= set(named)
