"""The rack at work: every place with its readers open and its SAM in, and the cards of the slice.

Cards and SAMs are issued by the readers they lie in, under the run's test keys: Python's or Java's,
as the URL says. A reader must let a program change its card. Which tap is next, and whether it was
right, is `hil.play`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from typing import NamedTuple

from hil.faults.evidence import FaultLog
from hil.fpga.tears import Tears, TimedFaults
from hil.issuing import may_of
from hil.rack import RackFile, RackPlace, kind_of
from hil.reader import Card, CardHolder, CountsCommands, Reader, open_reader
from hil.readers.fault import FaultReader, wrap
from hil.slices import RackTerminal, Slice
from hil.validator.terminal import TornMemory, Validator
from scheme.errors import InventoryError, ReaderError
from scheme.image import CardKeys, Image, Limits
from scheme.keys import Role, TestKeys
from scheme.personalisation import CardData
from scheme.sam import IssuerKeys
from scheme.sam_personalisation import SamData
from scheme.services import LOADS

NO_TEARS: Mapping[str, Tears] = {}


class Post(NamedTuple):
    """A place of the rack at work; `device` is the reader without what is wrapped round it."""

    reader: FaultReader
    sam: Reader
    validator: Validator
    device: Reader


class Deck:
    """The cards of a slice. Each begins as the plan has it and stays as its taps leave it."""

    def __init__(
        self, images: Mapping[int, Image], limits_idr: Mapping[int, int], keys: TestKeys
    ) -> None:
        self._images = images
        self._limits_idr = limits_idr
        self._keys = keys
        self._cards: dict[int, Card] = {}

    def card(self, number: int, reader: CardHolder) -> Card:
        """Return a card as it is now; a reader of its kind issues it, the first time."""
        if number not in self._cards:
            self._cards[number] = reader.issue(self._data(self._images[number]))
        return self._cards[number]

    def _data(self, image: Image) -> CardData:
        def master(role: Role) -> bytes:
            return self._keys.issuer_master(image.issuer, role, image.key_version)

        keys = CardKeys.of(master, image.card, image.issuer, image.key_version)
        return CardData(image, keys, Limits(self._limits_idr[image.profile]))


def open_posts(
    part: Slice, rack: RackFile, keys: TestKeys, tears: Mapping[str, Tears] = NO_TEARS
) -> dict[str, Post]:
    """Return the posts of a slice, by the name of their place.

    Args:
        tears: Timers that tear for the places that have the feature and name them.

    Raises:
        InventoryError: If the rack lacks a place of the slice, or has another gate there.
        ReaderError: If a reader cannot be opened, or its card not be changed.
    """
    _check_kinds(part, rack)
    sets = {(image.issuer, image.key_version) for image in part.cards.values()}
    memories: dict[tuple[int, int, int], TornMemory] = {}
    posts: dict[str, Post] = {}
    try:
        for name, terminal in part.terminals.items():
            place, facts = rack.place(name), terminal.facts
            _check_gate(rack, place, terminal)
            # Gates of one station and direction know of each other's torn taps (R8).
            key = (int(facts.service), facts.place, int(facts.direction))
            memory = memories.setdefault(key, {})
            posts[name] = _open_post(
                place, terminal, _sam(terminal, sets, keys), memory, tears
            )
    except BaseException:
        close_posts(posts)
        raise
    return posts


def try_readers(rack: RackFile) -> None:
    """Open every reader of a rack and let it go, so that one that fails does so before a run."""
    with ExitStack() as opened:
        for place in rack.places:
            for url in filter(None, (place.reader, place.sam)):
                opened.callback(open_reader(url).close)


def close_posts(posts: Mapping[str, Post]) -> None:
    """Let go of every reader."""
    for post in posts.values():
        post.reader.close()
        post.sam.close()


def _open_post(
    place: RackPlace,
    terminal: RackTerminal,
    data: SamData,
    memory: TornMemory,
    tears: Mapping[str, Tears],
) -> Post:
    with ExitStack() as opened:
        device, sam = open_reader(place.reader), open_reader(place.sam)
        reader = _faulty(device, place, tears)
        opened.callback(reader.close)
        opened.callback(sam.close)
        _holder(reader)
        holder = _holder(sam)
        holder.insert(holder.issue(data))
        opened.pop_all()
    validator = Validator(terminal.number, terminal.facts, reader, sam, memory)
    return Post(reader, sam, validator, device)


def _faulty(device: Reader, place: RackPlace, tears: Mapping[str, Tears]) -> FaultReader:
    """Return a reader wrapped: its tears are made by the place's timer, if it has one for them."""
    timer, channel = place.parts.get("timer", ("", 0))
    if "tear" in place.features and timer in tears:
        return TimedFaults(device, tears[timer], channel)
    return wrap(device)


def carried(posts: Iterable[Post]) -> dict[str, int]:
    """Return how many APDUs, by how many host commands, went through chips that count them."""
    chips = [post.device for post in posts if isinstance(post.device, CountsCommands)]
    if not chips:
        return {}
    return {
        "apdus": sum(chip.apdus for chip in chips),
        "host_commands": sum(chip.host_commands for chip in chips),
    }


def fault_logs(posts: Iterable[Post]) -> tuple[list[FaultLog], list[FaultLog]]:
    """Return the logs of the faults that the plan asks for, and that the rack file does."""
    standing = list(posts)
    asked = [
        unit.log
        for post in standing
        for unit in (post.device, post.sam)
        if isinstance(unit, FaultReader)
    ]
    return [post.reader.log for post in standing], asked


def _check_gate(rack: RackFile, place: RackPlace, terminal: RackTerminal) -> None:
    facts = terminal.facts
    if not place.sam:
        raise InventoryError(
            f'place "{place.name}" in {rack.path}: expected a SAM to play taps with, got none'
        )
    if (place.service, place.direction) != (facts.service, facts.direction):
        raise InventoryError(
            f'place "{place.name}" in {rack.path}: expected {facts.service.name} '
            f"{facts.direction.name} as in the plan, got {place.service.name} "
            f"{place.direction.name}; generate the city again with this rack"
        )


def _check_kinds(part: Slice, rack: RackFile) -> None:
    """Raise InventoryError if a card would have to be of two kinds: no card changes its nature."""
    first: dict[int, str] = {}
    for tap in part.taps:
        name = first.setdefault(tap.card, tap.rack_place)
        before, now = (kind_of(rack.place(place).reader)[1] for place in (name, tap.rack_place))
        if before != now:
            raise InventoryError(
                f'{rack.path}: expected cards of one kind at "{name}" and "{tap.rack_place}", '
                f"where the same cards are presented, got {before} and {now}"
            )


def _sam(terminal: RackTerminal, sets: set[tuple[int, int]], keys: TestKeys) -> SamData:
    """Return a SAM with the debit keys of issuers and versions, and load keys where it loads."""
    service = terminal.facts.service
    roles = (Role.debit, Role.load) if service in LOADS else (Role.debit,)
    masters = {
        IssuerKeys(issuer, role, version): keys.issuer_master(issuer, role, version)
        for issuer, version in sets
        for role in roles
    }
    receipts = keys.sam_receipt_key(terminal.sam)
    return SamData(terminal.sam, terminal.number, may_of(service), masters, receipts)


def _holder(reader: Reader) -> CardHolder:
    if not isinstance(reader, CardHolder):
        raise ReaderError(
            f'reader "{reader.url}": expected one whose card a program can change; '
            "such are model://, java://, and vpcd://, pcsc:// and pn532:// without an address"
        )
    return reader
