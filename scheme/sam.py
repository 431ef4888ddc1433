"""The SAM: holds a terminal's keys, believes no card without S1, orders with S2, checks S3.

It counts every order to move value, whether or not the card carried it out. With a ceiling it adds
up what it ordered, and stops there until a server's receipt has taken some of it off again. It
never holds a TAC key. Pure, as `scheme.purse` is: bytes in, bytes out.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable, Iterator, Mapping
from enum import IntFlag
from struct import Struct
from typing import NamedTuple

from scheme.apdu import (
    BLOCK_P2,
    CLA,
    CLA_ISO,
    MAIN_PURSE,
    SELECT_BY_AID,
    SLOT_SIZE,
    Command,
    Ins,
    Mode,
    Phase,
    PurseNumber,
    Slot,
    parse_command,
)
from scheme.cryptograms import MAC_SIZE, Keyed, Step, mac
from scheme.keys import MAC_LABEL, SAM_AID, Role, diversification_input, session_input
from scheme.layouts import DEBIT_ANSWER, PROVEN_SIZE, RECEIPT, SAM_CHALLENGE, SAM_SELECTED
from scheme.status import Sw

SAM_VERSION = 1
COUNTER_MAX = 0xFFFF_FFFF
RECEIPT_LABEL = b"JK1 receipt"
OK = Sw.ok.to_bytes(2, "big")
MALFORMED = Sw.wrong_length.to_bytes(2, "big")
MOVING = (Ins.debit, Ins.credit, Ins.cancel)
WHEN_AND_WHERE = 6  # seconds 4 and place 2, with which every order to move value begins

S1_AT = PROVEN_SIZE - MAC_SIZE
# SELECTED, INIT_DATA and INIT_ANSWER without S1 at once, and of them only what a SAM looks at:
# card, issuer and key version; amount, terminal, SAM and RT; RC and NT.
SHOWN = Struct(">QH2xB50x III8s 8sI6x")
assert SHOWN.size == S1_AT


class May(IntFlag):
    """What a SAM may sign."""

    debit = 1  # debits without state, of restricted purses too
    transit = 2  # debits with transit state
    parking = 4  # debits with parking state
    load = 8  # loads


ANYONE = May(0)
NEEDED = {Slot.none: May.debit, Slot.transit: May.transit, Slot.parking: May.parking}
ANY_DEBIT = May.debit | May.transit | May.parking


class IssuerKeys(NamedTuple):
    """Which issuer's key set of which role and version."""

    issuer: int
    role: Role
    version: int


class Order(NamedTuple):
    """What AUTHENTICATE asks for by its P1 and P2.

    Attributes:
        shown: Stands before what the card said, under S1.
        head: Stands before the order, under S2; empty if nothing is to be signed.
        role: Whose master the card's key comes from.
        size: Bytes of body.
        needed: One of these bits of `May` must be set; 0 if any SAM may.
        moves: Whether the command moves value, which advances the counter.
        owes: Whether its amount is unacknowledged until a receipt covers it.
        restricted: Whether operator and category go under S2.
    """

    shown: bytes
    head: bytes
    role: Role
    size: int
    needed: int
    moves: bool
    owes: bool
    restricted: bool


def _asked(
    ins: int, p2: int, mode: Mode, purse: int, size: int, needed: May = ANYONE, owes: bool = False
) -> tuple[tuple[int, int], Order]:
    """Return P1 and P2 of AUTHENTICATE for a command, and the order that they stand for."""
    order = Order(
        shown=bytes((Step.card_says, mode, purse)),
        head=bytes((Step.terminal_orders, ins, p2)) if ins else b"",
        role=Role.load if mode is Mode.credit else Role.debit,
        size=size,
        needed=int(needed),
        moves=ins in MOVING,
        owes=owes,
        restricted=ins == Ins.debit and purse != MAIN_PURSE,
    )
    return (int(ins), (purse - 1) << 4 | p2), order


def _orders() -> Iterator[tuple[tuple[int, int], Order]]:
    """Give every P1 and P2 of AUTHENTICATE that may stand."""
    value = WHEN_AND_WHERE
    for purse in PurseNumber:
        yield _asked(0, 0, Mode.debit, purse, 0)
        for phase in Phase:
            owes = phase is not Phase.reserve
            yield _asked(Ins.credit, phase, Mode.credit, purse, value, May.load, owes)
        yield _asked(Ins.cancel, 0, Mode.cancel, purse, value, ANY_DEBIT)
        # A restricted purse has no state of its own, so its debits replace none.
        for slot in Slot if purse == MAIN_PURSE else (Slot.none,):
            size = value + SLOT_SIZE[slot]
            yield _asked(Ins.debit, slot, Mode.debit, purse, size, NEEDED[slot], True)
    yield _asked(Ins.proof, 0, Mode.proof, MAIN_PURSE, 4)
    yield _asked(Ins.read_log, 0, Mode.proof, MAIN_PURSE, 0)
    yield _asked(Ins.block, BLOCK_P2, Mode.debit, MAIN_PURSE, 1, ANY_DEBIT)


