"""Random cards and SAMs, issued: plain ones to be torn, and odd ones at every border."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property
from random import Random

from campaigns.bench.terminal import IDENTITY, drawn, select
from scheme.card import Card
from scheme.identity import IdentityData, Party, Rights, identity_blocks
from scheme.image import CardKeys, Image, Limits
from scheme.keys import Role, TestKeys
from scheme.personalisation import CardData, make_card, purse_blocks
from scheme.sam import IssuerKeys, May, Sam
from scheme.sam_personalisation import SamData, make_sam, sam_blocks

KEYS = TestKeys(7)
ISSUERS = (1016, 1017, 1018)
UNREGISTERED_IDR, REGISTERED_IDR, SCHOOL_IDR = 2_000_000, 10_000_000, 1_500_000
MOST_IDR = 0xFFFF_FFFF
BARE = 0.15  # of the odd cards so many have an identity that nobody has issued
EVERYTHING = May.debit | May.transit | May.parking | May.load
Row = tuple[int, int, int, bytes]  # issuer, role, version, master


class Issued:
    """A card as it was issued, with the keys that its issuer keeps."""

    kind = "card"

    def __init__(self, data: CardData) -> None:
        self.data = data
        self.card = data.image.card
        self.issuer = data.image.issuer
        self.key_version = data.image.key_version
        self.balance_idr = data.image.balance
        self.tac_key = data.keys.tac

    @cached_property
    def blocks(self) -> tuple[bytes, ...]:
        """What issues it: the purse, then the identity if it has one."""
        if self.data.identity is None:
            return purse_blocks(self.data)
        identity = identity_blocks(self.data.identity)
        return (*purse_blocks(self.data), select(IDENTITY), *identity)

    def twin(self, seed: bytes) -> Card:
        """Return the Python card, its challenges drawn from a seed."""
        return make_card(self.data, drawn(seed))

    def role_keys(self) -> Iterable[tuple[str, bytes]]:
        """Return its keys by the name of their role."""
        return self.data.keys._asdict().items()

    def limit_of_purse(self) -> tuple[int, int, int]:
        """Return the limits of the three purses."""
        limits = self.data.limits
        return limits.main, limits.routine, limits.periodic

    def categories_of_purse(self) -> dict[int, tuple[int, ...]]:
        """Return the categories that each restricted purse may be spent on."""
        limits = self.data.limits
        return {2: limits.routine_categories, 3: limits.periodic_categories}

    def party_keys(self) -> dict[int, bytes]:
        """Return the authentication key of every party that may ask."""
        identity = self.data.identity
        return {row.party: row.authentication_key for row in identity.parties} if identity else {}


class IssuedSam:
    """A SAM as it was issued, with the key sets in it."""

    kind = "sam"

    def __init__(self, data: SamData) -> None:
        self.data = data
        self.sam = data.sam
        self.terminal = data.terminal
        self.ceiling = data.ceiling_idr
        self.receipt_key = data.receipt_key
        self.masters: list[Row] = [(*which, master) for which, master in data.masters.items()]

    @cached_property
    def blocks(self) -> tuple[bytes, ...]:
        """What issues it."""
        return sam_blocks(self.data)

    def twin(self, seed: bytes) -> Sam:
        """Return the Python SAM, its challenges drawn from a seed."""
        return make_sam(self.data, drawn(seed))


def issue_card(chance: Random, odd: bool = True) -> Issued:
    """Return a random card; an odd one may be at the border of anything."""
    issuer = chance.choice(ISSUERS)
    card = chance.randrange(1, 1 << 63)
    version = chance.choice((1, 1, 2, 254)) if odd else 1
    keys = CardKeys.of(
        lambda role: KEYS.issuer_master(issuer, role, version), card, issuer, version
    )
    limits = _limits(chance, odd)
    registered = chance.random() < 0.5
    image = Image(
        card, issuer, 1 + registered, _either(chance, odd, 0, (0, 0, 0, 1, 200)), version,
        chance.choice((0, 0, 3, 15)), chance.randrange(1 << 16), chance.randrange(1 << 16),
        _either(chance, odd, chance.randrange(1_000), (0, 0xFFFF_FFF0, 0xFFFF_FFFE, MOST_IDR)),
        _balance(chance, odd, limits.main),
        transit=chance.randbytes(29), parking=chance.randbytes(7),
        routine=_balance(chance, odd, limits.routine) if limits.routine else 0,
        periodic=_balance(chance, odd, limits.periodic) if limits.periodic else 0,
    )  # fmt: skip
    identity = _identity(chance)
    bare = odd and chance.random() < BARE
    return Issued(CardData(image, keys, limits, None if bare else identity))


def issue_sam(chance: Random, odd: bool = True) -> IssuedSam:
    """Return a random SAM that holds some issuers' key sets."""
    may = May(chance.randrange(16)) if odd and chance.random() < 0.4 else EVERYTHING
    roles = [(issuer, role) for issuer in ISSUERS for role in (Role.debit, Role.load)]
    held = chance.sample(roles, chance.randrange(1, len(roles) + 1)) if odd else roles
    masters = {
        IssuerKeys(issuer, role, 1): KEYS.issuer_master(issuer, role) for issuer, role in held
    }
    ceiling_idr = _either(chance, odd, 500_000, (0, 0, 1, 100_000, 0x8000_0000, MOST_IDR))
    data = SamData(
        chance.randrange(1 << 32), chance.randrange(1 << 32), may, masters, chance.randbytes(16),
        operator=chance.randrange(1 << 16), category=chance.randrange(1 << 16),
        ceiling_idr=ceiling_idr, counter=_either(chance, odd, 7, (0, 0xFFFF_FFFC, MOST_IDR)),
    )  # fmt: skip
    return IssuedSam(data)


