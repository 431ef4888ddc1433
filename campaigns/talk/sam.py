"""Scenes between a terminal, a card that is made up, and a SAM."""

from __future__ import annotations

from collections.abc import Callable

from campaigns.bench.issuing import IssuedSam
from campaigns.bench.terminal import (
    BLOCK,
    CANCEL,
    CREDIT,
    DEBIT,
    OK,
    PROOF,
    READ_LOG,
    SAM,
    card_says,
    command,
    number,
    receipt,
    select,
    session_keys,
)
from campaigns.talk.wire import Wire
from scheme.cryptograms import mac
from scheme.keys import Role, card_key

CHALLENGE, AUTHENTICATE, CONFIRM = 0x20, 0x22, 0x24
HEARD_SIZE = 20
MODE = {0: 1, DEBIT: 1, CREDIT: 2, CANCEL: 3, PROOF: 4, READ_LOG: 4, BLOCK: 1}
STATE_SIZE = (0, 29, 7)
ANSWER_SIZE = {DEBIT: 16, CREDIT: 16, CANCEL: 16, PROOF: 38, READ_LOG: 42, BLOCK: 4}


class SamTalk:
    """A terminal with a SAM in it, and cards of every issuer before it."""

    def __init__(self, wire: Wire, issued: IssuedSam) -> None:
        self.wire = wire
        self.chance = wire.chance
        self.issued = issued
        self.receipts = 0
        self.unacknowledged = 0  # about: what the SAM says it is, is compared anyway

    def scenes(self) -> list[tuple[int, Callable[[], None]]]:
        """Return every scene with how often it is played."""
        return [(20, self.authenticate), (2, self.look), (3, self.restore), (2, self.confirm_alone)]

    def look(self) -> None:
        """Ask what the SAM says of itself."""
        self.wire.send(select(self.chance.choice((SAM, SAM, SAM, SAM[:-1], SAM + b"\0"))))

    def confirm_alone(self) -> None:
        """Confirm without a session, or with the last one."""
        ins = self.chance.choice((*ANSWER_SIZE, 0, 0x52))
        data = self.chance.randbytes(self.chance.choice((8, 9, 24, 46, 50)))
        self.wire.send(command(CONFIRM, ins, self.chance.randrange(3), data))

    def restore(self) -> None:
        """Bring a receipt: a fresh one, an old one, or one over too much."""
        chance = self.chance
        last = self.receipts + chance.choice((1, 1, 1, 2, 0, -1))
        owed = self.unacknowledged
        amount = chance.choice((1, chance.randrange(5_000), 0xFFFF_FFFF, owed, owed, owed + 1))
        amount %= 1 << 32
        apdu = receipt(self.issued.receipt_key, self.issued.sam, max(last, 0), amount)
        if chance.random() < 0.1:
            apdu = apdu[:-1] + bytes((apdu[-1] ^ 1,))
        answer = self.wire.send(apdu)
        if answer[-2:] == OK:
            self.receipts = max(last, self.receipts)
            self.unacknowledged -= amount

    def authenticate(self) -> None:
        """Have a card's S1 checked and a command signed, then confirm what the card answered."""
        chance = self.chance
        heard = self.wire.send(command(CHALLENGE, 0, 0))
        if len(heard) != HEARD_SIZE + 2:
            return
        ins = chance.choice((0, DEBIT, DEBIT, CREDIT, CREDIT, CANCEL, PROOF, READ_LOG, BLOCK))
        purse = chance.choice((1, 1, 1, 1, 2, 3))
        p2 = self._low(ins) | purse - 1 << 4
        amount = self._amount()
        key, proven, nt = self._card(MODE[ins], purse, amount, heard)
        answer = self.wire.send(command(AUTHENTICATE, ins, p2, proven + self._body(ins, p2, nt)))
        if answer[-2:] != OK or ins == 0:
            return
        if self.issued.ceiling and (ins == DEBIT or (ins == CREDIT and p2 & 15 != 1)):
            self.unacknowledged += amount
        for _ in range(chance.choice((1, 1, 1, 2))):
            told = chance.randbytes(ANSWER_SIZE[ins])
            told += mac(key, bytes((3, ins)) + told)
            if chance.random() < 0.1:
                told = told[:-1] + bytes((told[-1] ^ 1,))
            self.wire.send(command(CONFIRM, ins, int(chance.random() < 0.4), told))

    def last_look(self) -> None:
        """Ask everything that the SAM tells."""
        self.wire.reset()
        self.wire.plain(select(SAM))
        self.wire.plain(command(CHALLENGE, 0, 0))

    def _low(self, ins: int) -> int:
        if self.chance.random() < 0.08:
            return self.chance.randrange(16)
        if ins in (DEBIT, CREDIT):
            return self.chance.randrange(3)
        return int(ins == BLOCK)

    def _body(self, ins: int, p2: int, nt: bytes) -> bytes:
        slot = p2 & 15 if ins == DEBIT and not p2 >> 4 else 0
        state = STATE_SIZE[slot] if slot < len(STATE_SIZE) else 0
        size = {0: 0, PROOF: 4, READ_LOG: 0, BLOCK: 1}.get(ins, 6 + state)
        return nt if ins == PROOF else self.chance.randbytes(size)

    def _card(
        self, mode: int, purse: int, amount: int, heard: bytes
    ) -> tuple[bytes, bytes, bytes]:
        """Return session key, what the SAM is shown, and NT of a card that is made up."""
        chance, issued = self.chance, self.issued
        issuer, role_byte, version, master = chance.choice(issued.masters)
        role = Role.load if mode == 2 else Role.debit
        if role_byte != role and chance.random() < 0.9:
            held = [row for row in issued.masters if row[1] == role]
            issuer, role_byte, version, master = chance.choice(held or issued.masters)
        if chance.random() < 0.05:
            version ^= 1
        card, nt = chance.randrange(1 << 64), chance.randbytes(4)
        said = number(card, 8) + number(issuer, 2) + chance.randbytes(2) + bytes((version,))
        said += chance.randbytes(5) + nt + chance.randbytes(63 - 22)
        sam, terminal = issued.sam, issued.terminal
        if chance.random() < 0.04:
            terminal ^= 1
        data = number(amount) + number(terminal) + number(sam) + heard[:8]
        own = chance.randbytes(8)
        opened = own + nt + chance.randbytes(6)
        key, _ = session_keys(card_key(master, role, card, issuer, version), opened, data)
        shown = said + data + opened
        proof = card_says(key, mode, purse, shown)
        if chance.random() < 0.04:
            proof = proof[:-1] + bytes((proof[-1] ^ 0x80,))
        return key, shown + proof, nt

    def _amount(self) -> int:
        if self.chance.random() < 0.1:
            ceiling = self.issued.ceiling
            borders = (0, 1, ceiling, ceiling + 1, 0x8000_0000, 0xFFFF_FFFF)
            return self.chance.choice(borders) % (1 << 32)
        return self.chance.randrange(40_000)
