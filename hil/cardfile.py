"""The card file: what a test card was issued with, so that `model://FILE` has the same card again.

No key is in it: it names the seed of its test keys, or the key file of its issuer, by a path from
the card file's own folder. The card begins anew each time it is opened: what taps make of it is
not written back.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from hil.keyfile import MasterKeys, keys_of_seed, read_keys
from hil.marked import Marked, read_marked
from hil.words import day_words
from scheme.apdu import SLOT_SIZE, Slot
from scheme.days import day_of
from scheme.identity import IdentityData, Party, Rights
from scheme.image import CardKeys, Image, Limits
from scheme.keys import TestKeys
from scheme.layouts import CATEGORIES_MAX
from scheme.personalisation import CardData

FORMAT = "jakarta-one/card/1"
NEEDED = (
    "format", "keys", "card", "issuer", "profile", "key_version", "expiry", "balance_idr",
    "limit_idr",
)  # fmt: skip
OTHERS = (
    "title", "status", "group", "group_expiry", "nt", "transit", "parking", "routine", "periodic",
    "identity",
)  # fmt: skip
PURSE_KEYS = ("balance_idr", "limit_idr", "categories")
IDENTITY_KEYS = ("reference", "over_18", "resident_of", "photo_digest")
BITS_32 = (1 << 32) - 1
SEED_MAX = (1 << 63) - 1
DIGITS = 16


def read_card_file(path: Path) -> CardData:
    """Return the data of the card in a file.

    Raises:
        BadInputError: If it is no card file, its keys are not there, or a field may not be so.
    """
    top = read_marked(path, "card file", FORMAT)
    top.only(NEEDED, OTHERS)
    card, issuer = _card_number(top), top.number("issuer", 1, 9_999)
    version = top.number("key_version", 1, 255)
    row = top.mapping("keys")
    keys = _keys_of(row, path, issuer, version)
    group = _number(top, "group", 15)
    group_expiry = day_of(top.date("group_expiry")) if group else 0
    routine, periodic = _purse(top, "routine"), _purse(top, "periodic")
    limit = top.number("limit_idr", 1, BITS_32)
    image = Image(
        card, issuer, top.number("profile", 1, 2), _number(top, "status", 255), version, group,
        group_expiry, day_of(top.date("expiry")), _number(top, "nt", BITS_32),
        top.number("balance_idr", 0, limit),
        transit=_state(top, "transit", Slot.transit), parking=_state(top, "parking", Slot.parking),
        routine=routine[0], periodic=periodic[0],
    )  # fmt: skip
    return CardData(
        image,
        CardKeys.of(keys.master, card, issuer, version),
        Limits(limit, routine[1], periodic[1], routine[2], periodic[2]),
        _identity(top, row, group, group_expiry),
    )


def card_document(data: CardData, keys: dict[str, Any], title: str) -> str:
    """Return the text of a card file.

    Args:
        data: What the card was issued with.
        keys: `{"test_keys_seed": 7}` or `{"key_file": "keys.json"}`.
        title: What card it is, in words.
    """
    image, limits = data.image, data.limits
    document: dict[str, Any] = {
        "format": FORMAT, "title": title, "keys": keys, "card": f"{image.card:0{DIGITS}d}",
        "issuer": image.issuer, "profile": image.profile, "key_version": image.key_version,
        "expiry": day_words(image.expiry), "balance_idr": image.balance, "limit_idr": limits.main,
    }  # fmt: skip
    if image.group:
        document |= {"group": image.group, "group_expiry": day_words(image.group_expiry)}
    for name, held, limit, categories in (
        ("routine", image.routine, limits.routine, limits.routine_categories),
        ("periodic", image.periodic, limits.periodic, limits.periodic_categories),
    ):
        if limit:
            row = {"balance_idr": held, "limit_idr": limit, "categories": list(categories)}
            document[name] = row
    if data.identity is not None:
        identity = data.identity
        document["identity"] = {
            "reference": identity.reference.hex(), "over_18": identity.over_18,
            "resident_of": identity.resident_of, "photo_digest": identity.photo_digest.hex(),
            "parties": {str(row.party): int(row.rights) for row in identity.parties},
        }  # fmt: skip
    return json.dumps(document, indent=2) + "\n"


def party_row(keys: TestKeys, party: int, rights: Rights) -> Party:
    """Return a relying party's row under test keys."""
    return Party(
        party, rights, keys.party_authentication_key(party), keys.party_pseudonym_key(party)
    )


def _keys_of(row: Marked, path: Path, issuer: int, version: int) -> MasterKeys:
    row.only((), ("test_keys_seed", "key_file"))
    if row.has("key_file"):
        return read_keys(path.parent / row.text("key_file")).of(issuer, version)
    return keys_of_seed(row.number("test_keys_seed", 0, SEED_MAX), issuer, version)


def _card_number(top: Marked) -> int:
    text = top.text("card")
    if len(text) != DIGITS or not text.isdecimal():
        raise top.wrong("card", f"{DIGITS} digits in quotes", f"{len(text)} characters")
    return int(text)


def _number(top: Marked, key: str, high: int) -> int:
    return top.number(key, 0, high) if top.has(key) else 0


def _state(top: Marked, key: str, slot: Slot) -> bytes:
    return top.octets(key, SLOT_SIZE[slot]) if top.has(key) else bytes(SLOT_SIZE[slot])


def _purse(top: Marked, name: str) -> tuple[int, int, tuple[int, ...]]:
    """Return balance, limit and categories of a restricted purse, zeros if there is none."""
    if not top.has(name):
        return 0, 0, ()
    row = top.mapping(name)
    row.only(PURSE_KEYS)
    limit = row.number("limit_idr", 1, BITS_32)
    categories = row.numbers("categories", 1, 0xFFFF, CATEGORIES_MAX)
    return row.number("balance_idr", 0, limit), limit, categories


def _identity(top: Marked, keys: Marked, group: int, group_expiry: int) -> IdentityData | None:
    """Return the identity; its relying parties' keys come from a seed, or there are none."""
    if not top.has("identity"):
        return None
    row = top.mapping("identity")
    row.only(IDENTITY_KEYS, ("parties",))
    parties: tuple[Party, ...] = ()
    if row.has("parties") and keys.has("test_keys_seed"):
        rights = row.mapping("parties")
        for name in rights.names():
            if not name.isdecimal() or not 0 < int(name) <= 0xFFFF:
                raise rights.wrong(name, "the number of a relying party", f'"{name}"')
        seeded = TestKeys(keys.number("test_keys_seed", 0, SEED_MAX))
        parties = tuple(
            party_row(seeded, int(name), Rights(rights.number(name, 0, 255)))
            for name in rights.names()
        )
    return IdentityData(
        row.octets("reference", 16), row.flag("over_18"), row.number("resident_of", 0, 0xFFFF),
        group, group_expiry, row.octets("photo_digest", 32), parties,
    )  # fmt: skip
