"""The test card with which a reader begins that has a card of its own: keys of seed 0."""

from __future__ import annotations

import hashlib

from scheme.identity import IdentityData, Party, Rights
from scheme.image import CardKeys, Image, Limits
from scheme.keys import TestKeys
from scheme.personalisation import CardData

OWN_SEED = 0
OWN_IMAGE = Image(
    card=9810160000000010, issuer=1016, profile=1, status=0, key_version=1, group=0,
    group_expiry=0, expiry=40_000, nt=0, balance=100_000,
)  # fmt: skip
OWN_LIMIT_IDR = 2_000_000  # PBI 20/6/2018, unregistered
RESIDENT_OF = 31  # Jakarta, BPS's number of the province
PARTY = 1
EVERYTHING = (
    Rights.over_18
    | Rights.resident_of
    | Rights.entitled_to
    | Rights.photo_digest
    | Rights.pseudonym
)


def own_card_data() -> CardData:
    """Return what the card is issued with: a main purse, and an identity that party 1 may read."""
    keys = TestKeys(OWN_SEED)
    on_card = CardKeys.of(
        lambda role: keys.issuer_master(OWN_IMAGE.issuer, role),
        OWN_IMAGE.card,
        OWN_IMAGE.issuer,
        OWN_IMAGE.key_version,
    )
    party = Party(
        PARTY, EVERYTHING, keys.party_authentication_key(PARTY), keys.party_pseudonym_key(PARTY)
    )
    identity = IdentityData(
        reference=hashlib.sha256(b"the person of the own card").digest()[:16],
        over_18=True,
        resident_of=RESIDENT_OF,
        group=OWN_IMAGE.group,
        group_expiry=OWN_IMAGE.group_expiry,
        photo_digest=hashlib.sha256(b"the picture of the own card").digest(),
        parties=(party,),
    )
    return CardData(OWN_IMAGE, on_card, Limits(OWN_LIMIT_IDR), identity)
