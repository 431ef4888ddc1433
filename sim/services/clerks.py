"""Tills and counters on a SimPy clock: customers wait in one line for a place's clerks.

Clerks are processes; customers are numbers in a queue.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import numpy as np
import simpy

from sim.card_columns import Ints


def serve(arrive_ms: Ints, service_ms: Ints, clerks: int) -> tuple[Ints, Ints]:
    """Return when each customer's card is presented, and to which clerk (0 to `clerks` - 1).

    The card is presented at the end of the service. Customers of one place; any order.
    """
    tapped, by = np.zeros(len(arrive_ms), np.int64), np.zeros(len(arrive_ms), np.int64)
    if not len(arrive_ms):
        return tapped, by
    order = np.argsort(arrive_ms, kind="stable")
    env = simpy.Environment(initial_time=int(arrive_ms[order[0]]))
    line = simpy.Store(env)

    def door() -> Generator[Any, Any, None]:
        for customer in order.tolist():
            yield env.timeout(int(arrive_ms[customer]) - env.now)
            line.put(customer)

    def clerk(number: int) -> Generator[Any, Any, None]:
        while True:
            customer = yield line.get()
            yield env.timeout(int(service_ms[customer]))
            tapped[customer], by[customer] = env.now, number

    env.process(door())
    for number in range(clerks):
        env.process(clerk(number))
    env.run()
    return tapped, by


def serve_at(spot: Ints, arrive_ms: Ints, service_ms: Ints, clerks: int) -> tuple[Ints, Ints]:
    """Return the same for customers of many places, each with its own line."""
    tapped, by = np.zeros(len(spot), np.int64), np.zeros(len(spot), np.int64)
    for place in np.unique(spot):
        rows = np.flatnonzero(spot == place)
        tapped[rows], by[rows] = serve(arrive_ms[rows], service_ms[rows], clerks)
    return tapped, by
