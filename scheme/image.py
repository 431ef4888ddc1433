"""What a card keeps without power: its image, its keys and its limits.

An image is never changed, only replaced whole: `Purse` does it in one assignment, so that whatever
breaks off leaves a card all old or all new.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from scheme.apdu import SLOT_SIZE, Mode, PurseNumber, Slot
from scheme.cryptograms import Keyed
from scheme.keys import Role, card_key
from scheme.layouts import CARD_KEYS, SELECTED

NO_TRANSIT = bytes(SLOT_SIZE[Slot.transit])
NO_PARKING = bytes(SLOT_SIZE[Slot.parking])
SELECT_FIELDS = len(SELECTED.fields)
_MAIN, _ROUTINE, _PERIODIC = map(int, PurseNumber)


class CardKeys(NamedTuple):
    """The keys on one card."""

    debit: bytes
    load: bytes
    admin: bytes
    tac: bytes

    @classmethod
    def of(cls, masters: Callable[[Role], bytes], card: int, issuer: int, version: int) -> CardKeys:
        """Return a card's keys, diversified from its issuer's masters."""
        return cls(*(card_key(masters(role), role, card, issuer, version) for role in Role))

    def pack(self) -> bytes:
        """Return the 64 bytes in which they travel."""
        return CARD_KEYS.codec.pack(*self)


class KeyedCard:
    """A card's keys, set up once and used often."""

    __slots__ = ("_admin", "_debit", "_load", "keys", "tac")

    def __init__(self, keys: CardKeys) -> None:
        self.keys = keys
        self._debit, self._load, self._admin, self.tac = map(Keyed, keys)

    def of(self, mode: Mode) -> Keyed:
        """Return the key from which a session in a mode has its own."""
        if mode is Mode.credit:
            return self._load
        return self._admin if mode is Mode.admin else self._debit


class Limits(NamedTuple):
    """What a card's purses may hold and be spent on; a purse whose limit is 0 is not there.

    Attributes:
        main, routine, periodic: The most rupiah on each purse.
        routine_categories, periodic_categories: Merchant categories, at most 8, none of them 0.
    """

    main: int
    routine: int = 0
    periodic: int = 0
    routine_categories: tuple[int, ...] = ()
    periodic_categories: tuple[int, ...] = ()

    def of(self, purse: int) -> int:
        """Return the limit of a purse, 0 if there is no such purse."""
        if purse == _MAIN:
            return self.main
        if purse == _ROUTINE:
            return self.routine
        return self.periodic if purse == _PERIODIC else 0

    def categories(self, purse: int) -> tuple[int, ...]:
        """Return the categories that a restricted purse may be spent on."""
        return self.routine_categories if purse == _ROUTINE else self.periodic_categories


class Image(NamedTuple):
    """All that a purse keeps: the fields SELECT says, in its order, then what it never says.

    Attributes:
        proof: Stored part and TAC of the last transaction, empty before the first.
        routine, periodic: Rupiah on the restricted purses.
        reserved: Purse 1 and amount 4 of the load that is reserved, empty if none is.
        before: The state that the last debit replaced, for CANCEL.
        log: The last transactions as `LOG_ENTRY`, the latest first, at most 10.
        wrong_macs: How often a MAC was wrong since the last right order.
        put: Keys that PUT KEY brought; None while those of the issue stand.
    """

    card: int
    issuer: int
    profile: int
    status: int
    key_version: int
    group: int
    group_expiry: int
    expiry: int
    nt: int
    balance: int
    flags: int = 0
    transit: bytes = NO_TRANSIT
    parking: bytes = NO_PARKING
    proof: bytes = b""
    routine: int = 0
    periodic: int = 0
    reserved: bytes = b""
    before: bytes = b""
    log: tuple[bytes, ...] = ()
    wrong_macs: int = 0
    put: CardKeys | None = None

    def said(self) -> bytes:
        """Return what SELECT answers."""
        return SELECTED.codec.pack(*self[:SELECT_FIELDS])

    def held(self, purse: int) -> int:
        """Return the rupiah on a purse."""
        if purse == _MAIN:
            return self.balance
        return self.routine if purse == _ROUTINE else self.periodic
