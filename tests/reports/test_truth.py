"""Truth as it comes into the warehouse."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from reports.oracle import add_traces, predict
from reports.truth import read_truth
from reports.warehouse import Warehouse
from scheme.errors import StoreError
from scheme.numbers import card_numbers, device_numbers, in_epoch_card, in_epoch_device
from tests.reports.handmade import BLOK_M, LEBAK_BULUS, SEED, HandMade

CARD = int(card_numbers(1024, np.array([7]))[0])


def city() -> HandMade:
    """Return one ride on the MRT by numbers that have check digits."""
    made = HandMade()
    made.card(CARD)
    made.rail(CARD, (LEBAK_BULUS, "07:00:00"), (BLOK_M, "07:20:00"))
    numbers = {t["terminal"]: int(device_numbers(np.array([at]))[0])
               for at, t in enumerate(made.terminals, 1)}  # fmt: skip
    for row in (*made.terminals, *made.taps):
        row["terminal"] = numbers[row["terminal"]]
    return made


def test_another_epoch_renumbers_cards_and_devices_but_not_traces() -> None:
    told = {}
    for epoch in (0, 3):
        with Warehouse(memory_limit="512MB") as warehouse:
            predict(warehouse, replace(city().truth(), epoch=epoch))
            add_traces(warehouse, SEED)
            warehouse.run("expected")
            told[epoch] = warehouse.rows(
                "SELECT trace, terminal, card, amount FROM expected ORDER BY at_ms"
            )
    assert told[3] == [
        (trace, in_epoch_device(terminal, 3), in_epoch_card(card, 3), amount)
        for trace, terminal, card, amount in told[0]
    ]


@pytest.mark.parametrize(("column", "value", "what"), [
    ("card", 5, "card"), ("terminal", 5, "terminal"), ("tariff", 9, "tariff version"),
])  # fmt: skip
def test_a_presentation_of_nobodys_is_refused(column: str, value: int, what: str) -> None:
    made = city()
    made.taps[0][column] = value
    with (
        Warehouse() as warehouse,
        pytest.raises(StoreError, match=f"expected every {what} in truth, got 1 presentations"),
    ):
        predict(warehouse, made.truth())


@pytest.mark.parametrize(("text", "message"), [
    ("{", "expected jakarta-one/plan/1, got"),
    (json.dumps({"format": "jakarta-one/plan/2"}), "got 'jakarta-one/plan/2'"),
])  # fmt: skip
def test_a_manifest_of_another_form_is_refused(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "manifest.json").write_text(text)
    with pytest.raises(StoreError, match=message):
        read_truth(tmp_path)
