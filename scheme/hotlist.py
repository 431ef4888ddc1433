"""Lists of cards that a device must refuse, and who bears a listed card's tap (R17).

A version holds the whole list. A list here is data; publishing and holding it is the server's and
the terminal's business.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.int64]
RISK_PASSES_MS = 24 * 3_600_000  # [A] docs/spec/fares.md R17


@dataclass(frozen=True, slots=True)
class Hotlist:
    """One version of the list as a terminal holds it; version 0 is the empty list before any."""

    version: int = 0
    cards: frozenset[int] = frozenset()

    def __contains__(self, card: object) -> bool:
        return card in self.cards


NO_HOTLIST = Hotlist()


def operator_bears(
    held_version: Numbers, at_ms: Numbers, listed_version: Numbers, published_at_ms: Numbers
) -> NDArray[np.bool_]:
    """Return which taps of listed cards are the operator's risk, and so refused at clearing (R15).

    Those where the device had proved to hold a version that lists the card, or that came more than
    24 hours after its publication; before that the issuer bears the tap and it is accepted (R17).

    Args:
        listed_version, published_at_ms: The version that first listed the card, and its instant.
    """
    return (held_version >= listed_version) | (at_ms > published_at_ms + RISK_PASSES_MS)
