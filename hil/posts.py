"""The rack at work: every place with its readers open and its SAM in, and the cards of the slice.

Cards are Python purses and so are SAMs, each with the run's test keys; a reader must let a program
change its card. Which tap is next, and whether it was right, is `hil.play`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from hil.rack import RackFile
from hil.reader import CardHolder, Reader, open_reader
from hil.readers.fault import FaultReader, wrap
from hil.readers.model import fresh_challenge
from hil.slices import RackTerminal, Slice
from hil.validator import TornMemory, Validator
from scheme.errors import InventoryError, ReaderError
from scheme.image import CardKeys, Image, Limits
from scheme.keys import Role, TestKeys
from scheme.purse import Purse
from scheme.sam import IssuerKeys, May, Sam
from scheme.services import LOADS, PARKING, TRANSIT, Service


class Post(NamedTuple):
    """A place of the rack at work."""

    reader: FaultReader
    sam: Reader
    validator: Validator


class Deck:
    """The cards of a slice. Each begins as the plan has it and stays as its taps leave it."""

    def __init__(
        self, images: Mapping[int, Image], limits_idr: Mapping[int, int], keys: TestKeys
    ) -> None:
        self._images = images
        self._limits_idr = limits_idr
        self._keys = keys
        self._cards: dict[int, Purse] = {}

    def card(self, number: int) -> Purse:
        """Return a card as it is now."""
        if number not in self._cards:
            self._cards[number] = self._made(self._images[number])
        return self._cards[number]

    def _made(self, image: Image) -> Purse:
        def master(role: Role) -> bytes:
            return self._keys.issuer_master(image.issuer, role, image.key_version)

        keys = CardKeys.of(master, image.card, image.issuer, image.key_version)
        return Purse(image, keys, fresh_challenge, Limits(self._limits_idr[image.profile]))


def open_posts(part: Slice, rack: RackFile, keys: TestKeys) -> dict[str, Post]:
    """Return the posts of a slice, by the name of their place.

    Raises:
        InventoryError: If the rack lacks a place of the slice, or has another gate there.
        ReaderError: If a reader cannot be opened, or its card not be changed.
    """
    sets = {(image.issuer, image.key_version) for image in part.cards.values()}
    memories: dict[tuple[int, int, int], TornMemory] = {}
    posts: dict[str, Post] = {}
    for name, terminal in part.terminals.items():
        place, facts = rack.place(name), terminal.facts
        if (place.service, place.direction) != (facts.service, facts.direction):
            raise InventoryError(
                f'place "{name}" in {rack.path}: expected {facts.service.name} '
                f"{facts.direction.name} as in the plan, got {place.service.name} "
                f"{place.direction.name}; generate the city again with this rack"
            )
        reader, sam = wrap(open_reader(place.reader)), open_reader(place.sam)
        _holder(sam).insert(_sam(terminal, sets, keys))
        # Gates of one station and direction know of each other's torn taps (R8).
        key = (int(facts.service), facts.place, int(facts.direction))
        memory = memories.setdefault(key, {})
        posts[name] = Post(reader, sam, Validator(terminal.number, facts, reader, sam, memory))
    return posts


def may_of(service: Service) -> May:
    """Return what the SAM of a service's terminals may sign."""
    if service in TRANSIT:
        return May.transit
    if service in PARKING:
        return May.parking
    return May.load if service in LOADS else May.debit


def _sam(terminal: RackTerminal, sets: set[tuple[int, int]], keys: TestKeys) -> Sam:
    """Return a SAM with the debit keys of issuers and versions, and load keys where it loads."""
    service = terminal.facts.service
    roles = (Role.debit, Role.load) if service in LOADS else (Role.debit,)
    masters = {
        IssuerKeys(issuer, role, version): keys.issuer_master(issuer, role, version)
        for issuer, version in sets
        for role in roles
    }
    return Sam(terminal.sam, terminal.number, masters, may_of(service), fresh_challenge)


def _holder(reader: Reader) -> CardHolder:
    if not isinstance(reader, CardHolder):
        raise ReaderError(
            f'reader "{reader.url}": expected one whose card a program can change; '
            "only model:// can be played so far"
        )
    return reader
