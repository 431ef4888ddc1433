"""`jakarta-one validator`: the reference device as a process, and what a bench says to it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from hil.control_line import ControlLine
from hil.own_card import OWN_IMAGE, OWN_SEED
from scheme.errors import BadInputError, ReaderError
from testbed.cli.main import make_app
from tests.hil.validator.test_line import free_port
from tests.hil.validator.till import small_bundle

UP_S = 30.0
FILE = """\
format: jakarta-one/validator/1
terminal: 18
service: shop
kind: till
place: 101
reader: model://
sam: model://empty
folder: state
tariff: tariff.json
control: 127.0.0.1:{port}
test_keys: {seed}
issue: {issuer}
"""


def filled(port: int) -> str:
    """Return the file of a till that takes the card a reader brings along."""
    return FILE.format(port=port, seed=OWN_SEED, issuer=OWN_IMAGE.issuer)


class Served:
    """A validator in a process of its own."""

    def __init__(self, folder: Path, reader: str = "model://") -> None:
        self.port = free_port()
        (folder / "tariff.json").write_bytes(small_bundle(1))
        file = filled(self.port).replace("reader: model://\n", f"reader: {reader}\n")
        (folder / "till.yaml").write_text(file, encoding="utf-8")
        command = [sys.executable, "-m", "testbed", "validator", "serve", "till.yaml"]
        self.process = subprocess.Popen(
            command, cwd=folder, stderr=subprocess.PIPE, env=environment()
        )
        until = time.monotonic() + UP_S
        while True:
            try:
                ControlLine("127.0.0.1", self.port).close()
                return
            except ReaderError:
                assert self.process.poll() is None, self.process.communicate()
                assert time.monotonic() < until
                time.sleep(0.02)


def environment() -> dict[str, str]:
    """Return an environment in which this checkout is found from any folder."""
    return os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Served]:
    """Return a till with a card of its own in the field."""
    made = Served(tmp_path)
    yield made
    made.process.kill()
    made.process.communicate()


def said(port: int, *words: str) -> dict[str, object]:
    """Return what a device answers to an order on the command line."""
    done = CliRunner().invoke(make_app(), ["validator", "say", f"127.0.0.1:{port}", *words])
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return dict(json.loads(done.stdout))


def test_a_device_taps_when_it_is_told_to_and_ends_in_order(served: Served) -> None:
    assert said(served.port, "state")["sequence"] == 0
    first = said(served.port, "present", "amount_idr=900")
    assert (first["verdict"], first["amount"]) == ("accepted", 900)
    assert said(served.port, "present", "amount_idr=900")["verdict"] == "already_tapped"
    assert said(served.port, "clock")["offset_ms"] == 0
    served.process.terminate()
    assert served.process.wait(UP_S) == 0


def test_power_off_is_obeyed_at_once_and_nothing_that_was_answered_is_lost(
    served: Served, tmp_path: Path
) -> None:
    said(served.port, "present", "amount_idr=900")
    line = ControlLine("127.0.0.1", served.port)
    line.order("power", on=False)
    assert served.process.wait(UP_S) == 137
    line.close()
    again = Served(tmp_path)
    assert said(again.port, "state")["sequence"] == 1
    again.process.kill()
    again.process.communicate()


def test_power_off_does_not_wait_for_a_tap_that_waits_for_its_card(tmp_path: Path) -> None:
    waiting = Served(tmp_path, f"vpcd://127.0.0.1:{free_port()}")
    line = ControlLine("127.0.0.1", waiting.port)
    line.order("present", within_ms=60_000)
    time.sleep(0.3)
    line.order("power", on=False)
    try:
        assert waiting.process.wait(5) == 137
    finally:
        line.close()
        waiting.process.kill()
        waiting.process.communicate()


def test_an_order_that_the_device_refuses_is_no_success(served: Served) -> None:
    words = ["validator", "say", f"127.0.0.1:{served.port}", "clock", "at_ms=x"]
    done = CliRunner().invoke(make_app(), words)
    assert done.exit_code == 1
    assert json.loads(done.stdout)["event"] == "error"
    assert "expected at_ms (int)" in json.loads(done.stdout)["text"]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["localhost", "state"], "expected HOST:PORT"),
        (["127.0.0.1:1", "jump"], "expected present or remove or clock or state"),
        (["127.0.0.1:1", "present", "amount"], "expected NAME=VALUE"),
        (["127.0.0.1:1", "state"], "start it first"),
    ],
)
def test_a_wrong_word_is_told(words: list[str], told: str) -> None:
    done = CliRunner().invoke(make_app(), ["validator", "say", *words])
    assert isinstance(done.exception, BadInputError | ReaderError)
    assert told in str(done.exception)
