"""Every code name of the glossary stands in the code."""

from __future__ import annotations

import json
import re

import pytest

from sim.faults import RATE_OF
from tests.tidy.tree import PRODUCT, ROOT, paths

CODE = (".py", ".sql", ".json", ".yaml")


def code_names() -> list[str]:
    """Return the names in the second column of the glossary's tables of four columns."""
    rows = (ROOT / "docs" / "glossary.md").read_text(encoding="utf-8").splitlines()
    cells = [row.split("|") for row in rows if row.startswith("| ") and row.count("|") == 5]
    return sorted({name for row in cells for name in re.findall(r"`(\w+)`", row[2])})


@pytest.fixture(scope="module")
def words() -> set[str]:
    """Return every word of the product's code and data."""
    texts = [
        (ROOT / path).read_text(encoding="utf-8")
        for path in paths()
        if path.split("/")[0] in PRODUCT and path.endswith(CODE)
    ]
    return set(re.findall(r"\w+", "\n".join(texts)))


def test_the_glossary_is_read() -> None:
    assert "tac" in code_names()


@pytest.mark.parametrize("name", code_names())
def test_a_code_name_of_the_glossary_is_in_the_code(name: str, words: set[str]) -> None:
    assert name in words


def test_faults_of_the_glossary_are_those_of_the_city_and_of_the_schema() -> None:
    schema = json.loads((ROOT / "scenarios" / "scenario.schema.json").read_text(encoding="utf-8"))
    text = (ROOT / "docs" / "glossary.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(\w+)` \| ([^|]+) \|", text.partition("## Faults")[2], re.MULTILINE)
    assert dict(rows) == RATE_OF
    assert sorted(RATE_OF) == sorted(schema["properties"]["faults"]["properties"])
