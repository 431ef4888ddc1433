"""The tables of the two stores, with their versions. The statements over them are in `store`.

`raw` is written only by the door: what arrived, in order of arrival, byte for byte. `books` is
written only by the pipeline and can always be made again from `raw`. The SQL is the portable
subset: ids made by the application, integer amounts, no triggers, no sequences.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

APPLICATION_ID = 0x4A4B3101  # "JK1", written into both files


class ArrivalKind(IntEnum):
    """What a row of raw's `arrival` is."""

    upload = 1
    refused = 2
    call = 3


@dataclass(frozen=True, slots=True)
class Schema:
    """One store's file name, version and statements."""

    file_name: str
    version: int
    statements: tuple[str, ...]


RAW = Schema(
    "raw.sqlite",
    1,
    (
        # The body comes last, so that reading the heads never touches its overflow pages.
        """CREATE TABLE arrival (
            arrival INTEGER PRIMARY KEY,
            kind INTEGER NOT NULL,
            sender INTEGER NOT NULL,
            number INTEGER NOT NULL,
            taps INTEGER NOT NULL,
            received_us INTEGER NOT NULL,
            size INTEGER NOT NULL,
            digest BLOB NOT NULL,
            name TEXT NOT NULL,
            body BLOB NOT NULL
        )""",
        "CREATE UNIQUE INDEX upload_of_sender ON arrival (sender, number) WHERE kind = 1",
        "CREATE INDEX refused ON arrival (arrival) WHERE kind = 2",
        "CREATE INDEX call_by_name ON arrival (name) WHERE kind = 3",
        """CREATE TABLE repeat (
            id INTEGER PRIMARY KEY,
            arrival INTEGER NOT NULL,
            received_us INTEGER NOT NULL
        )""",
    ),
)

BOOKS = Schema(
    "books.sqlite",
    1,
    (
        # How far verdicts and prices have come, in arrivals, and by which tariff. It commits with
        # what it counts.
        "CREATE TABLE progress (one INTEGER PRIMARY KEY, arrival INTEGER NOT NULL,"
        " priced INTEGER NOT NULL, tariff INTEGER NOT NULL)",
        "CREATE TABLE verdict_count (verdict INTEGER PRIMARY KEY, taps INTEGER NOT NULL)",
        """CREATE TABLE upload (
            arrival INTEGER PRIMARY KEY,
            sender INTEGER NOT NULL,
            number INTEGER NOT NULL,
            taps INTEGER NOT NULL,
            digest BLOB NOT NULL,
            received_us INTEGER NOT NULL,
            booked_us INTEGER NOT NULL,
            result TEXT NOT NULL
        )""",
        """CREATE TABLE tap (
            arrival INTEGER NOT NULL,
            item INTEGER NOT NULL,
            verdict INTEGER NOT NULL,
            record BLOB NOT NULL,
            PRIMARY KEY (arrival, item)
        ) WITHOUT ROWID""",
        """CREATE TABLE exception (
            id INTEGER PRIMARY KEY,
            arrival INTEGER NOT NULL,
            item INTEGER NOT NULL,
            reason TEXT NOT NULL,
            amount INTEGER NOT NULL,
            detail TEXT NOT NULL
        )""",
        "CREATE TABLE account (id INTEGER PRIMARY KEY, account TEXT NOT NULL UNIQUE,"
        " owner INTEGER NOT NULL)",
        # The window is given in the posting db_transaction: nothing is ever in no window.
        """CREATE TABLE transfer (
            id INTEGER PRIMARY KEY,
            kind INTEGER NOT NULL,
            issuer INTEGER NOT NULL,
            card INTEGER NOT NULL,
            nt INTEGER NOT NULL,
            debit INTEGER NOT NULL,
            credit INTEGER NOT NULL,
            amount INTEGER NOT NULL CHECK (amount > 0),
            code INTEGER NOT NULL,
            operating_day INTEGER NOT NULL,
            window INTEGER NOT NULL
        )""",
        """CREATE TABLE journey (
            kind INTEGER NOT NULL,
            issuer INTEGER NOT NULL,
            card INTEGER NOT NULL,
            nt INTEGER NOT NULL,
            operating_day INTEGER NOT NULL,
            first_at_s INTEGER NOT NULL,
            state INTEGER NOT NULL,
            due INTEGER NOT NULL,
            charged INTEGER NOT NULL,
            refund INTEGER NOT NULL,
            grp INTEGER NOT NULL,
            PRIMARY KEY (card, issuer, nt, kind)
        ) WITHOUT ROWID""",
        """CREATE TABLE leg (
            kind INTEGER NOT NULL,
            issuer INTEGER NOT NULL,
            card INTEGER NOT NULL,
            nt INTEGER NOT NULL,
            leg INTEGER NOT NULL,
            operator INTEGER NOT NULL,
            own_fare INTEGER NOT NULL,
            share INTEGER NOT NULL,
            metres INTEGER NOT NULL,
            PRIMARY KEY (card, issuer, nt, kind, leg)
        ) WITHOUT ROWID""",
        # Which journey or stay a tap of a card belongs to (kind 0: it waits in a gap).
        """CREATE TABLE membership (
            issuer INTEGER NOT NULL,
            card INTEGER NOT NULL,
            nt INTEGER NOT NULL,
            kind INTEGER NOT NULL,
            first_nt INTEGER NOT NULL,
            PRIMARY KEY (card, issuer, nt)
        ) WITHOUT ROWID""",
        "CREATE INDEX gap ON membership (card) WHERE kind = 0",
        # One row a close call; its id is the settlement window that it closed.
        """CREATE TABLE day_close (
            window INTEGER PRIMARY KEY,
            operating_day INTEGER NOT NULL,
            at_ms INTEGER NOT NULL,
            arrival INTEGER NOT NULL UNIQUE,
            ledger_hash TEXT NOT NULL
        )""",
        """CREATE TABLE net_position (
            window INTEGER NOT NULL,
            participant INTEGER NOT NULL,
            amount INTEGER NOT NULL,
            PRIMARY KEY (window, participant)
        )""",
    ),
)
