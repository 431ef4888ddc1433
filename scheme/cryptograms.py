"""AES-CMAC, the key derivation over it, truncated MACs, and the TAC, singly and by the million.

A *MAC* here is the first 8 bytes of an AES-CMAC (RFC 4493). A *TAC* is the MAC of a record's card
part under the card's TAC key, which only the card and its issuer hold. Nothing here knows which key
belongs to whom: see `scheme.keys`.
"""

from __future__ import annotations

import hmac
from enum import IntEnum

import numpy as np
from cryptography.hazmat.primitives.ciphers.algorithms import AES, AES128
from cryptography.hazmat.primitives.cmac import CMAC
from numpy.typing import NDArray

from scheme.records import CARD_PART_SIZE

KEY_SIZE = 16
MAC_SIZE = 8


class Step(IntEnum):
    """First byte under a session MAC, so that no step's MAC can stand for another's."""

    card_says = 1  # S1: who the card is and what it holds
    terminal_orders = 2  # S2: what the card shall do
    card_did = 3  # S3: what the card has done
    terminal_heard = 4  # S4: that its answer was heard


class Keyed:
    """AES-CMAC under one key, set up once and used often."""

    __slots__ = ("_fresh",)

    def __init__(self, key: bytes) -> None:
        assert len(key) == KEY_SIZE, len(key)
        # The constructor takes a third of the time, to look at the length again.
        algorithm = AES128.__new__(AES128)
        algorithm.key = key
        self._fresh = CMAC(algorithm)

    def cmac(self, message: bytes) -> bytes:
        """Return the 16-byte CMAC of a message."""
        # A finalised context is spent, so each message runs on a copy.
        context = self._fresh.copy()
        context.update(message)
        return context.finalize()

    def derive(self, fixed: bytes) -> bytes:
        """Return one key derived from this one, as the function `derive` does."""
        return self.cmac(b"\x01" + fixed)

    def derived(self, fixed: bytes) -> Keyed:
        """Return that key, set up."""
        return Keyed(self.cmac(b"\x01" + fixed))

    def mac(self, message: bytes) -> bytes:
        """Return the MAC of a message."""
        context = self._fresh.copy()
        context.update(message)
        return context.finalize()[:MAC_SIZE]

    def holds(self, message: bytes, got: bytes) -> bool:
        """Return whether `got` is the MAC of a message; the time taken tells nothing."""
        return hmac.compare_digest(self.mac(message), got)

    def step_mac(self, step: Step, message: bytes) -> bytes:
        """Return the MAC of one step of a session."""
        return self.mac(bytes((step,)) + message)

    def step_holds(self, step: Step, message: bytes, got: bytes) -> bool:
        """Return whether `got` is the MAC of that step."""
        return self.holds(bytes((step,)) + message, got)


def cmac(key: bytes, message: bytes) -> bytes:
    """Return the 16-byte AES-CMAC of a message. Source: RFC 4493; vectors/cmac.csv."""
    context = CMAC(AES(key))
    context.update(message)
    return context.finalize()


def mac(key: bytes, message: bytes) -> bytes:
    """Return the first 8 bytes of the AES-CMAC of a message."""
    return cmac(key, message)[:MAC_SIZE]


def derive(key: bytes, fixed: bytes, size: int = KEY_SIZE, counter_size: int = 1) -> bytes:
    """Return `size` bytes derived from a key by SP 800-108 in counter mode with AES-CMAC.

    Args:
        key: The key derivation key.
        fixed: The fixed input data, whole; `fixed_input` makes it of label and context.
        size: Bytes wanted.
        counter_size: Bytes of the counter, which stands before the fixed input.

    Source: NIST SP 800-108r1 §4.1; vectors/kdf.csv.
    """
    blocks = -(-size // KEY_SIZE)
    assert blocks < 1 << 8 * counter_size, size
    made = [cmac(key, i.to_bytes(counter_size, "big") + fixed) for i in range(1, blocks + 1)]
    return b"".join(made)[:size]


def fixed_input(label: bytes, context: bytes, size: int = KEY_SIZE) -> bytes:
    """Return SP 800-108's fixed input: label, a zero byte, context, and the bits wanted."""
    return label + b"\0" + context + (8 * size).to_bytes(2, "big")


def tac(key: bytes, card_part: bytes) -> bytes:
    """Return the TAC of one card part."""
    assert len(card_part) == CARD_PART_SIZE, len(card_part)
    return mac(key, card_part)


def tacs(keys: NDArray[np.uint8], card_parts: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return the TACs of many card parts.

    Rows of one card that follow each other share a key schedule, which makes them about four times
    as cheap: sort by card first where the order is yours to choose.

    Args:
        keys: The TAC key of each record's card, shape (n, 16).
        card_parts: The card parts, shape (n, 76).

    Returns:
        Shape (n, 8).
    """
    count = len(keys)
    assert keys.shape == (count, KEY_SIZE), keys.shape
    assert card_parts.shape == (count, CARD_PART_SIZE), card_parts.shape
    whole = b"".join(_each_cmac(keys.tobytes(), card_parts.tobytes()))
    return np.frombuffer(whole, np.uint8).reshape(count, KEY_SIZE)[:, :MAC_SIZE].copy()


def tacs_hold(
    keys: NDArray[np.uint8], card_parts: NDArray[np.uint8], got: NDArray[np.uint8]
) -> NDArray[np.bool_]:
    """Return which of the TACs `got`, shape (n, 8), are right; every byte is always compared."""
    wrong: NDArray[np.bool_] = np.bitwise_or.reduce(tacs(keys, card_parts) ^ got, axis=1) != 0
    return ~wrong


def _each_cmac(keys: bytes, parts: bytes) -> list[bytes]:
    """Return the 16-byte CMACs of consecutive card parts under consecutive keys."""
    made: list[bytes] = []
    held, at_part = b"", 0
    # Inlined rather than `Keyed`: two calls a record are a third of the time.
    for at_key in range(0, len(keys), KEY_SIZE):
        key = keys[at_key : at_key + KEY_SIZE]
        if key != held:
            fresh, held = CMAC(AES(key)), key
        context = fresh.copy()
        context.update(parts[at_part : at_part + CARD_PART_SIZE])
        made.append(context.finalize())
        at_part += CARD_PART_SIZE
    return made
