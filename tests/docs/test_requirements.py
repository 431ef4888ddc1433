"""docs/spec/requirements.yaml: every requirement is proved by something, every case has one."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from hil.conformance.suite import all_cases

ROOT = Path(__file__).parents[2]
DOCUMENT = YAML(typ="safe").load(ROOT / "docs/spec/requirements.yaml")
ROWS: list[dict[str, Any]] = DOCUMENT["requirements"]
IDS = [row["id"] for row in ROWS]


def test_the_document_names_its_format_and_its_rows_have_one_shape() -> None:
    assert DOCUMENT["format"] == "jakarta-one/requirements/1"
    for row in ROWS:
        assert set(row) - {"tests"} == {"id", "section", "text"}, row
        assert re.fullmatch(r"CRD-[A-Z]{3,4}-\d{3}", row["id"]), row["id"]
        assert row["text"].endswith("."), row["id"]


def test_no_number_and_no_sentence_stands_twice() -> None:
    assert [which for which, count in Counter(IDS).items() if count > 1] == []
    assert len({row["text"] for row in ROWS}) == len(ROWS)


def test_an_area_counts_from_1_without_a_gap() -> None:
    areas: dict[str, list[int]] = {}
    for which in IDS:
        _, area, number = which.split("-")
        areas.setdefault(area, []).append(int(number))
    for area, numbers in areas.items():
        assert numbers == list(range(1, len(numbers) + 1)), area


def test_every_section_is_there() -> None:
    headings = re.findall(r"^##+ ([\d.]+?)\.? ", (ROOT / "docs/spec/card.md").read_text(), re.M)
    assert {row["section"] for row in ROWS} <= set(headings)


def test_every_case_has_a_requirement_and_every_requirement_a_proof() -> None:
    cased = {case.requirement for case in all_cases()}
    assert cased <= set(IDS)
    assert [row["id"] for row in ROWS if row["id"] not in cased and not row.get("tests")] == []


def test_every_test_that_is_named_is_there() -> None:
    for row in ROWS:
        for named in row.get("tests", ()):
            path, _, name = named.partition("::")
            text = (ROOT / path).read_text(encoding="utf-8")
            assert name, named
            assert re.search(rf"(def|void) {name}\(", text), named
