"""How long a card lies in a reader's field: a model at 106 kbit/s, over bytes really exchanged.

No field was there: virtual readers have none. Every exchange of the rack is laid on the air as
ISO 14443-4 would carry it, and what chip, SAM and host take is a budget, not a measurement.

    activate  RATS and before it            20 ms
    a card exchange                         its bytes on the air, and 15 ms of the chip
    a SAM exchange while the card waits     14 ms
    decide    the terminal's own program    10 ms

Sources: ISO 14443-2 and -3 type A for the bit and the frame; the budgets are estimates until a card
has been measured on a bench (docs/spec/card.md, timing budget).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from reports.clocks import percentile
from reports.warehouse import Warehouse

CARRIER_HZ = 13_560_000
ETU_US = 128 * 1_000_000 / CARRIER_HZ  # one bit at 106 kbit/s
BYTE_US = 9 * ETU_US  # eight bits and parity
BLOCK_BYTES = 3  # PCB 1, CRC 2: no CID, no NAD, no chaining (FSC 64, FSD 256)
FRAME_BITS = 2  # start and end of a frame
FRAME_DELAY_US = 1_236 * 1_000_000 / CARRIER_HZ  # the least delay before an answer, n = 9
ACTIVATE_US = 20_000
CHIP_US = 15_000
SAM_US = 14_000
DECIDE_US = 10_000
LIMIT_US = 150_000  # what 95 of 100 taps may take
PHASES = ("activate", "select", "init", "SAM", "debit", "decide")
NEEDED = {"driver", "card_kind", "presentation"}, {"command_bytes", "response_bytes"}


@dataclass(frozen=True)
class Field:
    """What the rack's presentations come to.

    Attributes:
        kinds: One row a kind of reader and card: driver, card_kind, places, taps, exchanges and
            percentiles in microseconds.
        phases_us: Mean of each phase over the presentations, microseconds, in order.
        totals_us: Sorted: each presentation's time in the field, microseconds.
    """

    kinds: list[dict[str, Any]]
    phases_us: dict[str, int]
    totals_us: NDArray[np.int64]

    def figures(self) -> dict[str, Any] | None:
        """Return what the record says of it, None of no presentations."""
        if not len(self.totals_us):
            return None
        told = {f"p{p}_us": percentile(self.totals_us, p) for p in (50, 95, 99)}
        return {
            "model": "ISO 14443 type A at 106 kbit/s; chip, SAM and host are budgets",
            "taps": len(self.totals_us), "limit_us": LIMIT_US, "phases_us": self.phases_us, **told,
        }  # fmt: skip


def read_field(warehouse: Warehouse, rack: Path) -> Field | None:
    """Return what a play's evidence comes to, None if it names no kinds of card.

    Raises:
        StoreError: If a table cannot be read; names it.
    """
    taps, exchanges = rack / "taps.parquet", rack / "exchanges.parquet"
    if not (taps.is_file() and exchanges.is_file()):
        return None
    if not (
        set(warehouse.columns(taps)) >= NEEDED[0] and set(warehouse.columns(exchanges)) >= NEEDED[1]
    ):
        return None
    warehouse.read("played", taps)
    warehouse.read("exchanged", exchanges)
    warehouse.run("field")
    kinds = warehouse.arrays("FROM card_kinds()")
    rows = [
        {name: _plain(kinds[name][at]) for name in kinds}
        for at in range(len(kinds["driver"]) if kinds else 0)
    ]
    phases = phases_of(warehouse.arrays("FROM air_bytes()"))
    means = {name: round(float(us.mean())) if len(us) else 0 for name, us in phases.items()}
    totals = np.sort(sum(phases.values(), np.zeros(len(phases["SAM"]), np.int64)))
    return Field(rows, means, totals)


def phases_of(rows: dict[str, NDArray[Any]]) -> dict[str, NDArray[np.int64]]:
    """Return each phase of each presentation in microseconds, in the order of `PHASES`."""
    count = len(rows["sam_exchanges"])
    spent = {
        "activate": np.full(count, ACTIVATE_US),
        "select": _exchanges_us(rows["select_bytes"], rows["select_frames"]),
        "init": _exchanges_us(rows["init_bytes"], rows["init_frames"]),
        "SAM": SAM_US * rows["sam_exchanges"],
        "debit": _exchanges_us(rows["value_bytes"], rows["value_frames"]),
        "decide": np.full(count, DECIDE_US),
    }
    return {name: np.asarray(spent[name], np.int64) for name in PHASES}


def _exchanges_us(air_bytes: NDArray[Any], exchanges: NDArray[Any]) -> NDArray[np.float64]:
    """Return what exchanges take: two blocks each on the air, and the chip's own time."""
    each = 2 * (BLOCK_BYTES * BYTE_US + FRAME_BITS * ETU_US + FRAME_DELAY_US) + CHIP_US
    time: NDArray[np.float64] = air_bytes * BYTE_US + exchanges * each
    return np.rint(time)


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value
