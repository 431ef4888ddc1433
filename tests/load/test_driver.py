"""The driver keeps its plan whatever the target does, and latency counts from the plan's instant.

No assertion here depends on how fast this machine is: a slow machine only makes latencies longer,
and every bound below is one from below, or one set by what the office itself noted.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from load.driver import Limits, drive, sustained_per_s
from load.histogram import Histogram
from load.parquet import read_columns
from load.replay import Progress, says_repeated
from load.sealing import SealedPlan, seal
from load.wire import Address
from scheme.batches import parse_batch
from scheme.errors import BadInputError, StoreError
from scheme.keys import TestKeys
from tests.load.office import Office
from tests.load.tiny_city import FROM_MS, SEED, Planned, write_city

MS = 1_000
PATIENT = Limits(lag_us_p99_max=60_000_000)  # these tests judge the target, not this machine
CLOCKS = ("upload", "intended_us", "ready_us", "sent_us", "answered_us", "status", "repeated")


def plan_of(folder: Path, planned: list[Planned]) -> SealedPlan:
    return seal(write_city(folder / "city", planned), TestKeys(SEED))


def spread(uploads: int, every_ms: int, senders: int) -> list[Planned]:
    """Return single taps at a steady rate, by tills in turn."""
    return [Planned(21 + i % senders, i * every_ms, single=True) for i in range(uploads)]


def test_a_stall_shows_in_the_intended_latency_of_all_that_it_kept_waiting(tmp_path: Path) -> None:
    """A target silent for 300 ms of every 1.5 s: a fifth of all waits, evenly from 0 to 300 ms."""
    sealed = plan_of(tmp_path, spread(600, 5, senders=120))
    with Office(stall_every_s=1.5, stall_s=0.3) as office:
        document = drive(sealed, office.url, 1.0, tmp_path / "load", limits=PATIENT)
    assert document["valid"], document["reason"]
    assert document["planned"] == document["sent"] == document["answered"] == 600
    intended = Histogram.from_document(document["intended_us"])
    # Analytic: the q-th percentile is 300 ms * (1 - (1 - q) / 0.2); never less, so two taps' slack.
    slack_us = 2 * 5 * MS
    assert intended.percentile(90) >= 150 * MS - slack_us
    assert intended.percentile(95) >= 225 * MS - slack_us
    assert intended.percentile(99) >= 285 * MS - slack_us


def test_what_the_driver_noted_contains_what_the_office_noted(tmp_path: Path) -> None:
    sealed = plan_of(tmp_path, spread(100, 5, senders=40))
    with Office(stall_every_s=0.4, stall_s=0.1) as office:
        document = drive(sealed, office.url, 1.0, tmp_path / "load", limits=PATIENT)
    noted = {taken.body: taken.answered_us - taken.read_us for taken in office.taken}
    clocks = read_columns(tmp_path / "load" / "clocks.parquet", CLOCKS, "upload")
    service = clocks["answered_us"] - clocks["sent_us"]
    by_upload = np.argsort(sealed.upload)
    held = [noted[sealed.payloads[row]] for row in by_upload.tolist()]
    assert (service >= np.array(held) - 1).all()  # either clock rounds down
    assert (clocks["intended_us"] <= clocks["ready_us"]).all()
    assert (clocks["ready_us"] <= clocks["sent_us"]).all()
    assert document["wall_us"] == int((clocks["answered_us"] - document["started_us"]).max())


def test_a_single_connection_hides_the_stall_and_the_run_is_invalid(tmp_path: Path) -> None:
    """A closed loop sees each stall once; what it kept waiting shows only from the intent."""
    sealed = plan_of(tmp_path, spread(300, 5, senders=60))
    with Office(stall_every_s=1.5, stall_s=0.3) as office:
        document = drive(sealed, office.url, 1.0, tmp_path / "load", limits=Limits(connections=1))
    assert document["sent"] == 300
    service = Histogram.from_document(document["service_us"])
    intended = Histogram.from_document(document["intended_us"])
    assert intended.percentile(90) >= 140 * MS
    assert service.percentile(90) < intended.percentile(90) / 2
    assert document["connections"] == 1
    assert not document["valid"]
    assert "lag p99" in document["reason"]


def test_a_senders_next_upload_waits_for_the_answer_and_keeps_its_instant(tmp_path: Path) -> None:
    sealed = plan_of(tmp_path, spread(20, 1, senders=2))
    with Office(stall_every_s=60, stall_s=0.3) as office:
        document = drive(sealed, office.url, 1.0, tmp_path / "load", limits=PATIENT)
    assert office.together_most == 1
    sent = [
        (batch.sender, batch.number) for batch in map(parse_batch, (t.body for t in office.taken))
    ]
    for sender in {sender for sender, _ in sent}:
        numbers = [number for own, number in sent if own == sender]
        assert numbers == list(range(1, 11))
    assert document["chain_waits"] >= 16
    clocks = read_columns(tmp_path / "load" / "clocks.parquet", CLOCKS, "upload")
    offsets = clocks["intended_us"] - document["started_us"]
    assert offsets.tolist() == [upload * MS for upload in range(20)]


def test_speed_squeezes_the_plan_and_a_window_starts_the_clock(tmp_path: Path) -> None:
    planned = [Planned(21 + i, i * 60_000, single=True) for i in range(6)]
    window = FROM_MS + 60_000, FROM_MS + 240_000
    sealed = plan_of(tmp_path, planned)
    with Office() as office:
        document = drive(
            sealed, office.url, 2_000.0, tmp_path / "load", window=window, limits=PATIENT
        )
    clocks = read_columns(tmp_path / "load" / "clocks.parquet", CLOCKS, "upload")
    assert clocks["upload"].tolist() == [1, 2, 3]
    assert (clocks["intended_us"] - document["started_us"]).tolist() == [0, 30_000, 60_000]
    assert document["planned"] == len(office.taken) == 3


def test_batches_and_single_taps_go_to_their_own_doors(tmp_path: Path) -> None:
    planned = [Planned(11, 0, records=8), Planned(21, 5, single=True), Planned(11, 10, records=2)]
    with Office() as office:
        drive(plan_of(tmp_path, planned), office.url, 1.0, tmp_path / "load", limits=PATIENT)
    assert sorted(taken.path for taken in office.taken) == [
        "/v1/batches",
        "/v1/batches",
        "/v1/taps",
    ]


def test_planned_copies_are_duplicates_and_the_run_counts(tmp_path: Path) -> None:
    planned = [Planned(21, 0, single=True), Planned(21, 20, single=True, copy=True)]
    with Office() as office:
        document = drive(
            plan_of(tmp_path, planned), office.url, 1.0, tmp_path / "load", limits=PATIENT
        )
    assert (document["duplicates"], document["duplicates_planned"]) == (1, 1)
    assert document["valid"]


def test_a_store_that_holds_the_taps_makes_the_run_invalid(tmp_path: Path) -> None:
    sealed = plan_of(tmp_path, spread(10, 1, senders=5))
    with Office() as office:
        drive(sealed, office.url, 1.0, tmp_path / "first", limits=PATIENT)
        document = drive(sealed, office.url, 1.0, tmp_path / "again", limits=PATIENT)
    assert document["duplicates"] == 10
    assert not document["valid"]
    assert "--epoch N" in document["reason"]


def test_a_busy_target_is_asked_again_while_latency_keeps_running(tmp_path: Path) -> None:
    sealed = plan_of(tmp_path, spread(10, 1, senders=10))
    with Office(busy=4) as office:
        document = drive(sealed, office.url, 1.0, tmp_path / "load", limits=PATIENT)
    assert document["busy_answers"] == 4
    assert document["answered"] == 10
    assert document["statuses"] == {"200": 10}
    assert document["valid"]


def test_a_lost_connection_is_counted_and_its_upload_sent_again(tmp_path: Path) -> None:
    sealed = plan_of(tmp_path, spread(10, 1, senders=10))
    with Office(hang_up=3) as office:
        document = drive(sealed, office.url, 1.0, tmp_path / "load", limits=PATIENT)
    assert document["lost_connections"] == 3
    assert document["sent"] == document["answered"] == 10
    assert document["valid"]


def test_a_target_that_only_hangs_up_ends_in_time_and_answers_nothing(tmp_path: Path) -> None:
    sealed = plan_of(tmp_path, spread(3, 1, senders=3))
    with Office(hang_up=1_000) as office:
        document = drive(sealed, office.url, 1.0, tmp_path / "load", limits=PATIENT)
    assert (document["sent"], document["answered"]) == (3, 0)
    assert document["lost_connections"] == 18  # once and five times again, each


def test_nobody_there_is_an_invalid_run_and_says_so(tmp_path: Path) -> None:
    sealed = plan_of(tmp_path, spread(3, 1, senders=3))
    with Office() as office:
        url = office.url
    document = drive(sealed, url, 1.0, tmp_path / "load", limits=PATIENT)
    assert (document["sent"], document["valid"]) == (0, False)
    assert "0 of 3 planned uploads were sent" in document["reason"]


def test_patience_ends_a_run_whose_answers_never_come(tmp_path: Path) -> None:
    sealed = plan_of(tmp_path, spread(3, 1, senders=1))
    with Office(stall_every_s=3_600, stall_s=3_600) as office:
        document = drive(
            sealed, office.url, 1.0, tmp_path / "load", limits=PATIENT._replace(grace_s=0.2)
        )
    assert (document["sent"], document["answered"]) == (1, 0)
    assert not document["valid"]


@pytest.mark.parametrize(
    ("manner", "answered", "lost"), [("chunked", 6, 0), ("close", 6, 0), ("garbage", 0, 36)]
)
def test_answers_are_read_however_they_are_framed(
    tmp_path: Path, manner: str, answered: int, lost: int
) -> None:
    planned = [Planned(11 + i % 3, i, records=2) for i in range(6)]
    with Office(manner=manner) as office:
        document = drive(
            plan_of(tmp_path, planned), office.url, 1.0, tmp_path / "load", limits=PATIENT
        )
    assert (document["answered"], document["lost_connections"]) == (answered, lost)
    assert document["sent"] == 6


def test_a_machines_rate_is_measured_with_all_uploads_due_at_once(tmp_path: Path) -> None:
    sealed = plan_of(tmp_path, spread(200, 1_000, senders=50))
    with Office() as office:
        rate = sustained_per_s(sealed, office.url, uploads=150)
    assert len(office.taken) == 150
    assert rate > 1, "the plan itself asks for one a second"


def test_a_plan_that_asks_for_more_than_half_of_that_rate_does_not_count(tmp_path: Path) -> None:
    sealed = plan_of(tmp_path, spread(11, 10, senders=11))
    limits = PATIENT._replace(sustained_per_s=200)
    with Office() as office:
        document = drive(sealed, office.url, 1.0, tmp_path / "load", limits=limits)
    assert document["rate_per_s"]["planned"] == 110
    assert "more than half of the 200 that this machine sustains" in document["reason"]


def test_progress_ends_with_everything_answered(tmp_path: Path) -> None:
    told: list[Progress] = []
    with Office() as office:
        drive(
            plan_of(tmp_path, spread(5, 1, senders=5)),
            office.url, 1.0, tmp_path / "load", told.append, limits=PATIENT,
        )  # fmt: skip
    assert told[-1][:3] == (5, 5, 5)


def test_what_is_returned_is_what_load_json_says(tmp_path: Path) -> None:
    with Office() as office:
        document = drive(
            plan_of(tmp_path, spread(5, 1, senders=5)), office.url, 1.0, tmp_path / "load"
        )
    assert json.loads((tmp_path / "load" / "load.json").read_text()) == document
    assert document["format"] == "jakarta-one/load/1"
    assert not list((tmp_path / "load").glob("*.partial"))


@pytest.mark.parametrize("speed", [0.0, -1.0, float("nan"), float("inf")])
def test_a_speed_that_makes_no_sense_is_refused(tmp_path: Path, speed: float) -> None:
    with pytest.raises(BadInputError, match="--speed: expected a number above 0"):
        drive(plan_of(tmp_path, spread(1, 1, 1)), "http://127.0.0.1:1", speed, tmp_path / "load")


@pytest.mark.parametrize("url", ["ftp://host", "127.0.0.1:80", "http://", "http://host:99999"])
def test_a_url_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(BadInputError, match="--target: expected"):
        Address.of(url)


def test_a_folder_that_cannot_be_made_is_named_before_anything_is_sent(tmp_path: Path) -> None:
    (tmp_path / "load").write_text("a file")
    with Office() as office, pytest.raises(StoreError, match="load: expected a folder"):
        drive(plan_of(tmp_path, spread(1, 1, 1)), office.url, 1.0, tmp_path / "load")
    assert not office.taken


@pytest.mark.parametrize(
    ("body", "repeated"),
    [
        (b'{"sender":1,"repeated":true}', True),
        (b'{"repeated": false}', False),
        (b'{"title":"busy"}', False),
        (b"<html>", False),
        (b"", False),
    ],
)
def test_only_a_receipt_can_say_that_an_upload_was_known(body: bytes, repeated: bool) -> None:
    assert says_repeated(body) is repeated
