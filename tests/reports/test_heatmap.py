"""The page of a sweep: one cell for each outcome that came, what did not fire said, no script."""

from __future__ import annotations

from typing import Any
from xml.etree import ElementTree

import pytest

from reports.heatmap import COLUMNS_MAX, ROWS, heat_map, sweep_page


def record(points: int = 3, verdict: str = "INVALID") -> dict[str, Any]:
    """Return a sweep of two repeats, every point old and the first one silent."""
    return {
        "reader": "model://<x>", "fault": "tear", "unit": "us", "at": "DEBIT", "from": 0,
        "to": points - 1, "step": 1, "repeats": 2, "reads": 5, "taps": 2 * points,
        "faults": {"armed": 2 * points, "fired": 2 * points - 1}, "verdict": verdict,
        "reasons": ["the fault did not fire: at 0"],
        "points": [
            dict.fromkeys(ROWS, 0) | {"value": at, "old": 2, "silent": int(at == 0)}
            for at in range(points)
        ],
    }  # fmt: skip


def cells(drawing: str) -> list[ElementTree.Element]:
    return [part for part in ElementTree.fromstring(drawing).iter() if part.tag == "rect"]


def test_a_cell_is_as_dark_as_its_share_of_the_repeats() -> None:
    drawn = cells(heat_map(record()))
    assert [(cell.get("class"), cell.get("fill-opacity")) for cell in drawn] == [
        ("s1", "1.00"), ("s1", "1.00"), ("s1", "1.00"), ("s7", "0.62"),
    ]  # fmt: skip
    assert drawn[-1][0].text == "did not fire at 0: 1"


@pytest.mark.parametrize("points", [1, COLUMNS_MAX, 5 * COLUMNS_MAX + 1])
def test_many_points_share_columns_and_no_silent_one_is_lost(points: int) -> None:
    drawn = cells(heat_map(record(points)))
    assert 2 <= len(drawn) <= COLUMNS_MAX + 1
    assert [cell.get("class") for cell in drawn].count("s7") == 1


def test_the_page_says_verdict_and_reasons_and_needs_nothing_beside_it() -> None:
    page = sweep_page(record())
    assert 'class="badge invalid">INVALID' in page
    assert "the fault did not fire: at 0" in page
    assert "6 faults were armed and 5 fired" in page
    assert "model://&lt;x&gt;" in page
    assert not any(word in page for word in ("<script", "http://www", "src="))
