"""What the clocks of uploads add up to, on four uploads worked out by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from load.clocks import NEVER, Clocks
from load.parquet import read_columns

STARTED_US = 1_767_567_600_000_000


def by_hand() -> Clocks:
    """Return uploads: a prompt one, one sent late, one held in a chain, one never answered."""
    clocks = Clocks([0, 100, 200, 1_000_300])
    clocks.ready_us = [0, 100, 240, 1_000_300]
    clocks.sent_us = [0, 130, 240, 1_000_300]
    clocks.answered_us = [50, 230, 250, NEVER]
    clocks.status = [200, 200, 409, 0]
    clocks.repeated = [False, True, False, False]
    clocks.attempts = [1, 1, 1, 6]
    return clocks


def test_each_histogram_counts_from_its_own_instant() -> None:
    document = by_hand().document()
    exact = {
        name: [index for index, count in document[name]["buckets"] for _ in range(count)]
        for name in ("driver_lag_us", "chain_wait_us", "service_us", "intended_us")
    }
    assert exact == {
        "driver_lag_us": [0, 0, 0, 30],
        "chain_wait_us": [40],
        "service_us": [10, 50, 100],
        "intended_us": [50, 50, 130],
    }
    assert document["lag_us_p99"] == 30
    assert document["chain_waits"] == 1


def test_counts_rates_and_seconds_are_those_of_the_uploads() -> None:
    document = by_hand().document()
    assert [document[n] for n in ("planned", "sent", "answered", "duplicates")] == [4, 4, 3, 1]
    assert document["statuses"] == {"200": 2, "409": 1}
    assert document["rate_per_s"] == {"planned": 3, "achieved": 12_000}
    assert document["seconds"] == {"planned": [3, 1], "sent": [3, 1], "answered": [3]}


def test_no_upload_at_all_is_a_document_of_zeros() -> None:
    document = Clocks([]).document()
    assert (document["planned"], document["lag_us_p99"], document["seconds"]["sent"]) == (0, 0, [])


def test_the_file_holds_wall_instants_and_minus_1_for_never(tmp_path: Path) -> None:
    by_hand().write(tmp_path / "clocks.parquet", np.arange(4, dtype=np.uint32), STARTED_US)
    names = ("upload", "intended_us", "ready_us", "sent_us", "answered_us", "status", "attempts")
    read = read_columns(tmp_path / "clocks.parquet", names, "upload")
    assert (read["answered_us"][:3] - STARTED_US).tolist() == [50, 230, 250]
    assert read["answered_us"][3] == -1
    assert (read["ready_us"] - STARTED_US).tolist() == by_hand().ready_us
    assert read["attempts"].tolist() == [1, 1, 1, 6]
