"""PC/SC readers through Debian's pcscd and vpcd: found by name, held alone, left by their cards."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from smartcard import scard

from hil import pcscd as daemon
from hil.pcscd import Slot, VirtualPcsc
from hil.reader import make_reader, open_reader
from hil.readers import pcsc as driver
from hil.readers.pcsc import OwnPcscReader, PcscReader, names, occupied
from hil.vicc import VirtualCard
from scheme.apdu import parse_response, select_command
from scheme.errors import CardGoneError, InventoryError, ReaderError
from scheme.keys import PURSE_AID
from tests.cards import purse
from tests.tidy.tree import ROOT

SELECT = select_command(PURSE_AID).encode()


@pytest.fixture
def slot(pcscd: VirtualPcsc) -> Iterator[Slot]:
    """Return a slot of the virtual reader that nobody else uses meanwhile."""
    taken = pcscd.claim(occupied)
    yield taken
    pcscd.release(taken)


def test_a_reader_is_found_by_its_name_or_the_part_that_only_it_has(slot: Slot) -> None:
    for wanted in (slot.reader, slot.reader[-5:], slot.reader.replace(" ", "%20")):
        with closing(open_reader(f"pcsc://{wanted}")) as reader:
            assert isinstance(reader, PcscReader)
            assert reader.name == slot.reader


def test_a_name_that_no_reader_or_more_than_one_has_is_told(slot: Slot) -> None:
    with pytest.raises(InventoryError, match=f'no PC/SC reader "ACS"; there are: .*{slot.reader}'):
        open_reader("pcsc://ACS")
    with pytest.raises(InventoryError, match="expected one of that name, got 2"):
        open_reader(f"pcsc://{daemon.NAME}")


def test_a_card_comes_answers_and_leaves(slot: Slot) -> None:
    with closing(open_reader(f"pcsc://{slot.reader}")) as reader:
        assert isinstance(reader, PcscReader)
        with pytest.raises(CardGoneError, match="no card in reader"):
            reader.transceive(SELECT)
        with pytest.raises(CardGoneError, match=r"after 0\.0 s"):
            reader.detect(0)
        began_ns = time.monotonic_ns()
        card = VirtualCard(purse())
        card.connect(slot.port)
        assert began_ns < reader.detect(5) <= time.monotonic_ns()
        assert parse_response(reader.transceive(SELECT).response).sw == 0x9000
        uid = reader.uid()
        assert uid is not None
        assert (len(uid), uid[0]) == (4, 8)
        reader.field_off()
        assert reader.uid() != uid
        card.remove()
        with pytest.raises(CardGoneError, match="or it left"):
            reader.transceive(SELECT)
        with pytest.raises(CardGoneError):
            reader.transceive(SELECT)


def test_a_card_that_another_program_holds_is_waited_for_and_then_told(
    slot: Slot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(driver, "BUSY_S", 0.1)
    card = VirtualCard(purse())
    card.connect(slot.port)
    with (
        closing(open_reader(f"pcsc://{slot.reader}")) as first,
        closing(open_reader(f"pcsc://{slot.reader}")) as second,
    ):
        assert isinstance(first, PcscReader)
        first.detect(5)
        first.transceive(SELECT)
        with pytest.raises(ReaderError, match=r"have it alone within .*close the other") as caught:
            second.transceive(SELECT)
        assert not isinstance(caught.value, CardGoneError)
        first.close()
        assert parse_response(second.transceive(SELECT).response).sw == 0x9000
    card.remove()


def test_two_readers_have_a_slot_each_and_a_third_is_told_what_has_room(
    pcscd: VirtualPcsc,
) -> None:
    with closing(open_reader("pcsc://")) as card, closing(open_reader("pcsc://empty")) as sam:
        assert isinstance(card, PcscReader)
        assert isinstance(sam, OwnPcscReader)
        assert {card.name, sam.name} == {slot.reader for slot in pcscd.slots}
        sam.insert(purse())
        assert card.transceive(SELECT).response != sam.transceive(SELECT).response
        with pytest.raises(ReaderError, match=r"expected a free slot, got 2 that are taken.*vpcd://"):
            open_reader("pcsc://")


def test_a_slot_with_somebody_elses_card_is_not_taken(slot: Slot, pcscd: VirtualPcsc) -> None:
    card = VirtualCard(purse())
    card.connect(slot.port)
    with closing(PcscReader("pcsc://", slot.reader)) as seen:
        seen.open()
        seen.detect(5)
    pcscd.release(slot)
    with closing(open_reader("pcsc://empty")) as reader:
        assert isinstance(reader, PcscReader)
        assert reader.name != slot.reader
    card.remove()


def test_a_result_that_is_no_missing_card_is_a_fault_of_the_bench_and_mends_itself(
    slot: Slot,
) -> None:
    with closing(PcscReader("pcsc://", slot.reader)) as reader:
        reader.open()
        scard.SCardReleaseContext(reader._talk)
        with pytest.raises(ReaderError, match="does pcscd run") as caught:
            reader.transceive(SELECT)
        assert not isinstance(caught.value, CardGoneError)
        with pytest.raises(CardGoneError):
            reader.transceive(SELECT)


OTHER = """
import os, sys
from hil.reader import open_reader
reader = open_reader("pcsc://")
reader.transceive(bytes.fromhex("00A4040006F04A4B543101"))
print(os.environ["PCSCLITE_CSOCK_NAME"], flush=True)
sys.stdin.read()
"""


def test_every_process_has_a_pcscd_and_a_killed_one_leaves_none_behind(slot: Slot) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", OTHER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT
    ) as process:
        assert process.stdout is not None
        theirs = Path(process.stdout.readline().decode().strip())
        assert theirs.exists()
        assert str(theirs) != os.environ[daemon.SOCKET_VARIABLE]
        process.send_signal(signal.SIGKILL)
    until = time.monotonic() + 10
    while theirs.parent.exists():
        assert time.monotonic() < until, f"expected {theirs.parent} to be gone"
        time.sleep(0.02)
    assert slot.reader in (names() or [])


def test_a_pcscd_that_ended_is_started_again(pcscd: VirtualPcsc) -> None:
    pcscd.stop()
    with pytest.raises(ReaderError, match="expected a pcscd that answers, got none"):
        open_reader("pcsc://ACS")
    with closing(open_reader("pcsc://")) as reader:
        assert reader.transceive(SELECT).response[-2:] == b"\x90\x00"


def test_the_readers_of_a_pcscd_that_runs_are_found_by_its_configuration(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(daemon, "SYSTEM_CONFIG", tmp_path)
    debian = daemon.STANZA.replace(daemon.NAME, "Virtual PCD").format(port="0x8C7B")
    (tmp_path / "vpcd").write_text(debian, encoding="utf-8")
    (tmp_path / "libccidtwin").write_text("#DEVICENAME /dev/ttyS0\n", encoding="utf-8")
    known = ["ACS ACR1252 00 00", "Virtual PCD 00 00", "Virtual PCD 00 01"]
    found = daemon._found(known)
    assert found == (Slot("Virtual PCD 00 00", 35_963), Slot("Virtual PCD 00 01", 35_964))
    with pytest.raises(ReaderError, match="got ACS ACR1252 00 00; as root: apt-get install vsmart"):
        daemon._found(known[:1])


def test_a_machine_without_pyscard_is_told_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "smartcard", None)
    monkeypatch.delitem(sys.modules, "hil.readers.pcsc")
    with pytest.raises(ReaderError, match=r"expected pyscard, got none; .*install pyscard"):
        make_reader("pcsc://")


@pytest.mark.parametrize(
    ("change", "value", "said"),
    [
        ("which", lambda *_, **__: None, "expected pcscd, got none; .*apt-get install pcscd"),
        ("geteuid", lambda: 1_000, "or to be root to start one, .*systemctl start pcscd"),
    ],
)
def test_what_keeps_pcscd_from_starting_is_told(
    change: str, value: object, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(daemon, "answers", lambda: False)
    monkeypatch.setattr(shutil if change == "which" else os, change, value)
    with pytest.raises(ReaderError, match=said):
        daemon._found_or_started(lambda: None)


def test_a_pcscd_that_does_not_start_is_told_with_what_it_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(daemon, "answers", lambda: False)
    monkeypatch.setattr(daemon, "_folders", [tmp_path])
    monkeypatch.setattr(daemon, "READY_S", 2.0)
    monkeypatch.setattr(daemon, "START", "echo no room >&2; exit 1")
    with pytest.raises(ReaderError, match=r"expected 2 slots .* got 0; it said: no room"):
        daemon._found_or_started(lambda: None)


WORLD = """
mkdir -p /run/pcscd
mount -t tmpfs none /run/pcscd
mount --bind "$1" /etc/reader.conf.d
$2
exec "$0" -c "$3"
"""
SEEN = """
from hil.reader import open_reader
reader = open_reader("pcsc://")
print(reader.name, reader.transceive(bytes.fromhex("00A4040006F04A4B543101")).response[-2:].hex())
"""


@pytest.mark.parametrize(
    ("before", "reader"),
    [
        # A pcscd with Debian's configuration runs already.
        (
            "pcscd -f >/dev/null & until [ -S /run/pcscd/pcscd.comm ]; do sleep 0.02; done",
            "Virtual PCD 00 00",
        ),
        # None runs, and the kernel lets nobody have a namespace.
        (
            "mkdir $1/bin; ln -s /bin/false $1/bin/unshare; PATH=$1/bin:$PATH",
            f"{daemon.NAME} 00 00",
        ),
    ],
)
def test_the_pcscd_of_a_machine_is_used_where_it_runs_and_where_there_can_be_no_other(
    before: str, reader: str, tmp_path: Path
) -> None:
    port = daemon._free_ports()
    debian = daemon.STANZA.replace(daemon.NAME, "Virtual PCD").format(port=port)
    (tmp_path / "vpcd").write_text(debian, encoding="utf-8")
    script = WORLD.replace("$2", before)
    told = subprocess.run(
        ["unshare", "-m", "--pid", "--fork", "--kill-child", "sh", "-c", script,
         sys.executable, str(tmp_path), "", SEEN],
        cwd=ROOT, env={k: v for k, v in os.environ.items() if k != daemon.SOCKET_VARIABLE},
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert told.stdout.strip() == f"{reader} 9000", told.stderr
