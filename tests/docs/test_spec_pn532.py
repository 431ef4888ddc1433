"""The tables of docs/spec/pn532.md are those of the code."""

from __future__ import annotations

from pathlib import Path

import pytest

from hil.pn532_chip import WAKE_BAUDS, Waits
from hil.pn532_emulator import Fault
from hil.pn532_words import DATA_MAX, STATUS, Cmd

PAPER = (Path(__file__).parents[2] / "docs" / "spec" / "pn532.md").read_text(encoding="utf-8")
LINES = PAPER.splitlines()
ERROR = {True: "CardGoneError", False: "ReaderError"}
ROWS = {
    "status": [
        f"{code:02X} | {meaning.words} | {ERROR[meaning.card]}" for code, meaning in STATUS.items()
    ],
    "command": [f"{cmd.title} | {cmd:02X}" for cmd in Cmd],
    "fault": [f"{fault.name} | {fault.value}" for fault in Fault],
}


@pytest.mark.parametrize("table", ROWS)
def test_a_table_of_the_paper_is_the_codes(table: str) -> None:
    rules = [at for at, line in enumerate(LINES) if line.startswith("| ---")]
    (head,) = (at - 1 for at in rules if LINES[at - 1].startswith(f"| {table} |"))
    end = LINES.index("", head) if "" in LINES[head:] else len(LINES)
    assert LINES[head + 2 : end] == [f"| {row} |" for row in ROWS[table]]


def test_the_limits_of_the_paper_are_the_codes() -> None:
    waits = Waits()
    assert (
        f"an acknowledgement after {waits.ack_s} s, an answer after {waits.command_s:.0f} s, an "
        f"exchange with a card after {waits.exchange_s:.0f} s"
    ) in PAPER
    assert len(WAKE_BAUDS) == 6
    assert f"up to {DATA_MAX} bytes either way" in PAPER
