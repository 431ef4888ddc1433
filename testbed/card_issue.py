"""Issuing a test card: from a bank, a profile and a number to a card that says what it should.

The card gets its data by SELECT and STORE DATA and is read back; what it says must be what was
meant. Nothing is sent before every field has been checked.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import os
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from hil.address import EMPTY, split_options
from hil.cardfile import card_document, party_row
from hil.keyfile import MasterKeys, keys_of_seed, read_keys
from hil.own_card import RESIDENT_OF
from hil.reader import CardHolder, Reader, make_reader
from hil.readers.model import CARD_FILES
from hil.words import card_words, shipped_names
from scheme.apdu import parse_response, parse_selected, select_command
from scheme.cryptograms import KEY_SIZE, derive, fixed_input
from scheme.days import day_of
from scheme.errors import BadInputError, EnvironmentFaultError, PurseRefusedError
from scheme.identity import IdentityData, Party, identity_blocks
from scheme.image import CardKeys, Image, Limits
from scheme.keys import IDENTITY_AID, PURSE_AID, TestKeys
from scheme.money import rupiah
from scheme.numbers import SERIAL_MAX, card_numbers, check_digit_holds
from scheme.personalisation import CardData, purse_blocks
from scheme.status import Sw, meaning
from testbed.card_profile import (
    GROUP_MAX,
    CardProfile,
    bank_number,
    later,
    read_profile,
    relying_parties,
)
from testbed.card_read import Reading

GROUP_MONTHS = 6  # free rides are granted for 6 months (Pergub 33/2025 as reported)
CARD_DIGITS = 16


@dataclass(frozen=True)
class Wanted:
    """What card is wanted; a group of None is the profile's.

    Attributes:
        card: A card number of 16 digits, or a serial that becomes one.
        seed: The seed of test keys; not with a key file.
        issued: The date from which its expiry counts.
    """

    bank: str
    profile: str
    card: int
    issued: dt.date
    balance_idr: int = 0
    routine_idr: int = 0
    periodic_idr: int = 0
    group: int | None = None
    seed: int = 0
    key_file: Path | None = None


def card_data(wanted: Wanted) -> CardData:
    """Return the data of a card.

    Raises:
        BadInputError: If bank, profile, number, an amount or the keys do not go together.
    """
    issuer, profile = bank_number(wanted.bank), read_profile(wanted.profile)
    keys = _keys(wanted, issuer)
    card = _card_number(wanted.card, issuer)
    for name, amount, limit in (
        ("--balance", wanted.balance_idr, profile.limit_idr),
        ("--routine", wanted.routine_idr, profile.routine.limit_idr),
        ("--periodic", wanted.periodic_idr, profile.periodic.limit_idr),
    ):
        if not 0 <= amount <= limit:
            expected = f"Rp 0 to {rupiah(limit)}, the limit of profile {profile.name}"
            raise BadInputError.at(name, expected=expected, got=rupiah(amount))
    group, group_expiry = _group(wanted, profile)
    image = Image(
        card, issuer, profile.profile, 0, keys.version, group, group_expiry,
        profile.expiry(wanted.issued), 0, wanted.balance_idr,
        routine=wanted.routine_idr, periodic=wanted.periodic_idr,
    )  # fmt: skip
    limits = Limits(
        profile.limit_idr, profile.routine.limit_idr, profile.periodic.limit_idr,
        profile.routine.categories, profile.periodic.categories,
    )  # fmt: skip
    identity = _identity(wanted, card, group, group_expiry) if profile.identity else None
    return CardData(image, CardKeys.of(keys.master, card, issuer, keys.version), limits, identity)


def issue(reader: Reader, data: CardData) -> None:
    """Put a fresh card with the data into the reader, or personalise the one that lies there.

    Raises:
        PurseRefusedError: If the card refuses a block, as one does that is issued already.
        ReaderError: If there is no card, or the reader fails.
    """
    holder = holder_of(reader)
    if holder is not None:
        holder.insert(holder.issue(data))
        return
    _store(reader, PURSE_AID, purse_blocks(data))
    if data.identity is not None:
        _store(reader, IDENTITY_AID, identity_blocks(data.identity))
    reader.field_off()


def holder_of(reader: Reader) -> CardHolder | None:
    """Return a reader as one that makes its cards, None if its card is what somebody put there.

    A wrapper passes cards on to the reader within, whatever that is. A card that the URL names,
    by its file or its number, is meant itself, and no other in its place.
    """
    if _names_card(reader.url):
        return None
    within = make_reader(bare_url(reader.url))
    return reader if isinstance(within, CardHolder) and isinstance(reader, CardHolder) else None


def bare_url(url: str) -> str:
    """Return a reader's URL without its wrappers."""
    drivers, separator, address = url.partition("://")
    return drivers.rpartition("+")[2] + separator + address


def _names_card(url: str) -> bool:
    driver, _, address = bare_url(url).partition("://")
    place, _ = split_options(address)
    return "/" in place if driver == "java" else driver == "model" and place not in ("", EMPTY)


