"""The line to a real server: offline then online, the clock, the lists."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hil.control_line import ControlLine
from hil.validator.clock import Bounds
from hil.validator.device import Device
from hil.validator.lists import Lists
from scheme.errors import RecordError, StoreError, TariffError
from scheme.target import SENDER_DTYPE, TERMINAL_DTYPE
from testbed.reference_process import ReferenceProcess
from tests.cards import KEYS, TERMINAL
from tests.hil.validator.till import Till, small_bundle

WITHIN_S = 60.0
MS = st.integers(0, 1 << 42)


@given(MS, MS, st.integers(0, 10_000), st.sampled_from([1, 1_000]))
def test_the_bounds_of_an_answer_hold_the_true_offset_and_a_good_clock_is_left_alone(
    machine: int, server: int, round_trip: int, grain: int
) -> None:
    shown = server // grain * grain
    bounds = Bounds.of(shown, grain, machine, machine + round_trip)
    for asked_at in (0, round_trip):  # the server may have looked at its clock at either end
        true = server - (machine + asked_at)
        assert bounds.low_ms <= true <= bounds.high_ms
        assert bounds.corrected(true) == true
    assert bounds.low_ms <= bounds.corrected(bounds.high_ms + 5_000) <= bounds.high_ms


def test_a_broken_list_is_refused_and_the_old_one_stays(tmp_path: Path) -> None:
    (tmp_path / "begun.json").write_bytes(small_bundle(1))
    lists = Lists(tmp_path, tmp_path / "begun.json")
    lists.take_hotlist(4, np.array([7, 9], "<u8").tobytes())
    lists.take_tariff(small_bundle(2))
    with pytest.raises(RecordError, match="8 bytes a card"):
        lists.take_hotlist(5, b"seven b")
    with pytest.raises(TariffError):
        lists.take_tariff(b"{}")
    with pytest.raises(TariffError):
        lists.take_tariff(b"[" * 9_999)
    (tmp_path / "tariff.json.part").mkdir()
    with pytest.raises(StoreError, match="expected the disk to take it"):
        lists.take_tariff(small_bundle(3))
    for held in (lists.versions, Lists(tmp_path, tmp_path / "begun.json").versions):
        assert (held.tariff.version, held.hotlist.version, 9 in held.hotlist) == (2, 4, True)


def wait(holds: Callable[[], bool]) -> None:
    """Return once something holds."""
    until = time.monotonic() + WITHIN_S
    while not holds():
        assert time.monotonic() < until
        time.sleep(0.01)


@contextmanager
def running(device: Device) -> Iterator[None]:
    """Have a device work meanwhile."""
    stop = threading.Event()
    worker = threading.Thread(target=device.run, args=(stop,))
    worker.start()
    try:
        yield
    finally:
        stop.set()
        worker.join()
        device.close()


def test_what_was_tapped_offline_arrives_once_the_office_is_there_and_clock_and_lists_come(
    tmp_path: Path,
) -> None:
    port = free_port()
    till = Till(
        tmp_path, office=f"http://127.0.0.1:{port}", control=("127.0.0.1", 0), batch_age_ms=20,
        clock_every_s=1, lists_every_s=1,
    )  # fmt: skip
    device = till.on()
    with running(device):
        assert device.control is not None
        line = ControlLine("127.0.0.1", device.control.port)
        assert line.wait({"error"}, WITHIN_S)["where"] in ("upload", "clock", "lists")
        line.order("clock", at_ms=1_000_000_000_000)
        wait(lambda: device.book.memory.offset_ms < 0)
        till.tapped(device)
        wait(lambda: bool(device.book.memory.unsent))
        with ReferenceProcess(tmp_path / "store", port=port) as server, server.target() as office:
            office.enrol_terminals(np.zeros(0, TERMINAL_DTYPE), senders())
            office.publish_hotlist(1, 0, np.array([5], np.uint64))
            line.wait({"clock"}, WITHIN_S)
            wait(lambda: not device.book.memory.unsent)
            wait(lambda: device.book.memory.offset_ms > -60_000)
            line.order("state")
            wait(lambda: state(line)["hotlist"] == 1)
            assert office.status()["received"]["taps"] == 1
        line.close()


def state(line: ControlLine) -> dict[str, int]:
    """Return what a device says of itself."""
    line.order("state")
    return line.wait({"ready"}, WITHIN_S)


def senders() -> np.ndarray[tuple[int], np.dtype[np.void]]:
    """Return the till as a sender."""
    row = np.zeros(1, SENDER_DTYPE)
    row["sender"], row["key_version"] = TERMINAL, 1
    row["public_key"][0] = np.frombuffer(KEYS.sender_public_key(TERMINAL), np.uint8)
    row["mac_key"][0] = np.frombuffer(KEYS.sender_mac_key(TERMINAL), np.uint8)
    return row


def free_port() -> int:
    """Return a port that nobody listens at."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])
