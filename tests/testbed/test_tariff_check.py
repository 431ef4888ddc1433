"""`tariff check`: the shipped tariff against published prices, and what a wrong row shows."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from scheme.errors import BadInputError
from sim.tables import DATA
from testbed.tariff_check import check_tariff

SHIPPED = DATA / "tariffs" / "jakarta-2026"
GOLDEN = Path("tests/golden/published_prices.csv")


def test_scheme_oracle_and_published_prices_agree() -> None:
    checked = check_tariff(SHIPPED, GOLDEN)
    assert checked["differences"] == 0, "\n".join(checked["lines"])
    assert len(checked["examples"]) >= 30
    assert checked["lines"][-1].endswith("examples, 0 differences")


def test_a_wrong_row_differs_from_what_is_published(tmp_path: Path) -> None:
    data = tmp_path / "data"
    shutil.copytree(DATA, data)
    folder = data / "tariffs" / "jakarta-2026"
    text = (folder / "tariff.yaml").read_text("utf-8")
    (folder / "tariff.yaml").write_text(
        text.replace("idr: 5000\n    source: Perg", "idr: 5500\n    source: Perg"), "utf-8"
    )
    checked = check_tariff(folder, GOLDEN)
    wrong = {
        e["example"]: (e["scheme_idr"], e["oracle_idr"], e["outside_idr"])
        for e in checked["examples"]
        if e["scheme_idr"] != e["outside_idr"]
    }
    assert wrong == {
        "LRT Jakarta": (5_500, 5_500, 5_000),
        "LRT, Transjakarta and MRT apart": (18_000, 18_000, 17_500),
    }
    assert checked["differences"] == 2


def test_without_examples_the_rows_are_read_and_nothing_is_priced() -> None:
    checked = check_tariff(SHIPPED, None)
    assert checked["lines"] == ["Jakarta 2026, version 1: 24 rows read"]
    assert (checked["examples"], checked["differences"]) == ([], 0)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("a,MRT-in Blok M 07:00:00,5.5", "line 2: idr: expected whole rupiah, got '5.5'"),
        ("a,TRAM Blok M 07:00:00,5", "line 2: taps: expected MRT-in, MRT-out"),
        ("a,MRT-in Blok X 07:00:00,5", "line 2: taps: expected a mrt_station, got 'Blok X'"),
        ("a,MRT-in Blok M,5", "line 2: taps: expected MRT-in PLACE HH:MM:SS, got 'MRT-in Blok M'"),
        ("a,MRT-in Blok M 27:00:00,5", "expected HH:MM:SS or +1THH:MM:SS, got '27:00:00'"),
        ("a,MRT-in Blok M 07:00:00 x=1,5", "expected v=NUMBER or class=NAME, got x=1"),
        ("a,MRT-out Blok M 07:00:00,5", "example 'a': expected taps that are accepted, got exit"),
    ],
)
def test_a_wrong_example_is_named(line: str, said: str, tmp_path: Path) -> None:
    file = tmp_path / "prices.csv"
    file.write_text(f"example,taps,idr\n{line}\n", encoding="utf-8")
    with pytest.raises(BadInputError) as wrong:
        check_tariff(SHIPPED, file)
    assert said in str(wrong.value)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("example,taps\na,b\n", "expected example, taps, idr, got"),
        ("example,taps,idr,date\na,MRT-in Blok M 07:00:00,5,March\n", "date: expected YYYY-MM-DD"),
        ("example,taps,idr,metres\na,MRT-in Blok M 07:00:00,5,far\n", "metres: expected TJ 1059"),
    ],
)
def test_a_wrong_file_is_named(text: str, said: str, tmp_path: Path) -> None:
    file = tmp_path / "prices.csv"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(BadInputError) as wrong:
        check_tariff(SHIPPED, file)
    assert said in str(wrong.value)
    with pytest.raises(BadInputError, match=r"gone\.csv: expected a CSV file"):
        check_tariff(SHIPPED, tmp_path / "gone.csv")
