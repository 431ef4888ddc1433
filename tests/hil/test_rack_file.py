"""The rack file of today: resources, features, devices under test, and all mistakes at once."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from hil.discovery import port_of_serial, serial_ports
from hil.limits import profiles
from hil.presence import missing
from hil.rack import load_rack, read_rack
from scheme.errors import BadInputError

TOP = "format: jakarta-one/rack/2\ntitle: A bench\n"
BENCH = """\
site: Depok
time_scale: 16
limits: gate-450
resources:
  acr:
    kind: reader
    serial: RR123-456789
    simulated: false
  antenna:
    kind: reader
    by_id: usb-FTDI_FT232R_A50285BI-if00-port0
    simulated: false
  fpga-1:
    kind: timer
    url: "fpga://model:"
    simulated: true
    calibration: {offset_ns: 1200, uncertainty_ns: 83, date: 2026-11-01}
  relay:
    kind: gate
    url: sim://
    simulated: true
  far:
    kind: reader
    agent: lab-b
    place: gate-9
    simulated: true
agents:
  lab-b: {url: "https://lab-b.example:8443", token_env: LAB_B_TOKEN}
quarantine:
  - {serial: A50285BI, reason: three resets in a row}
duts:
  - name: gate-under-test
    vendor: Example
    model: G1
    firmware: 1.0.3
    ics: ics.yaml
    place: in
    needs: [tear, gate]
places:
  - name: in
    reader: acr
    sam: model://empty
    timer: fpga-1/2
    gate: relay/1
    service: mrt
    place: Lebak Bulus
    direction: entry
    features: [tear, gate, sam]
  - name: out
    reader: antenna
    sam: model://empty
    timer: fpga-1/3
    service: mrt
    place: Bundaran HI
    direction: exit
    features: [tear]
"""


@pytest.fixture
def bench(tmp_path: Path) -> Path:
    """Return a bench's file with everything in it, and its ICS beside it."""
    (tmp_path / "ics.yaml").write_text("{}\n")
    file = tmp_path / "rack.yaml"
    file.write_text(TOP + BENCH)
    return file


def said(file: Path, *changes: tuple[str, str]) -> list[str]:
    """Return what is wrong with a bench after changes, without the file's name."""
    text = file.read_text()
    for old, new in changes:
        assert old in text
        text = text.replace(old, new, 1)
    file.write_text(text)
    return [str(problem).removeprefix(f"{file}:") for problem in read_rack(file)[1]]


def test_a_bench_says_how_each_part_is_reached_and_what_it_is_locked_by(bench: Path) -> None:
    rack = load_rack(bench)
    inside, outside = rack.places
    assert (inside.reader, outside.reader) == (
        "pcsc://RR123-456789",
        "pn532:///dev/serial/by-id/usb-FTDI_FT232R_A50285BI-if00-port0",
    )
    assert inside.parts == {"timer": ("fpga-1", 2), "gate": ("relay", 1)}
    assert inside.locks == ("RR123-456789",)
    assert not inside.simulated
    assert inside.quarantine == ""
    assert outside.quarantine == "antenna: three resets in a row"
    assert rack.features() == {"tear", "gate", "sam"}
    assert (rack.site, rack.time_scale, rack.limits) == ("Depok", 16, "gate-450")
    assert rack.resources["far"].url == (
        "agent+https://lab-b.example:8443/gate-9?token_env=LAB_B_TOKEN"
    )
    assert rack.duts[0].needs == ("tear", "gate")
    calibration = rack.resources["fpga-1"].calibration
    assert calibration is not None
    assert (calibration.offset_ns, calibration.uncertainty_ns) == (1_200, 83)


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("serial: RR123-456789", "url: pcsc://0",
         ['9: url: expected a name that stays, by serial, by_id or /dev/serial/by-id, got "0"']),
        ("by_id: usb-FTDI_FT232R_A50285BI-if00-port0",
         "url: pn532:///dev/ttyUSB0\n    note: A50285BI",
         ['13: url: expected a name that stays, by serial, by_id or /dev/serial/by-id, '
          'got "/dev/ttyUSB0"',
          '32: quarantine: expected the serial of a resource, got "A50285BI", '
           "which no resource has"]),
        ("    simulated: false\n", "    simulatd: false\n",
         ['10: resources.acr: expected one of kind, simulated, serial, by_id, url, agent, place, '
          'driver, calibration, note, got "simulatd"; did you mean "simulated"?']),
        ("    serial: RR123-456789\n", "", ["7: resources.acr: expected one of serial, by_id, url, "
                                            "agent, got none"]),
        ("kind: gate\n    url: sim://", "kind: gate\n    url: relais://",
         ['22: url: expected what a driver drives, got no gate driver "relais"; there are: sim']),
        ("url: sim://\n    simulated: true", "url: sim://\n    simulated: false",
         ["23: simulated: expected true of what is a program, got false"]),
        ("agent: lab-b", "agent: lab-c",
         ['26: agent: expected one of agents: lab-b, got "lab-c"']),
        ('https://lab-b', 'http://lab-b',
         ['30: url: expected https://HOST:PORT, or http:// on this machine, '
          'got "http://lab-b.example:8443"']),
        ("limits: gate-450", "limits: gate-45",
         ['5: limits: expected one of gate-450, gate-500, got "gate-45"; '
          'did you mean "gate-450"?']),
        ("time_scale: 16", "time_scale: 0",
         ["4: time_scale: expected a number from 1 to 1000, got 0"]),
        ("ics: ics.yaml", "ics: none.yaml",
         ["38: ics: expected a file, got none at DIR/none.yaml"]),
        ("needs: [tear, gate]", "needs: [contactless]",
         ['40: needs: expected features that a place has, got "contactless", which "in" has not']),
        ("    place: in\n    needs: [tear, gate]", "    needs: [contactless]",
         ['39: needs: expected features that a place has, got "contactless", which no place has']),
        ("timer: fpga-1/3", "timer: fpga-1/2",
         ['51: timer channel: expected one of its own, got that of "in" again']),
        ("timer: fpga-1/3", "timer: fpga-1/b",
         ['54: timer: expected RESOURCE/CHANNEL with a whole number, got "fpga-1/b"']),
        ("timer: fpga-1/3", "timer: relay",
         ['54: timer: expected a timer of resources: fpga-1, got "relay", which is a gate']),
        ("reader: antenna", "reader: acr",
         ['51: port: expected one of its own, got that of "in" again']),
        ("reader: antenna", "reader: pcsc://RR9",
         ["52: reader: expected a resource's name, as it is one device, got the URL \"pcsc://RR9\""]),
        ("  antenna:\n    kind: reader\n    by_id: usb-FTDI_FT232R_A50285BI-if00-port0",
         "  antenna:\n    kind: reader\n    url: pcsc://ACS (RR123-456789) A50285BI",
         ['11: resources.antenna: expected a port of its own, got that of "acr" again',
          '31: quarantine: expected the serial of a resource, got "A50285BI", '
           "which no resource has"]),
        ("features: [tear]", "features: [tear, gate]",
         ["58: features: expected a gate for gate, got none at this place"]),
        ("features: [tear]", "features: [taer]",
         ['58: features: expected one of tear, gate, contactless, sam, got "taer"; '
          'did you mean "tear"?']),
    ],
)  # fmt: skip
def test_a_mistake_is_told_with_its_line(
    bench: Path, old: str, new: str, expected: list[str]
) -> None:
    found = said(bench, (old, new))
    assert [line.replace(str(bench.parent), "DIR") for line in found] == expected


