"""What a card on a desk says: its log, its proofs; and conformance of one that just lies there."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

import pytest

from hil.exchange import Exchange
from hil.keyfile import MasterKeys, keys_of_seed
from hil.words import shipped_names
from scheme.apdu import Ins, Selected
from scheme.decision import Decision
from scheme.dialogue import present
from scheme.errors import BadInputError, PurseRefusedError
from scheme.keys import Role
from scheme.purse import Purse
from scheme.records import RecordKind
from scheme.status import Sw
from testbed.card_conformance import judge, sentences
from testbed.card_read import Desk
from testbed.progress import silent
from tests.cards import ISSUER, decided, presentation, purse, run, sam
from tests.testbed.test_card import Field, refused, told
from tests.testbed.test_cli import jakarta_one

KEYS = keys_of_seed(7, ISSUER)  # of tests.cards


class Liar(Field):
    """A reader whose card answers an instruction as it is told to."""

    def __init__(self, card: Purse, ins: Ins, answer: bytes | None) -> None:
        super().__init__(card)
        self._ins = ins
        self._told = answer
        self.asked: list[int] = []

    def transceive(self, apdu: bytes) -> Exchange:
        """Return the card's answer, or what was told; without that, with its last MAC wrong."""
        response = super().transceive(apdu).response
        self.asked.append(apdu[1])
        if apdu[1] == self._ins and self._told is not None:
            response = self._told
        elif apdu[1] == self._ins and len(response) > 2:
            response = response[:-3] + bytes((response[-3] ^ 1,)) + response[-2:]
        return Exchange(response, 0, 0)


def tapped(tap: int, kind: RecordKind, state: bytes) -> Callable[[Selected], Decision]:
    """Return the decision to take a thousand rupiah a tap."""
    return lambda _: decided(amount_idr=tap * 1_000, kind=kind, state=state)


def used(taps: int) -> Purse:
    """Return a card that has been tapped, a parking stay last."""
    card, module = purse(), sam()
    for tap in range(1, taps + 1):
        kind = RecordKind.debit if tap < taps else RecordKind.debit_parking
        state = b"" if tap < taps else bytes((0, 101, 1, 105, 204, 128, 0))
        run(present(presentation(), tapped(tap, kind, state)), card, module)
    return card


def test_the_log_is_told_in_words_latest_first() -> None:
    reading = Desk(Field(used(3)), KEYS.of).read(log=True)
    names = shipped_names()
    lines = [line for line in reading.lines(names) if line.startswith("  NT")]
    assert lines == [
        f"  NT {nt}: {kind} of Rp {tap}.000 at Lebak Bulus (place 101), 2026-04-01 06:33:20, "
        f"main purse then Rp {left}.000, terminal 18, SAM 50000018"
        for nt, kind, tap, left in (
            (8, "debit parking", 3, 94), (7, "debit", 2, 97), (6, "debit", 1, 99),
        )
    ]  # fmt: skip
    log = reading.document(names)["log"]
    assert [entry["nt"] for entry in log] == [8, 7, 6]
    assert log[0]["place"] == "Lebak Bulus (place 101)"


def test_of_more_transactions_the_log_holds_ten() -> None:
    reading = Desk(Field(used(12)), KEYS.of).read(log=True)
    assert reading.log is not None
    assert [entry["nt"] for entry in reading.log] == list(range(17, 7, -1))


def test_reading_changes_nothing_on_the_card() -> None:
    card = used(2)
    before = card.image
    Desk(Field(card), KEYS.of).read(log=True)
    assert card.image == before


def test_a_log_entry_whose_proof_does_not_hold_is_not_shown() -> None:
    with pytest.raises(PurseRefusedError, match="the proof of log entry 1 does not hold: SW 6988"):
        Desk(Liar(used(2), Ins.read_log, None), KEYS.of).read(log=True)


def test_a_card_that_refuses_a_mac_is_not_asked_again() -> None:
    reader = Liar(used(2), Ins.read_log, Sw.wrong_mac.to_bytes(2, "big"))
    with pytest.raises(PurseRefusedError, match="refused READ LOG 1: SW 6988"):
        Desk(reader, KEYS.of).read(log=True)
    assert reader.asked.count(Ins.read_log) == 1


