"""Which service each card has an errand at this morning: one a card, whatever is asked of any.

So a customer more of one service is nobody's of another. Riders draw their errand by card; those
who do not ride are dealt out in turn, so that more of them change nothing for the others.
"""

from __future__ import annotations

import numpy as np

from scheme.services import Service
from sim.card_columns import Bools, Ints
from sim.chance import GOLDEN, UNIT, keyed_choice, keyed_uniform

# How many people stand by for each service, against the others: assumption.
RIDERS = {
    Service.topup: 4.0, Service.parking_lot: 2.0, Service.shop: 7.0, Service.bpjs: 1.5,
    Service.hospital: 1.0, Service.identity: 1.2,
}  # fmt: skip
STUDENTS = {Service.kjp: 5.0, Service.topup: 2.0, Service.shop: 2.0, Service.identity: 1.0}
OTHERS = {
    Service.parking_street: 4.0, Service.parking_lot: 3.75, Service.erp: 5.0, Service.levy: 2.5,
    Service.rent: 1.0, Service.vehicle_tax: 0.7, Service.driving_licence: 0.6, Service.kur: 0.4,
    Service.shop: 0.6, Service.bpjs: 0.3, Service.hospital: 0.2, Service.identity: 0.2,
}  # fmt: skip
RIDERS_TO_ONE_OTHER = 30  # who comes where both may: assumption, so few that they never run out


def deal_errands(riders: int, student: Bools, seed: int) -> Ints:
    """Return the service, as a number, that each card has an errand at."""
    ids = np.arange(len(student))
    others = ids[riders:]
    errand = np.zeros(len(student), np.int64)
    for who, weights in ((student, STUDENTS), (~student, RIDERS)):
        some = np.flatnonzero(who[:riders])
        services = np.array([int(service) for service in weights])
        errand[some] = services[keyed_choice(seed, "errand", some, list(weights.values()))]
    services = np.array([int(service) for service in OTHERS])
    errand[others] = services[_in_turn(len(others), list(OTHERS.values()))]
    return errand


def rank_people(riders: int, people: int, seed: int) -> Ints:
    """Return all cards in the order in which they come forward: riders by a draw, then others."""
    drawn = keyed_uniform(seed, "comes forward", np.arange(riders))
    return np.concatenate((np.argsort(drawn, kind="stable"), np.arange(riders, people)))


def mixed(cards: Ints, riders: int) -> Ints:
    """Return cards in their order, with one who does not ride after so many who do."""
    rides = cards < riders
    place = np.where(
        rides,
        np.cumsum(rides) - 1.0,
        (np.cumsum(~rides) - 1.0) * RIDERS_TO_ONE_OTHER + RIDERS_TO_ONE_OTHER - 0.5,
    )
    return cards[np.argsort(place, kind="stable")]


def _in_turn(count: int, weights: list[float]) -> Ints:
    """Return an index into `weights` for each position, as evenly spread as can be."""
    with np.errstate(over="ignore"):
        turned = np.arange(1, count + 1).astype(np.uint64) * GOLDEN  # 2**64 by the golden ratio
    edges = np.cumsum(weights)
    spread = (turned >> np.uint64(11)).astype(np.float64) * UNIT * edges[-1]
    found = np.searchsorted(edges, spread, side="right")
    return np.asarray(np.minimum(found, len(weights) - 1), np.int64)
