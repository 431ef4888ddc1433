"""`jakarta-one rack sweep`: record, page, table and exit code."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from hil.locks import FOLDER_VARIABLE, locked
from scheme.errors import ReaderError
from testbed import rack_check, rack_sweep
from testbed.cli.main import main

SWEEP = ["rack", "sweep", "model://empty"]


def ended(arguments: list[str]) -> int:
    """Run the command line and return its exit code."""
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert isinstance(caught.value.code, int)
    return caught.value.code


def test_a_sweep_writes_its_record_and_its_page(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = ["--fault", "tear", "--at", "DEBIT", "--from", "0", "--to", "5000", "--step", "1000"]
    assert ended([*SWEEP, *asked, "--repeats", "2", "--out", str(tmp_path / "s"), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told == json.loads((tmp_path / "s/sweep.json").read_text())
    assert (told["taps"], told["faults"]) == (12, {"armed": 12, "fired": 12})
    assert "<svg" in (tmp_path / "s/sweep.html").read_text()


def test_a_table_for_people_and_exit_4_where_nothing_fired(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert ended([*SWEEP, "--at", "READ_LOG", "--from", "0", "--to", "0"]) == 4
    said = capsys.readouterr().out
    assert "INVALID: 1 taps, 1 faults armed, 0 fired" in said
    assert "the fault did not fire: at 0" in said


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (["--fault", "cut"], "cut=0@DEBIT: expected pn532:// or vpcd://"),
        (["--fault", "melt"], "--fault: expected one of cut, delay, tear"),
        (["--at", "DEBT"], "--at: expected an instruction"),
    ],
)
def test_a_sweep_that_cannot_be_exits_2(
    asked: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ended([*SWEEP, *asked, "--from", "0", "--to", "1"]) == 2
    assert said in capsys.readouterr().err


@pytest.mark.parametrize("opens", [rack_check.judged, rack_sweep.sweep_reader])
def test_a_device_that_another_has_is_not_opened(
    opens: Callable[[str], object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(FOLDER_VARIABLE, str(tmp_path))
    monkeypatch.setattr("testbed.rack_check.LOCK_WITHIN_S", 0)
    monkeypatch.setattr("testbed.rack_sweep.LOCK_WITHIN_S", 0)
    url = "pn532:///dev/serial/by-id/usb-FTDI_X-if00"
    with (
        locked(["usb-FTDI_X-if00"], "a play", 0),
        pytest.raises(ReaderError, match=r"expected it free .* held by .*a play"),
    ):
        opens(url)
