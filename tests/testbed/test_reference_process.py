"""The reference server as a process: started, asked, stopped, whatever happens."""

from __future__ import annotations

import json
import os
import socket
from pathlib import Path

import numpy as np
import pytest

from scheme.errors import TargetError
from scheme.target import CARD_DTYPE, SENDER_DTYPE, TERMINAL_DTYPE, Capability
from testbed.http_target import table_names
from testbed.reference_process import ReferenceProcess, last_line
from testbed.targets import open_target


def gone(pid: int) -> bool:
    """Return whether no process has this id."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


def test_a_run_finds_it_by_its_ready_file_and_leaves_nothing_behind(tmp_path: Path) -> None:
    pids: list[int] = []

    def work() -> None:
        with ReferenceProcess(tmp_path / "store") as process, process.target() as target:
            pids.append(int(json.loads((tmp_path / "store" / "ready.json").read_text())["pid"]))
            assert target.status()["backlog"] == 0
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        work()
    assert gone(*pids)


def test_it_takes_what_a_city_enrols_and_closes_an_empty_day(tmp_path: Path) -> None:
    with open_target("ours", tmp_path / "store") as office:
        office.target.enrol_terminals(np.zeros(0, TERMINAL_DTYPE), np.zeros(0, SENDER_DTYPE))
        office.target.enrol_cards(np.zeros(0, CARD_DTYPE))
        office.target.publish_hotlist(1, 0, np.zeros(0, np.uint64))
        office.target.wait_until_booked(10.0)
        assert office.target.close_day(20_481, 1_769_547_600_000) == {}
        assert office.target.capabilities() == frozenset(Capability)


def test_without_the_token_nothing_is_answered(tmp_path: Path) -> None:
    with ReferenceProcess(tmp_path / "store") as process:
        process.token = "wrong"
        with process.target() as target, pytest.raises(TargetError, match="got 401"):
            target.status()


def test_a_busy_port_is_told_in_the_servers_own_words(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with (
            pytest.raises(TargetError, match=r"exit code 3: .*expected a free port"),
            ReferenceProcess(tmp_path / "store", port=port),
        ):
            pass


def test_a_server_that_never_answers_is_given_up_and_stopped(tmp_path: Path) -> None:
    process = ReferenceProcess(tmp_path / "store", start_s=0.0)
    with pytest.raises(TargetError, match="expected to answer within 0 s"):
        process.start()
    process.stop()


def test_the_last_word_of_a_log_is_its_last_line_that_says_something(tmp_path: Path) -> None:
    log = tmp_path / "log"
    assert last_line(log) == "none"
    log.write_text("first\n  last \n\n")
    assert last_line(log) == "last"


@pytest.mark.parametrize("tables", [{}, [], None, ["../taps"], [3]])
def test_an_export_may_not_leave_its_folder(tables: object) -> None:
    with pytest.raises(TargetError, match="list of tables"):
        table_names({"tables": tables})
