"""The purse: what a card does with each command. Pure: bytes in, bytes out, no chance, no clock.

What survives power loss is one `Image`, replaced whole in one assignment: balance, counter, state
and proof are all old or all new. What a session needs is forgotten by `reset`, by SELECT, and by
any error. CANCEL, CONFIRM, the log, blocking, and loads in two phases are not here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from scheme.apdu import (
    CLA,
    CLA_ISO,
    KIND_OF,
    MAIN_PURSE,
    SELECT_BY_AID,
    SLOT_SIZE,
    Command,
    Ins,
    Mode,
    Response,
    Slot,
    parse_command,
    sw_only,
)
from scheme.cryptograms import MAC_SIZE, Keyed, Step, tac
from scheme.image import CardKeys, Image, Limits
from scheme.keys import PURSE_AID, session_key
from scheme.layouts import DEBIT_ANSWER, DEBIT_HEAD, INIT_ANSWER, INIT_DATA, STORED
from scheme.records import CARD_PART, RECORD_VERSION, STATE_SIZE, RecordKind
from scheme.status import Sw

NT_MAX = 0xFFFF_FFFF


class Session(NamedTuple):
    """What INIT opened."""

    mode: Mode
    amount: int
    terminal: int
    sam: int
    macs: Keyed


class Purse:
    """One card. `answer` is all a terminal can do to it.

    Args:
        image: What the card holds.
        keys: Its keys.
        challenge: Gives 8 fresh bytes a call; a card lab's random generator, a test's counter.
        limits: The most its purses may hold, and what they may be spent on.
    """

    __slots__ = ("_challenge", "_keys", "_limits", "_said", "_session", "image")

    def __init__(
        self, image: Image, keys: CardKeys, challenge: Callable[[], bytes], limits: Limits
    ) -> None:
        self.image = image
        self._keys = keys
        self._challenge = challenge
        self._limits = limits
        self._said = b""
        self._session: Session | None = None

    def reset(self) -> None:
        """Forget what is not in the image, as a card out of the field does."""
        self._said, self._session = b"", None

    def answer(self, apdu: bytes) -> bytes:
        """Return the answer to a command; never raises, whatever the bytes."""
        command = parse_command(apdu)
        response = sw_only(Sw.wrong_length) if command is None else self._dispatch(command)
        if response.sw != Sw.ok:
            self._session = None
        return response.encode()

    def _dispatch(self, command: Command) -> Response:
        cla, ins = command.cla, command.ins
        if cla == CLA_ISO and ins == Ins.select:
            return self._select(command)
        if cla not in (CLA, CLA_ISO):
            return sw_only(Sw.class_unknown)
        if cla != CLA or ins not in (Ins.init, Ins.debit, Ins.credit, Ins.proof):
            return sw_only(Sw.instruction_unknown)
        if not self._said:
            return sw_only(Sw.wrong_state)
        if ins == Ins.init:
            return self._init(command)
        return self._prove(command) if ins == Ins.proof else self._move(command)

    def _select(self, command: Command) -> Response:
        self.reset()
        if (command.p1, command.p2) != (SELECT_BY_AID, 0):
            return sw_only(Sw.wrong_parameters)
        if command.data != PURSE_AID:
            return sw_only(Sw.application_unknown)
        self._said = self.image.said()
        return Response(self._said, Sw.ok)

    def _init(self, command: Command) -> Response:
        """Open a session and prove all that SELECT said; nothing is written."""
        self._session = None
        if command.p1 not in (Mode.debit, Mode.credit, Mode.proof) or command.p2 != MAIN_PURSE:
            return sw_only(Sw.wrong_parameters)
        if len(command.data) != INIT_DATA.size:
            return sw_only(Sw.wrong_length)
        amount, terminal, sam, challenge = INIT_DATA.codec.unpack(command.data)
        mode, image = Mode(command.p1), self.image
        if mode is Mode.debit and amount > image.balance:
            return sw_only(Sw.balance_too_low)
        if mode is Mode.credit and image.balance + amount > self._limits.main:
            return sw_only(Sw.limit_exceeded)
        own = self._challenge()
        key = self._keys.load if mode is Mode.credit else self._keys.debit
        macs = Keyed(session_key(key, own, challenge, image.nt, terminal))
        answer = INIT_ANSWER.codec.pack(
            own, image.nt, image.balance, image.status, image.key_version, bytes(MAC_SIZE)
        )[:-MAC_SIZE]
        shown = bytes((mode, command.p2)) + self._said + command.data + answer
        self._session = Session(mode, amount, terminal, sam, macs)
        return Response(answer + macs.step_mac(Step.card_says, shown), Sw.ok)

    def _move(self, command: Command) -> Response:
        """Debit or load: the one write of a tap."""
        debits = command.ins == Ins.debit
        if command.p1 != 0 or command.p2 not in (SLOT_SIZE if debits else (Slot.none,)):
            return sw_only(Sw.wrong_parameters)
        slot = Slot(command.p2)
        if len(command.data) != DEBIT_HEAD.size + SLOT_SIZE[slot] + MAC_SIZE:
            return sw_only(Sw.wrong_length)
        session = self._session
        if session is None or session.mode is not (Mode.debit if debits else Mode.credit):
            return sw_only(Sw.wrong_state)
        order, got = command.data[:-MAC_SIZE], command.data[-MAC_SIZE:]
        if not session.macs.step_holds(
            Step.terminal_orders, bytes((command.ins, slot)) + order, got
        ):
            return sw_only(Sw.wrong_mac)
        if self.image.status:
            return sw_only(Sw.card_blocked)
        if self.image.nt == NT_MAX:
            return sw_only(Sw.counter_exhausted)
        kind = KIND_OF[slot] if debits else RecordKind.load
        return self._write(session, kind, slot, order)

    def _write(self, session: Session, kind: RecordKind, slot: Slot, order: bytes) -> Response:
        old = self.image
        at_s, place, sam_counter = DEBIT_HEAD.codec.unpack(order[: DEBIT_HEAD.size])
        state = order[DEBIT_HEAD.size :]
        nt = old.nt + 1
        moved = session.amount if kind is RecordKind.load else -session.amount
        balance = old.balance + moved
        proof = self._proof(session, kind, (nt, balance, at_s, place, sam_counter), state)
        # Everything that can fail has been done: from here the card is the new one.
        self.image = old._replace(
            nt=nt,
            balance=balance,
            transit=state if slot is Slot.transit else old.transit,
            parking=state if slot is Slot.parking else old.parking,
            proof=proof,
        )
        self.reset()
        answer = DEBIT_ANSWER.codec.pack(balance, nt, proof[STORED.size :], b"")[:-MAC_SIZE]
        ins = Ins.credit if kind is RecordKind.load else Ins.debit
        return Response(
            answer + session.macs.step_mac(Step.card_did, bytes((ins,)) + answer), Sw.ok
        )

    def _proof(
        self,
        session: Session,
        kind: RecordKind,
        told: tuple[int, int, int, int, int],
        state: bytes,
    ) -> bytes:
        """Return stored part and TAC of a transaction."""
        nt, balance, at_s, place, sam_counter = told
        image = self.image
        part = CARD_PART.codec.pack(
            RECORD_VERSION, kind, image.issuer, image.card, nt, MAIN_PURSE, image.key_version,
            place, session.amount, balance, at_s, session.terminal, session.sam, sam_counter,
            state.ljust(STATE_SIZE, b"\0"),
        )  # fmt: skip
        stored = STORED.codec.pack(
            RECORD_VERSION, kind, MAIN_PURSE, image.key_version, session.amount, at_s,
            session.terminal, place, session.sam, sam_counter,
        )  # fmt: skip
        return stored + tac(self._keys.tac, part)

    def _prove(self, command: Command) -> Response:
        """Tell the last transaction again, as often as asked; nothing is written."""
        if (command.p1, command.p2) != (0, 0):
            return sw_only(Sw.wrong_parameters)
        if len(command.data) != 4 + MAC_SIZE:
            return sw_only(Sw.wrong_length)
        session = self._session
        if session is None or session.mode is not Mode.proof:
            return sw_only(Sw.wrong_state)
        order, got = command.data[:4], command.data[4:]
        head = bytes((Ins.proof, Slot.none))
        if not session.macs.step_holds(Step.terminal_orders, head + order, got):
            return sw_only(Sw.wrong_mac)
        if not self.image.proof or int.from_bytes(order, "big") != self.image.nt:
            return sw_only(Sw.proof_unknown)
        answer = order + self.image.proof
        return Response(
            answer + session.macs.step_mac(Step.card_did, bytes((Ins.proof,)) + answer), Sw.ok
        )
