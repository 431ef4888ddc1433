"""Scenes between a terminal and the purse: every command in a right place, and in wrong ones."""

from __future__ import annotations

from collections.abc import Callable

from campaigns.bench.issuing import Issued
from campaigns.bench.terminal import (
    BLOCK,
    CANCEL,
    CREDIT,
    DEBIT,
    OK,
    PROOF,
    PURSE,
    PUT_ENTITLEMENT,
    READ_LOG,
    SELECT_SIZE,
    Session,
    init,
    number,
    select,
    session_keys,
)
from campaigns.talk.wire import Wire

BORDERS = (0, 1, 0x7FFF_FFFF, 0x8000_0000, 0xFFFF_FFFF)
ADMIN = 6
STATE_SIZE = (0, 29, 7)
OPENED_SIZE = 26
LOG_SIZE = 10
WRONG_MACS_MOST = 16


class PurseTalk:
    """What a terminal knows and does, right and wrong.

    Args:
        wire: Where it is said.
        issued: The card as it was issued.
    """

    def __init__(self, wire: Wire, issued: Issued) -> None:
        self.wire = wire
        self.chance = wire.chance
        self.keys = dict(issued.role_keys())
        self.limits = dict(enumerate(issued.limit_of_purse(), 1))
        self.categories = issued.categories_of_purse()
        self.terminal = self.chance.randrange(1, 1 << 32)
        self.sam = self.chance.randrange(1 << 32)
        self.balance = issued.balance_idr
        self.nt = 0
        self.key_version = issued.key_version
        self.last_debit: tuple[int, int, int] | None = None  # purse, amount, terminal
        self.reserved: tuple[int, int] | None = None

    def scenes(self) -> list[tuple[int, Callable[[], None]]]:
        """Return every scene with how often it is played."""
        return [
            (30, self.debit),
            (10, self.debit_restricted),
            (12, self.load),
            (8, self.load_in_two_phases),
            (9, self.cancel),
            (8, self.proof),
            (5, self.read_log),
            (3, self.block),
            (4, self.unblock),
            (2, self.rotate_keys),
            (3, self.entitle),
            (3, self.insist),
        ]

    def open(self, mode: int, purse: int, amount: int) -> Session | None:
        """Select and open a session; return it if the card opened one."""
        wire, chance = self.wire, self.chance
        if chance.random() < 0.95:
            self._note(wire.send(select(PURSE)))
        data = number(amount) + number(self.terminal) + number(self.sam) + chance.randbytes(8)
        answer = wire.send(init(mode, purse, data))
        if len(answer) != OPENED_SIZE + 2 or answer[-2:] != OK:
            return None
        self.nt = int.from_bytes(answer[8:12], "big")
        role = {2: "load", ADMIN: "admin"}.get(mode, "debit")
        return Session(mode, purse, amount, *session_keys(self.keys[role], answer, data))

    def debit(self) -> None:
        """Debit the main purse, with or without a state."""
        session = self.open(1, 1, self._amount())
        if session is None:
            return
        slot = self.chance.randrange(3)
        state = self.chance.randbytes(STATE_SIZE[slot])
        self._value(session, session.order(DEBIT, 0, slot, self._head() + state))

    def debit_restricted(self) -> None:
        """Debit a school purse at an operator of some category."""
        purse = self.chance.choice((2, 2, 3, 3, 1))
        session = self.open(1, purse, self._amount())
        if session is None:
            return
        known = [code for code in self.categories.get(purse, ()) if code]
        category = self.chance.choice((*known, *known, 0, self.chance.randrange(1 << 16)))
        body = self._head() + number(self.chance.randrange(1 << 16), 2) + number(category, 2)
        slot = self.chance.choice((0, 0, 0, 0, 1, 2))
        self._value(session, session.order(DEBIT, 0, slot, body))

    def load(self) -> None:
        """Load a purse in one phase."""
        purse = self.chance.choice((1, 1, 1, 2, 3))
        session = self.open(2, purse, self._load_amount(purse))
        if session is not None:
            self._value(session, session.order(CREDIT, 0, 0, self._head()))

    def load_in_two_phases(self) -> None:
        """Reserve a load, let something else happen, and commit it or another one."""
        chance = self.chance
        purse = chance.choice((1, 1, 2, 3))
        amount = self._load_amount(purse)
        session = self.open(2, purse, amount) if chance.random() < 0.9 else None
        if session is not None and self._value(session, session.order(CREDIT, 0, 1, self._head())):
            self.reserved = purse, amount
        if chance.random() < 0.4:
            chance.choice((self.debit, self.load, self.cancel, self.proof, self.wire.reset))()
        purse, amount = self.reserved or (purse, amount)
        if chance.random() < 0.15:
            amount = (amount + 1) % (1 << 32)
        session = self.open(2, purse, amount)
        if session is None:
            return
        done = self._value(session, session.order(CREDIT, 0, 2, self._head()))
        if done and chance.random() < 0.7:
            self.reserved = None

    def cancel(self) -> None:
        """Give the last debit back, or try to give back something else."""
        if self.last_debit is None or self.chance.random() < 0.3:
            self.debit()
        purse, amount, terminal = self.last_debit or (1, 0, self.terminal)
        wrong = self.chance.randrange(12)
        own, self.terminal = self.terminal, terminal + 1 & 0xFFFF_FFFF if wrong == 0 else terminal
        amount += wrong == 1
        session = self.open(3, 1 if wrong == 2 else purse, min(amount, 0xFFFF_FFFF))
        if session is not None and self._value(session, session.order(CANCEL, 0, 0, self._head())):
            self.last_debit = None
        self.terminal = own

    def proof(self) -> None:
        """Have the last transaction told again, of this counter or of another."""
        session = self.open(4, 1, self.chance.choice((0, 0, *BORDERS)))
        if session is None:
            return
        for _ in range(self.chance.choice((1, 1, 2))):
            nt = self.nt + self.chance.choice((0, 0, 0, 0, 1, -1))
            self.wire.send(session.order(PROOF, 0, 0, number(nt % (1 << 32))))
        if self.chance.random() < 0.3:
            self.wire.send(session.order(READ_LOG, 1, 0))

    def read_log(self) -> None:
        """Read some of the log."""
        session = self.open(4, 1, 0)
        if session is None:
            return
        for _ in range(self.chance.randrange(1, 5)):
            at = self.chance.choice((1, 2, 9, LOG_SIZE, self.chance.randrange(1, LOG_SIZE), 11, 0))
            self.wire.send(session.order(READ_LOG, at, 0))

    def block(self) -> None:
        """Block the card, mostly for a reason."""
        session = self.open(1, 1, 0)
        if session is not None:
            reason = bytes((self.chance.choice((1, 2, 255, 0)),))
            self.wire.send(session.order(BLOCK, 0, 1, reason))

    def unblock(self) -> None:
        """Unblock the card as its issuer; seldom in a wrong mode."""
        session = self.open(self.chance.choice((ADMIN, ADMIN, ADMIN, ADMIN, 1)), 1, 0)
        if session is not None:
            self.wire.send(session.order(BLOCK, 0, 2))

    def rotate_keys(self) -> None:
        """Give the card new keys of a newer version, or try an older one."""
        session = self.open(ADMIN, 1, 0)
        if session is None:
            return
        version = (self.key_version + self.chance.choice((1, 1, 1, 5, 0, -1))) % 256
        keys = self.chance.randbytes(64)
        answer = self.wire.send(session.put_key(version, keys))
        # What was sent may have been garbled into another success: only a right S3 is believed.
        if session.says(0x52, answer):
            roles = ("debit", "load", "admin", "tac")
            self.keys = {role: keys[16 * i : 16 * i + 16] for i, role in enumerate(roles)}
            self.key_version = version

    def entitle(self) -> None:
        """Put the holder into a free group until a day."""
        session = self.open(ADMIN, 1, 0)
        if session is not None:
            group = self.chance.choice((0, 1, 15, 16, 255))
            body = bytes((group,)) + self.chance.randbytes(2)
            self.wire.send(session.order(PUT_ENTITLEMENT, 0, 0, body))

    def insist(self, times: int = 0) -> None:
        """Send wrong MACs one after the other, in every command that has one."""
        for _ in range(times or self.chance.choice((1, 2, 3))):
            mode, ins, p2, size = self.chance.choice(
                ((1, DEBIT, 0, 10), (2, CREDIT, 0, 10), (4, PROOF, 0, 4), (1, BLOCK, 1, 1),
                 (ADMIN, BLOCK, 2, 0), (ADMIN, PUT_ENTITLEMENT, 0, 3), (ADMIN, 0x52, 0, 65))
            )  # fmt: skip
            session = self.open(ADMIN if times > 200 else mode, 1, 0)
            if session is None:
                continue
            if times > 200:
                ins, p2, size = PUT_ENTITLEMENT, 0, 3
            order = bytearray(session.order(ins, 0, p2, bytes(size)))
            order[-1 - self.chance.randrange(8)] ^= 1 << self.chance.randrange(8)
            self.wire.plain(bytes(order))

    def count_to_the_end(self) -> None:
        """Send wrong MACs until the card opens no session, which tells how many it had counted."""
        self.wire.garbling = 0.0
        for _ in range(WRONG_MACS_MOST):
            session = self.open(1, 1, 0)
            if session is None:
                return
            self.wire.plain(session.order(BLOCK, 0, 1, b"\1")[:-8] + bytes(8))

    def wrap_the_log(self) -> None:
        """Write more transactions than the log holds, small ones, and read it all."""
        for _ in range(self.chance.randrange(LOG_SIZE, 2 * LOG_SIZE + 3)):
            session = self.open(1, 1, self.chance.randrange(3))
            if session is not None:
                self._value(session, session.order(DEBIT, 0, 0, self._head()))
        self.read_log()

    def last_look(self) -> None:
        """Ask everything that the card tells: who it is, its purses, its proof and its log."""
        wire = self.wire
        wire.reset()
        self._note(wire.plain(select(PURSE)))
        garbling, wire.garbling = wire.garbling, 0.0
        for purse in (1, 2, 3):
            self.open(1, purse, 0)
        session = self.open(4, 1, 0)
        if session is not None:
            wire.plain(session.order(PROOF, 0, 0, number(self.nt)))
            for at in range(1, LOG_SIZE + 1):
                wire.plain(session.order(READ_LOG, at, 0))
        wire.garbling = garbling

    def _value(self, session: Session, order: bytes) -> bool:
        """Send a command that moves value; return whether the card did it."""
        answer = self.wire.send(order)
        if not session.says(order[1], answer):
            return False
        if order[1] == DEBIT:
            self.last_debit = session.purse, session.amount, self.terminal
        if self.chance.random() < 0.3:
            nt = answer[4:8] if self.chance.random() < 0.85 else self.chance.randbytes(4)
            self.wire.send(session.confirm(nt))
        return True

    def _head(self) -> bytes:
        """Return seconds, place and SAM counter."""
        return self.chance.randbytes(10)

    def _amount(self) -> int:
        chance = self.chance
        near = [self.balance, self.balance + 1, max(self.balance - 1, 0)]
        wanted = chance.choice((0, 3_500, chance.randrange(40_000), chance.randrange(5_000)))
        if chance.random() < 0.12:
            wanted = chance.choice((*near, *BORDERS))
        return int(wanted) & 0xFFFF_FFFF

    def _load_amount(self, purse: int) -> int:
        room = self.limits[purse] - (self.balance if purse == 1 else 0)
        if self.chance.random() < 0.15:
            return self.chance.choice((room, room + 1, *BORDERS)) % (1 << 32)
        return self.chance.randrange(1, 60_000)

    def _note(self, answer: bytes) -> None:
        if len(answer) == SELECT_SIZE + 2:
            self.balance = int.from_bytes(answer[22:26], "big")
