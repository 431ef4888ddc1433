"""regs.yaml against everything that is made from it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from hil.fpga import generate
from hil.fpga.regs import SHAPES, Control, Reg


@pytest.mark.parametrize(
    ("made", "path"),
    [(generate.python, generate.PYTHON), (generate.verilog, generate.HEADER)],
)
def test_constants_and_header_are_those_of_regs_yaml(
    made: Callable[[dict[str, generate.Table]], str], path: Path
) -> None:
    assert path.read_text("utf-8") == made(generate.load()), "do: python -m hil.fpga regs"


def test_the_spec_holds_the_tables_of_regs_yaml() -> None:
    text = generate.SPEC.read_text("utf-8")
    assert text == generate.spec(text, generate.load()), "do: python -m hil.fpga regs"


@pytest.mark.parametrize("text", ["no marks", generate.BEGIN, 2 * (generate.BEGIN + generate.END)])
def test_a_spec_without_both_marks_once_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="once each"):
        generate.spec(text, generate.load())


def test_addresses_are_each_given_once_and_fields_do_not_overlap() -> None:
    registers = generate.load()["registers"]
    assert len({row["address"] for row in registers.values()}) == len(registers) == len(SHAPES)
    for row in registers.values():
        taken = [
            bit
            for at in row.get("fields", {}).values()
            for bit in range(at["bit"], at["bit"] + at.get("bits", 1))
        ]
        assert sorted(taken) == list(range(row["width"])) or "fields" not in row


def test_every_bit_of_control_has_a_name() -> None:
    assert sum(Control) == (1 << SHAPES[Reg.CONTROL].width) - 1
