"""Mutants of the RTL: what the rules make, which are known to be none, and that others are told."""

from __future__ import annotations

from pathlib import Path

import pytest

from campaigns.bench.result import Order
from campaigns.mutants.trial import Trial, explained, key
from campaigns.mutants.verilog import mutants
from campaigns.rtl import replay
from hil.fpga.model import wires
from hil.fpga.replay import RTL
from hil.fpga.stimuli import SETTINGS, random_stimulus
from hil.fpga.stimulus import Stimulus

SOURCE = """
module thing;
    localparam [1:0] ON = 2'd3;
    always @(posedge clk)
        if (reset) begin
            count <= 4'd0;
        end else if (a && !b) count <= count + 4'd1;  // a && b
        else state <= ON;
endmodule
"""


def test_each_rule_makes_the_mutants_of_its_kind(tmp_path: Path) -> None:
    (tmp_path / "thing.v").write_text(SOURCE, "utf-8")
    (tmp_path / "regs.vh").write_text("", "utf-8")
    made = [(mutant.line, mutant.rule, mutant.after) for mutant in mutants(tmp_path)]
    counting = "end else if (a && !b) count <= count + 4'd1;"
    assert made == [
        (5, "dropped reset", "if (1'b0) begin"),
        (6, "off by one", "count <= 4'd1;"),
        (6, "dropped reset", ";"),
        (7, "flipped operator", counting.replace("&&", "||")),
        (7, "flipped operator", counting.replace("+", "-")),
        (7, "flipped operator", counting.replace("!b", "b")),
        (7, "off by one", counting.replace("4'd1", "4'd2")),
        (7, "stuck bit", counting.replace("count + 4'd1", "(count + 4'd1) | 1'b1")),
        (7, "stuck bit", counting.replace("count + 4'd1", "(count + 4'd1) & ~1")),
        (8, "stuck bit", "else state <= (ON) & ~1;"),
    ]


def test_every_mutant_that_is_explained_is_one_that_the_rules_make() -> None:
    made = {key(mutant) for mutant in mutants(RTL)}
    listed = explained()
    assert set(listed) <= made, sorted(set(listed) - made)
    assert all(len(reason) > 10 for reason in listed.values())
    assert len(listed) < len(made) // 10


def test_there_are_mutants_of_every_file_and_of_every_rule() -> None:
    made = mutants(RTL)
    assert {mutant.file for mutant in made} == {path.name for path in RTL.glob("*.v")}
    rules = {"flipped operator", "off by one", "stuck bit", "dropped reset"}
    assert {mutant.rule for mutant in made} == rules


@pytest.mark.needs_iverilog
def test_a_mutant_is_killed_and_a_change_of_nothing_is_not() -> None:
    def case(number: int) -> tuple[Stimulus, list[wires.Seen]]:
        made = random_stimulus(5, number)
        return made, wires.play(made, SETTINGS)

    trial = Trial(SETTINGS, 1, case)
    (victim,) = (
        mutant
        for mutant in mutants(RTL)
        if mutant.file == "uart_tx.v" and mutant.after == "left <= left + 4'd1;"
    )
    assert trial.kills(victim)
    assert not trial.kills(victim._replace(after=victim.before))


@pytest.mark.needs_iverilog
def test_one_stimulus_is_replayed_with_both_logs() -> None:
    lines, holds = replay(Order(1, 5, card=3))
    assert holds
    assert {line.split()[0] for line in lines} == {"step", "model", "rtl"}
