"""What goes onto a SAM when it is issued, and the STORE DATA commands that carry it there."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

from scheme.apdu import store_commands
from scheme.cryptograms import KEY_SIZE
from scheme.errors import RecordError
from scheme.layouts import block
from scheme.records import Field, Layout
from scheme.sam import IssuerKeys, May, Sam

KEY_SETS_MAX = 16

SAM_BLOCK = Layout(
    "SAM block",
    (
        Field("sam", 4, "SAM number"),
        Field("terminal", 4, "the terminal this SAM is for"),
        Field("may", 1, "`May`: what it signs"),
        Field("operator", 2, "participant number told to a restricted purse"),
        Field("category", 2, "merchant category told to a restricted purse"),
        Field("ceiling", 4, "most unacknowledged rupiah, 0 for no ceiling"),
        Field("counter", 4, "last counter used"),
        Field("receipt_key", KEY_SIZE, "a server's receipts are under it", False),
    ),
)

KEY_SET_BLOCK = Layout(
    "issuer key set block",
    (
        Field("issuer", 2, "participant number of the issuing bank"),
        Field("role", 1, "`Role`: debit or load"),
        Field("version", 1, "version of the issuer's keys"),
        Field("master", KEY_SIZE, "the issuer's master key of that role", False),
    ),
)


class SamData(NamedTuple):
    """All that a SAM is issued with.

    Attributes:
        masters: Key sets, 1 to 16: debit keys, in a load SAM also load keys.
        receipt_key: 16 bytes, the server's and this SAM's.
        operator, category: Told to restricted purses under S2; 0 if it serves none.
        ceiling_idr: Most unacknowledged value, 0 for no ceiling.
        counter: The last counter used.
    """

    sam: int
    terminal: int
    may: May
    masters: Mapping[IssuerKeys, bytes]
    receipt_key: bytes
    operator: int = 0
    category: int = 0
    ceiling_idr: int = 0
    counter: int = 0


def sam_blocks(data: SamData) -> tuple[bytes, ...]:
    """Return the STORE DATA commands that issue a SAM.

    Raises:
        RecordError: If a field does not fit, or there is no key set or more than 16.
    """
    if not 1 <= len(data.masters) <= KEY_SETS_MAX:
        raise RecordError(
            f"SAM {data.sam}: expected 1 to {KEY_SETS_MAX} issuer key sets, got {len(data.masters)}"
        )
    values = data._asdict() | {"ceiling": data.ceiling_idr}
    sets = (which._asdict() | {"master": master} for which, master in data.masters.items())
    blocks = (block(SAM_BLOCK, values), *(block(KEY_SET_BLOCK, each) for each in sets))
    return store_commands(dict(enumerate(blocks, 1)))


def make_sam(data: SamData, challenge: Callable[[], bytes]) -> Sam:
    """Return a SAM issued with `data`; `challenge` gives 8 fresh bytes a call."""
    return Sam(
        data.sam,
        data.terminal,
        data.masters,
        data.may,
        challenge,
        data.counter,
        operator=data.operator,
        category=data.category,
        ceiling_idr=data.ceiling_idr,
        receipt_key=data.receipt_key,
    )
