"""People with their cards and habits. Where they go stands in `sim.demand`.

One person, one card. The first of them ride; the others serve the city's other services.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from scheme.days import calendar_day, second_of_day
from scheme.numbers import card_numbers
from scheme.target import CARD_DTYPE
from sim.chance import keyed_below, keyed_choice, keyed_exponential_ms, keyed_uniform
from sim.demand import Demand, make_demand
from sim.network import Network
from sim.transit.paths import Paths


class Kind(IntEnum):
    """What takes a person out this morning."""

    commuter = 1
    student = 2
    shopper = 3
    other = 4


# Who starts when, weights by Kind in order (assumption): school begins at 06:30, shops open late.
KINDS_UNTIL = (
    (6 * 3_600 + 45 * 60, (0.62, 0.30, 0.02, 0.06)),
    (8 * 3_600, (0.80, 0.08, 0.02, 0.10)),
    (24 * 3_600, (0.58, 0.04, 0.20, 0.18)),
)
KIND_OTHERS = (0.35, 0.05, 0.35, 0.25)  # of those who do not ride: assumption
FREE_RIDES = 0.055  # 25.58 of 461 million rides in 2025
GROUP_LAPSED = 0.04  # of free-group cards whose group has expired: assumption
PUPILS = 3  # the group of KJP pupils
GROUPS = 15
NEVER_TAPS_OUT = 0.004  # habit of few: assumption
REGISTERED = 0.15  # assumption
BALANCE_LEAST_IDR, BALANCE_MEAN_IDR, BALANCE_MOST_IDR = 42_000, 55_000, 1_500_000  # assumption
BALANCE_STEP_IDR = 500
NT_MOST = 3_000
EXPIRY_DAYS = (30, 1_800)  # a card lasts five years: assumption
GROUP_DAYS = 365


@dataclass(frozen=True)
class People:
    """Everybody, by card index.

    Attributes:
        cards: `CARD_DTYPE`, as they are when the morning opens.
        kind: `Kind`.
        taps_out: False for the few who never tap out.
        demand: Trips of the first `riders`, in order.
        riders: How many ride.
    """

    cards: NDArray[np.void]
    kind: NDArray[np.uint8]
    taps_out: NDArray[np.bool_]
    demand: Demand
    riders: int

    def __len__(self) -> int:
        return len(self.cards)


def make_people(
    network: Network,
    paths: Paths,
    riders: int,
    others: int,
    window_ms: tuple[int, int],
    issuers: dict[int, float],
    group_issuer: int,
    seed: int,
) -> People:
    """Return the people of a morning.

    Args:
        riders: How many ride; they have card indexes 0 to `riders` - 1.
        others: How many more have a card and do not ride.
        window_ms: When trips may start.
        issuers: Weight of each issuing bank, by participant number.
        group_issuer: The bank whose cards carry free groups (fares.md, R11).
    """
    ids = np.arange(riders + others)
    taps_out = keyed_uniform(seed, "taps-out", ids) >= NEVER_TAPS_OUT
    demand = make_demand(network, paths, riders, window_ms, taps_out[:riders], seed)
    kind = _kinds(demand, ids, seed)
    cards = _cards(ids, kind, int(calendar_day(window_ms[0] // 1_000)), issuers, group_issuer, seed)
    return People(cards, kind, taps_out, demand, riders)


def _kinds(demand: Demand, ids: NDArray[np.int64], seed: int) -> NDArray[np.uint8]:
    kind = np.zeros(len(ids), np.int64)
    start_s = second_of_day(demand.trips["at_ms"] // 1_000)
    riders, since_s = len(start_s), -1
    for until_s, weights in KINDS_UNTIL:
        some = np.flatnonzero((start_s > since_s) & (start_s <= until_s))
        kind[some] = keyed_choice(seed, "kind", some, weights)
        since_s = until_s
    kind[riders:] = keyed_choice(seed, "kind", ids[riders:], KIND_OTHERS)
    return np.asarray(kind + 1, np.uint8)


def _cards(
    ids: NDArray[np.int64],
    kind: NDArray[np.uint8],
    day: int,
    issuers: dict[int, float],
    group_issuer: int,
    seed: int,
) -> NDArray[np.void]:
    cards = np.zeros(len(ids), CARD_DTYPE)
    numbers = np.array(sorted(issuers), np.int64)
    weights = [issuers[int(number)] for number in numbers]
    issuer = numbers[keyed_choice(seed, "issuer", ids, weights)]
    cards["card"], cards["issuer"] = card_numbers(issuer, ids + 1), issuer
    cards["expiry"] = day + _from_to(seed, "expiry", ids, *EXPIRY_DAYS)
    share = FREE_RIDES * sum(weights) / issuers[group_issuer] if group_issuer in issuers else 0.0
    free = (issuer == group_issuer) & (keyed_uniform(seed, "free", ids) < share)
    pupil = (kind == Kind.student) & (keyed_uniform(seed, "free", ids, 1) < 0.8)
    group = np.where(pupil, PUPILS, 1 + keyed_below(seed, "group", ids, GROUPS))
    lapsed = keyed_uniform(seed, "free", ids, 2) < GROUP_LAPSED
    since = np.where(lapsed, -_from_to(seed, "lapse", ids, 1, 90), 0)
    until = np.where(lapsed, since, _from_to(seed, "lapse", ids, 0, GROUP_DAYS, 1))
    cards["group"] = np.where(free, group, 0)
    cards["group_expiry"] = np.where(free, day + until, 0)
    cards["nt"] = 1 + keyed_below(seed, "nt", ids, NT_MOST)
    cards["balance"] = _balances(seed, ids)
    cards["profile"] = 1 + (keyed_uniform(seed, "registered", ids) < REGISTERED)
    cards["key_version"] = 1
    return cards


def _balances(seed: int, ids: NDArray[np.int64]) -> NDArray[np.int64]:
    more = keyed_exponential_ms(seed, "balance", ids, BALANCE_MEAN_IDR)
    whole = np.minimum(BALANCE_LEAST_IDR + more, BALANCE_MOST_IDR)
    return np.asarray(whole // BALANCE_STEP_IDR * BALANCE_STEP_IDR, np.int64)


def _from_to(
    seed: int, domain: str, ids: NDArray[np.int64], low: int, high: int, draw: int = 0
) -> NDArray[np.int64]:
    return low + keyed_below(seed, domain, ids, high - low + 1, draw)
