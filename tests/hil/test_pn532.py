"""The PN532 driver against the emulator: one command an APDU, and a named error for every fault."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from time import monotonic, sleep

import pytest

from hil.conformance.given import plain
from hil.issuing import issue
from hil.own_card import OWN_IMAGE
from hil.pn532_chip import Waits
from hil.pn532_emulator import Fault, Pn532Emulator
from hil.pn532_words import START_BAUD, STATUS, Cmd
from hil.reader import make_reader, open_reader
from hil.readers.pn532 import OwnPn532Reader, Pn532Reader, make
from scheme.apdu import parse_response, parse_selected, select_command
from scheme.errors import BadInputError, CardGoneError, ReaderError
from scheme.keys import IDENTITY_AID, PURSE_AID
from scheme.status import Sw

SELECT = select_command(PURSE_AID).encode()
IDENTITY = select_command(IDENTITY_AID).encode()
HASTY = Waits(ack_s=0.5, command_s=0.6, exchange_s=0.6)


@pytest.fixture
def emulator() -> Iterator[Pn532Emulator]:
    """Return an emulated chip with a card in its field."""
    chip = Pn532Emulator()
    chip.insert(issue("python", plain()))
    yield chip
    chip.unplug()


@pytest.fixture
def link(emulator: Pn532Emulator, tmp_path: Path) -> Path:
    """Return a name of its port that stays, as those in /dev/serial/by-id do."""
    name = tmp_path / "usb-reader-0001"
    name.symlink_to(emulator.path)
    return name


@pytest.fixture
def reader(link: Path) -> Iterator[Pn532Reader]:
    """Return a reader at that port with little patience, open."""
    with closing(Pn532Reader(f"pn532://{link}", str(link), waits=HASTY)) as made:
        made.open()
        yield made


def sw(reader: Pn532Reader, command: bytes = SELECT) -> int:
    """Return the status word of the answer to a command."""
    return parse_response(reader.transceive(command).response).sw


def speed_within(limit_s: float, emulator: Pn532Emulator) -> int:
    """Return the chip's speed once it has seen that nobody wants it faster."""
    until = monotonic() + limit_s
    while emulator.baudrate != START_BAUD and monotonic() < until:
        sleep(0.01)
    return emulator.baudrate


def test_the_url_names_port_and_speed(emulator: Pn532Emulator) -> None:
    with closing(open_reader(f"pn532://{emulator.path}?baud=460800")) as reader:
        assert isinstance(reader, Pn532Reader)
        assert (reader.firmware, emulator.baudrate) == ("1.6", 460_800)
        assert parse_response(reader.transceive(SELECT).response).sw == Sw.ok


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("pn532://ttyUSB0", "expected pn532://, pn532://empty or pn532:///dev/serial/by-id"),
        ("pn532:///dev/x?baud=9600", "baud: expected one of 115200, 230400, 460800, 921600, got 9"),
        ("pn532:///dev/x?card=java", "a card of its own only with pn532://"),
        ("pn532://?card=paper", "card: expected python or java, got paper"),
        ("pn532://?baud=115200", "a speed only with a port"),
        ("pn532:///dev/x?speed=1", "expected options card, baud, got speed"),
    ],
)
def test_a_url_that_is_none_is_told(url: str, said: str) -> None:
    with pytest.raises(BadInputError, match=said):
        make_reader(url)


def test_the_line_goes_to_921600_baud_and_back(link: Path, emulator: Pn532Emulator) -> None:
    reader = open_reader(f"pn532://{link}")
    assert emulator.baudrate == 921_600
    reader.close()
    assert speed_within(5, emulator) == 115_200
    assert emulator.firmware.done[Cmd.set_serial_baudrate] == 2


def test_a_chip_left_at_high_speed_by_a_killed_program_is_found(
    link: Path, emulator: Pn532Emulator
) -> None:
    opened = f"from hil.reader import open_reader; open_reader('pn532://{link}')"
    command = [sys.executable, "-c", f"import os; {opened}; os._exit(1)"]
    assert subprocess.run(command, check=False, cwd=Path(__file__).parents[2]).returncode == 1
    assert emulator.baudrate == 921_600
    with closing(open_reader(f"pn532://{link}")) as reader:
        assert parse_response(reader.transceive(SELECT).response).sw == Sw.ok
    assert speed_within(5, emulator) == 115_200


