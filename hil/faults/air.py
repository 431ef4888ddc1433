"""When the bytes of an exchange are on the air, so that a tear by time has a side to fall on.

A model: ISO/IEC 14443 type A at 106 kbit/s, a card that takes no time of its own and writes at once
when it has heard its command. A real card is torn by a timer on the bench, and the antenna's decay
comes on top.
"""

from __future__ import annotations

CARRIER_HZ = 13_560_000
BIT_US = 128 * 1_000_000 / CARRIER_HZ
BYTE_BITS = 9  # eight and parity
BLOCK_BYTES = 3  # around an APDU: PCB 1, CRC 2
DELAY_US = 1_236 * 1_000_000 / CARRIER_HZ  # the least delay before an answer, n = 9


def heard_us(command_bytes: int) -> float:
    """Return when a card has heard a command, after its first bit."""
    return (command_bytes + BLOCK_BYTES) * BYTE_BITS * BIT_US


def answered_us(command_bytes: int, response_bytes: int) -> float:
    """Return when the reader has heard the answer, after the command's first bit."""
    return heard_us(command_bytes) + DELAY_US + heard_us(response_bytes)
