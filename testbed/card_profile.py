"""Card profiles and banks: what a card of a kind may hold, and who issues it.

A profile is a file `jakarta-one/card-profile/1`, shipped under scenarios/data/profiles or one's
own. Every limit in it has a source beside it.
"""

from __future__ import annotations

import datetime as dt
import difflib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from hil.marked import Marked, read_marked
from scenarios.shipped import data_folder
from scheme.days import day_of
from scheme.errors import BadInputError, InventoryError
from scheme.identity import Rights

FORMAT = "jakarta-one/card-profile/1"
FORM_VERSION = 1
LIMIT_MAX = 20_000_000  # above every limit that was ever in force; catches a zero too many
CATEGORIES_MAX = 8
GROUP_MAX = 15
NEEDED = ("format", "version", "name", "profile", "limit_idr", "expiry_years", "identity", "source")
OTHERS = ("purses", "group", "group_months")
MONTHS_IN_YEAR = 12


@dataclass(frozen=True)
class Restricted:
    """A KJP purse of a profile; a limit of 0 is no purse."""

    limit_idr: int = 0
    categories: tuple[int, ...] = ()


@dataclass(frozen=True)
class CardProfile:
    """What cards of a kind are like.

    Attributes:
        profile: Its number on the card: 1 unregistered, 2 registered.
        group, group_months: The free group that comes with it, 0 if none, and for how long.
    """

    name: str
    profile: int
    limit_idr: int
    expiry_years: int
    identity: bool
    source: str
    group: int
    group_months: int
    routine: Restricted
    periodic: Restricted

    def expiry(self, issued: dt.date) -> int:
        """Return the last calendar day of a card issued on a date."""
        return day_of(later(issued, MONTHS_IN_YEAR * self.expiry_years))

    def group_expiry(self, issued: dt.date) -> int:
        """Return the last calendar day in the free group, 0 if there is no group."""
        return day_of(later(issued, self.group_months)) if self.group else 0


def read_profile(given: str) -> CardProfile:
    """Return the profile of a file, or a shipped one by its name.

    Raises:
        BadInputError: If there is neither, or it says something it may not say.
    """
    top = read_marked(_profile_path(given), "card profile", FORMAT)
    top.only(NEEDED, OTHERS)
    top.number("version", FORM_VERSION, FORM_VERSION)
    group = top.number("group", 0, GROUP_MAX) if top.has("group") else 0
    purses = top.mapping("purses") if top.has("purses") else None
    if purses is not None:
        purses.only((), ("routine", "periodic"))
    return CardProfile(
        name=top.text("name"),
        profile=top.number("profile", 1, 2),
        limit_idr=top.number("limit_idr", 1, LIMIT_MAX),
        expiry_years=top.number("expiry_years", 1, 20),
        identity=top.flag("identity"),
        source=top.text("source"),
        group=group,
        group_months=top.number("group_months", 1, 240) if group else 0,
        routine=_restricted(purses, "routine"),
        periodic=_restricted(purses, "periodic"),
    )


def bank_number(name: str) -> int:
    """Return the participant number of a bank that issues cards, by its name or number.

    Raises:
        InventoryError: If no such bank issues cards; names those that do.
    """
    banks = {
        row["name"]: int(row["number"]) for row in participants() if "issuer" in row["roles"]
    }
    for bank, number in banks.items():
        if name.casefold() == bank.casefold() or name == str(number):
            return number
    lowered = {bank.casefold(): bank for bank in banks}
    near = difflib.get_close_matches(name.casefold(), lowered, 1)
    hint = f'; did you mean "{lowered[near[0]]}"?' if near else ""
    raise InventoryError(f'no bank "{name}" issues cards; there are: {", ".join(banks)}{hint}')


def participants() -> list[dict[str, Any]]:
    """Return the rows of the shipped participants."""
    return list(_participants_file()["participants"])


def relying_parties() -> dict[int, Rights]:
    """Return who may ask an identity for what, by participant number."""
    text = (data_folder() / "relying_parties.yaml").read_text(encoding="utf-8")
    rows = YAML(typ="safe").load(text)["parties"]
    return {
        int(row["party"]): Rights(sum(Rights[name] for name in row["rights"])) for row in rows
    }


def later(day: dt.date, months: int) -> dt.date:
    """Return the date some months later; the last of its month where that month is shorter."""
    at = day.year * MONTHS_IN_YEAR + day.month - 1 + months
    year, month = divmod(at, MONTHS_IN_YEAR)
    after = dt.date(year + (month + 1) // MONTHS_IN_YEAR, (month + 1) % MONTHS_IN_YEAR + 1, 1)
    last = after - dt.timedelta(days=1)
    return last.replace(day=min(day.day, last.day))


def _participants_file() -> dict[str, Any]:
    text = (data_folder() / "participants.yaml").read_text(encoding="utf-8")
    document: dict[str, Any] = YAML(typ="safe").load(text)
    return document


def _profile_path(given: str) -> Path:
    own, shipped = Path(given), data_folder() / "profiles"
    if own.suffix in (".yaml", ".yml", ".json") and own.exists():
        return own
    named = shipped / f"{given.removesuffix('.yaml')}.yaml"
    if own.parent == Path() and named.is_file():
        return named
    names = ", ".join(sorted(path.stem for path in shipped.glob("*.yaml")))
    raise BadInputError.at(given, expected=f"a card profile or one of {names}", got="no such file")


def _restricted(purses: Marked | None, name: str) -> Restricted:
    if purses is None or not purses.has(name):
        return Restricted()
    row = purses.mapping(name)
    row.only(("limit_idr", "categories"))
    return Restricted(
        row.number("limit_idr", 1, LIMIT_MAX),
        row.numbers("categories", 1, 0xFFFF, CATEGORIES_MAX),
    )
