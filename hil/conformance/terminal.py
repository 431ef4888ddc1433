"""A terminal and its keys, as a case holds them: it frames, signs and checks by docs/spec/card.md.

It is written from the paper with `struct` and the primitives of `scheme.cryptograms`. Layouts,
purse and SAM of `scheme` are not used, so that a mistake in them is not made here again.
"""

from __future__ import annotations

import secrets
import struct
from collections.abc import Callable
from typing import NamedTuple

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC

from hil.conformance.judging import Answer, NotTold, Wrong, done, equal
from hil.reader import Reader, uid_of
from scheme.cryptograms import derive, fixed_input, mac
from scheme.errors import CardGoneError
from scheme.keys import Role, card_key
from scheme.status import Sw

PURSE = bytes.fromhex("F04A4B543101")
IDENTITY = bytes.fromhex("F04A4B543102")
SAM_AID = bytes.fromhex("F04A4B543153")
TERMINAL, SAM, PLACE, AT_S, COUNTER = 18, 50_000_018, 101, 1_775_000_000, 77
OPERATOR, CATEGORY = 2009, 5411
DEBIT, CREDIT, CANCEL, PROOF, ADMIN = 1, 2, 3, 4, 6  # modes
ROLES = {DEBIT: Role.debit, CREDIT: Role.load, CANCEL: Role.debit, PROOF: Role.debit}
ANSWER_MAX, SELECT_MAX = 64, 96
ANY_MAC = bytes(8)

Masters = Callable[[int, Role, int], bytes]  # issuer, role, key version


# What SELECT of a purse said, field by field.
Said = NamedTuple(  # noqa: UP014  (as lines of a class these would be `scheme.apdu`'s)
    "Said",
    [
        ("card", int), ("issuer", int), ("profile", int), ("status", int), ("key_version", int),
        ("group", int), ("group_expiry", int), ("expiry", int), ("nt", int), ("balance", int),
        ("flags", int), ("transit", bytes), ("parking", bytes),
    ],
)  # fmt: skip


class Moved(NamedTuple):
    """What a value command answered."""

    balance: int
    nt: int
    tac: bytes


class Order(NamedTuple):
    """What a terminal tells a card of a transaction, beside amount and state."""

    at_s: int = AT_S
    place: int = PLACE
    counter: int = COUNTER

    def encode(self) -> bytes:
        """Return its 10 bytes."""
        return struct.pack(">IHI", *self)


PLAIN_ORDER = Order()
SAID = struct.Struct(">QHBBBBHHIIB29s7s")


class Session(NamedTuple):
    """What a terminal knows of an open session."""

    mode: int
    purse: int
    amount: int
    terminal: int
    sam: int
    macs: bytes
    cipher: bytes


