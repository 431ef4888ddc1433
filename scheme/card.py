"""A card: a purse and an identity behind one contact, and the platform that picks one of them.

SELECT of an application's AID makes it current; the other forgets its session. After a reset the
purse is current and has said nothing. What is no short command reaches no application.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from scheme.apdu import CLA_ISO, SELECT_BY_AID, Ins
from scheme.keys import PURSE_AID
from scheme.purse import Purse

AID_SIZE = len(PURSE_AID)
SELECTS = bytes((CLA_ISO, Ins.select, SELECT_BY_AID, 0, AID_SIZE))
SIZES = (5 + AID_SIZE, 6 + AID_SIZE)  # without Le and with it


class Application(Protocol):
    """What lies on a card: it answers, and forgets what power loss forgets."""

    def answer(self, apdu: bytes) -> bytes:
        """Return the answer to a command."""
        ...

    def reset(self) -> None:
        """Forget SELECT and session."""
        ...


class Card:
    """One card. `answer` is all that a reader can do to it.

    Args:
        applications: Purse and identity, by AID.
    """

    __slots__ = ("_applications", "_current")

    def __init__(self, applications: Mapping[bytes, Application]) -> None:
        self._applications = applications
        self._current = applications[PURSE_AID]

    @property
    def purse(self) -> Purse:
        """The purse."""
        purse = self._applications[PURSE_AID]
        assert isinstance(purse, Purse), purse
        return purse

    def reset(self) -> None:
        """Forget every session and what was selected, as a card out of the field does."""
        for application in self._applications.values():
            application.reset()
        self._current = self._applications[PURSE_AID]

    def answer(self, apdu: bytes) -> bytes:
        """Return the answer to a command; never raises, whatever the bytes."""
        if apdu[:5] == SELECTS and len(apdu) in SIZES:
            self._select(apdu[5 : 5 + AID_SIZE])
        return self._current.answer(apdu)

    def _select(self, aid: bytes) -> None:
        chosen = self._applications.get(aid)
        if chosen is not None and chosen is not self._current:
            self._current.reset()
            self._current = chosen
