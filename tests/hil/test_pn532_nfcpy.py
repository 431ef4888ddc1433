"""Somebody else's driver, nfcpy 1.0.4 as it is published, takes the emulator for a PN532."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import nfc
import nfc.clf.pn532
import nfc.clf.transport
import nfc.tag
import pytest

from hil.conformance.given import plain
from hil.issuing import issue
from hil.pn532_emulator import Pn532Emulator
from hil.pn532_words import Cmd
from scheme.apdu import parse_response, parse_selected, select_command
from scheme.keys import PURSE_AID
from scheme.status import Sw

SELECT = select_command(PURSE_AID).encode()
TYPE_A = nfc.clf.RemoteTarget("106A")


@pytest.fixture(params=["python", "java"])
def emulator(request: pytest.FixtureRequest) -> Iterator[Pn532Emulator]:
    """Return an emulated chip with a card of either kind in its field."""
    chip = Pn532Emulator()
    chip.insert(issue(request.param, plain()))
    yield chip
    chip.unplug()


@pytest.fixture
def frontend(emulator: Pn532Emulator) -> Iterator[Any]:
    """Return nfcpy's front end on the emulator's terminal.

    Its own search for ports looks in /dev alone, and not in /dev/pts.
    """
    device = nfc.clf.pn532.init(nfc.clf.transport.TTY(emulator.path))
    device._path = emulator.path
    made = nfc.ContactlessFrontend()
    made.device = device
    yield made
    made.close()


@pytest.fixture
def sense(frontend: Any) -> Callable[[], Any]:
    """Return what looks once for a card of type A."""
    return lambda: frontend.sense(TYPE_A)


def test_nfcpy_opens_it_at_its_highest_speed(frontend: Any, emulator: Pn532Emulator) -> None:
    assert str(frontend.device).startswith("PN532v1.6 at /dev/pts/")
    assert emulator.baudrate == 921_600
    assert emulator.firmware.done[Cmd.diagnose] == 1  # which is an extended frame, echoed
    assert frontend.device.chipset.get_general_status()[0] == 0


def test_nfcpy_leaves_it_as_it_found_it(frontend: Any, emulator: Pn532Emulator) -> None:
    frontend.close()
    assert emulator.baudrate == 115_200
    assert emulator.firmware.done[Cmd.power_down] == 1


def test_nfcpy_senses_the_card_and_none_once_it_is_out(
    sense: Callable[[], Any], emulator: Pn532Emulator
) -> None:
    target = sense()
    assert (target.sens_res, target.sel_res) == (bytes.fromhex("0400"), b"\x20")
    assert (len(target.sdd_res), target.sdd_res[0]) == (4, 0x08)
    emulator.remove()
    assert sense() is None


def test_nfcpy_exchanges_apdus_with_the_card_by_blocks_of_its_own(
    frontend: Any, sense: Callable[[], Any], emulator: Pn532Emulator
) -> None:
    tag = nfc.tag.activate(frontend, sense())
    assert tag.type == "Type4Tag"
    before = emulator.firmware.done.total()
    for _ in range(20):
        answer = parse_response(bytes(tag.transceive(SELECT)))
        assert answer.sw == Sw.ok
        assert parse_selected(answer.data).card == plain().image.card
    # Four commands an APDU, where `pn532://` sends one.
    assert emulator.firmware.done.total() - before == 80
    assert parse_response(bytes(tag.transceive(bytes(4)))).sw == Sw.instruction_unknown


def test_nfcpy_is_told_when_the_card_leaves(
    frontend: Any, sense: Callable[[], Any], emulator: Pn532Emulator
) -> None:
    tag = nfc.tag.activate(frontend, sense())
    assert tag.is_present
    emulator.remove()
    assert not tag.is_present
    with pytest.raises(nfc.tag.TagCommandError, match="timeout"):
        tag.transceive(SELECT)
