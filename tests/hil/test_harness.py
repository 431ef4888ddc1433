"""The JVM of Java cards from outside: how it starts, what it says when it cannot, and its cards."""

from __future__ import annotations

import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from hil.harness import Harness, JavaCard, Jvm, Kind, Point, command, shared_harness
from hil.issuing import issue_java
from hil.own_card import own_card_data
from hil.reader import held, open_reader
from hil.readers.vpcd import VpcdReader
from hil.vpcd_wire import HOST, Order, receive_frame, send_frame
from scheme.apdu import parse_response, select_command
from scheme.errors import CardGoneError, ReaderError
from scheme.keys import PURSE_AID
from scheme.personalisation import purse_blocks

SELECT = select_command(PURSE_AID).encode()


@pytest.fixture(scope="module")
def jvm() -> Iterator[Jvm]:
    """Return a JVM as another process would have started it."""
    started = Jvm()
    yield started
    started.stop()
    started.stop()


def test_a_reader_names_a_running_harness_and_a_card_in_it(jvm: Jvm) -> None:
    with closing(Harness(jvm.port)) as harness:
        card = issue_java(harness, own_card_data())
        for url in (f"java://{HOST}:{jvm.port}", f"java://{HOST}:{jvm.port}/{card.number}"):
            with closing(open_reader(url)) as reader:
                assert reader.transceive(SELECT).response == card.answer(SELECT)
        card.drop()
        with pytest.raises(ReaderError, match="apdu refused"):
            card.answer(SELECT)


def test_a_card_can_be_torn_watched_and_copied(jvm: Jvm) -> None:
    with closing(Harness(jvm.port)) as harness:
        blank = harness.new(Kind.card)
        before = blank.state()
        first = purse_blocks(own_card_data())[0]
        blank.tear(Point.before_write)
        with pytest.raises(CardGoneError, match="lost its power"):
            blank.answer(first)
        assert blank.state() == before
        assert parse_response(blank.answer(first)).sw == 0x9000
        assert blank.writes().persistent > 0
        assert blank.writes().commits == 1
        twin = blank.clone()
        assert twin.number != blank.number
        assert twin.state() == blank.state() != before
        with pytest.raises(CardGoneError):
            harness.new(Kind.card, tear_at=1)


def test_a_batch_is_answered_one_by_one(jvm: Jvm) -> None:
    with closing(Harness(jvm.port)) as harness:
        card = issue_java(harness, own_card_data())
        selected, reset, again = card.batch([SELECT, None, SELECT])
        assert selected == again == card.answer(SELECT)
        assert reset == b""


def test_the_same_seed_gives_the_same_challenges(jvm: Jvm) -> None:
    with closing(Harness(jvm.port)) as harness:
        card = issue_java(harness, own_card_data())
        init = bytes((0x80, 0x40, 1, 1, 20)) + bytes(20)
        told = []
        for seed in (b"12345678", b"12345678", b""):
            card.seed(seed)
            card.answer(SELECT)
            told.append(card.answer(init)[:8])
        assert told[0] == told[1] != told[2]


def test_a_java_card_goes_into_any_vpcd_and_waits_for_one_in_reversed_mode(jvm: Jvm) -> None:
    with closing(Harness(jvm.port)) as harness, closing(VpcdReader("vpcd://", HOST, 0)) as slot:
        slot.open()
        card = issue_java(harness, own_card_data())
        card.plug(slot.port)
        slot.detect(5)
        assert slot.transceive(SELECT).response == card.answer(SELECT)
        card.plug(0)
        with socket.create_connection((HOST, card.listen()), 5) as line:
            send_frame(line, bytes((Order.power_on,)))
            send_frame(line, SELECT)
            assert receive_frame(line)[-2:] == b"\x90\x00"


def test_threads_share_a_harness() -> None:
    cards = [issue_java(shared_harness(), own_card_data()) for _ in range(4)]
    answers: list[bytes] = []

    def ask(i: int) -> None:
        answers.extend(cards[i].answer(SELECT) for _ in range(200))

    threads = [threading.Thread(target=ask, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(answers) == 800
    assert len(set(answers)) == 1


def test_an_applet_that_was_not_built_is_told_with_the_command_that_builds_it(
    tmp_path: Path,
) -> None:
    with pytest.raises(ReaderError, match=r"expected the applet built in .*; .*do: make card"):
        command(tmp_path)


def test_a_machine_without_java_is_told_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(ReaderError, match="apt-get install default-jdk-headless maven"):
        command()


def test_a_jvm_that_does_not_get_ready_is_told_with_what_java_said() -> None:
    with pytest.raises(ReaderError, match=r'expected "ready PORT" .*; java said: .*nonsense'):
        Jvm(flags=("-XX:+nonsense",))


def test_a_jvm_ends_with_the_process_that_started_it() -> None:
    with subprocess.Popen(
        command(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stdout.readline().startswith(b"ready ")
        process.stdin.close()
        assert process.wait(30) == 0


def test_nobody_at_a_port_is_told() -> None:
    with socket.create_server((HOST, 0)) as server:
        port = server.getsockname()[1]
    with pytest.raises(ReaderError, match=f"expected one at {HOST}:{port}, got"):
        open_reader(f"java://{HOST}:{port}")


def test_a_harness_that_ends_is_a_fault_of_the_bench() -> None:
    jvm = Jvm()
    with closing(Harness(jvm.port)) as harness:
        card = harness.new(Kind.card)
        jvm.stop()
        with pytest.raises(ReaderError, match="the JVM may have ended") as caught:
            card.answer(SELECT)
        assert not isinstance(caught.value, CardGoneError)


@pytest.mark.parametrize("url", ["java://empty", "vpcd://empty?card=java", "pcsc://empty?card=java"])
def test_a_card_that_loses_its_power_leaves_every_reader_and_comes_back_whole(url: str) -> None:
    with closing(held(open_reader(url))) as reader:
        card = reader.issue(own_card_data())
        assert isinstance(card, JavaCard)
        reader.insert(card)
        before = card.state()
        wrong = bytes((0x80, 0x42, 0, 0, 18)) + bytes(18)  # its MAC is wrong, which is counted
        for point, wrote in [(Point.before_write, False), (Point.after_commit, True)]:
            for command in (SELECT, bytes((0x80, 0x40, 1, 1, 20)) + bytes(20)):
                assert parse_response(reader.transceive(command).response).sw == 0x9000
            card.tear(point)
            with pytest.raises(CardGoneError):
                reader.transceive(wrong)
            reader.insert(card)
            assert parse_response(reader.transceive(SELECT).response).sw == 0x9000
            assert (card.state() != before) is wrote
