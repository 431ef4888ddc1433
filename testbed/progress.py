"""How far a stage is: one function that the worlds are handed, and a silent one."""

from __future__ import annotations

from collections.abc import Callable

# Stage in words, steps done, steps in all; a total of 0 says that nobody knows.
Progress = Callable[[str, int, int], None]


def silent(stage: str, done: int, total: int) -> None:
    """Say nothing."""
