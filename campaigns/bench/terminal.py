"""A terminal's side of the three applications, byte by byte, with the keys of the card before it.

It signs what it is told to sign, right or not: what a terminal should do is `scheme.dialogue`. The
bytes are put together here once more, from docs/spec/card.md and not from the twin, so that an
error in the twin's codecs is no error of both.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import NamedTuple

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC

from scheme.cryptograms import cmac, derive, fixed_input, mac

PURSE, IDENTITY, SAM = (bytes.fromhex("F04A4B5431" + last) for last in ("01", "02", "53"))
DEBIT, CREDIT, CANCEL, PROOF, CONFIRM, READ_LOG = 0x42, 0x44, 0x46, 0x48, 0x4A, 0x4C
BLOCK, PUT_KEY, PUT_ENTITLEMENT, STORE_DATA = 0x4E, 0x52, 0x54, 0xE2
OK = b"\x90\x00"
SELECT_SIZE = 63


def command(ins: int, p1: int, p2: int, data: bytes = b"", cla: int = 0x80) -> bytes:
    """Return a short command without Le."""
    head = bytes((cla, ins, p1, p2))
    return head + bytes((len(data),)) + data if data else head


def select(aid: bytes) -> bytes:
    """Return SELECT of an application."""
    return command(0xA4, 4, 0, aid, cla=0)


def init(mode: int, purse: int, data: bytes) -> bytes:
    """Return INIT; `data` is amount 4, terminal 4, SAM 4 and RT 8."""
    return command(0x40, mode, purse, data)


def number(value: int, size: int = 4) -> bytes:
    """Return a number as it stands in a command."""
    return value.to_bytes(size, "big")


def session_keys(key: bytes, answer: bytes, data: bytes) -> tuple[bytes, bytes]:
    """Return MAC key and encryption key of the session that INIT's `answer` to `data` opened."""
    context = answer[:8] + data[12:20] + answer[8:12] + data[4:8]
    made = (derive(key, fixed_input(label, context)) for label in _LABELS)
    return next(made), next(made)


_LABELS = (b"JK1 session MAC", b"JK1 session ENC")


class Session(NamedTuple):
    """An open session of the purse."""

    mode: int
    purse: int
    amount: int
    key: bytes
    cipher: bytes

    def order(self, ins: int, p1: int, p2: int, body: bytes = b"") -> bytes:
        """Return a command with its S2."""
        # READ LOG's P1 is a record's number: one MAC serves them all.
        return command(ins, p1, p2, body + mac(self.key, bytes((2, ins, p2)) + body))

    def confirm(self, nt: bytes) -> bytes:
        """Return CONFIRM of the value command that answered with counter `nt`."""
        return command(CONFIRM, 0, 0, mac(self.key, bytes((4, CONFIRM, 0)) + nt))

    def put_key(self, version: int, keys: bytes) -> bytes:
        """Return PUT KEY with its keys encrypted."""
        cbc = Cipher(AES(self.cipher), CBC(bytes(16))).encryptor()
        return self.order(PUT_KEY, 0, 0, bytes((version,)) + cbc.update(keys))

    def says(self, ins: int, answer: bytes) -> bool:
        """Return whether an answer to an order carries the right S3."""
        told = answer[:-10]
        return answer[-2:] == OK and answer[-10:-2] == mac(self.key, bytes((3, ins)) + told)


def card_says(key: bytes, mode: int, purse: int, shown: bytes) -> bytes:
    """Return S1 over SELECT's answer, INIT's data and INIT's answer without its MAC."""
    return mac(key, bytes((1, mode, purse)) + shown)


def identity_order(key: bytes, ins: int, p1: int) -> bytes:
    """Return READ ATTRIBUTE or PSEUDONYM with its S2."""
    return command(ins, p1, 0, mac(key, bytes((2, ins, p1))))


def identity_key(key: bytes, card_challenge: bytes, challenge: bytes, party: bytes) -> bytes:
    """Return the session key between a relying party and a card."""
    return derive(key, fixed_input(b"JK1 identity MAC", card_challenge + challenge + party))


def receipt(key: bytes, sam: int, last: int, amount: int) -> bytes:
    """Return RESTORE: a server's receipt for value that it has booked."""
    told = number(last) + number(amount)
    return command(0x26, 0, 0, told + cmac(key, b"JK1 receipt" + number(sam) + told)[:8])


def drawn(seed: bytes) -> Callable[[], bytes]:
    """Return the challenges of a card whose random bytes were seeded: the harness' op SEED."""
    count = 0

    def challenge() -> bytes:
        nonlocal count
        made = hashlib.sha256(seed + number(count)).digest()[:8]
        count += 1
        return made

    return challenge
