"""Settlement: windows, and the net position of every participant in one.

Every transfer belongs to the window that was open when it was posted; a day close closes it and
opens the next. What comes late for a closed day is posted into the open window, with its own
operating day. Net positions are never stored as running balances.
"""

from __future__ import annotations

from reference_server.books import Books, DayClose
from reference_server.ledger import ledger_hash


def open_window(closes: list[DayClose]) -> int:
    """Return the number of the window that is open: one more than are closed."""
    return len(closes) + 1


def net_positions(books: Books, window: int) -> list[tuple[int, int]]:
    """Return each participant's net position in rupiah; positive = it is owed."""
    positions = books.net_of_window(window)
    assert sum(amount for _, amount in positions) == 0, positions
    return positions


def hash_of_books(books: Books) -> str:
    """Return the ledger hash over everything posted."""
    numbers = books.accounts()
    names = [""] * (len(numbers) + 1)
    for name, number in numbers.items():
        names[number] = name
    return ledger_hash(books.postings(), names)
