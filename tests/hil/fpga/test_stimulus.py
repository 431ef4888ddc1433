"""Recorded stimuli: text there and back, and what is refused."""

from __future__ import annotations

import pytest

from hil.fpga import stimulus
from hil.fpga.model import wires
from hil.fpga.model.fpga import Fpga
from hil.fpga.model.settings import Settings
from hil.fpga.stimuli import SETTINGS, THEMES, random_stimulus
from scheme.errors import BadInputError


@pytest.mark.parametrize("number", range(len(THEMES)))
def test_a_random_stimulus_is_the_same_again_and_comes_back_from_its_text(number: int) -> None:
    made = random_stimulus(7, number)
    assert random_stimulus(7, number) == made
    assert random_stimulus(8, number) != made
    assert stimulus.load(stimulus.dump(made)) == made


@pytest.mark.parametrize(
    ("text", "where", "got"),
    [
        ("", "stimulus", "nothing"),
        ("3 in 0\n", "stimulus", "in"),
        ("# only\n3 in 100\n9 end", "stimulus:2", "3 in 100"),
        ("3 line 2\n9 end", "stimulus:1", "3 line 2"),
        ("-3 line 1\n9 end", "stimulus:1", "-3 line 1"),
        ("3 send 7\n9 end", "stimulus:1", "3 send 7"),
        ("3 shake 7\n9 end", "stimulus:1", "3 shake 7"),
        ("3 end 7", "stimulus:1", "3 end 7"),
        ("3\n9 end", "stimulus:1", "3"),
        ("3 in 1\n2 in 0\n9 end", "stimulus:2", "2"),
    ],
)
def test_a_line_that_is_no_step_is_refused_with_its_place(text: str, where: str, got: str) -> None:
    with pytest.raises(BadInputError) as refused:
        stimulus.load(text)
    assert str(refused.value).startswith(f"{where}: expected")
    assert str(refused.value).endswith(f"got {got}")


@pytest.mark.parametrize("number", range(len(THEMES)))
def test_skipping_quiet_ticks_gives_what_stepping_every_tick_gives(
    number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = random_stimulus(11, number)
    skipped = wires.play(made, SETTINGS)
    monkeypatch.setattr(Fpga, "_quiet", lambda self: 0)
    assert wires.play(made, SETTINGS) == skipped
    assert len(skipped) > 100


def test_settings_are_given_to_verilog_by_the_names_of_its_parameters() -> None:
    given = Settings(divisor=3).parameters()
    assert given["DIVISOR"] == "3"
    assert set(given) == {name.upper() for name in Settings._fields}
