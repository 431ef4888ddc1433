"""The folder of one run: city/ store/ rack/ load/ export/ evidence/ and the verdict's files.

It is made new for each run; an older run of ours in its place is removed, anything else is not.
"""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scheme.errors import BadInputError, StoreError

FORMAT = "jakarta-one/run/1"
MARKER = "run.json"


@dataclass(frozen=True, slots=True)
class RunDirectory:
    """Where the parts of one run lie."""

    root: Path

    @property
    def city(self) -> Path:
        """Plan, truth and records."""
        return self.root / "city"

    @property
    def store(self) -> Path:
        """What the reference server keeps."""
        return self.root / "store"

    @property
    def rack(self) -> Path:
        """What the rack measured and recorded."""
        return self.root / "rack"

    @property
    def load(self) -> Path:
        """The clocks of every upload."""
        return self.root / "load"

    @property
    def export(self) -> Path:
        """What the back office says it booked."""
        return self.root / "export"

    def settings(self) -> dict[str, Any]:
        """Return what the run was asked for.

        Raises:
            BadInputError: If this is no run directory of ours, or a newer one.
        """
        marker = self.root / MARKER
        try:
            document = json.loads(marker.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise BadInputError.at(
                str(self.root), expected=f"a run directory with {MARKER}", got=error
            ) from error
        if document.get("format") != FORMAT:
            raise BadInputError.at(
                f"{marker}: format", expected=FORMAT, got=repr(document.get("format"))
            )
        return dict(document)


def make_run_directory(root: Path, settings: dict[str, Any]) -> RunDirectory:
    """Return a fresh run directory that remembers its settings.

    Raises:
        BadInputError: If something that is no run of ours stands there.
        StoreError: If it cannot be written.
    """
    if root.exists() and not root.is_dir():
        raise BadInputError.at(str(root), expected="a folder for the run", got="a file")
    if root.exists() and any(root.iterdir()) and not (root / MARKER).is_file():
        raise BadInputError.at(
            str(root), expected="an empty folder or an earlier run", got="a folder with other files"
        )
    try:
        shutil.rmtree(root, ignore_errors=False) if root.exists() else None
        root.mkdir(parents=True)
        text = json.dumps({"format": FORMAT} | settings, indent=1, default=str)
        (root / MARKER).write_text(text + "\n", encoding="utf-8")
    except OSError as error:
        raise StoreError(f"{root}: expected to write a run directory, got {error}") from error
    return RunDirectory(root)
