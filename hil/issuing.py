"""Fresh cards for readers whose card is a program: Python's in this process, Java's in a JVM.

Personalisation is the same for both: the data go in as `scheme.personalisation` lays them out. Here
is also how a card gets into a reader that speaks vpcd, of whichever kind the card is.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable

from hil.harness import Harness, JavaCard, Kind, shared_harness
from hil.reader import Card
from hil.vicc import VirtualCard
from scheme.apdu import Ins, parse_response, select_command
from scheme.errors import ReaderError
from scheme.identity import identity_blocks
from scheme.keys import IDENTITY_AID
from scheme.personalisation import CardData, make_card, purse_blocks
from scheme.sam import May
from scheme.sam_personalisation import SamData, make_sam, sam_blocks
from scheme.services import LOADS, PARKING, TRANSIT, Service
from scheme.status import Sw

CHALLENGE_SIZE = 8


def fresh_challenge() -> bytes:
    """Return 8 bytes that nobody can foresee."""
    return secrets.token_bytes(CHALLENGE_SIZE)


def issue(kind: str, data: CardData | SamData) -> Card:
    """Return a fresh card or SAM of a kind, `python` or `java`; raises ReaderError as Java's do."""
    if kind == "java":
        return issue_java(shared_harness(), data)
    if isinstance(data, SamData):
        return make_sam(data, fresh_challenge)
    return make_card(data, fresh_challenge)


def may_of(service: Service) -> May:
    """Return what the SAM of a service's terminals may sign."""
    if service in TRANSIT:
        return May.transit
    if service in PARKING:
        return May.parking
    return May.load if service in LOADS else May.debit


def issue_java(harness: Harness, data: CardData | SamData) -> JavaCard:
    """Return a fresh Java card or SAM; raises ReaderError if it does not take its data."""
    if isinstance(data, SamData):
        card, blocks = harness.new(Kind.sam), list(sam_blocks(data))
    else:
        card, blocks = harness.new(Kind.card), list(purse_blocks(data))
        if data.identity is not None:
            select = select_command(IDENTITY_AID).encode()
            blocks += [select, *identity_blocks(data.identity)]
    for block, answer in zip(blocks, card.batch([*blocks]), strict=True):
        sw = parse_response(answer).sw if answer else 0
        # A blank application answers SELECT with 6985 and is selected all the same.
        if sw != Sw.ok and block[1] == Ins.store_data:
            raise ReaderError(
                f"java card {card.number}: expected 9000 to STORE DATA block {block[3]}, "
                f"got {sw:04X}"
            )
    card.reset()
    return card


class Socket:
    """Where a virtual card goes in: a port of a vpcd on this machine."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._virtual: VirtualCard | None = None
        self._java: JavaCard | None = None

    def swap(self, card: Card) -> bool:
        """Put a card in place of the one there without it leaving, if both are of one kind."""
        if isinstance(card, JavaCard):
            if self._java is None or not (card is self._java or card.replace(self._java)):
                return False
            self._java = card
            return True
        return self._virtual is not None and self._virtual.put(card)

    def insert(self, card: Card) -> None:
        """Put a card in, where nobody is; it connects to the reader at once."""
        if isinstance(card, JavaCard):
            card.plug(self._port)
            self._java = card
        else:
            self._virtual = VirtualCard(card)
            self._virtual.connect(self._port)

    def cut(self, after: int, cut: Callable[[], None]) -> bool:
        """Have a Python card leave in its next answer; False if none is in."""
        if self._virtual is None:
            return False
        self._virtual.cut(after, cut)
        return True

    def remove(self) -> None:
        """Take out the card that is in, if any."""
        virtual, java, self._virtual, self._java = self._virtual, self._java, None, None
        if virtual is not None:
            virtual.remove()
        if java is not None:
            java.plug(0)
