"""`fault+URL`: each fault does what it says, at its command, once, and leaves its proof."""

from __future__ import annotations

from contextlib import closing

import pytest

from hil.faults.air import heard_us
from hil.faults.plan import Fault, Kind, Tear, parse_fault, torn
from hil.own_card import own_card_data
from hil.reader import open_reader
from hil.readers.fault import FaultReader
from scheme.apdu import Ins, Mode, init_command, parse_response, select_command
from scheme.errors import BadInputError, CardGoneError, ReaderError
from scheme.keys import PURSE_AID

SELECT = select_command(PURSE_AID).encode()
INIT = init_command(Mode.debit, 1, 1, 2, bytes(8)).encode()

HEARD_US = int(heard_us(len(SELECT)))


def opened(url: str) -> FaultReader:
    reader = open_reader(url)
    assert isinstance(reader, FaultReader)
    return reader


def sw(reader: FaultReader, apdu: bytes) -> int:
    return parse_response(reader.transceive(apdu).response).sw


@pytest.mark.parametrize("tear", [Tear.lost, Tear.unheard])
def test_a_tear_happens_once_at_its_instruction_and_keeps_the_proof(tear: Tear) -> None:
    reader = opened("fault+model://")
    evidence = reader.arm(torn(tear, Ins.init))
    assert (sw(reader, SELECT), evidence.fired) == (0x9000, False)
    with pytest.raises(CardGoneError, match="at INIT, as asked"):
        reader.transceive(INIT)
    assert sw(reader, INIT) == 0x6985  # without power it forgot that it had said SELECT
    assert evidence.said == f"{tear.value} at INIT"
    assert 0 < evidence.armed_ns <= evidence.fired_ns
    assert not reader.disarm()


@pytest.mark.parametrize(
    ("us", "said"),
    [(0, "lost"), (HEARD_US, "lost"), (HEARD_US + 1, "unheard"), (9_000, "after the answer")],
)
def test_a_tear_by_time_falls_on_a_side_of_the_card(us: int, said: str) -> None:
    reader = opened(f"fault+model://?tear={us}us@SELECT")
    if said.startswith("after"):
        assert sw(reader, SELECT) == 0x9000
    else:
        with pytest.raises(CardGoneError):
            reader.transceive(SELECT)
    assert reader.log.rows[0].said.startswith(said)


def test_a_fault_without_an_occasion_says_that_it_did_not_fire() -> None:
    reader = opened("fault+model://")
    reader.arm(torn(Tear.lost, Ins.debit))
    sw(reader, SELECT)
    assert reader.disarm()
    assert [row.fault for row in reader.log.silent] == ["tear=lost@DEBIT"]
    assert reader.log.fired == []


def test_the_nth_command_is_the_one_that_is_hit() -> None:
    reader = opened("fault+model://?tear=lost@ANY.3")
    assert [sw(reader, SELECT) for _ in range(2)] == [0x9000, 0x9000]
    with pytest.raises(CardGoneError):
        reader.transceive(SELECT)


def test_an_answer_is_held_back_corrupted_or_given_twice() -> None:
    reader = opened("fault+model://?delay=30@SELECT&corrupt=0@INIT,0@SELECT.2&duplicate=2@SELECT.3")
    exchange = reader.transceive(SELECT)
    assert exchange.received_ns - exchange.sent_ns > 30_000_000
    wrong = reader.transceive(SELECT).response
    assert wrong[0] ^ exchange.response[0] == 0x10
    assert wrong[1:] == exchange.response[1:]
    assert reader.transceive(SELECT).response == exchange.response
    assert [row.fired for row in reader.log.rows] == [True, False, True, True]


def test_a_byte_that_an_answer_does_not_have_is_not_corrupted() -> None:
    reader = opened("fault+model://?corrupt=900@SELECT")
    assert sw(reader, SELECT) == 0x9000
    assert reader.log.rows[0].fired_ns == 0


def test_a_swallowed_answer_leaves_the_card_its_session() -> None:
    reader = opened("fault+model://?swallow=1@SELECT")
    with pytest.raises(CardGoneError):
        reader.transceive(SELECT)
    assert sw(reader, INIT) == 0x9000


def test_a_second_card_in_the_field_makes_both_unheard() -> None:
    reader = opened("fault+model://?collide=@SELECT")
    with pytest.raises(CardGoneError, match="two cards"):
        reader.transceive(SELECT)
    assert sw(reader, SELECT) == 0x9000


