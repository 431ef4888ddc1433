"""Whole value transactions, from SELECT to S3 and TAC, each checked to the byte."""

from __future__ import annotations

import struct

from hil.conformance.judging import Answer, done, equal
from hil.conformance.terminal import (
    CANCEL,
    CATEGORY,
    CREDIT,
    DEBIT,
    PLAIN_ORDER,
    PROOF,
    TERMINAL,
    Moved,
    Order,
    Said,
    Terminal,
    card_part,
)

KIND_OF_SLOT, LOAD, REFUND_OF_SLOT = {0: 1, 1: 2, 2: 3}, 4, {0: 5, 1: 6, 2: 7}


def checked(
    terminal: Terminal,
    ins: int,
    answer: Answer,
    was: Said,
    kind: int,
    after: int,
    told: Order = PLAIN_ORDER,
    state: bytes = b"",
) -> Moved:
    """Return what a value command answered: S3, balance, NT and TAC must be right.

    Args:
        was: What SELECT said before.
        kind: The record's kind.
        after: The balance that the purse must have now.
        state: The state that goes into the record.
    """
    moved = Moved(*struct.unpack(">II8s", terminal.proved(ins, answer, 24)))
    equal("balance and NT", (after, was.nt + 1), moved[:2])
    part = card_part(was, terminal.opened, kind, moved, told, state)
    equal("TAC", terminal.tac_of(part, was, was.key_version), moved.tac)
    return moved


def debited(
    terminal: Terminal,
    amount: int,
    slot: int = 0,
    state: bytes = b"",
    told: Order = PLAIN_ORDER,
    at: int = TERMINAL,
) -> Moved:
    """Debit the main purse and return what the card answered, which must be right."""
    was = terminal.look()
    done(terminal.init(DEBIT, amount, terminal=at), 26)
    answer = terminal.debit(slot, state, told)
    after = was.balance - amount
    return checked(terminal, 0x42, answer, was, KIND_OF_SLOT[slot], after, told, state)


def debited_aid(
    terminal: Terminal, purse: int, held: int, amount: int, category: int = CATEGORY
) -> Moved:
    """Debit a restricted purse that holds `held`; return what the card answered."""
    was = terminal.look()
    done(terminal.init(DEBIT, amount, purse), 26)
    return checked(terminal, 0x42, terminal.debit_aid(category), was, 1, held - amount)


def loaded(
    terminal: Terminal, amount: int, phase: int = 0, purse: int = 1, held: int | None = None
) -> Moved:
    """Load a purse, in one phase or as a commit; `held` is a restricted purse's balance."""
    was = terminal.look()
    done(terminal.init(CREDIT, amount, purse), 26)
    before = was.balance if held is None else held
    return checked(terminal, 0x44, terminal.credit(phase), was, LOAD, before + amount)


def reserved(terminal: Terminal, amount: int, purse: int = 1) -> None:
    """Reserve a load: balance and NT stay, the TAC is zero."""
    terminal.open(CREDIT, amount, purse)
    told = terminal.proved(0x44, terminal.credit(1), 24)
    equal("TAC", bytes(8), told[8:])


def cancelled(
    terminal: Terminal, amount: int, slot: int = 0, state: bytes = b"", purse: int = 1,
    held: int | None = None,
) -> Moved:  # fmt: skip
    """Cancel the last debit; `state` is the one that must be back."""
    was = terminal.look()
    done(terminal.init(CANCEL, amount, purse), 26)
    before = was.balance if held is None else held
    kind = REFUND_OF_SLOT[slot]
    answer = terminal.cancel()
    return checked(terminal, 0x46, answer, was, kind, before + amount, state=state)


def proved(terminal: Terminal, nt: int, at: int = TERMINAL, sam: int = 50_000_018) -> bytes:
    """Have the last transaction proved; return stored part and TAC, 34 bytes."""
    terminal.open(PROOF, terminal=at, sam=sam)
    told = terminal.proved(0x48, terminal.prove(nt), 46)
    equal("NT", nt, int.from_bytes(told[:4], "big"))
    return told[4:]


def entry(terminal: Terminal, record: int) -> bytes:
    """Return a log entry, 42 bytes, in the session in mode proof that is open."""
    return terminal.proved(0x4C, terminal.read_log(record), 50)
