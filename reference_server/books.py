"""The store `books`: verdicts, postings, prices, closes. Written by the pipeline alone.

Every method runs in the caller's db_transaction. Tables: `schema.BOOKS`. The store can be deleted
at any time and made again from `raw`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from reference_server.schema import BOOKS
from reference_server.store import Connection, db_transaction, open_reader, open_store
from scheme.records import RECORD_SIZE, TAP_DTYPE

FETCH = 50_000
_POSTINGS = (
    "SELECT kind, issuer, card, nt, debit, credit, amount, code, operating_day FROM transfer"
)


class DayClose(NamedTuple):
    """One close call, and what stood when it had been obeyed."""

    window: int
    operating_day: int
    at_ms: int
    arrival: int
    ledger_hash: str


class TapRows(NamedTuple):
    """Stored taps as columns, in order of arrival."""

    arrival: NDArray[np.int64]
    item: NDArray[np.int64]
    verdict: NDArray[np.uint8]
    records: NDArray[np.void]


class Books:
    """The books, for writing or for reading only."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    @classmethod
    def open(cls, folder: Path) -> Books:
        """Return the books for writing, made whole if they are not there."""
        books = cls(open_store(folder, BOOKS))
        with books.db_transaction():
            books._connection.execute(
                "INSERT INTO progress VALUES (1, 0, 0, 0) ON CONFLICT DO NOTHING"
            )
        return books

    @classmethod
    def reader(cls, folder: Path) -> Books:
        """Return the books for reading."""
        return cls(open_reader(folder, BOOKS))

    def close(self) -> None:
        """Close them."""
        self._connection.close()

    def db_transaction(self) -> AbstractContextManager[None]:
        """Commit what is done inside, durably, or nothing of it."""
        return db_transaction(self._connection)

    # Progress.

    def progress(self) -> tuple[int, int, int]:
        """Return up to which arrival there are verdicts; prices up to which, by which tariff."""
        row = self._connection.execute("SELECT arrival, priced, tariff FROM progress").fetchone()
        return int(row[0]), int(row[1]), int(row[2])

    def set_progress(self, arrival: int) -> None:
        """Note that everything up to an arrival has its verdict."""
        self._connection.execute("UPDATE progress SET arrival = ?", (arrival,))

    def set_priced(self, arrival: int, tariff: int) -> None:
        """Note that every card of a closed day is priced with what came up to an arrival."""
        self._connection.execute("UPDATE progress SET priced = ?, tariff = ?", (arrival, tariff))

    def verdict_counts(self) -> dict[int, int]:
        """Return how many taps have each verdict."""
        return dict(self._connection.execute("SELECT verdict, taps FROM verdict_count").fetchall())

    def set_verdict_counts(self, counts: dict[int, int]) -> None:
        """Keep how many taps have each verdict."""
        self._connection.executemany(
            "INSERT INTO verdict_count VALUES (?, ?)"
            " ON CONFLICT (verdict) DO UPDATE SET taps = excluded.taps",
            list(counts.items()),
        )

    # Taps.

    def add_uploads(self, rows: Sequence[tuple[object, ...]]) -> None:
        """Add rows of `upload`."""
        self._connection.executemany("INSERT INTO upload VALUES (?,?,?,?,?,?,?,?)", rows)

    def add_taps(self, rows: Iterable[tuple[object, ...]]) -> None:
        """Add rows of `tap`: arrival, item, verdict, record."""
        self._connection.executemany("INSERT INTO tap VALUES (?,?,?,?)", rows)

    def add_exceptions(self, rows: Sequence[tuple[object, ...]]) -> None:
        """Add rows of `exception`: arrival, item, reason, amount, detail."""
        self._connection.executemany(
            "INSERT INTO exception (arrival, item, reason, amount, detail) VALUES (?,?,?,?,?)", rows
        )

    def record_of(self, arrival: int, item: int) -> bytes:
        """Return the bytes of a stored tap."""
        row = self._connection.execute(
            "SELECT record FROM tap WHERE arrival = ? AND item = ?", (arrival, item)
        ).fetchone()
        return bytes(row[0])

    def verdict_of(self, arrival: int, item: int) -> int:
        """Return the verdict of a stored tap."""
        row = self._connection.execute(
            "SELECT verdict FROM tap WHERE arrival = ? AND item = ?", (arrival, item)
        ).fetchone()
        return int(row[0])

    def set_verdict(self, arrival: int, item: int, verdict: int) -> None:
        """Give a stored tap another verdict."""
        self._connection.execute(
            "UPDATE tap SET verdict = ? WHERE arrival = ? AND item = ?", (verdict, arrival, item)
        )

    def taps(self) -> Iterator[TapRows]:
        """Yield every stored tap in pieces."""
        cursor = self._connection.execute(
            "SELECT arrival, item, verdict, record FROM tap ORDER BY arrival, item"
        )
        while rows := cursor.fetchmany(FETCH):
            arrivals, items, verdicts, records = zip(*rows, strict=True)
            yield TapRows(
                np.array(arrivals, np.int64),
                np.array(items, np.int64),
                np.array(verdicts, np.uint8),
                np.frombuffer(b"".join(records), TAP_DTYPE),
            )

    def exceptions(self, limit: int) -> list[tuple[int, int, int, str, int, str]]:
        """Return the newest exceptions: id, arrival, item, reason, amount, detail."""
        return self._connection.execute(
            "SELECT id, arrival, item, reason, amount, detail FROM exception"
            " ORDER BY id DESC LIMIT ?",
            (limit,),
        ).fetchall()

    # Money.

    def accounts(self) -> dict[str, int]:
        """Return every account's number."""
        return dict(self._connection.execute("SELECT account, id FROM account").fetchall())

    def owners(self) -> list[tuple[int, str, int]]:
        """Return number, name and owner of every account."""
        return self._connection.execute("SELECT id, account, owner FROM account").fetchall()

    def add_account(self, number: int, account: str, owner: int) -> None:
        """Add an account."""
        self._connection.execute("INSERT INTO account VALUES (?, ?, ?)", (number, account, owner))

    def post(self, postings: Iterable[tuple[int, ...]], window: int) -> None:
        """Add postings to a settlement window; nine integers each, see `ledger`."""
        self._connection.executemany(
            "INSERT INTO transfer (kind, issuer, card, nt, debit, credit, amount, code,"
            f" operating_day, window) VALUES (?,?,?,?,?,?,?,?,?,{int(window)})",
            postings,
        )

    def postings(self, kind_min: int = 0) -> NDArray[np.int64]:
        """Return every posting from a kind of key on, shape (n, 9), see `ledger`."""
        return self._matrix(f"{_POSTINGS} WHERE kind >= {int(kind_min)}", 9)

    def tap_postings(self, issuer: int, card: int, nt: int) -> NDArray[np.int64]:
        """Return what stands under the key of one tap. It reads every transfer: for rare cases."""
        key = f"card = {int(card)} AND nt = {int(nt)} AND issuer = {int(issuer)}"
        return self._matrix(f"{_POSTINGS} WHERE kind = 1 AND {key}", 9)

    def transfer_count(self) -> int:
        """Return how many transfers stand."""
        row = self._connection.execute("SELECT coalesce(max(id), 0) FROM transfer").fetchone()
        return int(row[0])

    def net_of_window(self, window: int) -> list[tuple[int, int]]:
        """Return each owner's net position in a window: received minus given."""
        return self._connection.execute(
            "SELECT owner, sum(amount) FROM ("
            " SELECT credit AS side, amount FROM transfer WHERE window = ?1"
            " UNION ALL SELECT debit, -amount FROM transfer WHERE window = ?1"
            ") JOIN account ON account.id = side GROUP BY owner ORDER BY owner",
            (window,),
        ).fetchall()

    # Closes.

    def closes(self) -> list[DayClose]:
        """Return every close call in order."""
        rows = self._connection.execute(
            "SELECT window, operating_day, at_ms, arrival, ledger_hash FROM day_close"
            " ORDER BY window"
        )
        return [DayClose(*row) for row in rows]

    def add_close(self, close: DayClose, positions: list[tuple[int, int]]) -> None:
        """Add a close call with the net positions of the window it closed."""
        self._connection.execute("INSERT INTO day_close VALUES (?,?,?,?,?)", close)
        self._connection.executemany(
            f"INSERT INTO net_position VALUES ({int(close.window)}, ?, ?)", positions
        )

    def positions(self) -> list[tuple[int, int, int]]:
        """Return day, participant and rupiah of every net position, all windows of a day summed."""
        return self._connection.execute(
            "SELECT operating_day, participant, sum(amount) FROM net_position"
            " JOIN day_close USING (window) GROUP BY operating_day, participant"
            " ORDER BY operating_day, participant"
        ).fetchall()

    # Prices.

    def replace_prices(
        self,
        cards: Sequence[int],
        journeys: NDArray[np.int64],
        legs: NDArray[np.int64],
        memberships: NDArray[np.int64],
    ) -> None:
        """Put journeys, legs and memberships in place of what stood for these cards."""
        for table in ("journey", "leg", "membership"):
            self._connection.executemany(
                f"DELETE FROM {table} WHERE card = ?", [(card,) for card in cards]
            )
        insert = self._connection.executemany
        insert("INSERT INTO journey VALUES (?,?,?,?,?,?,?,?,?,?,?)", journeys.tolist())
        insert("INSERT INTO leg VALUES (?,?,?,?,?,?,?,?,?)", legs.tolist())
        insert("INSERT INTO membership VALUES (?,?,?,?,?)", memberships.tolist())

    def is_priced(self) -> bool:
        """Return whether any card was ever priced."""
        row = self._connection.execute(
            "SELECT EXISTS (SELECT 1 FROM membership) OR EXISTS (SELECT 1 FROM journey)"
        ).fetchone()
        return bool(row[0])

    def cards_waiting(self) -> NDArray[np.uint64]:
        """Return the cards that wait for time to pass: a tap in a gap (R19), an open journey."""
        rows = self._connection.execute(
            "SELECT card FROM membership WHERE kind = 0 UNION"
            " SELECT card FROM journey WHERE state = 0"
        )
        return np.array([card for (card,) in rows], np.uint64)

    # Whole tables, for the export.

    def columns(self, table: str) -> dict[str, NDArray[np.int64]]:
        """Return every column of a table of integers."""
        assert table.isidentifier(), table
        names = [row[1] for row in self._connection.execute(f"PRAGMA table_info({table})")]
        matrix = self._matrix(f"SELECT * FROM {table}", len(names))
        return {name: np.ascontiguousarray(matrix[:, i]) for i, name in enumerate(names)}

    def uploads(self) -> list[tuple[Any, ...]]:
        """Return every upload: the columns of `upload` in order."""
        return self._connection.execute("SELECT * FROM upload ORDER BY arrival").fetchall()

    def exceptions_in_order(self) -> list[tuple[Any, ...]]:
        """Return every exception: arrival, item, reason, amount, detail."""
        return self._connection.execute(
            "SELECT arrival, item, reason, amount, detail FROM exception ORDER BY id"
        ).fetchall()

    def _matrix(self, statement: str, count: int) -> NDArray[np.int64]:
        cursor = self._connection.execute(statement)
        parts = [np.empty((0, count), np.int64)]
        while rows := cursor.fetchmany(FETCH):
            parts.append(np.array(rows, np.int64))
        return np.concatenate(parts)


def as_blobs(records: NDArray[np.void]) -> list[bytes]:
    """Return each record's bytes."""
    whole = records.tobytes()
    return [whole[at : at + RECORD_SIZE] for at in range(0, len(whole), RECORD_SIZE)]
