"""What stands behind `://` in a reader's URL: a place, and options behind a question mark."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple
from urllib.parse import unquote

from scheme.errors import BadInputError

EMPTY = "empty"  # the place of a reader that begins with nobody in its field
CARD_KINDS = ("python", "java")


class Address(NamedTuple):
    """A reader's URL, taken apart."""

    url: str
    place: str
    options: Mapping[str, str]

    def bad(self, expected: str) -> BadInputError:
        """Return the error that says which URL was expected."""
        return BadInputError.at(self.url, expected=expected, got=self.place or "nothing")

    def card_kind(self) -> str:
        """Return which card a virtual reader starts; raises BadInputError if there is no such."""
        kind = self.options.get("card", CARD_KINDS[0])
        if kind not in CARD_KINDS:
            raise BadInputError.at(
                f"{self.url}: card", expected=" or ".join(CARD_KINDS), got=kind
            )
        return kind

    def host_and_port(self, expected: str) -> tuple[str, int]:
        """Return the place as HOST:PORT; raises BadInputError with `expected` if it is none."""
        host, colon, port = self.place.rpartition(":")
        if not (host and colon and port.isdecimal() and 0 < int(port) < 1 << 16):
            raise self.bad(expected)
        return host, int(port)


def parse_address(driver: str, address: str, known: Iterable[str] = ()) -> Address:
    """Return an address taken apart.

    Args:
        driver: The part before `://`.
        known: The options that this driver takes.

    Raises:
        BadInputError: If there is an option that it does not take.
    """
    place, options = split_options(address)
    taken = tuple(known)
    for name in options:
        if name not in taken:
            raise BadInputError.at(
                f"{driver}://{address}",
                expected=f"options {', '.join(taken)}" if taken else "no options",
                got=name,
            )
    return Address(f"{driver}://{address}", unquote(place), options)


def split_options(address: str) -> tuple[str, dict[str, str]]:
    """Return the place as it is written and the options behind it."""
    place, _, query = address.partition("?")
    pairs = (pair.partition("=") for pair in query.split("&") if pair)
    return place, {name: unquote(value) for name, _, value in pairs}


def join_options(place: str, options: Mapping[str, str]) -> str:
    """Return a place with options behind it, for `split_options` to take apart again."""
    query = "&".join(f"{name}={value}" for name, value in options.items())
    return f"{place}?{query}" if query else place
