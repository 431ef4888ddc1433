"""The door to every reader: a URL in, a `Reader` out.

    model://            the Python purse, one of its own in the field from the start
    model://CARD.json   the Python purse of a card file, as `card issue` wrote it
    java://             the applet in a JVM, likewise
    vpcd://             we play vpcd; a virtual card comes to us over TCP, our own or anybody's
    pcsc://NAME         a PC/SC reader by its name or a part of it; bare, a virtual one of our own
    pn532:///dev/...    a PN532 on a serial port; bare, an emulated one of our own
    replay://FILE       a trace that answers as it once was answered
    agent+https://HOST/PLACE  the reader of a place of another machine's rack, over its agent
    DRIVER://empty      model, java, vpcd, pcsc and pn532 with nobody in the field
    fault+URL           a wrapper at which something goes wrong where it is told to: hil.faults.plan
    trace+URL           a wrapper that writes every exchange to the file of `?trace=FILE`

The part before `://` picks the module in `hil.readers`; readers of others come by the entry point
`jakarta_one.readers`. Options follow a question mark: each wrapper takes those it knows, the driver
gets the rest. Which card is which, and what a tap means, is not known here.
"""

from __future__ import annotations

import difflib
import importlib
from collections.abc import Callable
from importlib.metadata import entry_points
from types import ModuleType
from typing import Protocol, runtime_checkable

from hil.address import join_options, split_options
from hil.exchange import Exchange
from scheme.errors import InventoryError, ReaderError
from scheme.personalisation import CardData
from scheme.sam_personalisation import SamData

SHIPPED = ("model", "java", "vpcd", "pcsc", "pn532", "replay")
WRAPPERS = ("fault", "trace")
REMOTE = "agent"
REMOTE_SCHEMES = ("agent+https", "agent+http")
ENTRY_POINT = "jakarta_one.readers"


class Card(Protocol):
    """What can lie in the field of a reader whose cards are programs: a card or a SAM.

    It is also what `CardHolder.issue` gives back, so that the same card can be put in again.
    """

    def answer(self, apdu: bytes) -> bytes:
        """Return the answer to a command."""
        ...

    def reset(self) -> None:
        """Forget what power loss forgets."""
        ...


class Reader(Protocol):
    """A device that exchanges commands with the card in its field.

    Every method but `open` raises ReaderError on a reader that is not open.
    """

    @property
    def url(self) -> str:
        """The URL it was opened by."""
        ...

    def open(self) -> None:
        """Take hold of the device."""
        ...

    def close(self) -> None:
        """Let the device go; again is no fault."""
        ...

    def transceive(self, apdu: bytes) -> Exchange:
        """Return the card's answer; raise CardGoneError if there is no card, or none any more."""
        ...

    def field_off(self) -> None:
        """Take power from the card, so that it forgets its session."""
        ...


@runtime_checkable
class CardHolder(Reader, Protocol):
    """A reader whose card a program can change.

    A card that was issued and taken out stays as its exchanges left it, until it is put in again.
    """

    def issue(self, data: CardData | SamData) -> Card:
        """Return a fresh card or SAM, personalised, of the kind this reader holds; not put in."""
        ...

    def insert(self, card: Card) -> None:
        """Put a card that this kind of reader issued into the field, in place of the one there."""
        ...

    def remove(self) -> None:
        """Take the card out of the field."""
        ...


@runtime_checkable
class CountsCommands(Protocol):
    """A reader that counts what its chip is told for the sake of the card.

    Attributes:
        apdus: How many commands for a card it carried.
        host_commands: How many commands the chip was sent to carry them; activation is apart.
    """

    apdus: int
    host_commands: int


@runtime_checkable
class SeesCards(Protocol):
    """A reader to which cards come by themselves, and which sees them come."""

    def detect(self, timeout_s: float) -> int:
        """Return the instant at which a card was seen; raise CardGoneError if none came in time."""
        ...


def await_card(reader: Reader, timeout_s: float) -> None:
    """Wait for a card to come to a reader that can see one; raises CardGoneError if none does."""
    if isinstance(reader, SeesCards):
        reader.detect(timeout_s)


@runtime_checkable
class TellsUid(Protocol):
    """A reader that tells the UID of a card, if the card has one."""

    def uid(self) -> bytes | None:
        """Return the UID that the card took when it last got power, None where none is told.

        Without a card it raises as `transceive` does.
        """
        ...


def uid_of(reader: Reader) -> bytes | None:
    """Return the UID of the card in a reader's field, None where the reader tells none."""
    return reader.uid() if isinstance(reader, TellsUid) else None


def open_reader(url: str) -> Reader:
    """Return the reader of a URL, open.

    Raises:
        InventoryError: If no driver is of that name; names those there are.
        ReaderError: If the device could not be opened.
    """
    reader = make_reader(url)
    reader.open()
    return reader


def make_reader(url: str) -> Reader:
    """Return the reader of a URL, not opened yet; raises InventoryError as `open_reader` does."""
    check_url(url)
    scheme, _, address = url.partition("://")
    if scheme in REMOTE_SCHEMES:
        remote: Reader = _module(REMOTE).make(url)
        return remote
    wrapper, plus, inner = scheme.partition("+")
    if not plus:
        return _maker(scheme)(address)
    module = _module(wrapper)
    place, options = split_options(address)
    own = {name: options.pop(name) for name in module.OPTIONS if name in options}
    wrapped: Reader = module.wrap(make_reader(f"{inner}://{join_options(place, options)}"), **own)
    return wrapped


def check_url(url: str) -> None:
    """Raise InventoryError unless a driver answers for each part before `://`."""
    scheme, separator, _ = url.partition("://")
    *wrappers, driver = scheme.split("+")
    known_drivers = drivers()
    if "+".join([*wrappers[-1:], driver]) in REMOTE_SCHEMES:
        driver, known_drivers = wrappers.pop(), (REMOTE,)
    if not separator:
        raise InventoryError(f'reader "{url}": expected a URL such as model://, got no "://"')
    for name, known in [(w, WRAPPERS) for w in wrappers] + [(driver, known_drivers)]:
        if name not in known:
            near = difflib.get_close_matches(name, known, 1)
            hint = f'; did you mean "{near[0]}"?' if near else ""
            raise InventoryError(f'no reader driver "{name}"; there are: {", ".join(known)}{hint}')


def held(reader: Reader) -> CardHolder:
    """Return a reader as one whose card a program can change; raises ReaderError if it cannot."""
    if not isinstance(reader, CardHolder):
        raise ReaderError(
            f'reader "{reader.url}": expected one whose card a program can change; '
            "change it by hand"
        )
    return reader


def drivers() -> tuple[str, ...]:
    """Return the names of all reader drivers, ours first."""
    return SHIPPED + tuple(sorted(point.name for point in entry_points(group=ENTRY_POINT)))


def _maker(name: str) -> Callable[[str], Reader]:
    if name in SHIPPED:
        maker: Callable[[str], Reader] = _module(name).make
        return maker
    (point,) = entry_points(group=ENTRY_POINT, name=name)
    loaded: Callable[[str], Reader] = point.load()
    return loaded


def _module(name: str) -> ModuleType:
    return importlib.import_module(f"hil.readers.{name}")
