"""vectors/: every key and MAC of card, identity and receipt, worked out here by bare AES-CMAC.

Java's tests read the same tables, so that both sides are held to one independent computation.
"""

from __future__ import annotations

import csv
import struct
from pathlib import Path

import pytest

from scheme.cryptograms import Keyed, Step, tac
from scheme.identity import party_session_key
from scheme.keys import Role, card_key, decrypt_keys, encryption_key, session_key
from scheme.sam import receipt_mac
from tests.scheme import by_hand

VECTORS = Path(__file__).parents[2] / "vectors"
CONFIRM_HEAD = bytes((4, 0x4A, 0))
DEBITS_WITH_STATE, REFUND_WITH_STATE = (2, 3), 6


def rows(name: str) -> list[dict[str, str]]:
    with (VECTORS / name).open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def raw(row: dict[str, str], *names: str) -> tuple[bytes, ...]:
    return tuple(bytes.fromhex(row[name]) for name in names)


def numbers(row: dict[str, str], *names: str) -> tuple[int, ...]:
    return tuple(int(row[name]) for name in names)


sessions = pytest.mark.parametrize("row", rows("card_session.csv"), ids=lambda row: row["case"])
identities = pytest.mark.parametrize("row", rows("identity.csv"), ids=lambda row: row["case"])
receipts = pytest.mark.parametrize("row", rows("sam_receipt.csv"), ids=lambda row: row["case"])


@sessions
def test_keys_and_macs_of_a_session_are_those_worked_out_by_hand(row: dict[str, str]) -> None:
    master, rc, rt, selected, init, answer = raw(
        row, "master", "rc", "rt", "selected", "init_data", "init_answer"
    )
    card, issuer, role, version, nt, terminal = numbers(
        row, "card", "issuer", "role", "key_version", "nt", "terminal"
    )
    key = by_hand.card_key(master, card, issuer, role, version)
    session = by_hand.derived(key, by_hand.SESSION_MAC, rc + rt + struct.pack(">II", nt, terminal))
    assert (key.hex(), session.hex()) == (row["card_key"], row["session_key"])
    mode, purse, ins, p2 = *numbers(row, "mode", "purse"), int(row["ins"], 16), int(row["p2"])
    order, told = raw(row, "order", "answer")
    said = bytes((1, mode, purse)) + selected + init + answer
    assert by_hand.mac(session, said).hex() == row["s1"]
    assert by_hand.mac(session, bytes((2, ins, p2)) + order).hex() == row["s2"]
    assert by_hand.mac(session, bytes((3, ins)) + told).hex() == row["s3"]
    if row["s4"]:
        assert by_hand.mac(session, CONFIRM_HEAD + told[4:8]).hex() == row["s4"]


@sessions
def test_the_tac_of_a_session_covers_what_was_said_and_ordered(row: dict[str, str]) -> None:
    key, part, order, init, answer = raw(
        row, "tac_key", "card_part", "order", "init_data", "answer"
    )
    if not key:
        assert not part, "no transaction, no card part"
        return
    amount, terminal, sam = struct.unpack(">III", init[:12])
    at_s, place, counter = struct.unpack(">IHI", order[:10])
    balance, nt = struct.unpack(">II", answer[:8])
    kind = part[1]
    card, issuer, purse, version = numbers(row, "card", "issuer", "purse", "key_version")
    state = order[10:] if kind in DEBITS_WITH_STATE else b""
    if kind == REFUND_WITH_STATE:
        state = part[44:]  # the card's own memory of what that debit replaced
    expected = struct.pack(
        ">BBHQIBBHIIIIII32s", 1, kind, issuer, card, nt, purse, version, place, amount, balance,
        at_s, terminal, sam, counter, state,
    )  # fmt: skip
    assert part.hex() == expected.hex()
    assert nt == int(row["nt"]) + 1
    assert by_hand.mac(key, part).hex() == row["tac"] == answer[8:].hex()


@sessions
def test_new_keys_travel_encrypted_under_a_key_of_their_own(row: dict[str, str]) -> None:
    if not row["enc_key"]:
        return
    key, rc, rt, wrapped, order = raw(row, "card_key", "rc", "rt", "keys_encrypted", "order")
    context = rc + rt + struct.pack(">II", *numbers(row, "nt", "terminal"))
    session = by_hand.derived(key, by_hand.SESSION_ENC, context)
    assert session.hex() == row["enc_key"] != row["session_key"]
    assert by_hand.decrypted(session, wrapped).hex() == row["keys"]
    assert order[1:] == wrapped


@sessions
def test_the_scheme_agrees_with_the_table_of_sessions(row: dict[str, str]) -> None:
    master, rc, rt = raw(row, "master", "rc", "rt")
    card, issuer, version, nt, terminal = numbers(
        row, "card", "issuer", "key_version", "nt", "terminal"
    )
    key = card_key(master, Role(int(row["role"])), card, issuer, version)
    made = session_key(key, rc, rt, nt, terminal)
    assert (key.hex(), made.hex()) == (row["card_key"], row["session_key"])
    order, s2 = raw(row, "order", "s2")
    head = bytes((int(row["ins"], 16), int(row["p2"])))
    assert Keyed(made).step_holds(Step.terminal_orders, head + order, s2)
    if row["tac"]:
        assert tac(*raw(row, "tac_key", "card_part")).hex() == row["tac"]
    if row["enc_key"]:
        wrapping = encryption_key(key, rc, rt, nt, terminal)
        assert decrypt_keys(wrapping, *raw(row, "keys_encrypted")).hex() == row["keys"]


@identities
def test_what_an_identity_says_is_what_was_worked_out_by_hand(row: dict[str, str]) -> None:
    key, rc, rt, value = raw(row, "authentication_key", "rc", "rt", "value")
    party = struct.pack(">H", int(row["party"]))
    asked = bytes((int(row["ins"], 16), int(row["p1"])))
    session = by_hand.derived(key, by_hand.IDENTITY_MAC, rc + rt + party)
    assert session.hex() == row["session_key"]
    assert session == party_session_key(key, rc, rt, int(row["party"]))
    assert by_hand.mac(session, b"\x01" + party + rt + rc).hex() == row["s1"]
    assert by_hand.mac(session, b"\x02" + asked).hex() == row["s2"]
    assert by_hand.mac(session, b"\x03" + asked + value).hex() == row["s3"]
    if row["ins"] == "34":
        assert by_hand.cmac(*raw(row, "pseudonym_key", "reference")) == value


@receipts
def test_a_receipt_is_what_was_worked_out_by_hand(row: dict[str, str]) -> None:
    (key,) = raw(row, "receipt_key")
    sam, number, amount = numbers(row, "sam", "number", "amount")
    assert by_hand.receipt(key, sam, number, amount)[8:].hex() == row["mac"]
    assert receipt_mac(key, sam, number, amount).hex() == row["mac"]