def test_a_card_whose_own_proof_is_wrong_is_signed_nothing() -> None:
    reader = Liar(used(2), Ins.init, None)
    with pytest.raises(PurseRefusedError, match="nothing was signed for it"):
        Desk(reader, KEYS.of).read(log=True)
    assert Ins.read_log not in reader.asked


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (b"\x6a\x82", "got SW 6A82 no application of that AID here; it is another card"),
        (b"\x6f\x00", "got SW 6F00 not a status word of this scheme"),
        (bytes(12) + b"\x90\x00", "expected 63 bytes, got 12; it is another card"),
        (b"", "expected at least 2 bytes, got 0; it is another card"),
    ],
)
def test_another_card_is_told_plainly(answer: bytes, said: str) -> None:
    with pytest.raises(PurseRefusedError) as raised:
        Desk(Liar(purse(), Ins.select, answer)).read()
    assert said in str(raised.value)


def test_a_card_that_wrong_macs_have_locked_says_so() -> None:
    reading = Desk(Field(purse(wrong_macs=15))).read()
    assert reading.locked
    assert any(line.startswith("locked ") for line in reading.lines(shipped_names()))


# --- conformance


def test_the_python_card_passes_every_case(tmp_path: Path) -> None:
    record = told("conformance", "model://", "--out", "judged", cwd=tmp_path)
    assert record["cases"] >= 150
    assert (record["passed"], record["failed"]) == (record["cases"], 0)
    assert all(row["requirement"] and row["reason"] for row in record["results"])
    assert json.loads((tmp_path / "judged/record.json").read_text()) == record
    suite = ElementTree.parse(tmp_path / "judged/junit.xml").getroot()
    assert (suite.get("tests"), suite.get("failures")) == (str(record["cases"]), "0")


def test_a_record_replaces_an_earlier_one_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/letter.txt").touch()
    line = refused("conformance", "model://", "--out", "mine", cwd=tmp_path)
    assert "mine: expected an empty folder or an earlier record, got a folder with other" in line
    words = ("conformance", "model://", "--out", "judged")
    told(*words, cwd=tmp_path)
    told(*words, cwd=tmp_path)


def test_a_conformance_run_can_be_traced(tmp_path: Path) -> None:
    record = told("conformance", "model://", "--trace", "trace.jsonl", cwd=tmp_path)
    with (tmp_path / "trace.jsonl").open() as lines:
        assert sum(1 for _ in lines) > record["cases"]


def test_a_card_that_just_lies_there_needs_its_issuers_keys() -> None:
    with pytest.raises(BadInputError, match="expected --keys FILE with the keys of the card's"):
        judge(Field(purse()), None, silent)
    record = judge(Field(purse()), KEYS, silent)
    assert (record["failed"], record["not_assessed"] > 0) == (0, True)
    assert record["passed"] == record["cases"] > 0
    assert "nobody can put into this reader" in sentences(record)[-1]


def test_wrong_keys_are_told_before_a_case_is_run() -> None:
    reader = Liar(purse(), Ins.confirm, None)
    with pytest.raises(BadInputError, match="key domain"):
        judge(reader, keys_of_seed(8, ISSUER), silent)
    assert reader.asked == [Ins.select, Ins.init]
    other = MasterKeys("a file", ISSUER, 2, {role: bytes(16) for role in Role})
    with pytest.raises(BadInputError, match="version 1, as the card says"):
        judge(reader, other, silent)


def test_a_card_that_fails_a_case_is_told_with_its_reason() -> None:
    # A card that says yes to every PROOF, and answers all else as it should.
    record = judge(Liar(purse(), Ins.proof, Sw.ok.to_bytes(2, "big")), KEYS, silent)
    assert record["verdict"] == "FAIL"
    told_of = "\n".join(sentences(record))
    for row in record["results"]:
        if row["verdict"] == "FAIL":
            assert row["reason"] in told_of
            assert f"expected {row['expected']}" in told_of


def test_a_reader_that_is_not_there_is_no_verdict_on_a_card(tmp_path: Path) -> None:
    ran = jakarta_one("card", "conformance", "java://127.0.0.1:1", cwd=tmp_path)
    assert ran.returncode == 3
    assert len(ran.stderr.splitlines()) == 1
