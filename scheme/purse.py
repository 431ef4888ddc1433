"""The purse: what a card does with each command. Pure: bytes in, bytes out, no chance, no clock.

What survives power loss is one `Image`, replaced whole in one assignment: balance, counter, state,
proof and log are all old or all new. What a session needs is forgotten by `reset`, by SELECT, and
by any error. Byte for byte: docs/spec/card.md.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from scheme.apdu import (
    BLOCK_P2,
    CLA,
    CLA_ISO,
    KIND_OF,
    LOG_RECORDS,
    MAIN_PURSE,
    SELECT_BY_AID,
    SLOT_SIZE,
    UNBLOCK_P2,
    Command,
    Flag,
    Ins,
    Mode,
    Phase,
    Slot,
    parse_command,
)
from scheme.cryptograms import MAC_SIZE, Step
from scheme.image import CardKeys, Image, KeyedCard, Limits
from scheme.keys import ENC_LABEL, MAC_LABEL, PURSE_AID, decrypt_keys, session_input
from scheme.layouts import CARD_KEYS, DEBIT_HEAD, INIT_ANSWER, INIT_DATA, RESTRICTED_HEAD
from scheme.records import RecordKind
from scheme.status import Sw
from scheme.transaction import (
    Session,
    can_cancel,
    refund,
    reservation,
    reserved,
    transacted,
)

NT_MAX = 0xFFFF_FFFF
WRONG_MACS_MOST = 15  # from here on only the issuer opens a session
WRONG_MACS_END = 255  # and from here on nobody
GROUP_MAX = 15
OK = Sw.ok.to_bytes(2, "big")
MALFORMED = Sw.wrong_length.to_bytes(2, "big")
# Members that run in every tap, looked up once.
DEBIT, CREDIT, CANCEL, PROOF, ADMIN = Mode
_new = tuple.__new__  # a named tuple at half of what calling its class costs
_ASKED, _ANSWER = INIT_DATA.codec, INIT_ANSWER.codec
SAYS, ORDERS, DID, HEARD = Step
LOAD, COMMIT, RESERVE = RecordKind.load, Phase.commit, Phase.reserve
CONFIRMS, SELECTS = Ins.confirm_purse, (CLA_ISO, Ins.select)
INS_DEBIT, INS_CREDIT, INS_CANCEL = Ins.debit, Ins.credit, Ins.cancel
MODES = {int(mode): mode for mode in Mode}
SLOTS = {int(slot): slot for slot in Slot}
WHOLE_CARD = (PROOF, ADMIN)  # modes that are for no one purse: opened on the main one
# Of each command that moves value: the mode of its session, and the most that its P2 may be.
VALUE: dict[int, tuple[Mode, int]] = {
    INS_DEBIT: (DEBIT, Slot.parking),
    INS_CREDIT: (CREDIT, Phase.commit),
    INS_CANCEL: (CANCEL, Slot.none),
}
HEAD_SIZE = DEBIT_HEAD.size
ORDER_SIZE = HEAD_SIZE + MAC_SIZE
RESTRICTED_SIZE = RESTRICTED_HEAD.size + MAC_SIZE
KEYS_SIZE = 1 + CARD_KEYS.size + MAC_SIZE
ENTITLEMENT_SIZE = 3 + MAC_SIZE


class Purse:
    """One card's purse. `answer` is all a terminal can do to it.

    Args:
        image: What it holds.
        keys: Its keys, as it was issued with them.
        challenge: Gives 8 fresh bytes a call; a card lab's random generator, a test's counter.
        limits: The most its purses may hold, and what they may be spent on.
    """

    __slots__ = (
        "_challenge", "_contexts", "_keys", "_limits", "_moved", "_said", "_session", "image",
    )  # fmt: skip

    def __init__(
        self, image: Image, keys: CardKeys, challenge: Callable[[], bytes], limits: Limits
    ) -> None:
        self.image = image
        self._keys = keys
        self._challenge = challenge
        self._limits = limits
        self._contexts = KeyedCard(image.put or keys)
        self._said = b""
        self._session: Session | None = None
        self._moved: Session | None = None  # that of the value command right before

    def reset(self) -> None:
        """Forget what is not in the image, as a card out of the field does."""
        self._said, self._session, self._moved = b"", None, None

    def answer(self, apdu: bytes) -> bytes:
        """Return the answer to a command; never raises, whatever the bytes."""
        command = parse_command(apdu)
        if command is None:
            return MALFORMED
        # Every command ends the session; one that opens it, or keeps it, says so at its end.
        session, self._session = self._session, None
        moved, self._moved = self._moved, None
        cla, ins = command.cla, command.ins
        answers = ANSWERS.get(ins) if cla == CLA else None
        told: bytes | Sw
        if answers is None:
            told = self._select(command) if (cla, ins) == SELECTS else unknown(cla)
        elif ins == CONFIRMS:  # its value command has ended the SELECT
            told = self._confirm(command, moved)
        else:
            told = answers(self, command, session) if self._said else Sw.wrong_state
        return told + OK if isinstance(told, bytes) else told.to_bytes(2, "big")

    def _select(self, command: Command) -> bytes | Sw:
        self._said = b""
        if (command.p1, command.p2) != (SELECT_BY_AID, 0):
            return Sw.wrong_parameters
        if command.data != PURSE_AID:
            return Sw.application_unknown
        self._said = self.image.said()
        return self._said

    def _init(self, command: Command, session: Session | None) -> bytes | Sw:
        """Open a session and prove all that SELECT said; nothing is written."""
        _, _, p1, purse, data = command
        mode, limit, image = MODES.get(p1), self._limits.of(purse), self.image
        if mode is None or not limit or (purse != MAIN_PURSE and mode in WHOLE_CARD):
            return Sw.wrong_parameters
        if len(data) != INIT_DATA.size:
            return Sw.wrong_length
        amount, terminal, sam, challenge = _ASKED.unpack(data)
        held = image.held(purse)
        most = held if mode is DEBIT else limit - held if mode is CREDIT else amount
        if image.wrong_macs >= (WRONG_MACS_END if mode is ADMIN else WRONG_MACS_MOST):
            return Sw.mac_blocked
        if amount > most:
            return Sw.balance_too_low if mode is DEBIT else Sw.limit_exceeded
        if mode is CANCEL and not can_cancel(image, purse, amount, terminal):
            return Sw.reference_unknown
        own, nt = self._challenge(), image.nt
        context = (own, challenge, nt, terminal)
        fixed = session_input(MAC_LABEL, own, challenge, nt, terminal)
        macs = self._keyed().of(mode).derived(fixed)
        answer = _ANSWER.pack(own, nt, held, image.status, image.key_version, b"")[:-MAC_SIZE]
        opened = (mode, purse, amount, terminal, sam, context, macs)
        self._session = _new(Session, opened)
        return answer + macs.mac(bytes((SAYS, mode, purse)) + self._said + data + answer)

    def _move(self, command: Command, session: Session | None) -> bytes | Sw:
        """DEBIT, CREDIT or CANCEL: the one write of a tap."""
        _, ins, p1, p2, data = command
        mode, most = VALUE[ins]
        restricted = (
            ins == INS_DEBIT
            and session is not None
            and session.mode is mode
            and session.purse != MAIN_PURSE
        )
        if p1 or p2 > (0 if restricted else most):
            return Sw.wrong_parameters
        size = RESTRICTED_SIZE if restricted else ORDER_SIZE
        if ins == INS_DEBIT and p2:
            size += SLOT_SIZE[SLOTS[p2]]
        ordered = self._ordered(command, session, mode, size)
        if isinstance(ordered, Sw):
            return ordered
        commits = ins == INS_CREDIT and p2 == COMMIT
        wrong = self._unable(ordered, data, restricted, commits)
        if wrong is not None:
            return wrong
        if ins == INS_CREDIT and p2 == RESERVE:
            image, answer = reserved(self.image, ordered)
            return self._write(image, ordered, ins, answer)
        if ins == INS_DEBIT:
            # What lies behind the head is a state only where a slot was named.
            kind, state = KIND_OF[SLOTS[p2]], data[HEAD_SIZE:-MAC_SIZE] if p2 else b""
        else:
            kind, state = refund(self.image) if ins == INS_CANCEL else (LOAD, b"")
        tac_key = self._keyed().tac
        image, answer = transacted(self.image, ordered, kind, data, state, commits, tac_key)
        told = self._write(image, ordered, ins, answer)
        self._moved = ordered
        return told

    def _unable(self, session: Session, data: bytes, restricted: bool, commits: bool) -> Sw | None:
        """Return why a rightly ordered transaction may not be, or None."""
        image = self.image
        if image.status:
            return Sw.card_blocked
        if image.nt == NT_MAX:
            return Sw.counter_exhausted
        if restricted:
            category = RESTRICTED_HEAD.codec.unpack_from(data)[-1]
            allowed = category and category in self._limits.categories(session.purse)
            return None if allowed else Sw.category_refused
        if commits and image.reserved != reservation(session):
            return Sw.reference_unknown
        return None

    def _confirm(self, command: Command, moved: Session | None) -> bytes | Sw:
        """Note that the answer of the value command right before was heard."""
        if command.p1 or command.p2:
            return Sw.wrong_parameters
        if len(command.data) != MAC_SIZE:
            return Sw.wrong_length
        if moved is None:
            return Sw.wrong_state
        image = self.image
        heard = bytes((HEARD, Ins.confirm_purse, 0)) + image.nt.to_bytes(4, "big")
        if not moved.macs.holds(heard, command.data):
            return self._wrong_mac()
        self.image = image._replace(flags=image.flags & ~int(Flag.unconfirmed))
        return b""

    def _prove(self, command: Command, session: Session | None) -> bytes | Sw:
        """Tell the last transaction again, as often as asked; nothing is written."""
        if command.p1 or command.p2:
            return Sw.wrong_parameters
        ordered = self._ordered(command, session, PROOF, 4 + MAC_SIZE)
        if isinstance(ordered, Sw):
            return ordered
        nt = command.data[:4]
        if not self.image.proof or int.from_bytes(nt, "big") != self.image.nt:
            return Sw.proof_unknown
        self._session = ordered
        return self._signed(ordered, command.ins, nt + self.image.proof)

    def _read_log(self, command: Command, session: Session | None) -> bytes | Sw:
        """Tell one of the last transactions; one S2 serves every record of a session."""
        record = command.p1
        if not 0 < record <= LOG_RECORDS or command.p2:
            return Sw.wrong_parameters
        ordered = self._ordered(command, session, PROOF, MAC_SIZE)
        if isinstance(ordered, Sw):
            return ordered
        if record > len(self.image.log):
            return Sw.proof_unknown
        self._session = ordered
        return self._signed(ordered, command.ins, self.image.log[record - 1])

    def _block(self, command: Command, session: Session | None) -> bytes | Sw:
        """BLOCK, in any debit session, and UNBLOCK, the issuer's."""
        blocks = command.p2 == BLOCK_P2
        if command.p1 or command.p2 not in (BLOCK_P2, UNBLOCK_P2):
            return Sw.wrong_parameters
        mode = DEBIT if blocks else ADMIN
        ordered = self._ordered(command, session, mode, blocks + MAC_SIZE)
        if isinstance(ordered, Sw):
            return ordered
        if not blocks:
            return self._change(ordered, command, status=0, wrong_macs=0)
        reason = command.data[0]
        return self._change(ordered, command, status=reason) if reason else Sw.wrong_data

    def _put_key(self, command: Command, session: Session | None) -> bytes | Sw:
        """Replace all four keys and their version; S2 covers them as they came, encrypted."""
        if command.p1 or command.p2:
            return Sw.wrong_parameters
        ordered = self._ordered(command, session, ADMIN, KEYS_SIZE)
        if isinstance(ordered, Sw):
            return ordered
        version, wrapped = command.data[0], command.data[1:-MAC_SIZE]
        if version <= self.image.key_version:
            return Sw.wrong_data
        key = self._keyed().of(ADMIN).derive(session_input(ENC_LABEL, *ordered.context))
        put = CardKeys(*CARD_KEYS.codec.unpack(decrypt_keys(key, wrapped)))
        return self._change(ordered, command, key_version=version, put=put)

    def _put_entitlement(self, command: Command, session: Session | None) -> bytes | Sw:
        """Replace the free group and its last day."""
        if command.p1 or command.p2:
            return Sw.wrong_parameters
        ordered = self._ordered(command, session, ADMIN, ENTITLEMENT_SIZE)
        if isinstance(ordered, Sw):
            return ordered
        group, expiry = command.data[0], int.from_bytes(command.data[1:3], "big")
        if group > GROUP_MAX:
            return Sw.wrong_data
        return self._change(ordered, command, group=group, group_expiry=expiry)

    def _store_data(self, command: Command, session: Session | None) -> Sw:
        """Refuse: a purse that answers has been issued."""
        return Sw.wrong_state

    def _ordered(
        self, command: Command, session: Session | None, mode: Mode, size: int
    ) -> Session | Sw:
        """Return the session of an order that holds; else what is wrong with length, state, S2."""
        data = command.data
        if len(data) != size:
            return Sw.wrong_length
        if session is None or session.mode is not mode:
            return Sw.wrong_state
        order = bytes((ORDERS, command.ins, command.p2)) + data[:-MAC_SIZE]
        if not session.macs.holds(order, data[-MAC_SIZE:]):
            return self._wrong_mac()
        return session

    def _keyed(self) -> KeyedCard:
        """Return the keys that stand now, set up for use."""
        keys = self.image.put or self._keys
        if self._contexts.keys is not keys:
            self._contexts = KeyedCard(keys)
        return self._contexts

    def _wrong_mac(self) -> Sw:
        """Count a wrong MAC: the one write that bad input makes."""
        wrong = min(self.image.wrong_macs + 1, WRONG_MACS_END)
        self.image = self.image._replace(wrong_macs=wrong)
        return Sw.wrong_mac

    def _change(self, session: Session, command: Command, **changes: Any) -> bytes:
        """Change what the issuer or a listed card's block changes, and answer the counter."""
        image = self.image
        answer = image.nt.to_bytes(4, "big")
        return self._write(image._replace(**changes), session, command.ins, answer)

    def _write(self, image: Image, session: Session, ins: int, answer: bytes) -> bytes:
        """Become the new card, in one assignment, and answer with S3."""
        told = answer + session.macs.mac(bytes((DID, ins)) + answer)
        # Everything that can fail has been done.
        self.image = image
        self._said = b""
        return told

    def _signed(self, session: Session, ins: int, answer: bytes) -> bytes:
        return answer + session.macs.mac(bytes((DID, ins)) + answer)


def unknown(cla: int) -> Sw:
    """Return what is wrong with a command that is none of the purse's."""
    return Sw.instruction_unknown if cla in (CLA, CLA_ISO) else Sw.class_unknown


ANSWERS: dict[int, Callable[[Purse, Command, Session | None], bytes | Sw]] = {
    Ins.init: Purse._init,
    Ins.debit: Purse._move,
    Ins.credit: Purse._move,
    Ins.cancel: Purse._move,
    Ins.proof: Purse._prove,
    Ins.confirm_purse: Purse._confirm,
    Ins.read_log: Purse._read_log,
    Ins.block: Purse._block,
    Ins.put_key: Purse._put_key,
    Ins.put_entitlement: Purse._put_entitlement,
    Ins.store_data: Purse._store_data,
}
