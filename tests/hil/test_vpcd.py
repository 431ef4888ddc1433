"""vpcd's protocol from both sides: anybody's cards in our reader, our card in any reader."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import closing

import pytest

from hil.reader import make_reader, open_reader
from hil.readers.vpcd import VpcdReader
from hil.vicc import ATR, VirtualCard
from hil.vpcd_wire import HOST, Order, receive_frame, send_frame
from scheme.apdu import parse_response, select_command
from scheme.errors import CardGoneError, ReaderError
from scheme.keys import PURSE_AID
from tests.cards import purse

SELECT = select_command(PURSE_AID).encode()
GET_UID = bytes((0xFF, 0xCA, 0, 0, 0))


@pytest.fixture
def slot() -> Iterator[VpcdReader]:
    """Return an open reader that waits for whoever connects."""
    with closing(VpcdReader("vpcd://here", HOST, 0)) as reader:
        reader.open()
        yield reader


def test_a_card_that_connects_is_seen_and_answers(slot: VpcdReader) -> None:
    with pytest.raises(CardGoneError, match="no card"):
        slot.transceive(SELECT)
    card = VirtualCard(purse())
    card.connect(slot.port)
    slot.detect(5)
    assert parse_response(slot.transceive(SELECT).response).sw == 0x9000
    card.remove()
    with pytest.raises(CardGoneError, match="left"):
        slot.transceive(SELECT)
    with pytest.raises(CardGoneError, match=r"no card in reader .* after 0\.0 s"):
        slot.detect(0)


def test_each_time_a_card_gets_power_it_draws_a_uid(slot: VpcdReader) -> None:
    VirtualCard(purse()).connect(slot.port)
    slot.detect(5)
    uids = set()
    for _ in range(5):
        response = slot.transceive(GET_UID).response
        assert (len(response), response[0], response[-2:]) == (6, 0x08, b"\x90\x00")
        assert slot.transceive(GET_UID).response == response
        uids.add(response)
        slot.field_off()
    assert len(uids) == 5


def test_a_second_card_is_shown_the_door(slot: VpcdReader) -> None:
    VirtualCard(purse()).connect(slot.port)
    slot.detect(5)
    with socket.create_connection((HOST, slot.port), 5) as second:
        slot.field_off()
        assert second.recv(1) == b""
    assert parse_response(slot.transceive(SELECT).response).sw == 0x9000


@pytest.mark.parametrize("said", [b"", b"\x00\x00"])
def test_who_tells_no_atr_is_no_card(slot: VpcdReader, said: bytes) -> None:
    with socket.create_connection((HOST, slot.port)) as line:
        line.sendall(said)
        line.shutdown(socket.SHUT_WR)
        with pytest.raises(CardGoneError, match="no card"):
            slot.detect(0.2)


def test_a_command_of_one_byte_is_not_taken_for_an_order(slot: VpcdReader) -> None:
    VirtualCard(purse()).connect(slot.port)
    slot.detect(5)
    with pytest.raises(ReaderError, match="2 bytes or more, got 1; vpcd cannot carry it"):
        slot.transceive(b"\x02")


def test_a_port_that_is_taken_is_named(slot: VpcdReader) -> None:
    other = make_reader(f"vpcd://{HOST}:{slot.port}")
    with pytest.raises(ReaderError, match=f"expected to listen at {HOST}:{slot.port}, got"):
        other.open()


def test_a_card_that_finds_no_reader_says_so() -> None:
    with socket.create_server((HOST, 0)) as server:
        port = server.getsockname()[1]
    with pytest.raises(ReaderError, match=f"expected a vpcd at {HOST}:{port}, got"):
        VirtualCard(purse()).connect(port)


def test_a_card_in_reversed_mode_waits_for_one_reader_after_the_other() -> None:
    card = VirtualCard(purse())
    port = card.listen()
    for _ in range(2):
        with socket.create_connection((HOST, port), 5) as line:
            send_frame(line, bytes((Order.tell_atr,)))
            assert receive_frame(line) == ATR
            send_frame(line, bytes((Order.power_on,)))
            send_frame(line, SELECT)
            assert receive_frame(line)[-2:] == b"\x90\x00"
    card.remove()
    with pytest.raises(OSError, match="refused"):
        socket.create_connection((HOST, port), 5)


def test_sixty_four_readers_hold_a_card_each() -> None:
    readers = [open_reader("vpcd://") for _ in range(64)]
    for reader in readers:
        assert reader.transceive(SELECT).response[-2:] == b"\x90\x00"
    for reader in readers:
        reader.close()


def test_a_frame_that_drips_ends_in_time() -> None:
    with socket.create_server((HOST, 0)) as listener:
        far = socket.create_connection(listener.getsockname())
        near, _ = listener.accept()
    ended = threading.Event()

    def drip() -> None:
        far.sendall(b"\x00\xff")
        while not ended.wait(0.02):
            far.sendall(b"x")

    dripping = threading.Thread(target=drip)
    with near, far:
        near.settimeout(0.1)
        dripping.start()
        began = time.monotonic()
        with pytest.raises(TimeoutError, match="bytes more within"):
            receive_frame(near)
        ended.set()
        dripping.join()
    assert time.monotonic() - began < 2
