"""What can go wrong at a reader, and how it is written: `KIND=VALUE@WHERE`.

    tear=lost@DEBIT         the card leaves before it hears the command
    tear=unheard@DEBIT      the card leaves after it, and its answer is lost
    tear=900us@DEBIT        the card leaves so long after the command began (hil.faults.air)
    tear=900ticks@DEBIT     likewise, in ticks of a timer, which fires it
    tear=write3@DEBIT       a Java card leaves while it writes its third persistent value
    cut=12@DEBIT            the wire goes dead after so many bytes of the answer
    delay=400@INIT          the answer is held back so many milliseconds
    corrupt=3@INIT          one bit of that byte of the answer is wrong
    duplicate=2@DEBIT       the card hears the command so many times
    swallow=500@DEBIT       the card answers, and the reader gives up so many ms later, unheard
    collide=@SELECT         a second card in the field
    unplug=@DEBIT           the reader goes away, until it is opened again

WHERE is an instruction, several joined by `|`, or ANY; `.3` behind it means the third such command.
On a wire that we have both ends of (pn532:// and vpcd:// with a card of their own) a fault is made
there, and everywhere else above it.
"""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple

from scheme.apdu import Ins
from scheme.errors import BadInputError


class Kind(Enum):
    """What goes wrong."""

    tear = "tear"
    cut = "cut"
    delay = "delay"
    corrupt = "corrupt"
    duplicate = "duplicate"
    swallow = "swallow"
    collide = "collide"
    unplug = "unplug"


class Tear(Enum):
    """Where an exchange is torn."""

    lost = "lost"
    unheard = "unheard"
    us = "us"
    write = "write"
    ticks = "ticks"


NUMBERED = {Kind.cut: 0, Kind.delay: 0, Kind.corrupt: 0, Kind.duplicate: 2, Kind.swallow: 0}
"""The kinds whose value is a number, and the least it may be."""
NUMBER_MAX = 1_000_000
TEARS = "lost, unheard, 900us, write3 or 900ticks"
ANY = "ANY"
INSTRUCTIONS = {ins.name.upper(): ins for ins in Ins}


class Fault(NamedTuple):
    """A fault that is to happen once.

    Attributes:
        kind: What goes wrong.
        at: At which instructions; none means at any.
        number: The number in its value, 0 where it has none.
        tear: Of a tear, where.
        nth: At which of those commands, from 1.
    """

    kind: Kind
    at: frozenset[Ins] = frozenset()
    number: int = 0
    tear: Tear | None = None
    nth: int = 1

    def __str__(self) -> str:
        value = str(self.number) if self.kind in NUMBERED else ""
        if self.tear is not None:
            value = {
                Tear.us: f"{self.number}us",
                Tear.write: f"write{self.number}",
                Tear.ticks: f"{self.number}ticks",
            }.get(self.tear, self.tear.value)
        where = "|".join(sorted(ins.name.upper() for ins in self.at)) or ANY
        nth = f".{self.nth}" if self.nth > 1 else ""
        return f"{self.kind.value}={value}@{where}{nth}"


def torn(tear: Tear, *at: Ins, number: int = 0) -> Fault:
    """Return a tear at the next command of one of the instructions."""
    return Fault(Kind.tear, frozenset(at), number, tear)


def parse_fault(kind: str, text: str, where: str) -> Fault:
    """Return a fault as it is written.

    Args:
        text: `VALUE@WHERE`.
        where: Names the option in an error.

    Raises:
        BadInputError: If it is none; says what was expected.
    """
    value, at_sign, place = text.rpartition("@")
    if not at_sign:
        raise BadInputError.at(where, expected=f"{kind}=VALUE@INSTRUCTION", got=text)
    names, _, nth = place.partition(".")
    if nth and not (nth.isdecimal() and 0 < int(nth) <= NUMBER_MAX):
        raise BadInputError.at(where, expected="a number from 1 behind the dot", got=place)
    at, known = instructions(names, where), Kind(kind)
    tear, number = _valued(known, value, where)
    return Fault(known, at, number, tear, int(nth or 1))


def instructions(names: str, where: str) -> frozenset[Ins]:
    """Return the instructions of names joined by `|`, none of ANY; raises BadInputError."""
    return frozenset(_instruction(name, where) for name in names.split("|") if name != ANY)


def _instruction(name: str, where: str) -> Ins:
    ins = INSTRUCTIONS.get(name.upper())
    if ins is None:
        known = ", ".join([*INSTRUCTIONS, ANY])
        raise BadInputError.at(where, expected=f"an instruction of {known}", got=name or "nothing")
    return ins


def _valued(kind: Kind, value: str, where: str) -> tuple[Tear | None, int]:
    if kind is Kind.tear:
        for tear, bare in (
            (Tear.us, value.removesuffix("us")), (Tear.write, value.removeprefix("write")),
            (Tear.ticks, value.removesuffix("ticks")),
        ):  # fmt: skip
            least = 1 if tear is Tear.write else 0
            if bare != value and bare.isdecimal() and least <= int(bare) <= NUMBER_MAX:
                return tear, int(bare)
        if value in (Tear.lost.value, Tear.unheard.value):
            return Tear(value), 0
        raise BadInputError.at(where, expected=TEARS, got=value)
    if kind not in NUMBERED:
        if value:
            raise BadInputError.at(where, expected=f"{kind.value}=@INSTRUCTION", got=value)
        return None, 0
    least = NUMBERED[kind]
    if not value.isdecimal() or not least <= int(value) <= NUMBER_MAX:
        raise BadInputError.at(where, expected=f"a number from {least}", got=value or "nothing")
    return None, int(value)
