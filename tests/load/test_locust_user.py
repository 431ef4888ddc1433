"""The Locust front, run as people run it: headless, in a process of its own, on a real server."""

from __future__ import annotations

import csv
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from load.driver import drive
from load.sealing import seal
from scheme.keys import TestKeys
from tests.load.office import Office
from tests.load.tiny_city import SEED, Planned, write_city

ROOT = Path(__file__).parents[2]
KEYS = TestKeys(SEED)
UPLOADS = 120
PLANNED = [
    *(Planned(21 + i % 40, i * 600, single=True) for i in range(UPLOADS - 20)),
    *(Planned(11 + i % 4, i * 3_000, records=4) for i in range(20)),
]
EPOCH, SPEED = 3, 60  # a minute of the plan in a second


def locust(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run Locust headless with our locustfile."""
    command = [sys.executable, "-m", "locust", "-f", "load/locustfile.py", "--headless"]
    patient = ["--jk1-lag-ms", "60000"]  # these tests judge the front, not this machine
    return subprocess.run(
        [*command, *patient, *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def counted(prefix: Path) -> dict[str, dict[str, str]]:
    """Return the rows of Locust's own table, by name."""
    with Path(f"{prefix}_stats.csv").open() as table:
        return {row["Name"]: row for row in csv.DictReader(table)}


def free_port() -> str:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return str(probe.getsockname()[1])


@pytest.fixture(scope="module")
def city(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_city(tmp_path_factory.mktemp("locust") / "city", PLANNED)


def test_one_event_an_upload_shows_the_latency_from_its_intended_instant(
    city: Path, tmp_path: Path
) -> None:
    """Silent for its first half second, the target keeps half of a second's plan waiting."""
    with Office(stall_every_s=3_600, stall_s=0.5) as office:
        ran = locust(
            "--host", office.url, "--jk1-city", str(city), "--jk1-speed", str(SPEED),
            "--jk1-epoch", str(EPOCH), "--csv", str(tmp_path / "out"),
        )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    sent = sorted(taken.body for taken in office.taken)
    assert sent == sorted(seal(city, KEYS, EPOCH).payloads)
    rows = counted(tmp_path / "out")
    singles, batches, total = (rows[n] for n in ("/v1/taps", "/v1/batches", "Aggregated"))
    assert (int(singles["Request Count"]), int(batches["Request Count"])) == (UPLOADS - 20, 20)
    assert int(total["Request Count"]) == UPLOADS, "the service time must not count in the total"
    assert int(rows["/v1/taps (service)"]["Request Count"]) == UPLOADS - 20
    # Half of all waited, evenly from 0 to 500 ms: a quarter of all for more than 250 ms.
    assert int(total["80%"]) >= 200


def test_workers_share_the_plan_by_sender_and_each_upload_is_sent_once(
    city: Path, tmp_path: Path
) -> None:
    port = free_port()
    with Office() as office:
        ran = locust(
            "--host", office.url, "--jk1-city", str(city), "--jk1-speed", str(SPEED),
            "--processes", "2", "--master-bind-port", port, "--master-port", port,
            "--csv", str(tmp_path / "out"),
        )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    assert sorted(taken.body for taken in office.taken) == sorted(seal(city, KEYS).payloads)
    assert office.together_most == 1
    assert int(counted(tmp_path / "out")["Aggregated"]["Request Count"]) == UPLOADS


def test_a_store_that_holds_the_taps_ends_with_exit_4_and_says_what_to_do(
    city: Path, tmp_path: Path
) -> None:
    with Office() as office:
        drive(seal(city, KEYS), office.url, 600.0, tmp_path / "load")
        ran = locust("--host", office.url, "--jk1-city", str(city), "--jk1-speed", "600")
    assert ran.returncode == 4, ran.stderr
    assert "the store already holds these taps" in ran.stderr
    assert "--epoch N" in ran.stderr


def test_a_target_that_is_not_there_fails_every_upload(city: Path) -> None:
    with Office() as office:
        url = office.url
    ran = locust("--host", url, "--jk1-city", str(city), "--jk1-speed", "6000")
    assert ran.returncode == 1, ran.stderr
    assert "Connection refused" in ran.stderr + ran.stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "argument --jk1-city: expected a city's folder, or JK1_CITY in the environment"),
        (["--jk1-city", "nowhere"], "nowhere/manifest.json: expected the manifest"),
        (["--jk1-speed", "0"], "argument --jk1-speed: expected a number above 0, got 0"),
        (["--jk1-epoch", "42"], "argument --jk1-epoch: --epoch: expected 0 to 41, got 42"),
    ],
)
def test_a_wrong_argument_is_one_line_and_exit_2(arguments: list[str], said: str) -> None:
    ran = locust("--host", "http://127.0.0.1:1", *arguments)
    assert ran.returncode == 2, ran.stderr
    lines = ran.stderr.strip().splitlines()
    assert len(lines) == 1
    assert said in lines[0]