def test_all_mistakes_are_told_at_once_in_the_order_of_their_lines(bench: Path) -> None:
    found = said(
        bench,
        ("title: A bench", "title: 7"),
        ("kind: timer", "kind: tmer"),
        ("service: mrt", "service: mrtt"),
        ("reader: antenna", "reader: antena"),
    )
    assert [line.partition(":")[0] for line in found] == ["2", "16", "47", "52"]
    with pytest.raises(BadInputError, match=r"rack.yaml:2: title: .*; .*rack.yaml:52: reader: "):
        load_rack(bench)


def test_devices_that_are_not_plugged_in_are_problems_and_programs_are_not(
    bench: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("LAB_B_TOKEN", raising=False)
    bench.write_text(bench.read_text().replace("lab-b.example:8443", "127.0.0.1:9"))
    found = [str(problem) for problem in missing(load_rack(bench))]
    assert len(found) == 4
    assert "agents.lab-b: expected a token in LAB_B_TOKEN, got none" in found[0]
    assert 'acr: expected a PC/SC reader "RR123-456789", got' in found[1]
    assert "antenna: expected the device /dev/serial/by-id/usb-FTDI" in found[2]
    assert "far: expected an agent at 127.0.0.1:9, got" in found[3]


def test_the_shipped_racks_miss_nothing() -> None:
    for name in ("rack.sim.yaml", "rack.pcsc.yaml"):
        assert missing(load_rack(Path(__file__).parents[2] / name)) == []


def test_a_library_that_a_driver_wants_is_missed_once(monkeypatch: pytest.MonkeyPatch) -> None:
    for module, rack, package in (
        ("serial", "rack.pn532.yaml", "pyserial"),
        ("serial", "rack.fpga.yaml", "pyserial"),
        ("smartcard", "rack.pcsc.yaml", "pyscard"),
    ):
        with monkeypatch.context() as patch:
            patch.setitem(sys.modules, module, None)
            (found,) = missing(load_rack(Path(__file__).parents[2] / rack))
        assert f"expected Python's {package}, got none; do: " in str(found)
        assert 'pip install "jakarta-one-testbed[rack]"' in str(found)


def test_a_port_is_found_by_the_serial_number_in_its_name(tmp_path: Path) -> None:
    (tmp_path / "ttyUSB7").touch()
    (tmp_path / "by-id").mkdir()
    for serial in ("A1", "B2"):
        (tmp_path / "by-id" / f"usb-Maker_{serial}-if00").symlink_to(tmp_path / "ttyUSB7")
    folder = tmp_path / "by-id"
    assert port_of_serial("B2", folder) == folder / "usb-Maker_B2-if00"
    assert port_of_serial("Maker", folder) is None
    assert port_of_serial("C3", folder) is None
    assert [port.device.name for port in serial_ports(folder)] == ["ttyUSB7", "ttyUSB7"]
    assert serial_ports(tmp_path / "none") == []


def test_limits_judge_and_what_was_not_measured_fails() -> None:
    (tap,) = profiles()["gate-450"]
    assert [tap.verdict(ms) for ms in (400, 401, 450, 451, None)] == [
        "PASS", "MARGINAL", "MARGINAL", "FAIL", "FAIL",
    ]  # fmt: skip


def test_a_limits_file_with_a_mistake_is_told(tmp_path: Path) -> None:
    file = tmp_path / "limits.yaml"
    file.write_text(
        "format: jakarta-one/limits/1\nprofiles:\n  mine:\n"
        "    tap: {unit: s, limit: 1, marginal: 2}\n"
    )
    with pytest.raises(BadInputError, match=r"limits.yaml:4: unit: expected one of ms"):
        profiles(file)