def check_issued(data: CardData, reading: Reading) -> None:
    """Raise PurseRefusedError unless a card says what it was issued with."""
    expected, got = parse_selected(data.image.said()), reading.selected
    for name, wanted, said in zip(expected._fields, expected, got, strict=True):
        if wanted != said:
            raise PurseRefusedError(
                f"card: read back another {name}: expected {wanted!r}, got {said!r}", Sw.wrong_data
            )


def check_out(path: Path, force: bool) -> None:
    """Raise BadInputError unless a card file can be written there that model:// opens again."""
    if path.suffix not in CARD_FILES:
        expected = f"a name in {' or '.join(CARD_FILES)}, by which model:// knows a card file"
        raise BadInputError.at("--out", expected=expected, got=path)
    check_free(path, force)


def write_card(path: Path, data: CardData, wanted: Wanted, force: bool) -> None:
    """Write the card file, whole or not at all.

    Raises:
        BadInputError: If it is there already and `force` is not given.
        EnvironmentFaultError: If it cannot be written.
    """
    check_free(path, force)
    keys: dict[str, Any] = {"test_keys_seed": wanted.seed}
    if wanted.key_file is not None:
        keys = {"key_file": os.path.relpath(wanted.key_file, path.parent)}
    bank = shipped_names().bank(data.image.issuer)
    title = f"{Path(wanted.profile).stem} card {card_words(data.image.card)} of {bank}"
    write_text(path, card_document(data, keys, title))


def check_free(path: Path, force: bool) -> None:
    """Raise BadInputError if a file is there that may not be replaced."""
    if path.is_dir() or (path.exists() and not force):
        got = "a folder" if path.is_dir() else "a file; --force replaces it"
        raise BadInputError.at(str(path), expected="no file yet", got=got)


def write_text(path: Path, text: str, mode: int = 0o644) -> None:
    """Write a file whole or not at all; raises EnvironmentFaultError if it cannot be written."""
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        beside.touch(mode)
        beside.write_text(text, encoding="utf-8")
        beside.replace(path)
    except OSError as error:
        beside.unlink(missing_ok=True)
        raise EnvironmentFaultError(f"{path}: expected to write it, got {error}") from error


def _keys(wanted: Wanted, issuer: int) -> MasterKeys:
    if wanted.key_file is None:
        return keys_of_seed(wanted.seed, issuer)
    keys = read_keys(wanted.key_file)
    if keys.issuer != issuer:
        raise BadInputError.at(
            keys.source, expected=f"the keys of {wanted.bank} ({issuer})", got=keys.issuer
        )
    return keys


def _card_number(given: int, issuer: int) -> int:
    if 0 < given <= SERIAL_MAX:
        return int(card_numbers(issuer, np.array([given], np.int64))[0])
    digits = f"{given:d}"
    if len(digits) != CARD_DIGITS or digits[2:6] != f"{issuer:04d}" or digits[:2] != "98":
        expected = f"a serial up to {SERIAL_MAX} or 16 digits that begin with 98{issuer:04d}"
        raise BadInputError.at("--card", expected=expected, got=f"{len(digits)} digits")
    if not check_digit_holds(given):
        raise BadInputError.at("--card", expected="a right check digit", got=digits[-1])
    return given


def _group(wanted: Wanted, profile: CardProfile) -> tuple[int, int]:
    if wanted.group is None:
        return profile.group, profile.group_expiry(wanted.issued)
    if not 0 <= wanted.group <= GROUP_MAX:
        expected = f"0 for none, or 1 to {GROUP_MAX}"
        raise BadInputError.at("--group", expected=expected, got=wanted.group)
    if not wanted.group:
        return 0, 0
    return wanted.group, day_of(later(wanted.issued, profile.group_months or GROUP_MONTHS))


def _identity(wanted: Wanted, card: int, group: int, group_expiry: int) -> IdentityData:
    """Return the identity of a made-up adult of Jakarta; parties' rows are there for test keys."""
    reference, rows = secrets.token_bytes(KEY_SIZE), tuple[Party, ...]()
    if wanted.key_file is None:
        seeded = TestKeys(wanted.seed)
        root = seeded.party_pseudonym_key(0)  # no party has the number 0
        reference = derive(root, fixed_input(b"reference", card.to_bytes(8, "big")))
        rows = tuple(party_row(seeded, *row) for row in relying_parties().items())
    photo = hashlib.sha256(b"no picture").digest()
    return IdentityData(reference, True, RESIDENT_OF, group, group_expiry, photo, rows)


def _store(reader: Reader, aid: bytes, blocks: tuple[bytes, ...]) -> None:
    """Select an application that is blank, which it answers with 6985, and store its blocks."""
    reader.transceive(select_command(aid).encode())
    for block in blocks:
        answer = parse_response(reader.transceive(block).response)
        if answer.sw != Sw.ok:
            raise PurseRefusedError(
                f"card: refused STORE DATA block {block[3]}: SW {meaning(answer.sw)}; only a card "
                "that is not issued yet takes it",
                answer.sw,
            )


