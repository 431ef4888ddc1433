"""The back office under test, as a Protocol, and what is enrolled with it.

Ours is one implementation (over HTTP, in `testbed.targets`); others come by the entry point
`jakarta_one.targets`. What a target lacks is NOT ASSESSED, by the name of the capability.
"""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

TERMINAL_DTYPE = np.dtype(
    [
        ("terminal", "<u4"),
        ("sender", "<u4"),
        ("operator", "<u2"),  # participant number
        ("service", "u1"),  # scheme.services.Service
        ("kind", "u1"),  # scheme.services.TerminalKind
        ("direction", "u1"),  # scheme.services.Direction
        ("place", "<u2"),  # 0 on a bus
        ("vehicle", "<u4"),  # below 2**24, 0 if none
        ("vehicle_class", "u1"),  # scheme.services.VehicleClass
        ("sam", "<u4"),
    ]
)

SENDER_DTYPE = np.dtype(
    [
        ("sender", "<u4"),
        ("key_version", "u1"),
        ("public_key", "u1", (32,)),  # Ed25519, zero if the sender only seals single taps
        ("mac_key", "u1", (16,)),  # AES-CMAC, zero if the sender only signs batches
    ]
)

CARD_DTYPE = np.dtype(
    [
        ("card", "<u8"),
        ("issuer", "<u2"),  # participant number
        ("group", "u1"),  # free group 1 to 15, 0 if none
        ("group_expiry", "<u2"),  # last calendar day, days since 1970-01-01
        ("expiry", "<u2"),  # last calendar day
        ("nt", "<u4"),  # transaction counter when the run opens
        ("balance", "<u4"),  # rupiah when the run opens
        ("profile", "u1"),  # 1 unregistered (limit 2 million), 2 registered (10 million)
        ("blocked", "u1"),
        ("key_version", "u1"),
    ]
)


class IssuerKey(NamedTuple):
    """A TAC master key, handed to the issuer's own partition of the key store and nowhere else."""

    issuer: int
    version: int
    tac_master: bytes


class Capability(StrEnum):
    """What a back office may be able to do, by name."""

    batches = "batches"
    single_taps = "single_taps"
    hotlists = "hotlists"
    tariffs = "tariffs"
    day_close = "day_close"
    positions = "positions"
    export = "export"


class Answer(NamedTuple):
    """What a target said to an upload."""

    status: int  # HTTP status
    receipt: bytes  # body as it came


class Target(Protocol):
    """A back office under test.

    Every method raises `TargetError` when the answer breaks the contract.
    """

    def capabilities(self) -> frozenset[Capability]:
        """Return what this back office can do."""
        ...

    def enrol_participants(self, participants: dict[str, Any]) -> None:
        """Make banks, operators, billers, shares and fees known, as participants.yaml has them.

        Under `profiles` stand the rows of card_profiles.yaml: what a purse may hold.
        """
        ...

    def enrol_terminals(self, terminals: NDArray[np.void], senders: NDArray[np.void]) -> None:
        """Make terminals and senders known, rows of their dtypes; again is no change."""
        ...

    def enrol_cards(self, cards: NDArray[np.void]) -> None:
        """Make cards (`CARD_DTYPE`) known; again is no change."""
        ...

    def enrol_issuer_keys(self, keys: list[IssuerKey]) -> None:
        """Hand each issuer's TAC master keys to its partition."""
        ...

    def publish_tariff(self, version: int, document: bytes) -> None:
        """Publish the tariff (a bundle as `scheme.tariffs` reads it) under a version."""
        ...

    def publish_hotlist(
        self, version: int, published_at_ms: int, cards: NDArray[np.uint64]
    ) -> None:
        """Publish a hotlist; a version holds the whole list."""
        ...

    def upload(self, sealed: bytes) -> Answer:
        """Hand in one sealed batch or single tap."""
        ...

    def wait_until_booked(self, deadline_s: float) -> None:
        """Return once everything acknowledged has its verdict and its postings."""
        ...

    def close_day(self, day: int, at_ms: int) -> dict[str, int]:
        """Close a business day as of an instant; return net positions in rupiah by participant."""
        ...

    def export(self, into: Path) -> None:
        """Write the export (docs/spec/export.md) into a folder."""
        ...
