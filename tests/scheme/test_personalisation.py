"""What a card is issued with: the blocks, to the byte."""

from __future__ import annotations

import pytest

from scheme.apdu import CLA, Ins, parse_command
from scheme.errors import RecordError
from scheme.image import CardKeys, Limits
from scheme.layouts import PURSE_LIMITS, SELECTED
from scheme.personalisation import CardData, make_card, purse_blocks
from tests.cards import CARD, ISSUER, counting, image

KEYS = CardKeys(b"d" * 16, b"l" * 16, b"a" * 16, b"t" * 16)
LIMITS = Limits(2_000_000, 500_000, 900_000, (5411, 5942), (8299,))
DATA = CardData(image(flags=3, routine=1, periodic=2, wrong_macs=7), KEYS, LIMITS)


def test_a_purse_is_issued_in_three_blocks_the_last_one_marked() -> None:
    commands = [parse_command(block) for block in purse_blocks(DATA)]
    assert all(command is not None for command in commands)
    heads = [command[:4] for command in commands if command]
    assert heads == [(CLA, Ins.store_data, p1, n) for p1, n in ((0, 1), (0, 2), (0x80, 3))]
    said, keys, purses = (command.data for command in commands if command)
    assert (len(said), keys) == (63, b"d" * 16 + b"l" * 16 + b"a" * 16 + b"t" * 16)
    fields = SELECTED.unpack(said)
    assert (fields["card"], fields["issuer"], fields["flags"]) == (CARD, ISSUER, 0)
    assert purses.hex() == (
        "001e8480" "00000001" "0007a120" "00000002" "000dbba0"
        "15231736" + "0000" * 6 + "206b" + "0000" * 7
    )  # fmt: skip
    assert len(purses) == PURSE_LIMITS.size == 52


def test_a_card_is_made_of_its_data() -> None:
    assert make_card(DATA, counting()).purse.image == DATA.image


@pytest.mark.parametrize(
    ("data", "named"),
    [
        (DATA._replace(limits=LIMITS._replace(main=1 << 32)), "does not fit"),
        (DATA._replace(image=image(group=256)), "does not fit"),
        (DATA._replace(limits=LIMITS._replace(routine_categories=(1,) * 9)), "routine_categories"),
        (DATA._replace(limits=LIMITS._replace(periodic_categories=(0,))), "periodic_categories"),
        (DATA._replace(limits=LIMITS._replace(routine_categories=(1 << 16,))), "does not fit"),
    ],
)
def test_what_does_not_fit_its_block_is_named(data: CardData, named: str) -> None:
    with pytest.raises(RecordError, match=named):
        purse_blocks(data)