def gate_sam(issuer: int, terminal: int, chance: Random) -> Sam:
    """Return the Python SAM of a gate that may debit and load an issuer's cards."""
    masters = {
        IssuerKeys(issuer, role, 1): KEYS.issuer_master(issuer, role)
        for role in (Role.debit, Role.load)
    }
    return Sam(50_000_000 + terminal, terminal, masters, EVERYTHING, drawn(chance.randbytes(8)))


def _either(chance: Random, odd: bool, plain: int, borders: tuple[int, ...]) -> int:
    return chance.choice(borders) if odd and chance.random() < 0.3 else plain


def _limits(chance: Random, odd: bool) -> Limits:
    main = chance.choice((UNREGISTERED_IDR, REGISTERED_IDR))
    main = _either(chance, odd, main, (MOST_IDR, 0x8000_0000, 0x7FFF_FFFF))
    schools = [_either(chance, odd, SCHOOL_IDR, (0, 0, MOST_IDR)) for _ in range(2)]
    counts = (chance.choice((0, 1, 8)) if odd else 8 for _ in range(2))
    categories = [tuple(chance.randrange(1, 1 << 16) for _ in range(count)) for count in counts]
    return Limits(main, schools[0], schools[1], categories[0], categories[1])


def _balance(chance: Random, odd: bool, limit: int) -> int:
    plain = min(limit // 2, 900_000) - chance.randrange(100_000) * (limit > 1_000_000)
    return _either(chance, odd, plain, (0, 1, limit - 1, limit))


def _identity(chance: Random) -> IdentityData:
    numbers = chance.sample(range(1, 1 << 16), chance.randrange(9))
    parties = tuple(
        Party(party, Rights(_rights(chance)), chance.randbytes(16), chance.randbytes(16))
        for party in numbers
    )
    return IdentityData(
        chance.randbytes(16), chance.random() < 0.7, chance.randrange(1 << 16),
        chance.choice((0, 3, 15)), chance.randrange(1 << 16), chance.randbytes(32), parties,
    )  # fmt: skip


def _rights(chance: Random) -> int:
    return chance.choice((0x8F, 0x8F, 0, chance.randrange(16), 0x80 | chance.randrange(16)))