@pytest.mark.parametrize("url", ["fault+model://", "fault+pn532://"])
def test_a_reader_unplugged_is_an_error_of_the_bench_until_it_is_opened_again(url: str) -> None:
    with closing(opened(f"{url}?unplug=@SELECT")) as reader:
        with pytest.raises(ReaderError) as caught:
            reader.transceive(SELECT)
        assert not isinstance(caught.value, CardGoneError)
        with pytest.raises(ReaderError):
            reader.transceive(SELECT)
        reader.close()
        reader.open()
        assert sw(reader, SELECT) == 0x9000
        assert len(reader.log.fired) == 1


@pytest.mark.parametrize("fault", ["cut=9@SELECT", "corrupt=0@SELECT"])
def test_the_line_of_a_pn532_breaks_and_the_driver_asks_again(fault: str) -> None:
    with closing(opened(f"fault+pn532://?{fault}")) as reader:
        assert sw(reader, SELECT) == 0x9000
        assert [row.said for row in reader.log.fired] == ["on the wire at SELECT"]


def test_two_cards_before_a_pn532_are_its_collision_status() -> None:
    with closing(opened("fault+pn532://?collide=@SELECT")) as reader:
        with pytest.raises(CardGoneError, match="bit collision"):
            reader.transceive(SELECT)
        assert sw(reader, SELECT) == 0x9000


@pytest.mark.parametrize("after", [0, 1, 2, 30])
def test_a_connection_that_ends_within_an_answer_is_a_card_that_left(after: int) -> None:
    with closing(opened(f"fault+vpcd://?cut={after}@SELECT")) as reader:
        with pytest.raises(CardGoneError, match="without an answer"):
            reader.transceive(SELECT)
        assert len(reader.log.fired) == 1
        reader.insert(reader.issue(own_card_data()))
        assert sw(reader, SELECT) == 0x9000


@pytest.mark.parametrize(
    ("url", "fault", "expected"),
    [
        ("fault+model://", "cut=3@SELECT", "pn532:// or vpcd://"),
        ("fault+java://", "cut=3@SELECT", "pn532:// or vpcd://"),
        ("fault+model://", "tear=DEBIT", "tear=VALUE@INSTRUCTION"),
        ("fault+model://", "tear=never@DEBIT", "lost, unheard, 900us, write3 or 900ticks"),
        ("fault+model://", "tear=us@DEBIT", "lost, unheard, 900us, write3 or 900ticks"),
        ("fault+model://", "tear=9ticks@DEBIT", "a timer that tears"),
        ("fault+model://", "tear=lost@", "an instruction of SELECT"),
        ("fault+model://", "tear=lost@DEBIT.0", "a number from 1 behind the dot"),
        ("fault+model://", "delay=soon@DEBIT", "a number from 0"),
        ("fault+model://", "delay=9999999@DEBIT", "a number from 0"),
        ("fault+model://", "duplicate=1@DEBIT", "a number from 2"),
        ("fault+model://", "collide=2@DEBIT", "collide=@INSTRUCTION"),
    ],
)
def test_a_fault_that_cannot_be_is_refused_by_name(url: str, fault: str, expected: str) -> None:
    kind = fault.partition("=")[0]
    with pytest.raises(BadInputError, match=expected) as caught:
        open_reader(f"{url}?{fault}")
    assert kind in str(caught.value)


def test_a_tear_in_a_write_wants_a_java_card() -> None:
    reader = opened("fault+model://?tear=write1@SELECT")
    with pytest.raises(BadInputError, match="expected a Java card"):
        reader.transceive(SELECT)


@pytest.mark.parametrize(
    "text",
    ["tear=lost@DEBIT", "tear=900us@CREDIT|DEBIT.2", "tear=write3@ANY", "tear=7ticks@INIT",
     "delay=40@INIT", "collide=@SELECT", "duplicate=2@DEBIT"],
)  # fmt: skip
def test_a_fault_reads_as_it_is_written(text: str) -> None:
    kind, _, rest = text.partition("=")
    assert str(parse_fault(kind, rest, "here")) == text


def test_a_fault_at_no_instruction_is_one_at_any() -> None:
    assert str(Fault(Kind.delay, number=4)) == "delay=4@ANY"
