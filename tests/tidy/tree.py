"""The files of this repository as the checks see them: paths and text, read from git's list."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]
PRODUCT = (
    "scheme", "sim", "hil", "reference_server", "load", "reports", "testbed", "scenarios",
)  # fmt: skip
BINARY = (".bin", ".parquet", ".png", ".cap", ".gz", ".zip")


class Finding(NamedTuple):
    """Something that may not stand where it stands, and what to do instead."""

    path: str
    line: int
    what: str
    instead: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.what}; {self.instead}"


class Source(NamedTuple):
    """A text file: its path from the top of the repository, and its text."""

    path: str
    text: str

    @property
    def module(self) -> str:
        """The dotted name under which this file is imported."""
        return self.path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


@cache
def paths() -> tuple[str, ...]:
    """Return every file that is in git or would be added, sorted.

    Where there is no git, every file on the disk.
    """
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    names = listed.stdout.splitlines() if listed.returncode == 0 else list(_on_disk())
    return tuple(sorted(name for name in names if (ROOT / name).is_file()))


def python_sources(*folders: str) -> list[Source]:
    """Return the Python files below `folders`, or all of them."""
    return [
        Source(path, (ROOT / path).read_text("utf-8"))
        for path in paths()
        if path.endswith(".py") and (not folders or path.split("/")[0] in folders)
    ]


def text_sources() -> list[Source]:
    """Return every file that people read."""
    return [
        Source(path, (ROOT / path).read_text("utf-8"))
        for path in paths()
        if not path.endswith(BINARY)
    ]


def _on_disk() -> Iterator[str]:
    for path in ROOT.rglob("*"):
        parts = path.relative_to(ROOT).parts
        hidden = parts[0].startswith(".") and parts[0] not in (".ci", ".gitignore")
        built = parts[0] in ("build", "dist", "runs") or "__pycache__" in parts
        if not hidden and not built and ".egg-info" not in parts[0]:
            yield "/".join(parts)
