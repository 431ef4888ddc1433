"""Lists of cards that a device must refuse, and who bears a listed card's tap (R17).

A version holds the whole list. A list here is data; publishing and holding it is the server's and
the terminal's business.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

RISK_PASSES_MS = 24 * 3_600_000  # [A] docs/spec/fares.md R17


@dataclass(frozen=True, slots=True)
class Hotlist:
    """One version of the list as a terminal holds it; version 0 is the empty list before any."""

    version: int = 0
    cards: frozenset[int] = frozenset()

    def __contains__(self, card: object) -> bool:
        return card in self.cards


NO_HOTLIST = Hotlist()


@dataclass(frozen=True, slots=True)
class Listing:
    """When a card was first listed: the version that did it and the instant of its publication."""

    version: int
    published_at_ms: int


def first_listings(
    published: Iterable[tuple[int, int, Iterable[int]]],
) -> Mapping[int, Listing]:
    """Return each listed card's first listing.

    Args:
        published: (version, instant of publication in ms UTC, cards), in any order.
    """
    listings: dict[int, Listing] = {}
    for version, at_ms, cards in sorted(published, key=lambda p: p[0]):
        for card in cards:
            listings.setdefault(card, Listing(version, at_ms))
    return listings


def operator_bears(listing: Listing | None, held_version: int, at_ms: int) -> bool:
    """Return whether a tap is the operator's risk, and so refused at clearing (R15, R17).

    It is, if the device had proved to hold a version that lists the card, or if the tap came more
    than 24 hours after the publication; before that the issuer bears it and the tap is accepted.
    """
    if listing is None:
        return False
    return held_version >= listing.version or at_ms > listing.published_at_ms + RISK_PASSES_MS
