"""What an agent and its callers say to each other: JSON, bytes in base64."""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from hil.exchange import Exchange
from scheme.errors import BadInputError
from scheme.keys import Role
from scheme.personalisation import CardData
from scheme.sam import IssuerKeys, May
from scheme.sam_personalisation import SamData

PREFIX = "/v1"
BODY_MAX = 1 << 16


def is_token(text: str) -> bool:
    """Return whether a token can stand in a header: nothing invisible, so no line end either."""
    return text.isascii() and text.isprintable()


class PlaceLease(msgspec.Struct):
    """Who has a place, since when and for how long yet."""

    owner: str
    run: str
    age_s: float
    left_s: float


class PlaceTold(msgspec.Struct):
    """A place that an agent offers."""

    place: str
    reader: str
    sam: bool
    simulated: bool
    features: tuple[str, ...]
    quarantine: str
    lease: PlaceLease | None


class Wanted(msgspec.Struct, forbid_unknown_fields=True):
    """What a lease is asked for: PLACE for its reader, PLACE/sam for its SAM's."""

    place: str
    owner: str
    run: str
    seconds: float


class Leased(msgspec.Struct):
    """A lease: its owner beats at least every `heartbeat_s`."""

    lease: str
    seconds: float
    heartbeat_s: float


class Apdu(msgspec.Struct, forbid_unknown_fields=True):
    """A command for the card."""

    apdu: bytes


class Answered(msgspec.Struct):
    """The card's answer, and how long it took at the agent, in nanoseconds."""

    response: bytes
    took_ns: int

    @classmethod
    def of(cls, exchange: Exchange) -> Answered:
        """Return what is told of an exchange."""
        return cls(exchange.response, exchange.received_ns - exchange.sent_ns)


class Fault(msgspec.Struct):
    """What went wrong: `kind` is gone, lost, reader or input."""

    kind: str
    said: str


class Handle(msgspec.Struct, forbid_unknown_fields=True):
    """A card that was issued at the agent."""

    card: int


class KeySet(NamedTuple):
    """A key set of a SAM."""

    issuer: int
    role: int
    version: int
    master: bytes


class SamWords(msgspec.Struct, forbid_unknown_fields=True):
    """What a SAM is issued with; a map cannot have such keys in JSON."""

    sam: int
    terminal: int
    may: int
    masters: list[KeySet]
    receipt_key: bytes
    operator: int
    category: int
    ceiling_idr: int
    counter: int


class Issued(msgspec.Struct, forbid_unknown_fields=True):
    """What is to be issued: a card or a SAM."""

    card: CardData | None = None
    sam: SamWords | None = None


def issued(data: CardData | SamData) -> Issued:
    """Return what is told of a card or a SAM that is to be issued."""
    if isinstance(data, CardData):
        return Issued(card=data)
    sets = [KeySet(*which, master) for which, master in data.masters.items()]
    words = data._asdict() | {"masters": sets, "may": int(data.may)}
    return Issued(sam=SamWords(**words))


def data_of(told: Issued) -> CardData | SamData | None:
    """Return what is to be issued, None if that is nothing or both; raises BadInputError."""
    if told.card is not None:
        return told.card if told.sam is None else None
    if told.sam is None:
        return None
    words = msgspec.structs.asdict(told.sam)
    try:
        sets = {
            IssuerKeys(each.issuer, Role(each.role), each.version): each.master
            for each in told.sam.masters
        }
        return SamData(**words | {"masters": sets, "may": May(told.sam.may)})
    except ValueError as error:
        raise BadInputError.at("issue", expected="roles and rights of a SAM", got=error) from error
