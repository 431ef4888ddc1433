"""A SAM in the field, as a case meets it: a genuine card that speaks to it, and its session key."""

from __future__ import annotations

import struct

from hil.conformance.case import Play, Told
from hil.conformance.given import CARD, ISSUER, KEYS, NT, SAM_NUMBER, SAM_TERMINAL
from hil.conformance.judging import Answer, done, equal, refused
from hil.conformance.terminal import (
    CANCEL,
    CREDIT,
    DEBIT,
    PROOF,
    SAID,
    SAM_AID,
    Terminal,
)
from scheme.cryptograms import derive, fixed_input, mac
from scheme.keys import Role, card_key
from scheme.status import Sw

WHEN = struct.pack(">IH", 1_775_000_000, 101)
AMOUNT, RC = 2_500, bytes(range(8))
MODES = {0: DEBIT, 0x42: DEBIT, 0x44: CREDIT, 0x46: CANCEL, 0x48: PROOF, 0x4C: PROOF, 0x4E: DEBIT}


class Module:
    """A SAM, a card that speaks to it, and the session key that both have."""

    def __init__(self, terminal: Terminal) -> None:
        self._terminal = terminal
        self.macs = b""

    def challenge(self) -> bytes:
        """Have the SAM give its challenge; return RT."""
        told = done(self._terminal.tell(0x20), 20)
        equal("SAM and terminal", (SAM_NUMBER, SAM_TERMINAL), struct.unpack(">II", told[8:16]))
        return told[:8]

    def shown(
        self,
        mode: int,
        challenge: bytes,
        *,
        amount: int = AMOUNT,
        purse: int = 1,
        issuer: int = ISSUER,
        version: int = 1,
        terminal: int = SAM_TERMINAL,
        number: int = SAM_NUMBER,
    ) -> bytes:
        """Return what a SAM is shown: the answer of SELECT, INIT and its answer, 109 bytes."""
        said = SAID.pack(CARD, issuer, 1, 0, version, 0, 0, 40_000, NT, 100_000, 0, b"", b"")
        data = struct.pack(">III", amount, terminal, number) + challenge
        answer = RC + struct.pack(">IIBB", NT, 100_000, 0, version)
        role = Role.load if mode == CREDIT else Role.debit
        key = card_key(KEYS.issuer_master(issuer, role, version), role, CARD, issuer, version)
        context = RC + challenge + NT.to_bytes(4, "big") + terminal.to_bytes(4, "big")
        self.macs = derive(key, fixed_input(b"JK1 session MAC", context))
        s1 = mac(self.macs, bytes((1, mode, purse)) + said + data + answer)
        return said + data + answer + s1

    def ask(self, ins: int, p2: int = 0, body: bytes = b"", **card: int) -> Answer:
        """CHALLENGE, then AUTHENTICATE of a card that is genuine."""
        shown = self.shown(MODES[ins], self.challenge(), purse=(p2 >> 4) + 1, **card)
        return self._terminal.tell(0x22, ins, p2, shown + body)

    def signed(self, ins: int, p2: int, body: bytes, size: int, **card: int) -> bytes:
        """Return what the SAM answers to an order, without S2, which must be right."""
        told = done(self.ask(ins, p2, body, **card), size)
        given = told[:-8]
        order = body[:6] + given + body[6:] if given else body
        equal("S2", mac(self.macs, bytes((2, ins, p2 & 15)) + order), told[-8:])
        return given

    def did(self, ins: int, answer: bytes) -> bytes:
        """Return a card's answer with its S3."""
        return answer + mac(self.macs, bytes((3, ins)) + answer)


def owes(terminal: Terminal) -> int:
    """Return what SELECT of a SAM says that it ordered and no receipt covers."""
    return int.from_bytes(done(terminal.select(SAM_AID), 21)[13:17], "big")


def untouched(sw: Sw, told: Told) -> Play:
    """Return a play of commands that are refused and change nothing that SELECT says."""

    def play(terminal: Terminal) -> None:
        was = done(terminal.select(SAM_AID), 21)
        refused(told(terminal), sw)
        equal("what SELECT says", was, done(terminal.select(SAM_AID), 21))

    return play
