"""Leases of an agent's places: who has a place, until when, and whether he still lives.

A lease ends at its deadline, or when its heartbeat has not been heard for as long as was agreed,
whichever comes first. It is looked at before every step. Time is passed in; nothing here waits.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from dataclasses import dataclass, replace

from scheme.errors import InventoryError, ReaderError

LONGEST_S = 12 * 3_600.0
HEARTBEAT_S = 10.0


class LeaseLostError(ReaderError):
    """A lease has ended, or there never was such a one: the bench is no longer the caller's."""


@dataclass(frozen=True, slots=True)
class Lease:
    """A place that somebody has.

    Attributes:
        id: Known to its owner alone.
        since_s, deadline_s, heard_s: Seconds on the agent's monotonic clock.
    """

    id: str
    place: str
    owner: str
    run: str
    since_s: float
    deadline_s: float
    heard_s: float

    def ends_s(self, heartbeat_s: float) -> float:
        """Return when it ends if nothing more is heard."""
        return min(self.deadline_s, self.heard_s + heartbeat_s)


class Leases:
    """The leases of an agent's places."""

    def __init__(self, places: Iterable[str], heartbeat_s: float = HEARTBEAT_S) -> None:
        self.heartbeat_s = heartbeat_s
        self._places = tuple(places)
        self._by_place: dict[str, Lease] = {}

    def take(self, place: str, owner: str, run: str, for_s: float, now_s: float) -> Lease:
        """Return a new lease of a place.

        Raises:
            InventoryError: If there is no such place, or it is asked for too long.
            ReaderError: If somebody has it; says who, what for, and until when.
        """
        if place not in self._places:
            there = ", ".join(self._places)
            raise InventoryError(f'no place "{place}" at this agent; there are: {there}')
        if not 0 < for_s <= LONGEST_S:
            raise InventoryError(
                f"lease of {place}: expected up to {LONGEST_S:.0f} s, got {for_s:g}"
            )
        held = self.of(place, now_s)
        if held is not None:
            raise ReaderError(
                f'"{place}": expected it free, got leased by {held.owner} ({held.run}, '
                f"{now_s - held.since_s:.0f} s ago, {held.deadline_s - now_s:.0f} s left)"
            )
        lease = Lease(secrets.token_hex(16), place, owner, run, now_s, now_s + for_s, now_s)
        self._by_place[place] = lease
        return lease

    def check(self, lease_id: str, now_s: float) -> Lease:
        """Return a lease that lasts; raises LeaseLostError if it does not."""
        for lease in self._by_place.values():
            if _same(lease.id, lease_id):
                if lease.ends_s(self.heartbeat_s) > now_s:
                    return lease
                raise LeaseLostError(_lost(lease, self.heartbeat_s, now_s))
        raise LeaseLostError("the lease has ended, or there never was such a one; take it again")

    def heard(self, lease_id: str, now_s: float) -> Lease:
        """Return a lease whose owner was just heard of; raises LeaseLostError as `check` does."""
        lease = replace(self.check(lease_id, now_s), heard_s=now_s)
        self._by_place[lease.place] = lease
        return lease

    def of(self, place: str, now_s: float) -> Lease | None:
        """Return the lease of a place, None if nobody has it."""
        lease = self._by_place.get(place)
        return lease if lease and lease.ends_s(self.heartbeat_s) > now_s else None

    def end(self, lease_id: str) -> None:
        """Give a place back; again is no fault."""
        for lease in list(self._by_place.values()):
            if _same(lease.id, lease_id):
                del self._by_place[lease.place]

    def ended(self, now_s: float) -> list[tuple[Lease, str]]:
        """Return the leases that have ended by themselves since the last time, and why."""
        gone = [
            lease
            for lease in self._by_place.values()
            if lease.ends_s(self.heartbeat_s) <= now_s
        ]
        for lease in gone:
            del self._by_place[lease.place]
        return [(lease, _lost(lease, self.heartbeat_s, now_s)) for lease in gone]


def _same(one: str, other: str) -> bool:
    return secrets.compare_digest(one.encode(), other.encode())


def _lost(lease: Lease, heartbeat_s: float, now_s: float) -> str:
    if lease.deadline_s <= now_s:
        return f'the lease of "{lease.place}" is over: its deadline has passed'
    return (
        f'the lease of "{lease.place}" is over: expected {lease.owner} to be heard of every '
        f"{heartbeat_s:g} s, got nothing for {now_s - lease.heard_s:.0f} s"
    )
