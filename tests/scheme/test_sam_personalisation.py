"""What a SAM is issued with, and the blocks that carry it."""

from __future__ import annotations

import struct

import pytest

from scheme.errors import RecordError
from scheme.keys import Role
from scheme.sam import IssuerKeys, May
from scheme.sam_personalisation import SamData, sam_blocks

RECEIPT_KEY = bytes(range(16))
MASTER = bytes(range(100, 116))
SETS = {IssuerKeys(1016, Role.debit, 1): MASTER, IssuerKeys(1024, Role.load, 2): MASTER[::-1]}
PLAIN = SamData(50_000_018, 18, May.debit | May.load, SETS, RECEIPT_KEY, 2063, 5411, 7_000_000, 9)


def sets(count: int) -> dict[IssuerKeys, bytes]:
    """Return key sets of a number of issuers."""
    return {IssuerKeys(1000 + i, Role.debit, 1): MASTER for i in range(count)}


def test_blocks_carry_what_a_sam_holds() -> None:
    own = struct.pack(">IIBHHII", 50_000_018, 18, 9, 2063, 5411, 7_000_000, 9) + RECEIPT_KEY
    assert sam_blocks(PLAIN) == (
        bytes.fromhex("80e2000125") + own,
        bytes.fromhex("80e2000214") + struct.pack(">HBB", 1016, 1, 1) + MASTER,
        bytes.fromhex("80e2800314") + struct.pack(">HBB", 1024, 2, 2) + MASTER[::-1],
    )


def test_a_sam_holds_sixteen_key_sets() -> None:
    assert len(sam_blocks(PLAIN._replace(masters=sets(16)))) == 17


@pytest.mark.parametrize(
    "wrong",
    [
        PLAIN._replace(masters={}),
        PLAIN._replace(masters=sets(17)),
        PLAIN._replace(masters={IssuerKeys(1016, Role.debit, 1): MASTER[:-1]}),
        PLAIN._replace(receipt_key=b""),
        PLAIN._replace(ceiling_idr=1 << 32),
        PLAIN._replace(counter=-1),
        PLAIN._replace(category=65_536),
    ],
)
def test_data_that_no_sam_can_hold_are_refused(wrong: SamData) -> None:
    with pytest.raises(RecordError):
        sam_blocks(wrong)
