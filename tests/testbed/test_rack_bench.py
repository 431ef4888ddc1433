"""`jakarta-one rack scan, check, lock, leases, doctor, conformance`, as a person calls them."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hil.drivers import check_part_url, open_part, part_drivers
from hil.fpga.conformance import CASES
from hil.locks import FOLDER_VARIABLE
from hil.protocols import BenchState, Gate, Power, Timer
from hil.scan import snippet
from scheme.errors import InventoryError, ReaderError
from testbed.rack_check import check, check_lines

CHECKOUT = Path(__file__).parents[2]
WITHIN_S = 60
DEVICE = """\
format: jakarta-one/rack/2
title: One virtual reader with an address
resources:
  slot: {kind: reader, url: "vpcd://127.0.0.1:35999", simulated: true}
places:
  - {name: in, reader: slot, sam: "model://", service: mrt, place: Lebak Bulus, direction: entry}
  - {name: out, reader: "model://", service: mrt, place: Bundaran HI, direction: exit}
"""


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """Return an environment with a lock folder of its own."""
    return {**os.environ, FOLDER_VARIABLE: str(tmp_path), "PYTHONPATH": str(CHECKOUT)}


@pytest.fixture
def rack(tmp_path: Path) -> str:
    """Return a rack file with a device in it."""
    file = tmp_path / "rack.yaml"
    file.write_text(DEVICE)
    return str(file)


def command(*words: str) -> list[str]:
    """Return the words of a command of the rack."""
    return [sys.executable, "-m", "testbed", "rack", *words]


def ran(environment: dict[str, str], *words: str) -> subprocess.CompletedProcess[str]:
    """Return a command of the rack that has ended."""
    return subprocess.run(
        command(*words), cwd=CHECKOUT, env=environment, capture_output=True, text=True,
        timeout=WITHIN_S, check=False,
    )  # fmt: skip


@pytest.fixture
def holding(environment: dict[str, str], rack: str) -> Iterator[subprocess.Popen[str]]:
    """Return a process in which a person holds a place."""
    # Tests that run in the background have the interrupt ignored, which children inherit.
    heeding = ("env", "--default-signal=INT")
    process = subprocess.Popen(
        [*heeding, *command("lock", "in", "--rack", rack, "--for", "5")],
        cwd=CHECKOUT, env=environment, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    assert process.stdout.readline().startswith("held: vpcd://127.0.0.1:35999; Ctrl-C")
    yield process
    process.kill()
    process.communicate()


def test_check_of_the_default_rack_has_places_and_no_problems(environment: dict[str, str]) -> None:
    done = ran(environment, "check", "rack.sim.yaml", "--json")
    told = json.loads(done.stdout)
    assert done.returncode == 0
    assert len(told["places"]) == 4
    assert told["problems"] == []


def test_check_exits_2_for_a_wrong_file_and_tells_everything(
    environment: dict[str, str], rack: str
) -> None:
    text = DEVICE.replace("service: mrt", "service: mrtt").replace("reader: slot", "reader: slit")
    Path(rack).write_text(text)
    done = ran(environment, "check", rack, "--json")
    told = json.loads(done.stdout)
    assert done.returncode == 2
    assert [(p["line"], p["what"]) for p in told["problems"]] == [
        (6, "service"), (6, "reader"), (7, "service"),
    ]  # fmt: skip


def test_check_exits_1_where_only_a_device_is_missing(tmp_path: Path) -> None:
    file = tmp_path / "rack.yaml"
    file.write_text(DEVICE.replace('url: "vpcd://127.0.0.1:35999"', "by_id: usb-none-if00"))
    told = check(file)
    assert [(p["line"], p["where"]) for p in told["problems"]] == [(4, "machine")]
    assert check_lines(told)[-1].endswith("2 places, 1 problem")
    assert check(file, offline=True)["problems"] == []


def test_check_names_a_feature_that_no_place_has() -> None:
    told = check(CHECKOUT / "rack.sim.yaml", ["gate"])
    (problem,) = told["problems"]
    assert "--needs: expected a place with gate" in problem["sentence"]
    with pytest.raises(InventoryError, match='no feature "gaet"'):
        check(CHECKOUT / "rack.sim.yaml", ["gaet"])


def test_a_place_that_is_held_is_told_by_leases_and_check_and_refused_to_others(
    environment: dict[str, str], rack: str, holding: subprocess.Popen[str]
) -> None:
    told = ran(environment, "leases").stdout
    assert "vpcd://127.0.0.1:35999: held by" in told
    assert f"(pid {holding.pid} on" in told
    places = json.loads(ran(environment, "check", rack, "--json").stdout)["places"]
    assert [place["held"] for place in places] == [["vpcd://127.0.0.1:35999"], []]
    refused = ran(environment, "lock", "in", "--rack", rack, "--wait", "0", "--", "true")
    assert refused.returncode == 3
    assert "expected it free within 0 s, got held by" in refused.stderr
    assert f"pid {holding.pid}" in refused.stderr


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 0), (signal.SIGTERM, 143)])
def test_ctrl_c_lets_go(
    environment: dict[str, str], holding: subprocess.Popen[str], number: int, code: int
) -> None:
    holding.send_signal(number)
    assert holding.wait(WITHIN_S) == code
    assert ran(environment, "leases").stdout == "nobody holds a device\n"
    told = ran(environment, "leases", "--why").stdout
    assert "free, last held by" in told
    (lock,) = json.loads(ran(environment, "leases", "--why", "--json").stdout)
    assert lock["holder"]["deadline_s"] == pytest.approx(lock["holder"]["since_s"] + 300, abs=5)


def test_a_command_runs_under_the_lock_and_its_exit_code_is_told(
    environment: dict[str, str],
) -> None:
    inside = " ".join(command("leases", "--json"))
    done = ran(environment, "lock", "b", "a", "--", "sh", "-c", f"{inside}; exit 7")
    assert done.returncode == 7
    assert [lock["resource"] for lock in json.loads(done.stdout)] == ["a", "b"]
    missing = ran(environment, "lock", "a", "--", "no-such-command")
    assert missing.returncode == 3
    assert "no-such-command: expected a command to run" in missing.stderr


@pytest.mark.parametrize(
    ("name", "said"),
    [("inn", 'no place or device "inn"'), ("out", "of which each process has its own")],
)
def test_a_name_that_cannot_be_locked_is_told(
    environment: dict[str, str], rack: str, name: str, said: str
) -> None:
    done = ran(environment, "lock", name, "--rack", rack, "--", "true")
    assert done.returncode == 2
    assert said in done.stderr


def test_doctor_says_each_thing_in_a_sentence_with_its_command(
    environment: dict[str, str],
) -> None:
    findings = json.loads(ran(environment, "doctor", "--json").stdout)
    assert {finding["name"] for finding in findings} >= {"pcscd", "vpcd", "ports", "java", "locks"}
    for finding in findings:
        assert finding["said"].endswith(".")
        assert finding["well"] or finding["mend"]
    text = ran(environment, "doctor").stdout
    assert "well     Java is " in text
    nowhere = ran({**environment, "PATH": "/nowhere"}, "doctor").stdout
    assert "Java is not installed." in nowhere
    assert "do:    sudo apt-get install openjdk-17-jdk-headless maven" in nowhere


def test_an_agent_says_that_its_port_is_taken_and_nothing_before_it_listens(
    environment: dict[str, str],
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        told = {**environment, "JAKARTA_ONE_AGENT_TOKEN": "a-token-of-this-bench"}
        done = ran(told, "agent", "rack.sim.yaml", "--port", port)
    assert done.returncode == 3
    assert done.stderr.startswith(f"jakarta-one: 127.0.0.1:{port}: expected an address and a port")
    assert "give others with --host and --port" in done.stderr


def test_scan_is_the_start_of_a_rack_file(environment: dict[str, str]) -> None:
    assert ran(environment, "scan").stdout.startswith("format: jakarta-one/rack/2\n")
    found = json.loads(ran(environment, "scan", "--json").stdout)
    assert set(found) == {"pcsc", "ports", "virtual", "drivers"}
    assert "pn532" in found["drivers"]["reader"]


def test_a_reader_is_found_by_its_serial_number_where_that_is_its_alone() -> None:
    found: dict[str, Any] = {
        "pcsc": ["ACS ACR122U (A1B2C3) 00 00", "Two [PICC] (S123) 00 00", "Two [SAM] (S123) 01 00"],
        "ports": [{"by_id": "usb-FTDI_X-if00", "device": "/dev/ttyUSB0"}],
        "drivers": {},
    }
    text = snippet(found)
    assert '    serial: "A1B2C3"' in text
    assert '    url: "pcsc://Two [SAM] (S123) 01 00"' in text
    assert '    by_id: "usb-FTDI_X-if00"' in text


def test_conformance_of_a_reader_exits_0_and_lists_its_cases(environment: dict[str, str]) -> None:
    done = ran(environment, "conformance", "model://", "--json")
    record = json.loads(done.stdout)
    assert done.returncode == 0
    assert (record["verdict"], record["passed"], record["failed"]) == ("PASS", 12, 0)
    assert ran(environment, "conformance", "modle://").returncode == 2


def test_an_fpga_is_judged_by_its_own_cases(environment: dict[str, str]) -> None:
    done = ran(environment, "conformance", "fpga://model:", "--json")
    record = json.loads(done.stdout)
    assert done.returncode == 0
    assert (record["verdict"], record["passed"]) == ("PASS", len(CASES))


def test_a_driver_outside_the_tree_is_installed_found_and_judged(
    environment: dict[str, str], tmp_path: Path
) -> None:
    source, target = tmp_path / "source", tmp_path / "installed"
    shutil.copytree(CHECKOUT / "examples" / "driver", source)
    subprocess.run(
        [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation",
         "--no-index", "--target", str(target), str(source)],
        check=True, timeout=WITHIN_S,
    )  # fmt: skip
    outside = {**environment, "PYTHONPATH": f"{target}:{CHECKOUT}"}
    found = json.loads(ran(outside, "scan", "--json").stdout)["drivers"]
    assert "example" in found["reader"]
    assert found["gate"] == ["sim", "example"]
    record = json.loads(ran(outside, "conformance", "example://", "--json").stdout)
    assert (record["verdict"], record["passed"], record["not_assessed"]) == ("PASS", 9, 3)
    code = "from hil.drivers import open_part; print(open_part('gate', 'example://').release(2))"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=CHECKOUT, env=outside, capture_output=True, check=True
    )
    assert int(done.stdout) > 0


def test_a_simulated_gate_tells_each_release_once() -> None:
    gate = open_part("gate", "sim://")
    assert isinstance(gate, Gate)
    at_ns = gate.release(1)
    assert gate.opened(1, 0) == at_ns
    assert gate.opened(1, 0) is None
    assert gate.opened(2, 0) is None
    gate.close()
    gate.close()
    with pytest.raises(ReaderError, match="is not open"):
        gate.release(1)


def test_a_simulated_switch_falls_to_safe_when_it_is_let_go() -> None:
    power = open_part("power", "sim://")
    assert isinstance(power, Power)
    power.switch(3, False)
    assert power.off == {3}  # type: ignore[attr-defined]
    power.close()
    assert (power.off, power.state) == (set(), BenchState.safe)  # type: ignore[attr-defined]


def test_the_fpga_is_a_timer_like_any_other() -> None:
    timer = open_part("timer", "fpga://model:", 2)
    assert isinstance(timer, Timer)
    assert timer.ticks() < timer.ticks()
    assert timer.events(8) == []
    assert timer.tick_hz == 12_000_000
    timer.close()


def test_a_part_that_nobody_drives_is_named() -> None:
    assert part_drivers("timer") == ("fpga",)
    with pytest.raises(InventoryError, match=r'no power driver "simm".*did you mean "sim"'):
        check_part_url("power", "simm://")
    with pytest.raises(InventoryError, match='got no "://"'):
        check_part_url("gate", "sim")
