"""The door to readers: URLs, wrappers, other people's drivers, and cards that leave."""

from __future__ import annotations

from importlib import metadata
from pathlib import Path

import pytest

from hil.exchange import Exchange
from hil.reader import CardHolder, drivers, make_reader, open_reader
from hil.readers.fault import FaultReader
from scheme.apdu import parse_response, select_command
from scheme.errors import BadInputError, CardGoneError, InventoryError, ReaderError
from scheme.keys import PURSE_AID
from tests.cards import purse

SELECT = select_command(PURSE_AID).encode()


def test_a_bare_model_starts_its_own_card() -> None:
    reader = open_reader("model://")
    exchange = reader.transceive(SELECT)
    assert parse_response(exchange.response).sw == 0x9000
    assert exchange.sent_ns <= exchange.received_ns
    assert reader.url == "model://"


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("model", 'expected a URL such as model://, got no "://"'),
        (
            "modle://",
            'no reader driver "modle"; there are: model, java, vpcd, pcsc, pn532, replay; '
            'did you mean "model"\\?',
        ),
        ("log+model://", 'no reader driver "log"; there are: fault, trace'),
        ("", 'got no "://"'),
    ],
)
def test_a_url_that_nobody_answers_for_is_named(url: str, said: str) -> None:
    with pytest.raises(InventoryError, match=said):
        make_reader(url)


def test_an_address_the_model_does_not_know_is_named() -> None:
    with pytest.raises(BadInputError, match=r"model://CARD\.json, got card-7"):
        make_reader("model://card-7")


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("model://?card=java", "expected no options, got card"),
        ("vpcd://?kard=java", "expected options card, got kard"),
        ("vpcd://?card=rust", "card: expected python or java, got rust"),
        ("fault+model://?trace=a", "expected no options, got trace"),
        ("vpcd://here", "expected vpcd://, vpcd://empty or vpcd://HOST:PORT, got here"),
        ("vpcd://127.0.0.1:70000", "HOST:PORT, got 127.0.0.1:70000"),
        ("vpcd://127.0.0.1:7000?card=java", "a card of its own only with vpcd://"),
        ("pcsc://ACS?card=java", "a card of its own only with pcsc://"),
        ("java://here", "java://HOST:PORT"),
        ("java://127.0.0.1:7000/first", "java://HOST:PORT"),
        ("replay://", "expected replay://FILE, got nothing"),
    ],
)
def test_a_url_with_what_its_driver_does_not_take_says_what_it_takes(url: str, said: str) -> None:
    with pytest.raises(BadInputError, match=said.replace("[", "\\[")):
        make_reader(url)


def test_a_wrapper_takes_its_options_and_the_driver_the_rest(tmp_path: Path) -> None:
    url = f"fault+trace+vpcd://?card=java&trace={tmp_path}/a%20b.jsonl"
    reader = make_reader(url)
    assert reader.url == "fault+trace+vpcd://?card=java"
    assert isinstance(reader, CardHolder)


def test_a_reader_that_is_not_open_says_so() -> None:
    with pytest.raises(ReaderError, match='"model://" is not open'):
        make_reader("model://").transceive(SELECT)


def test_a_card_can_be_put_in_and_taken_out() -> None:
    reader = open_reader("model://empty")
    assert isinstance(reader, CardHolder)
    with pytest.raises(CardGoneError, match="no card in reader"):
        reader.transceive(SELECT)
    card = purse()
    reader.insert(card)
    assert parse_response(reader.transceive(SELECT).response).sw == 0x9000
    reader.remove()
    with pytest.raises(CardGoneError):
        reader.transceive(SELECT)


class Fixed:
    """A reader whose card is soldered in."""

    url = "fixed://"

    def open(self) -> None: ...
    def close(self) -> None: ...
    def field_off(self) -> None: ...

    def transceive(self, apdu: bytes) -> Exchange:
        return Exchange(b"\x90\0", 1, 2)


def test_a_wrapper_cannot_change_a_card_that_its_reader_cannot() -> None:
    with pytest.raises(ReaderError, match="change it by hand"):
        FaultReader(Fixed()).insert(purse())


def make_fixed(address: str) -> Fixed:
    assert address == "here"
    return Fixed()


def test_readers_of_others_come_by_entry_point(monkeypatch: pytest.MonkeyPatch) -> None:
    point = metadata.EntryPoint("fixed", f"{__name__}:make_fixed", "jakarta_one.readers")

    def points(*, group: str, name: str | None = None) -> list[metadata.EntryPoint]:
        return [point] if name in (None, "fixed") else []

    monkeypatch.setattr("hil.reader.entry_points", points)
    assert drivers()[-1] == "fixed"
    assert open_reader("fixed://here").transceive(SELECT).response == b"\x90\0"
