"""docs/spec/export.md and docs/spec/clearing.md say what the code says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from reference_server.accounts import OWNED_BY_NAME
from reference_server.app import create_app, openapi
from reference_server.export_tables import FORMAT, TABLES
from reference_server.ledger import Code
from reference_server.proof import REASONS
from reference_server.settings import Settings

SPEC = Path(__file__).parents[2] / "docs" / "spec"
EXPORT = (SPEC / "export.md").read_text()
CLEARING = (SPEC / "clearing.md").read_text()


def table(text: str, name: str) -> list[list[str]]:
    """Return the rows of a table that is marked with its name, cells without backticks."""
    after = text.split(f"<!-- table: {name} -->\n")[1]
    rows = []
    for line in after.splitlines()[2:]:
        if not line.startswith("|"):
            break
        rows.append([cell.strip().strip("`") for cell in line.strip("|").split("|")])
    return rows


@pytest.mark.parametrize("name", TABLES)
def test_every_table_of_the_export_is_as_its_document_says(name: str) -> None:
    assert table(EXPORT, name) == [
        [column.name, column.kind, column.meaning.strip("`")] for column in TABLES[name]
    ]


def test_the_export_document_names_its_format_and_no_other_table() -> None:
    assert FORMAT in EXPORT
    assert set(re.findall("<!-- table: (.*) -->", EXPORT)) == {*TABLES, "reasons"}


def test_reasons_are_as_their_document_says() -> None:
    said = [[reason, str(status), verdict.name] for reason, (status, verdict) in REASONS.items()]
    assert table(EXPORT, "reasons") == said


def test_every_code_has_its_row_in_order() -> None:
    assert [row[0] for row in table(CLEARING, "codes")] == [code.name for code in Code]


def test_every_kind_of_account_has_its_row() -> None:
    kinds = {row[0].split(":")[0] for row in table(CLEARING, "accounts")}
    assert kinds == {*OWNED_BY_NAME, "hold", "subsidy"}


def test_every_route_has_its_row(tmp_path: Path) -> None:
    app = create_app(Settings(store=tmp_path))
    for path in openapi(app)["paths"]:
        fixed = path.split("/{")[0].removeprefix("/v1/registry/")
        assert fixed in CLEARING, path
    app.state.door.store.close()
