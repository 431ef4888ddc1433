"""Whose key is which: masters, card keys, session keys, and the test keys that a seed gives.

A card key is diversified from an issuer's master by AES-CMAC over

    01 · card number 8 · AID 6 · issuer 2 · role 1 · key version 1

which is 19 bytes and therefore equal to NXP AN10922. No key of a real card is or ever was here.
"""

from __future__ import annotations

import hashlib
import struct
from enum import IntEnum

import numpy as np
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC, ECB
from numpy.typing import NDArray

from scheme.cryptograms import KEY_SIZE, cmac, derive, fixed_input

PURSE_AID = bytes.fromhex("F04A4B543101")  # class F, unregistered: our choice
IDENTITY_AID = bytes.fromhex("F04A4B543102")
SAM_AID = bytes.fromhex("F04A4B543153")
KEY_VERSION = 1
KCV_SIZE = 3
MAC_LABEL, ENC_LABEL = b"JK1 session MAC", b"JK1 session ENC"
_OWN = struct.Struct(">Q6sHBB")
_BITS = (8 * KEY_SIZE).to_bytes(2, "big")
_NT_AND_TERMINAL = struct.Struct(">II")
_INPUT_SIZE = 19
_GALOIS_LAST = 0x87  # RFC 4493 §2.3, Rb


class Role(IntEnum):
    """What a card key is for; the code stands in the diversification input."""

    debit = 1  # in debit SAMs and the card
    load = 2  # in load SAMs and the card
    admin = 3  # the issuer's alone
    tac = 4  # the issuer's and the card's; in no terminal


def diversification_input(card: int, issuer: int, role: Role, version: int) -> bytes:
    """Return AN10922's M: what makes a card's key its own. 18 bytes."""
    return _OWN.pack(card, PURSE_AID, issuer, role, version)


def diversify(master: bytes, own: bytes) -> bytes:
    """Return the key diversified from a master by AN10922 for AES-128.

    `own` must be 16 to 31 bytes long: only there is AN10922 an ordinary CMAC over 01 · own.
    """
    assert KEY_SIZE <= len(own) < 2 * KEY_SIZE, len(own)
    return cmac(master, b"\x01" + own)


def card_key(master: bytes, role: Role, card: int, issuer: int, version: int) -> bytes:
    """Return one card's key of a role."""
    return diversify(master, diversification_input(card, issuer, role, version))


def kcv(key: bytes) -> bytes:
    """Return a key's check value: the first 3 bytes of AES over a block of zeros."""
    return Cipher(AES(key), ECB()).encryptor().update(bytes(KEY_SIZE))[:KCV_SIZE]


def card_keys(
    master: bytes, role: Role, cards: NDArray[np.uint64], issuer: int, version: int
) -> NDArray[np.uint8]:
    """Return the keys of many cards under one master, shape (n, 16): `card_key` of each."""
    count = len(cards)
    blocks = np.zeros((count, 2 * KEY_SIZE), np.uint8)
    blocks[:, 1:_INPUT_SIZE] = np.frombuffer(
        diversification_input(0, issuer, role, version), np.uint8
    )
    blocks[:, 0] = 1
    blocks[:, 1:9] = np.ascontiguousarray(cards, ">u8").view(np.uint8).reshape(count, 8)
    blocks[:, _INPUT_SIZE] = 0x80
    encryptor = Cipher(AES(master), ECB()).encryptor()
    blocks[:, KEY_SIZE:] ^= np.frombuffer(_second_subkey(encryptor.update(bytes(16))), np.uint8)
    first = _array(encryptor.update(np.ascontiguousarray(blocks[:, :KEY_SIZE]).tobytes()))
    return _array(encryptor.update((first ^ blocks[:, KEY_SIZE:]).tobytes()))


def tac_keys(
    master: bytes, cards: NDArray[np.uint64], issuer: int, version: int
) -> NDArray[np.uint8]:
    """Return the TAC keys of many cards of one issuer, shape (n, 16)."""
    return card_keys(master, Role.tac, cards, issuer, version)