def test_every_apdu_takes_one_host_command(reader: Pn532Reader, emulator: Pn532Emulator) -> None:
    before = emulator.firmware.done[Cmd.in_data_exchange]
    for _ in range(50):
        assert [sw(reader), sw(reader, IDENTITY)] == [Sw.ok, Sw.ok]
    assert (reader.apdus, reader.host_commands) == (100, 100)
    assert emulator.firmware.done[Cmd.in_data_exchange] - before == 100


def test_the_longest_command_is_carried_and_one_longer_refused(reader: Pn532Reader) -> None:
    assert sw(reader, SELECT[:4] + b"\xff" + bytes(255) + b"\x00") != Sw.ok
    assert sw(reader, bytes(262)) == Sw.wrong_length
    with pytest.raises(ReaderError, match="of 1 to 262 bytes, got 263"):
        sw(reader, bytes(263))
    with pytest.raises(ReaderError, match="of 1 to 262 bytes, got 0"):
        sw(reader, b"")


def test_the_uid_is_another_each_time_the_card_gets_power(reader: Pn532Reader) -> None:
    uids = set()
    for _ in range(5):
        uids.add(reader.uid())
        assert reader.uid() in uids
        reader.field_off()
    assert len(uids) == 5
    assert {(len(uid), uid[0]) for uid in uids} == {(4, 0x08)}


def test_a_card_is_detected_when_it_comes(reader: Pn532Reader, emulator: Pn532Emulator) -> None:
    emulator.remove()
    with pytest.raises(CardGoneError, match=r"no card in reader .* after 0\.0 s"):
        reader.detect(0)
    with pytest.raises(CardGoneError, match="no card in reader"):
        reader.uid()
    emulator.insert(issue("python", plain()))
    assert reader.detect(2) > 0
    assert sw(reader) == Sw.ok


def test_a_card_that_left_is_gone_and_another_has_a_session_of_its_own(
    reader: Pn532Reader, emulator: Pn532Emulator
) -> None:
    assert sw(reader) == Sw.ok
    emulator.insert(issue("python", plain()))
    with pytest.raises(CardGoneError, match="status 01, the card did not answer in time"):
        sw(reader)
    assert sw(reader) == Sw.ok


@pytest.mark.parametrize("status", [0x01, 0x02, 0x0B, 0x2B])
def test_a_status_that_tells_of_the_card_is_a_card_that_left(
    status: int, reader: Pn532Reader, emulator: Pn532Emulator
) -> None:
    emulator.arm(Fault.status, status)
    said = f"InDataExchange: status {status:02X}, {STATUS[status].words}"
    with pytest.raises(CardGoneError, match=f"{link_of(reader)}.*{said}"):
        sw(reader)
    assert emulator.fired == [Fault.status]
    assert sw(reader) == Sw.ok


@pytest.mark.parametrize("status", [0x27, 0x10, 0x3F])
def test_any_other_status_is_a_fault_of_the_bench(
    status: int, reader: Pn532Reader, emulator: Pn532Emulator
) -> None:
    emulator.arm(Fault.status, status)
    with pytest.raises(ReaderError, match=f"status {status:02X}") as raised:
        sw(reader)
    assert not isinstance(raised.value, CardGoneError)
    assert emulator.fired == [Fault.status]
    assert sw(reader) == Sw.ok


def link_of(reader: Pn532Reader) -> str:
    """Return what an error has to name: the port."""
    return reader.url


@pytest.mark.parametrize(
    ("fault", "value", "said"),
    [
        (Fault.no_ack, 0, r"expected an acknowledgement within 0\.5 s, got nothing"),
        (Fault.never, 0, r"expected an answer within 0\.6 s, got none"),
        (Fault.late, 1_200, r"expected an answer within 0\.6 s, got none"),
        (Fault.babbling, 1_000, r"expected an answer within 0\.6 s, got (wrong|a) "),
        (Fault.wrong_code, 0, "expected its answer, 41, got answer 43"),
        (Fault.syntax, 0, "expected its answer, 41, got error frame"),
        (Fault.unplugged, 0, "the port is gone: .*plug the reader in again"),
    ],
)
@pytest.mark.parametrize("at", [Cmd.in_data_exchange, Cmd.in_list_passive_target])
def test_a_chip_that_misbehaves_is_named_with_port_and_step(
    fault: Fault, value: int, said: str, at: Cmd, reader: Pn532Reader, emulator: Pn532Emulator
) -> None:
    said = said.replace("41", f"{at + 1:02X}").replace("43", f"{at + 3:02X}")
    emulator.arm(fault, value, at)
    with pytest.raises(ReaderError, match=f"{link_of(reader)}.*{at.title}: {said}") as raised:
        sw(reader)
    assert not isinstance(raised.value, CardGoneError)
    assert emulator.fired == [fault]