ORDERS = dict(_orders())
# What stands before an answer under S3, by the command that a SAM can confirm.
DID = {
    int(ins): bytes((Step.card_did, ins)) for ins in (*MOVING, Ins.proof, Ins.read_log, Ins.block)
}
HEARD = bytes((Step.terminal_heard, Ins.confirm_purse, 0))


class Sam:
    """One SAM in one terminal.

    Args:
        sam: Its number.
        terminal: The terminal it is for; no other terminal's session can be signed.
        masters: Key sets it holds: debit keys, in a load SAM also load keys.
        may: What it may sign.
        challenge: Gives 8 fresh bytes a call.
        counter: The last counter used.
        operator: Participant number told to restricted purses under S2.
        category: Merchant category told to them.
        ceiling_idr: Most unacknowledged value, 0 for no ceiling.
        receipt_key: Key of a server's receipts; without one, none is believed.
    """

    def __init__(
        self,
        sam: int,
        terminal: int,
        masters: Mapping[IssuerKeys, bytes],
        may: May,
        challenge: Callable[[], bytes],
        counter: int = 0,
        *,
        operator: int = 0,
        category: int = 0,
        ceiling_idr: int = 0,
        receipt_key: bytes = b"",
    ) -> None:
        self.sam = sam
        self.terminal = terminal
        self.counter = counter
        self.ceiling_idr = ceiling_idr
        self.unacknowledged_idr = 0
        self.last_receipt = 0
        self._merchant = operator.to_bytes(2, "big") + category.to_bytes(2, "big")
        self._receipt_key = receipt_key
        self._masters: dict[tuple[int, int, int], Keyed] = {
            which: Keyed(master) for which, master in masters.items()
        }
        self._may = int(may)  # a flag's own & costs as much as a CMAC
        self._challenge = challenge
        self._open = b""
        self._session: Keyed | None = None

    def reset(self) -> None:
        """Forget challenge and session, as at power-on; what is counted stays."""
        self._open, self._session = b"", None

    def answer(self, apdu: bytes) -> bytes:
        """Return the answer to a command; never raises, whatever the bytes."""
        command = parse_command(apdu)
        if command is None:
            return MALFORMED
        cla, ins = command.cla, command.ins
        answers = ANSWERS.get(ins) if cla == CLA else None
        told = answers(self, command) if answers else self._other(command)
        if isinstance(told, bytes):
            return told + OK
        self.reset()
        return told.to_bytes(2, "big")

    def _other(self, command: Command) -> bytes | Sw:
        cla, ins = command.cla, command.ins
        if cla == CLA_ISO and ins == Ins.select:
            return self._select(command)
        if cla not in (CLA, CLA_ISO):
            return Sw.class_unknown
        return Sw.instruction_unknown

    def _select(self, command: Command) -> bytes | Sw:
        self.reset()
        if (command.p1, command.p2) != (SELECT_BY_AID, 0):
            return Sw.wrong_parameters
        if command.data != SAM_AID:
            return Sw.application_unknown
        return SAM_SELECTED.codec.pack(
            SAM_VERSION, self.sam, self.terminal,
            self.counter, self.unacknowledged_idr, self.ceiling_idr,
        )  # fmt: skip

    def _give_challenge(self, command: Command) -> bytes | Sw:
        if command.p1 or command.p2:
            return Sw.wrong_parameters
        if command.data:
            return Sw.wrong_length
        self._open, self._session = self._challenge(), None
        return SAM_CHALLENGE.codec.pack(self._open, self.sam, self.terminal, self.counter)

    def _authenticate(self, command: Command) -> bytes | Sw:
        """Check S1; sign what is asked, if anything; a challenge serves once."""
        order = ORDERS.get((command.p1, command.p2))
        if order is None:
            return Sw.wrong_parameters
        if len(command.data) != PROVEN_SIZE + order.size:
            return Sw.wrong_length
        if order.needed and not order.needed & self._may:
            return Sw.not_allowed
        challenge, self._open = self._open, b""
        return self._believe(command.data, order, challenge) if challenge else Sw.wrong_state

    def _believe(self, data: bytes, order: Order, challenge: bytes) -> bytes | Sw:
        """Check what a card says, then sign for it."""
        said, s1 = data[:S1_AT], data[S1_AT:PROVEN_SIZE]
        card, issuer, version, amount, terminal, sam, told, own, nt = SHOWN.unpack(said)
        if terminal != self.terminal or sam != self.sam or told != challenge:
            return Sw.wrong_data
        master = self._masters.get((issuer, order.role, version))
        if master is None:
            return Sw.keys_unknown
        # AN10922 as in `scheme.keys.diversify`, under a master that is set up already.
        key = master.cmac(b"\x01" + diversification_input(card, issuer, order.role, version))
        macs = Keyed(key).derived(session_input(MAC_LABEL, own, challenge, nt, terminal))
        if not hmac.compare_digest(macs.cmac(order.shown + said)[:MAC_SIZE], s1):
            return Sw.wrong_mac
        if not order.head:
            return self.counter.to_bytes(4, "big")
        return self._sign(macs, order, data[PROVEN_SIZE:], amount)

    def _sign(self, macs: Keyed, order: Order, body: bytes, amount: int) -> bytes | Sw:
        """Give S2, and count it if it moves value."""
        given = b""
        if order.moves:
            owed = amount if order.owes and self.ceiling_idr else 0
            if self.unacknowledged_idr + owed > self.ceiling_idr > 0:
                return Sw.ceiling_reached
            if self.counter == COUNTER_MAX:
                return Sw.counter_exhausted
            self.counter += 1
            self.unacknowledged_idr += owed
            given = self.counter.to_bytes(4, "big")
            if order.restricted:
                given += self._merchant
            body = body[:WHEN_AND_WHERE] + given + body[WHEN_AND_WHERE:]
        self._session = macs
        return given + macs.cmac(order.head + body)[:MAC_SIZE]

    def _confirm(self, command: Command) -> bytes | Sw:
        """Check S3, that the card did what was ordered; sign S4 if asked."""
        _, _, ins, signs, answer = command
        head = DID.get(ins)
        if head is None or signs > (ins in MOVING):
            return Sw.wrong_parameters
        size = len(answer)
        if size != DEBIT_ANSWER.size if signs else size <= MAC_SIZE:
            return Sw.wrong_length
        macs = self._session
        if macs is None:
            return Sw.wrong_state
        told, s3 = answer[:-MAC_SIZE], answer[-MAC_SIZE:]
        if not hmac.compare_digest(macs.cmac(head + told)[:MAC_SIZE], s3):
            return Sw.wrong_mac
        if ins != Ins.read_log:
            self._session = None
        nt = told[4:8]
        return macs.cmac(HEARD + nt)[:MAC_SIZE] if signs else b""

    def _restore(self, command: Command) -> bytes | Sw:
        """Take what a server acknowledged off the unacknowledged value; a receipt serves once."""
        if command.p1 or command.p2:
            return Sw.wrong_parameters
        if len(command.data) != RECEIPT.size:
            return Sw.wrong_length
        number, amount, got = RECEIPT.codec.unpack(command.data)
        if not self._receipt_key or not hmac.compare_digest(
            receipt_mac(self._receipt_key, self.sam, number, amount), got
        ):
            return Sw.wrong_mac
        if number <= self.last_receipt:
            return Sw.wrong_state
        if amount > self.unacknowledged_idr:
            return Sw.wrong_data
        self.unacknowledged_idr -= amount
        self.last_receipt = number
        return self.unacknowledged_idr.to_bytes(4, "big")

    def _store_data(self, command: Command) -> Sw:
        """Refuse: a SAM that answers has been issued."""
        return Sw.wrong_state


ANSWERS: dict[int, Callable[[Sam, Command], bytes | Sw]] = {
    Ins.challenge: Sam._give_challenge,
    Ins.authenticate: Sam._authenticate,
    Ins.confirm: Sam._confirm,
    Ins.restore: Sam._restore,
    Ins.store_data: Sam._store_data,
}


def receipt_mac(key: bytes, sam: int, number: int, amount_idr: int) -> bytes:
    """Return a server's MAC on a receipt for value that a SAM ordered.

    Args:
        key: The SAM's receipt key.
        number: The receipt's number, above that of the last one.
    """
    numbers = b"".join(n.to_bytes(4, "big") for n in (sam, number, amount_idr))
    return mac(key, RECEIPT_LABEL + numbers)
