"""What card and SAM must say, worked out from docs/spec/card.md with bare AES-CMAC.

Nothing here uses `scheme`'s own cryptography or layouts, so that a mistake there shows.
"""

from __future__ import annotations

import struct
from typing import NamedTuple

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC
from cryptography.hazmat.primitives.cmac import CMAC

PURSE_AID = bytes.fromhex("F04A4B543101")
SESSION_MAC, SESSION_ENC, IDENTITY_MAC = b"JK1 session MAC", b"JK1 session ENC", b"JK1 identity MAC"
RC = b"\xc0card RC"
NT = 5


def cmac(key: bytes, message: bytes) -> bytes:
    """Return the 16 bytes of RFC 4493."""
    context = CMAC(AES(key))
    context.update(message)
    return context.finalize()


def mac(key: bytes, message: bytes) -> bytes:
    """Return the first 8 of them."""
    return cmac(key, message)[:8]


def derived(key: bytes, label: bytes, context: bytes) -> bytes:
    """Return 128 bits by SP 800-108 in counter mode, one counter byte."""
    return cmac(key, b"\x01" + label + b"\x00" + context + b"\x00\x80")


def card_key(master: bytes, card: int, issuer: int, role: int, version: int) -> bytes:
    """Return a card's key of a role, by AN10922."""
    own = struct.pack(">Q6sHBB", card, PURSE_AID, issuer, role, version)
    return cmac(master, b"\x01" + own)


def receipt(key: bytes, sam: int, number: int, amount: int) -> bytes:
    """Return the data of RESTORE."""
    signed = mac(key, b"JK1 receipt" + struct.pack(">III", sam, number, amount))
    return struct.pack(">II", number, amount) + signed


def decrypted(key: bytes, data: bytes) -> bytes:
    """Return what AES-128-CBC with a zero IV had hidden."""
    return Cipher(AES(key), CBC(bytes(16))).decryptor().update(data)


class Spoken(NamedTuple):
    """What a card said to a SAM, and the session's key."""

    proven: bytes
    key: bytes

    def ordered(self, ins: int, p2: int, order: bytes) -> bytes:
        """Return S2."""
        return mac(self.key, bytes((2, ins, p2)) + order)

    def did(self, ins: int, answer: bytes) -> bytes:
        """Return a card's whole answer, S3 behind it."""
        return answer + mac(self.key, bytes((3, ins)) + answer)


class Speaker(NamedTuple):
    """A card that says anything, in any mode and for any purse, and proves it."""

    card: int
    issuer: int
    masters: dict[int, bytes]
    version: int = 1

    def speak(
        self, challenge: bytes, mode: int, purse: int, amount: int, terminal: int, sam: int
    ) -> Spoken:
        """Return SELECT's answer, INIT's data and INIT's answer, under S1."""
        role = 2 if mode == 2 else 1
        key = card_key(self.masters[role], self.card, self.issuer, role, self.version)
        context = RC + challenge + struct.pack(">II", NT, terminal)
        session = derived(key, SESSION_MAC, context)
        selected = struct.pack(
            ">QHBBBBHHIIB29s7s", self.card, self.issuer, 1, 0, self.version, 0, 0, 30_000, NT,
            100_000, 0, bytes(29), bytes(7),
        )  # fmt: skip
        init = struct.pack(">III8s", amount, terminal, sam, challenge)
        answer = struct.pack(">8sIIBB", RC, NT, 100_000, 0, self.version)
        said = selected + init + answer
        return Spoken(said + mac(session, bytes((1, mode, purse)) + said), session)
