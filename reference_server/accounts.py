"""The chart of accounts: every account's name, number and owner. It holds no balance.

An account's owner is the participant whose net position it counts for (docs/spec/clearing.md).
"""

from __future__ import annotations

from collections.abc import Callable

from reference_server.devices import Participants

HOLD = "hold:journey"
INTEGRATED = "subsidy:integrated"
OWNED_BY_NAME = ("purse", "revenue", "funding", "refund_payable", "uncollected")


def owner_of(account: str, participants: Participants) -> int:
    """Return the participant that owns an account, 0 if nobody of that role is known."""
    kind, _, rest = account.partition(":")
    if kind in OWNED_BY_NAME:
        return int(rest)
    return participants.with_role("scheme" if kind == "hold" else "province")


class Chart:
    """Accounts by name and number; an account comes into being when it is first named."""

    def __init__(self, known: dict[str, int], keep: Callable[[int, str, int], None]) -> None:
        """Take the accounts of the books, and how a new one (number, name, owner) is kept."""
        self._numbers = known
        self._keep = keep
        self.participants = Participants()

    def number(self, account: str) -> int:
        """Return an account's number."""
        number = self._numbers.get(account)
        if number is None:
            number = len(self._numbers) + 1
            self._keep(number, account, owner_of(account, self.participants))
            self._numbers[account] = number
        return number

    def names(self) -> list[str]:
        """Return every account's name by number; number 0 is no account."""
        by_number = sorted(self._numbers.items(), key=lambda pair: pair[1])
        return ["", *(name for name, _ in by_number)]
