"""How far each SAM's counter is behind the plan, once a tap was withheld or went otherwise.

Without it one displaced tap would make every later card part of its terminal differ.
"""

from __future__ import annotations

from scheme.records import CARD_PART, RecordFlag, TapRecord

TERMINAL_AT = CARD_PART.offset("terminal")
COUNTER_AT = CARD_PART.offset("sam_counter")


class Drift:
    """The plan's counter less the SAM's, by terminal."""

    def __init__(self) -> None:
        self._planned: dict[int, int] = {}
        self._behind: dict[int, int] = {}

    def plan(self, terminal: int, orders: bool) -> None:
        """Take note of a presentation: whether the plan has the SAM order a debit or load."""
        self._planned[terminal] = self._planned.get(terminal, 0) + orders

    def withhold(self, terminal: int, orders: bool) -> None:
        """Take note of a presentation that is not carried out."""
        self.plan(terminal, orders)
        self._behind[terminal] = self._behind.get(terminal, 0) + orders

    def measure(self, terminal: int, counter: int) -> None:
        """Take note of what the SAM's counter is by now, after a tap that went otherwise."""
        self._behind[terminal] = self._planned.get(terminal, 0) - counter

    def same_card_part(self, record: TapRecord | None, planned: TapRecord | None) -> bool:
        """Return whether the card parts are equal, the planned counter set back by the drift."""
        if record is None or planned is None:
            return False
        part = planned.card_part
        behind = self._behind.get(int.from_bytes(part[TERMINAL_AT : TERMINAL_AT + 4], "big"), 0)
        if behind:
            counter = int.from_bytes(part[COUNTER_AT : COUNTER_AT + 4], "big") - behind
            set_back = max(counter, 0).to_bytes(4, "big")
            part = part[:COUNTER_AT] + set_back + part[COUNTER_AT + 4 :]
        return record.card_part == part


def orders(torn: int, planned: TapRecord | None) -> bool:
    """Return whether the plan has the SAM order a debit or load at a presentation.

    Args:
        torn: The presentation's tear; a torn one was ordered.
        planned: The record that the plan has of it.
    """
    if torn or planned is None:
        return bool(torn)
    fields = planned.fields()
    return not fields["refusal"] and not fields["flags"] & RecordFlag.recovered
