"""A card before the one command that will be torn, and what can be seen of it afterwards."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import NamedTuple

from campaigns.bench.issuing import Issued
from campaigns.bench.terminal import (
    DEBIT,
    IDENTITY,
    OK,
    PROOF,
    PURSE,
    READ_LOG,
    SELECT_SIZE,
    Session,
    card_says,
    init,
    number,
    select,
    session_keys,
)

ADMIN = 6
LOG_SIZE = 10
NT_AT = slice(18, 22)
VERSION_AT = 12
PURSES = (1, 2, 3)

Answer = Callable[[bytes], bytes]
Keys = dict[str, bytes]


class Stage:
    """A terminal before a card that answers, writing down what it says.

    Args:
        answer: The card.
        chance: Where amounts, challenges and states come from.
        issued: The card as it was issued.
    """

    def __init__(self, answer: Answer, chance: Random, issued: Issued) -> None:
        self.answer = answer
        self.chance = chance
        self.issued = issued
        self.said: list[bytes] = []
        self.heard: list[bytes] = []
        self.keys_by_version: dict[int, Keys] = {issued.key_version: dict(issued.role_keys())}
        self.version = issued.key_version
        self.terminal = chance.randrange(1, 1 << 32)
        self.genuine = True  # whether the last INIT proved what SELECT had said

    def say(self, apdu: bytes) -> bytes:
        """Say a command and return its answer."""
        answer = self.answer(apdu)
        self.said.append(apdu)
        self.heard.append(answer)
        return answer

    def open(self, mode: int, purse: int = 1, amount: int = 0) -> Session:
        """Select and open a session."""
        said = self.say(select(PURSE))[:-2]
        data = number(amount) + number(self.terminal) + number(77) + self.chance.randbytes(8)
        answer = self.say(init(mode, purse, data))
        role = {2: "load", ADMIN: "admin"}.get(mode, "debit")
        keys = session_keys(self.keys_by_version[self.version][role], answer, data)
        self.genuine = answer[18:26] == card_says(keys[0], mode, purse, said + data + answer[:18])
        return Session(mode, purse, amount, *keys)

    def debit(self, amount: int, slot: int = 0, state: bytes = b"") -> Session:
        """Debit the main purse."""
        session = self.open(1, 1, amount)
        self.say(session.order(DEBIT, 0, slot, self.head() + state))
        return session

    def head(self) -> bytes:
        """Return seconds, place and SAM counter."""
        return self.chance.randbytes(10)

    def history(self) -> None:
        """Make some transactions: the log is empty, begun, full or gone round after them.

        At times a wrong MAC is counted behind them.
        """
        for _ in range(self.chance.choice((0, 1, 2, 9, 10, 11, 13))):
            slot = self.chance.randrange(3)
            self.debit(self.chance.randrange(3), slot, self.chance.randbytes((0, 29, 7)[slot]))
        if self.chance.random() < 0.3:
            self.refused()

    def refused(self) -> None:
        """Order a debit with a wrong MAC, which the card counts."""
        order = self.open(1).order(DEBIT, 0, 0, self.head())
        self.say(order[:-1] + bytes((order[-1] ^ 1,)))


class Seen(NamedTuple):
    """All that a card tells of itself, less what is fresh in every session."""

    selected: bytes
    balances: tuple[bytes, ...]
    proof: bytes
    log: tuple[bytes, ...]
    identity: bytes

    def told(self) -> str:
        """Return it in hex, for people."""
        parts = (self.selected, *self.balances, self.proof, self.identity)
        return " ".join(part.hex() for part in parts)


def look(answer: Answer, stage: Stage, chance: Random) -> Seen:
    """Return what a card tells: SELECT, its purses, its proof and log in a session of a SAM.

    The keys are those of the version that the card says it has. An answer without its right S1 or
    S3 counts as another answer.
    """
    eye = Stage(answer, chance, stage.issued)
    eye.keys_by_version = stage.keys_by_version
    selected = answer(select(PURSE))
    if len(selected) != SELECT_SIZE + 2:
        return Seen(selected, (), b"", (), answer(select(IDENTITY)))
    eye.version = selected[VERSION_AT]
    if eye.version not in eye.keys_by_version:
        return Seen(selected, (), b"a key version nobody gave", (), b"")
    balances = []
    for purse in PURSES:
        eye.open(1, purse, 0)
        told = eye.heard[-1]
        balance = told[12:16] if eye.genuine else b"wrong S1"
        balances.append(balance if told[-2:] == OK else told)
    session = eye.open(4)
    proof = _proved(eye, session, PROOF, 0, selected[NT_AT])
    log = [_proved(eye, session, READ_LOG, 1)]
    for at in range(2, LOG_SIZE + 1):
        if log[-1][-2:] != OK and len(log[-1]) == 2:
            break  # the card's log ends here, and its session with it
        log.append(_proved(eye, session, READ_LOG, at))
    return Seen(selected, tuple(balances), proof, tuple(log), answer(select(IDENTITY)))


def _proved(eye: Stage, session: Session, ins: int, p1: int, body: bytes = b"") -> bytes:
    answer = eye.say(session.order(ins, p1, 0, body))
    if answer[-2:] != OK:
        return answer
    return answer[:-10] + OK if session.says(ins, answer) else b"wrong S3 " + answer
