"""What a person reads when a command ends."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from testbed.cli.closing import closing, command_name, document, milliseconds, sentence

RECORD: dict[str, Any] = {
    "verdict": "PASS",
    "uploads": 48_000,
    "accepted": 430_000,
    "refused": {"balance_too_low": 900, "card_hotlisted": 100},
    "explained": {"torn_tap": 3},
    "unexplained": 0,
    "idr_truth": 1_234_567_890,
    "idr_ledger": 1_234_567_890,
    "latency_us": {"intended": {"p99": 12_345}},
    "report": "runs/morning-peak-1/report.html",
}


def test_a_run_ends_with_verdict_figures_report_and_a_command_for_each_user() -> None:
    lines = closing(RECORD).splitlines()
    assert lines[0].startswith("PASS: every tap is accounted for")
    assert "431,000: 430,000 accepted, 1,000 refused" in lines[1]
    assert "truth Rp 1.234.567.890, ledger Rp 1.234.567.890" in lines[2]
    assert "intended p99 12.3 ms, over 48,000 uploads" in lines[3]
    assert lines[4].endswith("runs/morning-peak-1/report.html")
    assert [line.partition("jakarta-one ")[2].split(" runs/")[0] for line in lines[5:]] == [
        "report verify",
        "rack play",
        "load run",
    ]


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"verdict": "FAIL", "unexplained": 3}, "FAIL: 3 unexplained."),
        ({"verdict": "FAIL", "reasons": ["one tap lost", "Rp 500 too much"]},
         "FAIL: one tap lost; Rp 500 too much."),
        ({"verdict": "INVALID", "reason": "the driver fell behind"},
         "INVALID: the driver fell behind."),
    ],
)  # fmt: skip
def test_any_other_verdict_says_why(more: dict[str, Any], said: str) -> None:
    assert sentence(RECORD | more) == said


@pytest.mark.parametrize(("given", "text"), [(None, "not taken"), (1_500, "1.5 ms")])
def test_a_latency_is_read_in_milliseconds(given: int | None, text: str) -> None:
    assert milliseconds(given) == text


def test_a_document_is_one_json_value_with_paths_as_text() -> None:
    assert json.loads(document({"report": Path("a/b"), "n": 1})) == {"report": "a/b", "n": 1}
    assert json.loads(document({"n": np.int64(3)})) == {"n": 3}


@pytest.mark.parametrize(
    ("called", "on_path", "shown"),
    [
        (".venv/bin/jakarta-one", False, ".venv/bin/jakarta-one"),
        (".venv/bin/jakarta-one", True, "jakarta-one"),
        ("/somewhere/testbed/__main__.py", False, "jakarta-one"),
    ],
)
def test_the_next_commands_can_be_typed_as_they_stand(
    called: str, on_path: bool, shown: str
) -> None:
    assert command_name(called, on_path) == shown