@pytest.mark.parametrize("fault", [Fault.no_ack, Fault.never, Fault.wrong_code, Fault.syntax])
def test_after_a_fault_the_card_has_lost_its_session_and_the_reader_goes_on(
    fault: Fault, reader: Pn532Reader, emulator: Pn532Emulator
) -> None:
    uid = reader.uid()
    emulator.arm(fault)
    with pytest.raises(ReaderError):
        sw(reader)
    assert sw(reader) == Sw.ok
    assert reader.uid() != uid


def test_an_answer_that_comes_late_but_in_time_is_taken(
    reader: Pn532Reader, emulator: Pn532Emulator
) -> None:
    emulator.arm(Fault.late, 100)
    exchange = reader.transceive(SELECT)
    assert exchange.received_ns - exchange.sent_ns > 100_000_000
    assert emulator.fired == [Fault.late]


def test_an_answer_that_comes_too_late_is_never_taken_for_anothers(
    reader: Pn532Reader, emulator: Pn532Emulator
) -> None:
    emulator.arm(Fault.late, 800)
    with pytest.raises(ReaderError, match="got none"):
        reader.transceive(IDENTITY)
    answer = reader.transceive(SELECT).response
    assert parse_selected(parse_response(answer).data).card == plain().image.card


def test_an_answer_that_comes_twice_is_told_before_the_next_command(
    reader: Pn532Reader, emulator: Pn532Emulator
) -> None:
    emulator.arm(Fault.twice)
    assert sw(reader) == Sw.ok
    with pytest.raises(ReaderError, match="silence before the command, got once more answer 41"):
        reader.transceive(IDENTITY)
    assert sw(reader) == Sw.ok


@pytest.mark.parametrize(("fault", "again"), [(Fault.noise, 0), (Fault.corrupt, 1), (Fault.cut, 1)])
def test_a_garbled_answer_is_asked_for_again_and_the_card_is_not(
    fault: Fault, again: int, reader: Pn532Reader, emulator: Pn532Emulator
) -> None:
    emulator.arm(fault)
    assert sw(reader) == Sw.ok
    assert (reader.apdus, reader.host_commands, reader.asked_again) == (1, 1, again)
    assert emulator.firmware.done[Cmd.in_data_exchange] == 1
    assert emulator.fired == [fault]


def test_a_reader_that_was_unplugged_works_again_when_it_is_back(
    reader: Pn532Reader, emulator: Pn532Emulator, link: Path
) -> None:
    assert sw(reader) == Sw.ok
    emulator.arm(Fault.unplugged)
    with pytest.raises(ReaderError, match="the port is gone"):
        sw(reader)
    link.unlink()
    with pytest.raises(ReaderError, match=r"expected a serial port, got .*No such file"):
        sw(reader)
    emulator.unplug()
    emulator.plug()
    link.symlink_to(emulator.path)
    assert sw(reader) == Sw.ok


def test_a_reader_that_is_unplugged_while_nothing_happens_is_told_at_the_next_command(
    reader: Pn532Reader, emulator: Pn532Emulator
) -> None:
    assert sw(reader) == Sw.ok
    emulator.unplug()
    with pytest.raises(ReaderError, match="InDataExchange: the port is gone"):
        sw(reader)
    with pytest.raises(ReaderError):
        reader.field_off()


def test_a_port_that_another_has_is_named(reader: Pn532Reader) -> None:
    with pytest.raises(ReaderError, match=r"another program holds it: fuser .*usb-reader-0001"):
        open_reader(reader.url)
    assert sw(reader) == Sw.ok


def test_a_port_with_nothing_behind_it_is_named_within_its_time() -> None:
    master, slave = pty.openpty()
    path = os.ttyname(slave)
    try:
        with pytest.raises(ReaderError, match=r"wake-up: expected a PN532, got no answer in 6 tr"):
            Pn532Reader("pn532://silent", path, waits=Waits(ack_s=0.1)).open()
    finally:
        os.close(master)
        os.close(slave)


def test_an_own_reader_says_what_it_is() -> None:
    reader = make("")
    assert isinstance(reader, OwnPn532Reader)
    with closing(reader):
        reader.open()
        assert reader.emulator is not None
        told = parse_selected(parse_response(reader.transceive(SELECT).response).data)
        assert told.card == OWN_IMAGE.card
        reader.emulator.unplug()
        with pytest.raises(ReaderError, match="the port is gone"):
            reader.transceive(SELECT)
        reader.emulator.plug()
        assert sw(reader) == Sw.ok