class Terminal:
    """A terminal at one reader.

    Attributes:
        told: Every command that went to the card, in order.
        heard: Every answer to them.
    """

    def __init__(self, reader: Reader, masters: Masters) -> None:
        self._reader = reader
        self._masters = masters
        self._selected = b""
        self.session: Session | None = None
        self.told: list[bytes] = []
        self.heard: list[Answer] = []

    def send(self, apdu: bytes) -> Answer:
        """Exchange a command, whatever it is; no answer may be longer than a frame."""
        self.told.append(apdu)
        try:
            raw = self._reader.transceive(apdu).response
        except CardGoneError as gone:
            raise Wrong("an answer", "a card that fell silent") from gone
        if len(raw) < 2:
            raise Wrong("a status word", f"{len(raw)} bytes")
        answer = Answer(raw[:-2], int.from_bytes(raw[-2:], "big"))
        self.heard.append(answer)
        most = SELECT_MAX if apdu[1:2] == b"\xa4" else ANSWER_MAX
        if len(answer.data) > most:
            raise Wrong(f"at most {most} data bytes", f"{len(answer.data)} bytes")
        return answer

    def tell(
        self, ins: int, p1: int = 0, p2: int = 0, data: bytes = b"", cla: int = 0x80
    ) -> Answer:
        """Exchange a command in its short form."""
        return self.send(command(ins, p1, p2, data, cla))

    def power_off(self) -> None:
        """Take the card out of the field and put it back."""
        self._reader.field_off()

    def uid(self) -> bytes:
        """Return the UID of the last activation; raises NotTold where no reader tells it."""
        uid = uid_of(self._reader)
        if uid is None:
            raise NotTold("this reader tells no UID")
        return uid

    def select(self, aid: bytes = PURSE) -> Answer:
        """Select an application."""
        answer = self.tell(0xA4, 4, 0, aid, cla=0)
        self._selected = answer.data
        return answer

    def believe(self, selected: bytes) -> None:
        """Take other bytes for what SELECT said, as if they had been changed on the way."""
        self._selected = selected

    def look(self) -> Said:
        """Select the purse and return what it says."""
        return Said(*SAID.unpack(done(self.select(), SAID.size)))

    def init(
        self, mode: int, amount: int = 0, purse: int = 1, terminal: int = TERMINAL, sam: int = SAM
    ) -> Answer:
        """Send INIT, and take what it answers for a session if it is one."""
        data = struct.pack(">III", amount, terminal, sam) + secrets.token_bytes(8)
        answer = self.tell(0x40, mode, purse, data)
        self.session = None
        if answer.sw == Sw.ok:
            self.session = self._opened(mode, purse, data, answer)
        return answer

    def _opened(self, mode: int, purse: int, data: bytes, answer: Answer) -> Session:
        said = Said(*SAID.unpack(self._selected))
        said_now = done(answer, 26)
        amount, terminal, sam = struct.unpack(">III", data[:12])
        version = said_now[17]
        role = ROLES.get(mode, Role.admin)
        master = self._masters(said.issuer, role, version)
        key = card_key(master, role, said.card, said.issuer, version)
        context = said_now[:8] + data[12:] + said_now[8:12] + data[4:8]
        macs, cipher = (
            derive(key, fixed_input(label, context))
            for label in (b"JK1 session MAC", b"JK1 session ENC")
        )
        shown = bytes((1, mode, purse)) + self._selected + data + said_now[:-8]
        equal("S1", mac(macs, shown), said_now[-8:])
        return Session(mode, purse, amount, terminal, sam, macs, cipher)

    def open(
        self, mode: int, amount: int = 0, purse: int = 1, terminal: int = TERMINAL, sam: int = SAM
    ) -> None:
        """Select the purse and open a session, which must succeed, with S1 right."""
        self.look()
        done(self.init(mode, amount, purse, terminal, sam), 26)

    @property
    def opened(self) -> Session:
        """The session that is open, for a case that opened one."""
        assert self.session is not None, "the case opened no session"
        return self.session

    def s2(self, ins: int, p2: int, order: bytes) -> bytes:
        """Return S2 of an order in the session that is open."""
        return mac(self.opened.macs, bytes((2, ins, p2)) + order)

    def order(
        self, ins: int, p2: int, order: bytes, p1: int = 0, s2: bytes | None = None
    ) -> Answer:
        """Send an order, rightly signed or with the S2 given."""
        signed = self.s2(ins, p2, order) if s2 is None else s2
        return self.tell(ins, p1, p2, order + signed)

    def proved(self, ins: int, answer: Answer, size: int) -> bytes:
        """Return an answer without its S3, which must be right."""
        data = done(answer, size)
        equal("S3", mac(self.opened.macs, bytes((3, ins)) + data[:-8]), data[-8:])
        return data[:-8]

    # Single commands, in the session that is open.

    def debit(self, slot: int = 0, state: bytes = b"", told: Order = PLAIN_ORDER) -> Answer:
        """DEBIT of the main purse."""
        return self.order(0x42, slot, told.encode() + state)

    def debit_aid(self, category: int = CATEGORY, told: Order = PLAIN_ORDER) -> Answer:
        """DEBIT of a restricted purse."""
        return self.order(0x42, 0, told.encode() + struct.pack(">HH", OPERATOR, category))

    def credit(self, phase: int = 0, told: Order = PLAIN_ORDER) -> Answer:
        """CREDIT."""
        return self.order(0x44, phase, told.encode())

    def cancel(self, told: Order = PLAIN_ORDER) -> Answer:
        """CANCEL."""
        return self.order(0x46, 0, told.encode())

    def prove(self, nt: int) -> Answer:
        """PROOF."""
        return self.order(0x48, 0, nt.to_bytes(4, "big"))

    def read_log(self, record: int) -> Answer:
        """READ LOG."""
        return self.order(0x4C, 0, b"", p1=record)

    def confirm(self, nt: int) -> Answer:
        """CONFIRM."""
        return self.tell(0x4A, 0, 0, mac(self.opened.macs, b"\x04\x4a\0" + nt.to_bytes(4, "big")))

    def block(self, reason: int) -> Answer:
        """BLOCK."""
        return self.order(0x4E, 1, bytes((reason,)))

    def unblock(self) -> Answer:
        """UNBLOCK."""
        return self.order(0x4E, 2, b"")

    def put_key(self, version: int, keys: bytes) -> Answer:
        """PUT KEY, with the keys encrypted for this session."""
        encryptor = Cipher(AES(self.opened.cipher), CBC(bytes(16))).encryptor()
        hidden = encryptor.update(keys) + encryptor.finalize()
        return self.order(0x52, 0, bytes((version,)) + hidden)

    def put_entitlement(self, group: int, expiry: int) -> Answer:
        """PUT ENTITLEMENT."""
        return self.order(0x54, 0, struct.pack(">BH", group, expiry))

    def card_keys(self, said: Said, version: int) -> bytes:
        """Return the four keys of a card, one behind the other, as PUT KEY wants them."""
        return b"".join(
            card_key(
                self._masters(said.issuer, role, version), role, said.card, said.issuer, version
            )
            for role in (Role.debit, Role.load, Role.admin, Role.tac)
        )

    def tac_of(self, part: bytes, said: Said, version: int) -> bytes:
        """Return the TAC of a card part, as the card's issuer makes it."""
        master = self._masters(said.issuer, Role.tac, version)
        return mac(card_key(master, Role.tac, said.card, said.issuer, version), part)


def command(ins: int, p1: int = 0, p2: int = 0, data: bytes = b"", cla: int = 0x80) -> bytes:
    """Return a command in its short form, without Le."""
    head = bytes((cla, ins, p1, p2))
    return head + bytes((len(data),)) + data if data else head


def card_part(
    said: Said, session: Session, kind: int, moved: Moved, told: Order, state: bytes
) -> bytes:
    """Return the 76 bytes that a TAC covers (docs/spec/records.md §1)."""
    return struct.pack(
        ">BBHQIBBHIIIIII32s",
        1, kind, said.issuer, said.card, moved.nt, session.purse, said.key_version, told.place,
        session.amount, moved.balance, told.at_s, session.terminal, session.sam, told.counter,
        state,
    )  # fmt: skip
