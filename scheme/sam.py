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
    Response,
    Slot,
    parse_command,
    sw_only,
)
from scheme.cryptograms import MAC_SIZE, Keyed, Step, mac
from scheme.keys import SAM_AID, Role, diversification_input, session_key
from scheme.layouts import DEBIT_ANSWER, PROVEN_SIZE, RECEIPT, SAM_CHALLENGE, SAM_SELECTED
from scheme.status import Sw

SAM_VERSION = 1
COUNTER_MAX = 0xFFFF_FFFF
RECEIPT_LABEL = b"JK1 receipt"
WHEN_AND_WHERE = 6  # seconds 4 and place 2, with which every order to move value begins

# SELECTED, INIT_DATA and INIT_ANSWER at once, and of them only what a SAM looks at: card, issuer
# and key version; amount, terminal, SAM and RT; RC and NT.
SHOWN = Struct(">QH2xB50x III8s 8sI14x")
assert SHOWN.size == PROVEN_SIZE


class May(IntFlag):
    """What a SAM may sign."""

    debit = 1  # debits without state, of restricted purses too
    transit = 2  # debits with transit state
    parking = 4  # debits with parking state
    load = 8  # loads


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
        mode, purse: They stand under S1.
        size: Bytes of body.
        needed: One of these the SAM must be allowed; 0 if any SAM may.
        moves: Whether the command moves value, which advances the counter.
        owes: Whether its amount is unacknowledged until a receipt covers it.
    """

    mode: Mode
    purse: int
    size: int
    needed: May
    moves: bool = False
    owes: bool = False


def _orders() -> Iterator[tuple[int, int, Order]]:
    """Give every P1 and P2 of AUTHENTICATE: INS, P2 of the command, and what is asked."""
    anyone = May(0)
    for purse in PurseNumber:
        yield 0, 0, Order(Mode.debit, purse, 0, anyone)
        for phase in Phase:
            owes = phase is not Phase.reserve
            order = Order(Mode.credit, purse, WHEN_AND_WHERE, May.load, True, owes)
            yield Ins.credit, phase, order
        yield Ins.cancel, 0, Order(Mode.cancel, purse, WHEN_AND_WHERE, ANY_DEBIT, True)
        # A restricted purse has no state of its own, so its debits replace none.
        for slot in Slot if purse == MAIN_PURSE else (Slot.none,):
            size = WHEN_AND_WHERE + SLOT_SIZE[slot]
            yield Ins.debit, slot, Order(Mode.debit, purse, size, NEEDED[slot], True, True)
    yield Ins.proof, 0, Order(Mode.proof, MAIN_PURSE, 4, anyone)
    yield Ins.read_log, 0, Order(Mode.proof, MAIN_PURSE, 0, anyone)
    yield Ins.block, BLOCK_P2, Order(Mode.debit, MAIN_PURSE, 1, ANY_DEBIT)


ORDERS = {(ins, (order.purse - 1) << 4 | p2): order for ins, p2, order in _orders()}
MOVING = (Ins.debit, Ins.credit, Ins.cancel)
CONFIRMED = (*MOVING, Ins.proof, Ins.read_log, Ins.block)


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
        self._masters = {which: Keyed(master) for which, master in masters.items()}
        self._may = may
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
            return sw_only(Sw.wrong_length).encode()
        response = self._dispatch(command)
        if response.sw != Sw.ok:
            self.reset()
        return response.encode()

    def _dispatch(self, command: Command) -> Response:
        cla, ins = command.cla, command.ins
        if cla == CLA_ISO and ins == Ins.select:
            return self._select(command)
        if cla not in (CLA, CLA_ISO):
            return sw_only(Sw.class_unknown)
        if cla != CLA:
            return sw_only(Sw.instruction_unknown)
        if ins == Ins.authenticate:
            return self._authenticate(command)
        if ins == Ins.confirm:
            return self._confirm(command)
        if ins == Ins.challenge:
            return self._give_challenge(command)
        if ins == Ins.restore:
            return self._restore(command)
        # STORE DATA is known, but this SAM has been issued.
        return sw_only(Sw.wrong_state if ins == Ins.store_data else Sw.instruction_unknown)

    def _select(self, command: Command) -> Response:
        self.reset()
        if (command.p1, command.p2) != (SELECT_BY_AID, 0):
            return sw_only(Sw.wrong_parameters)
        if command.data != SAM_AID:
            return sw_only(Sw.application_unknown)
        said = SAM_SELECTED.codec.pack(
            SAM_VERSION, self.sam, self.terminal,
            self.counter, self.unacknowledged_idr, self.ceiling_idr,
        )  # fmt: skip
        return Response(said, Sw.ok)

    def _give_challenge(self, command: Command) -> Response:
        if (command.p1, command.p2) != (0, 0):
            return sw_only(Sw.wrong_parameters)
        if command.data:
            return sw_only(Sw.wrong_length)
        self._open, self._session = self._challenge(), None
        return Response(
            SAM_CHALLENGE.codec.pack(self._open, self.sam, self.terminal, self.counter), Sw.ok
        )

    def _authenticate(self, command: Command) -> Response:
        """Check S1; sign what is asked, if anything; a challenge serves once."""
        order = ORDERS.get((command.p1, command.p2))
        if order is None:
            return sw_only(Sw.wrong_parameters)
        if len(command.data) != PROVEN_SIZE + order.size:
            return sw_only(Sw.wrong_length)
        if order.needed and not order.needed & self._may:
            return sw_only(Sw.not_allowed)
        challenge, self._open = self._open, b""
        if not challenge:
            return sw_only(Sw.wrong_state)
        return self._believe(command, order, challenge)

    def _believe(self, command: Command, order: Order, challenge: bytes) -> Response:
        """Check what a card says, then sign for it."""
        proven = command.data[:PROVEN_SIZE]
        card, issuer, version, amount, terminal, sam, told, own, nt = SHOWN.unpack(proven)
        if (terminal, sam, told) != (self.terminal, self.sam, challenge):
            return sw_only(Sw.wrong_data)
        role = Role.load if order.mode is Mode.credit else Role.debit
        master = self._masters.get(IssuerKeys(issuer, role, version))
        if master is None:
            return sw_only(Sw.keys_unknown)
        # AN10922 as in `scheme.keys.diversify`, under a master that is set up already.
        key = master.cmac(b"\x01" + diversification_input(card, issuer, role, version))
        macs = Keyed(session_key(key, own, challenge, nt, terminal))
        shown = bytes((order.mode, order.purse)) + proven[:-MAC_SIZE]
        if not macs.step_holds(Step.card_says, shown, proven[-MAC_SIZE:]):
            return sw_only(Sw.wrong_mac)
        if not command.p1:
            return Response(self.counter.to_bytes(4, "big"), Sw.ok)
        return self._sign(macs, command, order, amount)

    def _sign(self, macs: Keyed, command: Command, order: Order, amount: int) -> Response:
        """Give S2, and count it if it moves value."""
        body, given = command.data[PROVEN_SIZE:], b""
        if order.moves:
            owed = amount if order.owes and self.ceiling_idr else 0
            if self.unacknowledged_idr + owed > self.ceiling_idr > 0:
                return sw_only(Sw.ceiling_reached)
            if self.counter == COUNTER_MAX:
                return sw_only(Sw.counter_exhausted)
            self.counter += 1
            self.unacknowledged_idr += owed
            given = self.counter.to_bytes(4, "big")
            if command.p1 == Ins.debit and order.purse != MAIN_PURSE:
                given += self._merchant
            body = body[:WHEN_AND_WHERE] + given + body[WHEN_AND_WHERE:]
        self._session = macs
        head = bytes((command.p1, command.p2 & 0x0F))
        return Response(given + macs.step_mac(Step.terminal_orders, head + body), Sw.ok)

    def _confirm(self, command: Command) -> Response:
        """Check S3, that the card did what was ordered; sign S4 if asked."""
        ins, signs, answer = command.p1, command.p2, command.data
        if ins not in CONFIRMED or signs > 1 or (signs and ins not in MOVING):
            return sw_only(Sw.wrong_parameters)
        fits = len(answer) == DEBIT_ANSWER.size if signs else len(answer) > MAC_SIZE
        if not fits:
            return sw_only(Sw.wrong_length)
        session = self._session
        if session is None:
            return sw_only(Sw.wrong_state)
        told, got = answer[:-MAC_SIZE], answer[-MAC_SIZE:]
        if not session.step_holds(Step.card_did, bytes((ins,)) + told, got):
            return sw_only(Sw.wrong_mac)
        if ins != Ins.read_log:
            self._session = None
        if not signs:
            return sw_only(Sw.ok)
        nt = told[4:8]
        heard = bytes((Ins.confirm_purse, 0)) + nt
        return Response(session.step_mac(Step.terminal_heard, heard), Sw.ok)

    def _restore(self, command: Command) -> Response:
        """Take what a server acknowledged off the unacknowledged value; a receipt serves once."""
        if (command.p1, command.p2) != (0, 0):
            return sw_only(Sw.wrong_parameters)
        if len(command.data) != RECEIPT.size:
            return sw_only(Sw.wrong_length)
        number, amount, got = RECEIPT.codec.unpack(command.data)
        if not self._receipt_key or not hmac.compare_digest(
            receipt_mac(self._receipt_key, self.sam, number, amount), got
        ):
            return sw_only(Sw.wrong_mac)
        if number <= self.last_receipt:
            return sw_only(Sw.wrong_state)
        if amount > self.unacknowledged_idr:
            return sw_only(Sw.wrong_data)
        self.unacknowledged_idr -= amount
        self.last_receipt = number
        return Response(self.unacknowledged_idr.to_bytes(4, "big"), Sw.ok)


def receipt_mac(key: bytes, sam: int, number: int, amount_idr: int) -> bytes:
    """Return a server's MAC on a receipt for value that a SAM ordered.

    Args:
        key: The SAM's receipt key.
        number: The receipt's number, above that of the last one.
    """
    numbers = b"".join(n.to_bytes(4, "big") for n in (sam, number, amount_idr))
    return mac(key, RECEIPT_LABEL + numbers)
