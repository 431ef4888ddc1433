"""Cards that run short, and what their holders do: load at the nearest counter, and tap again.

Low balances are a fault; the load and the second tap are intents with a condition, carried out only
if the purse really was short (`sim.card_state`).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from scheme.services import LOADS, Direction, Service, TerminalKind
from sim.card_columns import Bools, Ints
from sim.chance import keyed_below, keyed_uniform
from sim.faults import Faults, by_card, intent_ids, room_ms, tap_outs
from sim.intents import Act, Condition, Fault
from sim.services.town import Town

POOR_IDR = 1_500  # below any fare
POOR_SHARE = 0.6  # of low balances too small for the first tap; the others last for that one
FIRST_NEED_IDR = {Service.mrt: 14_000, Service.lrt: 5_000, Service.mikrotrans: 5_000}
OTHER_NEED_IDR = 3_500
SPARE_IDR = 1_000
TO_COUNTER_MS, BACK_MS, SPREAD_MS = 35_000, 30_000, 20_000  # assumption
ROOM_MS = 180_000
LOAD_IDR = 50_000


def lower_balances(
    cards: NDArray[np.void], intents: NDArray[np.void], terminals: NDArray[np.void], able: Bools,
    faults: Faults,
) -> Bools:  # fmt: skip
    """Lower the opening balance of some cards; return which.

    `able` are the cards that pay at their first tap.
    """
    used = np.zeros(len(cards), np.bool_)
    first = np.flatnonzero(np.diff(intents["card_index"].astype(np.int64), prepend=-1))
    card = intents["card_index"][first]
    service = terminals["service"][intents["terminal_index"][first]]
    used[card] = ~np.isin(service, [int(s) for s in LOADS | {Service.identity}])
    low = faults.strike("low_balance", np.arange(len(cards)), used & able)
    need = np.full(len(cards), OTHER_NEED_IDR, np.int64)
    for priced, idr in FIRST_NEED_IDR.items():
        need[card[service == priced]] = idr
    ids = np.flatnonzero(low)
    poor = keyed_uniform(faults.seed, "how low a balance", ids) < POOR_SHARE
    spare = keyed_below(faults.seed, "how low a balance", ids, SPARE_IDR, 1)
    cards["balance"][ids] = np.where(poor, spare % POOR_IDR, need[ids] + spare)
    return low


def with_loads(
    intents: NDArray[np.void], terminals: NDArray[np.void], low: Bools, town: Town, counters: Ints
) -> NDArray[np.void]:
    """Return the intents, with a load and a second tap after each that may find the purse short.

    Args:
        low: Cards whose balance was lowered.
        counters: Terminal of each top-up spot of the town.
    """
    at = terminals[intents["terminal_index"]]
    plain = (intents["fault"] == Fault.none) & (intents["act"] != Act.load)
    may = low[intents["card_index"]] & plain & (room_ms(intents) > ROOM_MS)
    may &= intents["act"] != Act.check
    chosen = np.flatnonzero(may)
    loads, again = intents[chosen], intents[chosen]
    ids = intent_ids(intents)[chosen]
    spread = keyed_below(town.seed, "way to a counter", ids, SPREAD_MS)
    spot = town.nearest_spot(Service.topup, loads["place"].astype(np.int64))
    loads["terminal_index"] = counters[spot]
    loads["place"] = terminals["place"][counters[spot]]
    loads["act"], loads["amount"] = Act.load, LOAD_IDR
    loads["at_ms"] += TO_COUNTER_MS + spread
    loads["condition"] = Condition.after_short_balance
    again["at_ms"] += TO_COUNTER_MS + spread + BACK_MS
    again["condition"] = Condition.after_load
    # Who was refused at an entry has lost the train; the trip is given up, the load is kept.
    entry = (at["kind"] == TerminalKind.gate) & (at["direction"] == Direction.entry)
    entry |= (at["kind"] == TerminalKind.bus) & ~tap_outs(intents, at)
    return by_card(np.concatenate((intents, loads, again[~entry[chosen]])))