def session_key(
    key: bytes, card_challenge: bytes, challenge: bytes, nt: int, terminal: int
) -> bytes:
    """Return the MAC key of one session between a card and a SAM.

    Args:
        key: The card's key of the mode's role.
        card_challenge: RC, 8 bytes, the card's.
        challenge: RT, 8 bytes, the SAM's.
        nt: The card's transaction counter as INIT said it.
        terminal: The terminal that INIT named.
    """
    return derive(key, session_input(MAC_LABEL, card_challenge, challenge, nt, terminal))


def encryption_key(
    key: bytes, card_challenge: bytes, challenge: bytes, nt: int, terminal: int
) -> bytes:
    """Return the key that wraps keys in a session in mode admin; arguments as `session_key`."""
    return derive(key, session_input(ENC_LABEL, card_challenge, challenge, nt, terminal))


def session_input(
    label: bytes, card_challenge: bytes, challenge: bytes, nt: int, terminal: int
) -> bytes:
    """Return what a session's keys are derived from."""
    # `fixed_input` of one key, at once: it runs twice a tap.
    context = card_challenge + challenge + _NT_AND_TERMINAL.pack(nt, terminal)
    return label + b"\0" + context + _BITS


def encrypt_keys(key: bytes, keys: bytes) -> bytes:
    """Return card keys wrapped for PUT KEY: AES-CBC under a key that serves once, so zero IV."""
    return Cipher(AES(key), CBC(bytes(KEY_SIZE))).encryptor().update(keys)


def decrypt_keys(key: bytes, wrapped: bytes) -> bytes:
    """Return what `encrypt_keys` wrapped; its length must be a multiple of 16."""
    return Cipher(AES(key), CBC(bytes(KEY_SIZE))).decryptor().update(wrapped)


class TestKeys:
    """Keys of a test run, every one derived from its seed: for test cards only.

    Whoever knows the seed knows every key, which is what makes a run repeatable and what makes
    these keys worthless outside it.
    """

    __test__ = False  # a name pytest would collect

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self._root = hashlib.sha256(b"jakarta-one test keys %d" % seed).digest()[:KEY_SIZE]

    def issuer_master(self, issuer: int, role: Role | str, version: int = KEY_VERSION) -> bytes:
        """Return an issuer's master key of a role; `role` may be its name."""
        role = Role[role] if isinstance(role, str) else role
        return self._derived(b"issuer master", b"%d/%d/%d" % (issuer, role, version))

    def sender_signing_key(self, sender: int) -> Ed25519PrivateKey:
        """Return the key with which a sender signs its batches."""
        secret = self._derived(b"sender signature", b"%d" % sender, 32)
        return Ed25519PrivateKey.from_private_bytes(secret)

    def sender_public_key(self, sender: int) -> bytes:
        """Return the 32 bytes of a sender's public key."""
        return self.sender_signing_key(sender).public_key().public_bytes_raw()

    def sender_mac_key(self, sender: int) -> bytes:
        """Return the key with which a sender seals single taps."""
        return self._derived(b"sender MAC", b"%d" % sender)

    def sam_receipt_key(self, sam: int) -> bytes:
        """Return the key under which a server acknowledges value to a SAM."""
        return self._derived(b"SAM receipt", b"%d" % sam)

    def party_authentication_key(self, party: int) -> bytes:
        """Return the key under which a relying party and an identity know each other."""
        return self._derived(b"party authentication", b"%d" % party)

    def party_pseudonym_key(self, party: int) -> bytes:
        """Return the key that makes a person's pseudonym for a relying party."""
        return self._derived(b"party pseudonym", b"%d" % party)

    def _derived(self, label: bytes, context: bytes, size: int = KEY_SIZE) -> bytes:
        return derive(self._root, fixed_input(label, context, size), size)


def _second_subkey(of_zero: bytes) -> bytes:
    """Return CMAC's K2 from the encrypted zero block."""
    value = int.from_bytes(of_zero, "big")
    for _ in range(2):
        carry = value >> 127
        value = (value << 1) & ((1 << 128) - 1) ^ (_GALOIS_LAST if carry else 0)
    return value.to_bytes(KEY_SIZE, "big")


def _array(blocks: bytes) -> NDArray[np.uint8]:
    return np.frombuffer(blocks, np.uint8).reshape(-1, KEY_SIZE)
