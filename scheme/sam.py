"""The SAM: holds a terminal's keys, believes no card without S1, orders with S2, checks S3.

It counts every order to move value, whether or not the card carried it out. It never holds a TAC
key. A ceiling on unacknowledged value and the SAM as an applet are not here.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import IntFlag
from typing import NamedTuple

from scheme.apdu import (
    CLA,
    INIT_ANSWER,
    INIT_DATA,
    MAC_SIZE,
    MAIN_PURSE,
    PROVEN_SIZE,
    SAM_CHALLENGE,
    SELECTED,
    SLOT_SIZE,
    Command,
    Ins,
    Mode,
    Response,
    Slot,
    parse_command,
    sw_only,
)
from scheme.cryptograms import Keyed, Step
from scheme.keys import Role, diversification_input, session_key
from scheme.status import Sw


class May(IntFlag):
    """What a SAM may sign."""

    debit = 1
    transit = 2
    parking = 4
    load = 8


MODE_OF = {Ins.debit: Mode.debit, Ins.credit: Mode.credit, Ins.proof: Mode.proof}
NEEDED = {Slot.none: May.debit, Slot.transit: May.transit, Slot.parking: May.parking}


class IssuerKeys(NamedTuple):
    """Which issuer's key set of which role and version."""

    issuer: int
    role: Role
    version: int


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
        masters: dict[IssuerKeys, bytes],
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
        self._told = operator.to_bytes(2, "big") + category.to_bytes(2, "big")
        self._receipts = Keyed(receipt_key) if receipt_key else None
        self._masters = {which: Keyed(master) for which, master in masters.items()}
        self._may = may
        self._challenge = challenge
        self._open = b""
        self._session: Keyed | None = None

    def reset(self) -> None:
        """Forget challenge and session, as at power-on; the counter stays."""
        self._open, self._session = b"", None

    def answer(self, apdu: bytes) -> bytes:
        """Return the answer to a command; never raises, whatever the bytes."""
        command = parse_command(apdu)
        response = sw_only(Sw.wrong_length) if command is None else self._dispatch(command)
        if response.sw != Sw.ok:
            self.reset()
        return response.encode()

    def _dispatch(self, command: Command) -> Response:
        if command.cla != CLA:
            return sw_only(Sw.class_unknown)
        if command.ins == Ins.challenge:
            return self._give_challenge(command)
        if command.ins == Ins.authenticate:
            return self._authenticate(command)
        if command.ins == Ins.confirm:
            return self._confirm(command)
        return sw_only(Sw.instruction_unknown)

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
        wrong = self._misasked(command)
        if wrong is not Sw.ok:
            return sw_only(wrong)
        proven, body = command.data[:PROVEN_SIZE], command.data[PROVEN_SIZE:]
        mode = MODE_OF[Ins(command.p1)] if command.p1 else Mode.debit
        open_, self._open = self._open, b""
        macs = self._session_macs(proven, mode, open_)
        if isinstance(macs, Sw):
            return sw_only(macs)
        shown = bytes((mode, MAIN_PURSE)) + proven[:-MAC_SIZE]
        if not macs.step_holds(Step.card_says, shown, proven[-MAC_SIZE:]):
            return sw_only(Sw.wrong_mac)
        return self._sign(macs, command, body)

    def _misasked(self, command: Command) -> Sw:
        """Return why a request to authenticate may not stand, or `ok`."""
        if command.p1 not in (0, Ins.debit, Ins.credit, Ins.proof) or command.p2 not in SLOT_SIZE:
            return Sw.wrong_parameters
        slot = Slot(command.p2)
        if slot is not Slot.none and command.p1 != Ins.debit:
            return Sw.wrong_parameters
        body = {0: 0, int(Ins.proof): 4}.get(command.p1, 6 + SLOT_SIZE[slot])
        if len(command.data) != PROVEN_SIZE + body:
            return Sw.wrong_length
        if not self._allows(command.p1, slot):
            return Sw.not_allowed
        return Sw.ok if self._open else Sw.wrong_state

    def _allows(self, ins: int, slot: Slot) -> bool:
        if ins == Ins.credit:
            return May.load in self._may
        return ins != Ins.debit or NEEDED[slot] in self._may

    def _session_macs(self, proven: bytes, mode: Mode, challenge: bytes) -> Keyed | Sw:
        """Return the session's MACs for the card that speaks, or why there is no session."""
        init_at = SELECTED.size + INIT_DATA.size
        card, issuer, _, _, version = SELECTED.codec.unpack(proven[: SELECTED.size])[:5]
        _, terminal, sam, told = INIT_DATA.codec.unpack(proven[SELECTED.size : init_at])
        own, nt = INIT_ANSWER.codec.unpack(proven[init_at:])[:2]
        if (terminal, sam, told) != (self.terminal, self.sam, challenge):
            return Sw.wrong_data
        role = Role.load if mode is Mode.credit else Role.debit
        master = self._masters.get(IssuerKeys(issuer, role, version))
        if master is None:
            return Sw.keys_unknown
        # AN10922 as in `scheme.keys.diversify`, under a master that is set up already.
        key = master.cmac(b"\x01" + diversification_input(card, issuer, role, version))
        return Keyed(session_key(key, own, challenge, nt, terminal))

    def _sign(self, macs: Keyed, command: Command, body: bytes) -> Response:
        if not command.p1:
            return Response(self.counter.to_bytes(4, "big"), Sw.ok)
        head = bytes((command.p1, command.p2))
        self._session = macs
        if command.p1 == Ins.proof:
            return Response(macs.step_mac(Step.terminal_orders, head + body), Sw.ok)
        self.counter += 1
        counter = self.counter.to_bytes(4, "big")
        order = body[:6] + counter + body[6:]
        return Response(counter + macs.step_mac(Step.terminal_orders, head + order), Sw.ok)

    def _confirm(self, command: Command) -> Response:
        """Check S3: the card did what was ordered."""
        if command.p1 not in (Ins.debit, Ins.credit, Ins.proof) or command.p2:
            return sw_only(Sw.wrong_parameters)
        if len(command.data) <= MAC_SIZE:
            return sw_only(Sw.wrong_length)
        session, self._session = self._session, None
        if session is None:
            return sw_only(Sw.wrong_state)
        told, got = command.data[:-MAC_SIZE], command.data[-MAC_SIZE:]
        if not session.step_holds(Step.card_did, bytes((command.p1,)) + told, got):
            return sw_only(Sw.wrong_mac)
        return sw_only(Sw.ok)
