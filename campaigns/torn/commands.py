"""Every command of the purse that writes, each at the end of what must be said before it.

A case says its commands to a stage; the last one it says is the one that will be torn.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from campaigns.bench.terminal import (
    BLOCK,
    CANCEL,
    CREDIT,
    DEBIT,
    OK,
    PUT_ENTITLEMENT,
    number,
)
from campaigns.torn.stage import ADMIN, Stage

STATE_SIZE = (0, 29, 7)
PUT_KEY_ROLES = ("debit", "load", "admin", "tac")
WRONG_MAC = b"\x69\x88"


class Case(NamedTuple):
    """A command that writes.

    Attributes:
        name: The command as the spec calls it.
        play: Says it, and what must be said before it.
        answer: The status word with which it ends when nothing tears it.
    """

    name: str
    play: Callable[[Stage], None]
    answer: bytes = OK


def _amount(stage: Stage) -> int:
    return stage.chance.choice((0, 1, 3_500, stage.chance.randrange(40_000)))


def _debit(slot: int) -> Callable[[Stage], None]:
    def play(stage: Stage) -> None:
        stage.debit(_amount(stage), slot, stage.chance.randbytes(STATE_SIZE[slot]))

    return play


def _debit_restricted(stage: Stage) -> None:
    purse = stage.chance.choice((2, 3))
    category = stage.issued.categories_of_purse()[purse][0]
    session = stage.open(1, purse, _amount(stage))
    operator = stage.chance.randbytes(2)
    stage.say(session.order(DEBIT, 0, 0, stage.head() + operator + number(category, 2)))


def _credit(phase: int) -> Callable[[Stage], None]:
    def play(stage: Stage) -> None:
        amount, purse = _amount(stage), stage.chance.choice((1, 1, 2, 3))
        for step in (1, 2) if phase == 2 else (phase,):
            session = stage.open(2, purse, amount)
            stage.say(session.order(CREDIT, 0, step, stage.head()))

    return play


def _cancel(stage: Stage) -> None:
    amount, slot = _amount(stage), stage.chance.randrange(3)
    stage.debit(amount, slot, stage.chance.randbytes(STATE_SIZE[slot]))
    stage.say(stage.open(3, 1, amount).order(CANCEL, 0, 0, stage.head()))


def _cancel_restricted(stage: Stage) -> None:
    _debit_restricted(stage)
    purse, amount = stage.said[-2][3], int.from_bytes(stage.said[-2][5:9], "big")
    stage.say(stage.open(3, purse, amount).order(CANCEL, 0, 0, stage.head()))


def _confirm(stage: Stage) -> None:
    session = stage.debit(_amount(stage))
    stage.say(session.confirm(stage.heard[-1][4:8]))


def _block(stage: Stage) -> None:
    reason = bytes((stage.chance.randrange(1, 256),))
    stage.say(stage.open(1).order(BLOCK, 0, 1, reason))


def _unblock(stage: Stage) -> None:
    _block(stage)
    if stage.chance.random() < 0.5:
        stage.refused()
    stage.say(stage.open(ADMIN).order(BLOCK, 0, 2))


def _put_key(stage: Stage) -> None:
    keys, version = stage.chance.randbytes(64), stage.version + 1
    session = stage.open(ADMIN)
    stage.keys_by_version[version] = {
        role: keys[16 * i : 16 * i + 16] for i, role in enumerate(PUT_KEY_ROLES)
    }
    stage.say(session.put_key(version, keys))


def _put_entitlement(stage: Stage) -> None:
    body = bytes((stage.chance.randrange(16),)) + stage.chance.randbytes(2)
    stage.say(stage.open(ADMIN).order(PUT_ENTITLEMENT, 0, 0, body))


def _wrong_order(stage: Stage) -> None:
    for _ in range(stage.chance.choice((1, 1, 2, 14))):
        stage.refused()


def _wrong_confirm(stage: Stage) -> None:
    session = stage.debit(_amount(stage))
    stage.say(session.confirm(bytes(4)))


def _debit_after_wrong(stage: Stage) -> None:
    stage.refused()
    _debit(stage.chance.randrange(3))(stage)


CASES = (
    Case("DEBIT", _debit(0)),
    Case("DEBIT transit", _debit(1)),
    Case("DEBIT parking", _debit(2)),
    Case("DEBIT after a wrong MAC", _debit_after_wrong),
    Case("DEBIT restricted", _debit_restricted),
    Case("CREDIT", _credit(0)),
    Case("CREDIT reserve", _credit(1)),
    Case("CREDIT commit", _credit(2)),
    Case("CANCEL", _cancel),
    Case("CANCEL restricted", _cancel_restricted),
    Case("CONFIRM", _confirm),
    Case("BLOCK", _block),
    Case("UNBLOCK", _unblock),
    Case("PUT KEY", _put_key),
    Case("PUT ENTITLEMENT", _put_entitlement),
    Case("wrong MAC of an order", _wrong_order, WRONG_MAC),
    Case("wrong MAC of CONFIRM", _wrong_confirm, WRONG_MAC),
)
