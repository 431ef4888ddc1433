"""Scenes between a relying party, or any phone, and the identity application."""

from __future__ import annotations

from collections.abc import Callable

from campaigns.bench.issuing import Issued
from campaigns.bench.terminal import (
    IDENTITY,
    OK,
    PURSE,
    STORE_DATA,
    command,
    identity_key,
    identity_order,
    number,
    select,
)
from campaigns.talk.wire import Wire

OPEN, READ_ATTRIBUTE, PSEUDONYM = 0x30, 0x32, 0x34
OPENED_SIZE = 16
PERSON_SIZE, ROW_SIZE = 54, 35


class IdentityTalk:
    """What a relying party knows and does, right and wrong."""

    def __init__(self, wire: Wire, issued: Issued) -> None:
        self.wire = wire
        self.chance = wire.chance
        self.parties = issued.party_keys()
        self.bare = issued.data.identity is None

    def scenes(self) -> list[tuple[int, Callable[[], None]]]:
        """Return every scene with how often it is played."""
        return [(8, self.ask), (3, self.look), (3, self.stray), (8 * self.bare, self.store)]

    def ask(self) -> None:
        """Open a session as some party and ask for attributes and the pseudonym."""
        chance = self.chance
        if chance.random() < 0.95:
            self.wire.send(select(IDENTITY))
        known = list(self.parties)
        stranger = not known or chance.random() < 0.1
        party = chance.randrange(1 << 16) if stranger else chance.choice(known)
        challenge = chance.randbytes(8)
        answer = self.wire.send(command(OPEN, 0, 0, number(party, 2) + challenge))
        if len(answer) != OPENED_SIZE + 2 or answer[-2:] != OK:
            return
        authentication = self.parties.get(party, bytes(16))
        key = identity_key(authentication, answer[:8], challenge, number(party, 2))
        for _ in range(chance.randrange(1, 5)):
            if chance.random() < 0.3:
                self.wire.send(identity_order(key, PSEUDONYM, 0))
            else:
                attribute = chance.choice((1, 2, 3, 4, 1, 2, 3, 4, 0, 5, 8))
                self.wire.send(identity_order(key, READ_ATTRIBUTE, attribute))

    def store(self) -> None:
        """Send an identity that nobody has issued some of its blocks, the last one at times."""
        chance = self.chance
        if chance.random() < 0.8:
            self.wire.send(select(IDENTITY))
        for _ in range(chance.randrange(1, 5)):
            block = chance.choice((0, 1, 2, 3, 9, 10))
            size = PERSON_SIZE if block == 1 else chance.choice((ROW_SIZE, ROW_SIZE, ROW_SIZE - 1))
            data = number(chance.randrange(4), 2) + chance.randbytes(size - 2)
            p1 = chance.choice((0, 0, 0, 0, 0x80, 1))
            if self.wire.send(command(STORE_DATA, p1, block, data)) == OK and block > 1:
                self.parties.setdefault(int.from_bytes(data[:2], "big"), data[3:19])

    def look(self) -> None:
        """Select the application as any phone can, and ask without a session."""
        self.wire.send(select(IDENTITY))
        ins = self.chance.choice((READ_ATTRIBUTE, PSEUDONYM))
        self.wire.send(command(ins, self.chance.randrange(5), 0, self.chance.randbytes(8)))

    def stray(self) -> None:
        """Go to and fro between the applications, and to one that is not here."""
        for _ in range(self.chance.randrange(1, 4)):
            aid = self.chance.choice((PURSE, IDENTITY, PURSE[:-1], PURSE + b"\1", b"\xf0JKT1S"))
            self.wire.send(select(aid))
