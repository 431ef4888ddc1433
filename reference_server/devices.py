"""Who may send and who may tap, which cards exist, and which lists and tariffs are published.

Made from operator calls in their order of arrival, so that replaying the calls makes it again. It
holds no issuer key: those are in `keystore`.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from numpy.typing import NDArray

from reference_server.store import Arrival
from scheme.errors import BadInputError
from scheme.target import CARD_DTYPE, SENDER_DTYPE, TERMINAL_DTYPE

NO_LIMIT_IDR = (1 << 32) - 1  # what a record can say at most


@dataclass(slots=True)
class Sender:
    """A sender as enrolled."""

    key_version: int
    public_key_bytes: bytes
    mac_key: bytes
    _public_key: Ed25519PublicKey | None = None

    @property
    def public_key(self) -> Ed25519PublicKey | None:
        """Its Ed25519 key, or None if it only seals single taps."""
        if self._public_key is None and any(self.public_key_bytes):
            try:
                self._public_key = Ed25519PublicKey.from_public_bytes(self.public_key_bytes)
            except (ValueError, UnsupportedAlgorithm):
                self.public_key_bytes = b""
        return self._public_key


class Senders:
    """Every enrolled sender, by number. The door's half of the registry."""

    def __init__(self) -> None:
        self._by_number: dict[int, Sender] = {}

    def get(self, number: int) -> Sender | None:
        """Return a sender, or None if nobody enrolled it."""
        return self._by_number.get(number)

    def enrol(self, body: bytes) -> None:
        """Take in an array of `SENDER_DTYPE`; the newest word on a sender stands."""
        for row in read_rows("senders", body, SENDER_DTYPE):
            sender = Sender(
                int(row["key_version"]), row["public_key"].tobytes(), row["mac_key"].tobytes()
            )
            self._by_number[int(row["sender"])] = sender


@dataclass(slots=True)
class Participants:
    """Banks, operators, billers and their fees, and the card profiles, as enrolled."""

    document: dict[str, Any] = field(default_factory=dict)

    def fees(self) -> list[tuple[str, int, int, str]]:
        """Return (service, payee, basis points, code) of every fee and share."""
        return [
            (fee["service"], int(fee["payee"]), int(fee["bps"]), fee["code"])
            for fee in self.document.get("fees", [])
        ]

    def with_role(self, role: str) -> int:
        """Return the first participant with a role, 0 if there is none."""
        for participant in self.document.get("participants", []):
            if role in participant["roles"]:
                return int(participant["number"])
        return 0

    def purse_limits(self) -> NDArray[np.int64]:
        """Return the most that a purse may hold, rupiah, by card profile."""
        limits = np.full(256, NO_LIMIT_IDR, np.int64)
        for profile in self.document.get("profiles", []):
            limits[int(profile["profile"])] = int(profile["limit_idr"])
        return limits


class Registry:
    """What the pipeline looks things up in: sorted arrays.

    Attributes:
        terminals: `TERMINAL_DTYPE`, sorted by terminal.
        cards: `CARD_DTYPE`, sorted by card.
        tariffs: Published tariff bundles by version.
        key_versions: Versions of TAC keys that each issuer has handed in, never the keys.
        hot_cards: Listed cards, sorted; `hot_version` and `hot_at_ms` belong to their first list.
    """

    def __init__(self) -> None:
        self.participants = Participants()
        self.terminals: NDArray[np.void] = np.empty(0, TERMINAL_DTYPE)
        self.cards: NDArray[np.void] = np.empty(0, CARD_DTYPE)
        self.tariffs: dict[int, bytes] = {}
        self.key_versions: dict[int, set[int]] = {}
        self.hot_cards: NDArray[np.uint64] = np.empty(0, np.uint64)
        self.hot_version: NDArray[np.int64] = np.empty(0, np.int64)
        self.hot_at_ms: NDArray[np.int64] = np.empty(0, np.int64)

    @property
    def newest_tariff(self) -> int:
        """The highest version published, 0 if none is."""
        return max(self.tariffs, default=0)

    def apply(self, call: Arrival) -> None:
        """Take in one operator call; those that are not about the registry change nothing."""
        if call.name == "participants":
            self.participants = Participants(json.loads(call.body))
        elif call.name == "terminals":
            self.terminals = merged(self.terminals, call.body, TERMINAL_DTYPE, "terminal")
        elif call.name == "cards":
            self.cards = merged(self.cards, call.body, CARD_DTYPE, "card")
        elif call.name == "keys":
            for key in json.loads(call.body):
                self.key_versions.setdefault(key["issuer"], set()).add(key["version"])
        elif call.name == "tariff":
            self.tariffs[call.number] = call.body
        elif call.name == "hotlist":
            at_ms = int.from_bytes(call.body[:8], "big")
            self._list(call.number, at_ms, np.frombuffer(call.body[8:], "<u8").astype(np.uint64))

    def _list(self, version: int, at_ms: int, cards: NDArray[np.uint64]) -> None:
        """Keep each card's first list: the lowest version that holds it, and its instant."""
        every = np.concatenate((self.hot_cards, cards))
        versions = np.concatenate((self.hot_version, np.full(len(cards), version)))
        instants = np.concatenate((self.hot_at_ms, np.full(len(cards), at_ms)))
        order = np.lexsort((versions, every))
        first = order[_firsts(every[order])]
        self.hot_cards = every[first]
        self.hot_version = versions[first]
        self.hot_at_ms = instants[first]

    def find_terminals(
        self, numbers: NDArray[np.int64]
    ) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        """Return where each terminal stands in `terminals`, and whether it does."""
        return find(self.terminals["terminal"], numbers)


def find(
    sorted_keys: NDArray[Any], wanted: NDArray[Any]
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Return where each wanted key stands among sorted ones, and whether it does."""
    if not len(sorted_keys):
        return np.zeros(len(wanted), np.int64), np.zeros(len(wanted), np.bool_)
    at = np.searchsorted(sorted_keys, wanted.astype(sorted_keys.dtype))
    at[at == len(sorted_keys)] = 0
    return at, sorted_keys[at] == wanted


def read_rows(what: str, body: bytes, dtype: np.dtype[np.void]) -> NDArray[np.void]:
    """Return the rows in a body.

    Raises:
        BadInputError: If it holds a part of a row.
    """
    if len(body) % dtype.itemsize:
        raise BadInputError.at(
            what, expected=f"rows of {dtype.itemsize} bytes", got=f"{len(body)} bytes"
        )
    return np.frombuffer(body, dtype)


def merged(
    old: NDArray[np.void], body: bytes, dtype: np.dtype[np.void], key: str
) -> NDArray[np.void]:
    """Return old rows and new ones sorted by key; the newest of a key stands."""
    rows = np.concatenate((read_rows(key, body, dtype)[::-1], old))
    order = np.argsort(rows[key], kind="stable")
    return rows[order[_firsts(rows[key][order])]]


def _firsts(sorted_keys: NDArray[Any]) -> NDArray[np.bool_]:
    first = np.ones(len(sorted_keys), np.bool_)
    first[1:] = sorted_keys[1:] != sorted_keys[:-1]
    return first
