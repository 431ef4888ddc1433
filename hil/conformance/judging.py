"""What came from a card, and how a case says that it should have been something else."""

from __future__ import annotations

from typing import NamedTuple

from scheme.status import Sw, meaning


class Wrong(Exception):  # noqa: N818  (no fault of ours or of the bench: the verdict on a card)
    """A card did otherwise than expected."""

    def __init__(self, expected: str, got: str) -> None:
        super().__init__(f"expected {expected}, got {got}")
        self.expected = expected
        self.got = got


class NotTold(Exception):  # noqa: N818  (likewise no fault: a case that cannot be judged here)
    """What a case has to know, nobody here can tell."""


class Answer(NamedTuple):
    """A card's answer: its data and its status word."""

    data: bytes
    sw: int


def done(answer: Answer, size: int) -> bytes:
    """Return the data of an answer that must be 9000 with that many bytes."""
    if answer.sw != Sw.ok:
        raise Wrong(meaning(Sw.ok), meaning(answer.sw))
    if len(answer.data) != size:
        raise Wrong(f"{size} bytes", f"{len(answer.data)} bytes")
    return answer.data


def refused(answer: Answer, sw: Sw) -> None:
    """Raise Wrong unless an answer is that status word and no data."""
    if answer.sw != sw:
        raise Wrong(meaning(sw), meaning(answer.sw))
    if answer.data:
        raise Wrong("no data with a refusal", f"{len(answer.data)} bytes")


def equal(what: str, expected: object, got: object) -> None:
    """Raise Wrong unless both are the same; of tuples with names, only what differs is said."""
    if expected == got:
        return
    names = getattr(expected, "_fields", None)
    if names is None or not isinstance(expected, tuple) or not isinstance(got, tuple):
        raise Wrong(f"{what} {_print(expected)}", _print(got))
    pairs = [p for p in zip(names, expected, got, strict=True) if p[1] != p[2]]
    raise Wrong(
        f"{what}: " + ", ".join(f"{name} {_print(was)}" for name, was, _ in pairs),
        ", ".join(f"{name} {_print(now)}" for name, _, now in pairs),
    )


def _print(value: object) -> str:
    return value.hex() if isinstance(value, bytes) else str(value)
