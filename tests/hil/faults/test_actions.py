"""Faults by the clock: a file read whole; a device's power cut, its clock and network wrong."""

from __future__ import annotations

import json
import socket
import sys
import threading
from pathlib import Path

import pytest

from hil.faults.actions import load_actions, run
from hil.faults.device import Powered, put_clock_wrong
from hil.faults.evidence import FaultLog
from hil.validator.device import Device
from scheme.errors import BadInputError, EnvironmentFaultError
from testbed.cli.main import main
from tests.hil.validator.test_line import free_port, running
from tests.hil.validator.till import Till

SLEEPS = json.dumps([sys.executable, "-c", "import time; time.sleep(60)"])


def written(folder: Path, text: str) -> Path:
    path = folder / "faults.yaml"
    path.write_text("format: jakarta-one/faults/1\ntitle: Evening\n" + text)
    return path


def test_a_devices_power_is_cut_and_comes_back(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        f"device: {{command: {SLEEPS}}}\n"
        "actions:\n  - {at_s: 0, power_off_s: 0.05}\n  - {at_s: 0.1, power_off_s: 0}\n",
    )
    told = run(load_actions(path), lambda done, total: None)
    assert (told["verdict"], told["faults"]) == ("PASS", {"armed": 2, "fired": 2})
    assert all("killed" in row["said"] for row in told["evidence"])


def test_the_power_of_a_device_that_is_off_cannot_be_cut() -> None:
    device = Powered([sys.executable, "-c", ""])
    assert not device.cut_power().fired
    with pytest.raises(EnvironmentFaultError, match="expected a device to start"):
        Powered(["/no/such/device"]).switch_on()


def test_a_validators_clock_is_put_wrong_and_it_says_so(tmp_path: Path) -> None:
    till = Till(tmp_path, office="http://127.0.0.1:9", control=("127.0.0.1", 0))
    device: Device = till.on()
    with running(device):
        assert device.control is not None
        evidence = put_clock_wrong(FaultLog(), ("127.0.0.1", device.control.port), 90_000)
        assert evidence.fired
        assert abs(device.book.memory.offset_ms - 90_000) < 1_000


def test_a_clock_that_nobody_answers_for_did_not_fire() -> None:
    evidence = put_clock_wrong(FaultLog(), ("127.0.0.1", free_port()), 5)
    assert not evidence.fired
    assert "expected a control port" in evidence.said


def test_a_network_that_nobody_used_is_invalid_and_exits_4(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    listen, to = free_port(), free_port()
    path = written(
        tmp_path,
        f'network: {{listen: "127.0.0.1:{listen}", to: "127.0.0.1:{to}"}}\n'
        "actions:\n  - {at_s: 0, network: half_open, for_s: 0.1}\n",
    )
    with pytest.raises(SystemExit) as ended:
        main(["rack", "faults", str(path)])
    assert ended.value.code == 4
    said = capsys.readouterr().out
    assert "network=half_open: did not fire" in said
    assert "INVALID: 1 armed, 0 fired" in said


def test_a_network_that_somebody_meets_has_fired(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as office:
        listen, to = free_port(), office.getsockname()[1]
        path = written(
            tmp_path,
            f'network: {{listen: "127.0.0.1:{listen}", to: "127.0.0.1:{to}"}}\n'
            "actions:\n  - {at_s: 0.3, network: down, for_s: 0.3}\n",
        )
        asked = load_actions(path)

        def use() -> None:
            for _ in range(200):
                try:
                    with socket.create_connection(("127.0.0.1", listen), 1) as line:
                        if not line.recv(1):
                            return
                except OSError:
                    threading.Event().wait(0.01)

        user = threading.Thread(target=use)
        user.start()
        told = run(asked, lambda done, total: None)
        user.join()
    assert (told["verdict"], told["faults"]) == ("PASS", {"armed": 1, "fired": 1})


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("actions: []\n", "actions: expected a list of at least one"),
        ("actions:\n  - {at_s: 1, power_off_s: 1}\n", "expected `device.command` above"),
        ("actions:\n  - {at_s: 1, network: down}\n", "expected `network` above"),
        ("actions:\n  - {at_s: 1, clock_ms: 5}\n", "expected `device.control` above"),
        ("actions:\n  - {at_s: 1}\n", "expected one of network, clock_ms, power_off_s"),
        ("actions:\n  - {at_s: -1, clock_ms: 5}\n", "expected a number from 0 to 86400"),
        ("actions:\n  - {at_s: 1, nettwork: down}\n", 'did you mean "network"'),
        ("device: {control: here}\nactions:\n  - {at_s: 1, clock_ms: 5}\n", "expected HOST:PORT"),
        (
            f"device: {{command: {SLEEPS}}}\nactions:\n  - {{at_s: 1, power_off_s: 3}}\n"
            "  - {at_s: 2, power_off_s: 1}\n",
            "power_off_s once at a time",
        ),
    ],
)
def test_a_file_of_faults_is_read_whole(text: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match=said.replace("(", r"\(")) as caught:
        load_actions(written(tmp_path, text))
    assert "faults.yaml:" in str(caught.value)
