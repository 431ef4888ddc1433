"""Whether stimuli tell a mutant of the RTL from the model."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

from ruamel.yaml import YAML

from campaigns.mutants.verilog import Mutant
from hil.fpga.model.settings import Settings
from hil.fpga.model.wires import Seen
from hil.fpga.replay import RTL, build, play
from hil.fpga.stimulus import Stimulus
from scheme.errors import EnvironmentFaultError

AT_ONCE_MAX = 28
WITHIN_S = 60
EQUIVALENT = Path(__file__).resolve().parents[2] / "tests" / "planted" / "rtl" / "equivalent.yaml"


class Stillborn(Exception):  # noqa: N818 - a fact about a mutant, nothing that went wrong
    """A mutant that does not compile."""


class Trial:
    """Mutants held to what the model's pins show, over as many stimuli as it takes."""

    def __init__(
        self, settings: Settings, against: int, case: Callable[[int], tuple[Stimulus, list[Seen]]]
    ) -> None:
        """Take how many stimuli to try at most, and what gives each with the model's pins."""
        self._settings, self._against, self._case = settings, against, case

    def kills(self, mutant: Mutant) -> bool:
        """Return whether a stimulus shows other pins than the model's.

        Raises:
            Stillborn: If it does not compile.
        """
        with tempfile.TemporaryDirectory() as name:
            built = self._built(mutant, Path(name))
            # One, two, four ... at once: most die of the first, and each start takes time.
            first = 0
            while first < self._against:
                last = min(2 * first + 1, first + AT_ONCE_MAX, self._against)
                if self._told(built, range(first, last)):
                    return True
                first = last
        return False

    def _built(self, mutant: Mutant, folder: Path) -> Path:
        for path in RTL.iterdir():
            (folder / path.name).symlink_to(path)
        changed = folder / mutant.file
        text = changed.read_text("utf-8")
        changed.unlink()
        changed.write_text(mutant.apply(text), "utf-8")
        try:
            return build(self._settings, folder / "built", folder)
        except EnvironmentFaultError as refused:
            raise Stillborn(mutant.name) from refused

    def _told(self, built: Path, numbers: range) -> bool:
        """Return whether stimuli tell it from the model; one that comes to no end is told, too."""
        cases = [self._case(number) for number in numbers]
        try:
            logs = play(built, [stimulus for stimulus, _ in cases], self._settings, WITHIN_S)
        except EnvironmentFaultError:
            return True
        return logs != [expected for _, expected in cases]


def explained() -> dict[tuple[str, str, str, int], str]:
    """Return why some mutants cannot be told from the original: (file, before, after, nth)."""
    listed = YAML(typ="safe").load(EQUIVALENT.read_text("utf-8")) or []
    return {
        (row["file"], row["before"], row["after"], row.get("nth", 1)): row["reason"]
        for row in listed
    }


def key(mutant: Mutant) -> tuple[str, str, str, int]:
    """Return what a mutant is listed under."""
    return mutant.file, mutant.before, mutant.after, mutant.nth
