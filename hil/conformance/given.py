"""The cards and SAMs that cases need, under test keys that anybody can derive."""

from __future__ import annotations

from functools import partial
from typing import Any

from scheme.identity import IdentityData, Party, Rights
from scheme.image import CardKeys, Image, Limits
from scheme.keys import Role, TestKeys
from scheme.personalisation import CardData
from scheme.sam import IssuerKeys, May
from scheme.sam_personalisation import SamData

KEYS = TestKeys(0)
ISSUER, OTHER_ISSUER = 1016, 1026
CARD, NT, BALANCE, LIMIT = 9_810_160_000_000_010, 7, 100_000, 2_000_000
TRANSIT, PARKING = bytes(range(0x41, 0x5E)), bytes(range(0x61, 0x68))
ROUTINE, ROUTINE_LIMIT, ROUTINE_CATEGORIES = 50_000, 500_000, (5411, 5942)
PERIODIC, PERIODIC_LIMIT, PERIODIC_CATEGORIES = 30_000, 1_000_000, (8299,)
NT_MAX = 0xFFFF_FFFF

SAM_NUMBER, SAM_TERMINAL, SAM_COUNTER = 50_000_018, 18, 76
OPERATOR, CATEGORY, CEILING = 2009, 5411, 100_000
EVERYTHING = May.debit | May.transit | May.parking | May.load

REFERENCE, REGION, GROUP, GROUP_EXPIRY = bytes(range(16)), 3171, 3, 20_700
PHOTO = bytes(range(0xC0, 0xE0))
BANK, CLINIC, LIBRARY, STRANGER = 4001, 4002, 4003, 4004
RIGHTS = {
    BANK: Rights.over_18 | Rights.resident_of | Rights.photo_digest | Rights.pseudonym,
    CLINIC: Rights.entitled_to | Rights.pseudonym,
    LIBRARY: Rights.over_18,
}

IDENTITY_DATA = IdentityData(
    REFERENCE, True, REGION, GROUP, GROUP_EXPIRY, PHOTO,
    tuple(
        Party(party, rights, KEYS.party_authentication_key(party), KEYS.party_pseudonym_key(party))
        for party, rights in RIGHTS.items()
    ),
)  # fmt: skip
LIMITS = Limits(LIMIT, ROUTINE_LIMIT, PERIODIC_LIMIT, ROUTINE_CATEGORIES, PERIODIC_CATEGORIES)


def plain(
    limits: Limits = LIMITS, identity: IdentityData | None = IDENTITY_DATA, **changes: Any
) -> CardData:
    """Return a card with money on every purse and an identity, with the changes named."""
    image = Image(
        card=CARD, issuer=ISSUER, profile=1, status=0, key_version=1, group=GROUP,
        group_expiry=GROUP_EXPIRY, expiry=40_000, nt=NT, balance=BALANCE, transit=TRANSIT,
        parking=PARKING, routine=ROUTINE, periodic=PERIODIC,
    )._replace(**changes)  # fmt: skip
    version = image.key_version
    masters = partial(KEYS.issuer_master, image.issuer, version=version)
    keys = CardKeys.of(masters, image.card, image.issuer, version)
    return CardData(image, keys, limits, identity)


def sam(may: May = EVERYTHING, ceiling_idr: int = CEILING, counter: int = SAM_COUNTER) -> SamData:
    """Return a SAM with the debit and load keys of one issuer, and debit keys of version 2."""
    masters = {
        IssuerKeys(ISSUER, role, version): KEYS.issuer_master(ISSUER, role, version)
        for role, version in ((Role.debit, 1), (Role.load, 1), (Role.debit, 2))
    }
    return SamData(
        SAM_NUMBER, SAM_TERMINAL, may, masters, KEYS.sam_receipt_key(SAM_NUMBER),
        OPERATOR, CATEGORY, ceiling_idr, counter,
    )  # fmt: skip


EIGHT = tuple(range(CATEGORY - 7, CATEGORY + 1))
EIGHT_CATEGORIES = plain(LIMITS._replace(routine_categories=EIGHT))
EIGHT_PARTIES = plain(
    identity=IDENTITY_DATA._replace(
        parties=tuple(
            Party(
                party, Rights.over_18, KEYS.party_authentication_key(party),
                KEYS.party_pseudonym_key(party),
            )
            for party in range(BANK, BANK + 8)
        )
    )
)  # fmt: skip
PLAIN = plain()
PURSE_ALONE = plain(identity=None)
NO_AID = plain(Limits(LIMIT), routine=0, periodic=0)
PLAIN_SAM = sam()
SIXTEEN_SETS = PLAIN_SAM._replace(
    masters={
        IssuerKeys(issuer, Role.debit, 1): KEYS.issuer_master(issuer, Role.debit, 1)
        for issuer in range(ISSUER - 15, ISSUER + 1)
    }
)
