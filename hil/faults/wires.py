"""What a reader offers that can break the wire to its card, or to its chip."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from hil.faults.plan import Kind


@runtime_checkable
class BreaksWire(Protocol):
    """A reader that has both ends of a wire.

    Attributes:
        wire_kinds: The faults that it can make there.
        wire_fired: How many of them have happened.
    """

    wire_kinds: frozenset[Kind]

    @property
    def wire_fired(self) -> int:
        """How many faults have happened on the wire."""
        ...

    def arm_wire(self, kind: Kind, number: int) -> None:
        """Have the wire break at the next command to the card."""
        ...
