"""docs/spec/card.md says what the code says, table by table, and no more."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable
from enum import IntEnum
from pathlib import Path
from typing import Any

import pytest

from hil.conformance.given import PLAIN, PLAIN_SAM
from hil.conformance.suite import run
from hil.exchange import Exchange
from hil.reader import CardHolder, open_reader
from scheme import layouts
from scheme.apdu import (
    REFUND_OF,
    SLOT_OF,
    SLOT_SIZE,
    Flag,
    Ins,
    Mode,
    Phase,
    PurseNumber,
    Slot,
    parse_command,
)
from scheme.cryptograms import Step
from scheme.identity import (
    IDENTITY,
    OPEN_ANSWER,
    OPEN_DATA,
    PARTIES_MAX,
    PARTY,
    Attribute,
    Rights,
    identity_blocks,
)
from scheme.keys import IDENTITY_AID, PURSE_AID, SAM_AID, Role
from scheme.personalisation import CardData, purse_blocks
from scheme.records import RecordKind
from scheme.sam import ORDERS, May
from scheme.sam_personalisation import (
    KEY_SET_BLOCK,
    KEY_SETS_MAX,
    SAM_BLOCK,
    SamData,
    sam_blocks,
)
from scheme.status import STATUS, Sw

SPEC = (Path(__file__).parents[2] / "docs/spec/card.md").read_text(encoding="utf-8")
LAYOUTS = (
    layouts.SELECTED,
    layouts.INIT_DATA,
    layouts.INIT_ANSWER,
    layouts.DEBIT_HEAD,
    layouts.DEBIT_ANSWER,
    layouts.STORED,
    layouts.SAM_CHALLENGE,
    layouts.RESTRICTED_HEAD,
    layouts.LOG_ENTRY,
    layouts.SAM_SELECTED,
    layouts.RECEIPT,
    layouts.CARD_KEYS,
    layouts.PURSE_LIMITS,
    IDENTITY,
    PARTY,
    OPEN_DATA,
    OPEN_ANSWER,
    SAM_BLOCK,
    KEY_SET_BLOCK,
)
CODES: dict[str, Iterable[IntEnum]] = {
    "Role": Role,
    "Step": Step,
    "Mode": Mode,
    "purses": PurseNumber,
    "Flag": Flag,
    "Slot": Slot,
    "Phase": Phase,
    "May": May,
    "Attribute": Attribute,
    "Rights": Rights,
}
OTHERS = {
    "applications", "instructions", "refund kinds", "orders", "blocks", "status words",
    "status words by command", "timing budget",
}  # fmt: skip
AIDS = {PURSE_AID: "purse", IDENTITY_AID: "identity", SAM_AID: "SAM"}
NAMES = {
    "purse": {
        Ins.init: "INIT", Ins.debit: "DEBIT", Ins.credit: "CREDIT", Ins.cancel: "CANCEL",
        Ins.proof: "PROOF", Ins.confirm_purse: "CONFIRM", Ins.read_log: "READ LOG",
        Ins.put_key: "PUT KEY", Ins.put_entitlement: "PUT ENTITLEMENT",
    },
    "identity": {
        Ins.open: "OPEN", Ins.read_attribute: "READ ATTRIBUTE", Ins.pseudonym: "PSEUDONYM",
    },
    "SAM": {
        Ins.challenge: "CHALLENGE", Ins.authenticate: "AUTHENTICATE",
        Ins.confirm: "CONFIRM of a SAM", Ins.restore: "RESTORE",
    },
}  # fmt: skip
EVERYWHERE = {Sw.ok, Sw.class_unknown, Sw.instruction_unknown}
FRAME_BYTES, US_A_BYTE = 3, 85.0  # ISO 14443-4 prologue 1 and CRC 2; type A, 9 etu at 106 kbit/s


def spec_table(name: str) -> str:
    """Return a table as it stands in the specification."""
    found = re.search(rf"<!-- table: {re.escape(name)} -->\n(.*?)\n<!-- end -->", SPEC, re.DOTALL)
    assert found, name
    return found[1]


def rows(name: str) -> list[list[str]]:
    """Return the rows of a table, cells without backticks."""
    lines = spec_table(name).splitlines()[2:]
    return [[c.strip().strip("`") for c in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines]


def test_every_table_is_compared_with_something() -> None:
    named = re.findall("<!-- table: (.*) -->", SPEC)
    assert sorted(named) == sorted({layout.name for layout in LAYOUTS} | set(CODES) | OTHERS)


@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda layout: layout.name)
def test_a_layout_is_as_the_code_has_it(layout: Any) -> None:
    assert spec_table(layout.name) == layout.table()


@pytest.mark.parametrize("name", CODES)
def test_codes_and_names_are_as_the_code_has_them(name: str) -> None:
    said = [(int(row[0]), row[1]) for row in rows(name)]
    assert said == [(int(member), member.name) for member in CODES[name]]


def test_slots_have_their_sizes() -> None:
    assert {Slot(int(row[0])): int(row[2]) for row in rows("Slot")} == SLOT_SIZE


def test_applications_have_their_identifiers() -> None:
    assert {bytes.fromhex(row[0]): row[1] for row in rows("applications")} == AIDS


def test_every_instruction_has_its_row() -> None:
    said = sorted((int(row[0], 16), row[1]) for row in rows("instructions"))
    assert said == sorted((int(ins), ins.name) for ins in Ins)


def test_every_refund_has_its_row() -> None:
    said = {RecordKind[row[0].split("`")[0]]: Slot[row[1]] for row in rows("refund kinds")}
    assert said == {kind: SLOT_OF[kind] for kind in REFUND_OF.values()}


def test_every_order_that_a_sam_signs_has_its_row() -> None:
    said = {int(row[0], 16): row for row in rows("orders")}
    assert set(said) == {ins for ins, _ in ORDERS}
    for (ins, _), order in ORDERS.items():
        row = said[ins]
        assert row[4] == Mode(order.shown[1]).name, row
        assert ("counter 4, S2 8" in row[3]) is order.moves, row
        needed = {may.name for may in May if may & order.needed}
        assert all(str(name) in row[5] for name in needed), row
        assert (row[5] == "any") == (not needed), row


def test_blocks_have_their_rows() -> None:
    said = {(row[0], row[1]): int(row[2]) for row in rows("blocks")}
    assert PLAIN.identity is not None
    sent = {
        "purse": purse_blocks(PLAIN),
        "identity": identity_blocks(PLAIN.identity),
        "SAM": sam_blocks(PLAIN_SAM),
    }
    many = {"identity": f"2–{1 + PARTIES_MAX}", "SAM": f"2–{1 + KEY_SETS_MAX}"}
    made = {}
    for application, commands in sent.items():
        for number, apdu in enumerate(commands, 1):
            head, size, data = apdu[:4], apdu[4], apdu[5:]
            last = 0x80 if number == len(commands) else 0
            assert head == bytes((0x80, Ins.store_data, last, number))
            assert size == len(data)
            where = many.get(application, str(number)) if number > 1 else "1"
            made[application, where] = size
    assert said == made


def test_every_status_word_has_its_row() -> None:
    assert rows("status words") == [[f"{sw:04X}", sw.name, text] for sw, text in STATUS.items()]


class Listening:
    """A reader in front of the model that keeps what each command was ever answered with."""

    def __init__(self) -> None:
        reader = open_reader("model://empty")
        assert isinstance(reader, CardHolder)
        self._inner = reader
        self.url = reader.url
        self.seen: dict[str, set[int]] = defaultdict(set)
        self.with_data: list[bytes] = []
        self._at = "purse"
        self._default = "purse"

    def open(self) -> None:
        self._inner.open()

    def close(self) -> None:
        self._inner.close()

    def field_off(self) -> None:
        self._at = self._default
        self._inner.field_off()

    def issue(self, data: CardData | SamData) -> None:
        self._inner.insert(self._inner.issue(data))
        self._at = self._default = "SAM" if isinstance(data, SamData) else "purse"

    def transceive(self, apdu: bytes) -> Exchange:
        exchange = self._inner.transceive(apdu)
        sw = int.from_bytes(exchange.response[-2:], "big")
        if sw != Sw.ok and len(exchange.response) > 2:
            self.with_data.append(apdu)
        command = parse_command(apdu)
        if command is None or sw in EVERYWHERE - {Sw.ok}:
            return exchange
        here = {"SAM"} if self._default == "SAM" else {"purse", "identity"}
        if command.ins == Ins.select and AIDS.get(command.data) in here:
            self._at = AIDS[command.data]
        self.seen[self._named(command.ins, command.p2)].add(sw)
        return exchange

    def _named(self, ins: int, p2: int) -> str:
        if ins == Ins.select:
            return "SELECT"
        if ins == Ins.store_data:
            return "STORE DATA"
        if ins == Ins.block and self._at == "purse":
            return "UNBLOCK" if p2 == 2 else "BLOCK"
        return NAMES[self._at][Ins(ins)]


def test_a_card_answers_each_command_with_its_status_words_and_no_data() -> None:
    listening = Listening()
    assert run(listening, listening.issue).failed == 0
    assert listening.with_data == []
    table = rows("status words by command")
    said = {row[0]: {int(sw, 16) for sw in row[1].split()} for row in table}
    assert said == {name: seen - EVERYWHERE for name, seen in listening.seen.items()}


def test_the_budget_is_made_of_the_layouts_bytes() -> None:
    said = {row[0]: row for row in rows("timing budget")}
    commands = (6, layouts.INIT_DATA.size, layouts.DEBIT_HEAD.size + SLOT_SIZE[Slot.transit] + 8)
    answers = (layouts.SELECTED.size, layouts.INIT_ANSWER.size, layouts.DEBIT_ANSWER.size)
    frames = [5 + size + FRAME_BYTES for size in commands] + [
        size + 2 + FRAME_BYTES for size in answers
    ]
    assert said["RF"][2] == f"{sum(frames)} bytes"
    assert said["RF"][1] == str(round(sum(frames) * US_A_BYTE / 1_000))
    phases = [int(row[1]) for name, row in said.items() if name != "sum"]
    assert said["sum"][1] == str(sum(phases))
    assert sum(phases) <= 150
