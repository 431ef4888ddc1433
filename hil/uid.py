"""The UID of the card in a field: asked of a reader, and drawn for cards that are programs.

The UID is the chip's and the reader's affair; no command of ours goes to the card for it.
"""

from __future__ import annotations

import secrets

from hil.exchange import Transceiver
from scheme.apdu import parse_response
from scheme.status import Sw

GET_UID = bytes((0xFF, 0xCA, 0, 0, 0))  # PC/SC part 3, 3.2.2.1.3; answered by the reader
RANDOM_UID = 0x08  # ISO/IEC 14443-3, 6.5.4: the first byte of a UID that is drawn anew


def draw_uid() -> bytes:
    """Return a UID as a card draws one that is not to be followed."""
    return bytes((RANDOM_UID,)) + secrets.token_bytes(3)


def ask_uid(reader: Transceiver) -> bytes | None:
    """Return what GET DATA of a reader tells, None where it refuses: it may be a contact reader."""
    answer = parse_response(reader.transceive(GET_UID).response)
    return answer.data if answer.sw == Sw.ok and answer.data else None
