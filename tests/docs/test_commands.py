"""Every command in the papers exists, and every paper that is named lies where it is said to."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from typing import Any

import pytest
import typer
from markdown_it import MarkdownIt

from testbed.cli.main import make_app
from tests.tidy.tree import ROOT, paths, text_sources

PAPERS = [path for path in paths() if path.endswith(".md") and not path.startswith("scenarios/")]
OURS = ("jakarta-one", ".venv/bin/jakarta-one")
PAPER_NAME = re.compile(r"\b(?:docs|vectors|scenarios)/[\w./-]+\.(?:md|csv|yaml|json)\b")


def commands(paper: str) -> Iterator[str]:
    """Yield the lines of code blocks that begin with make or jakarta-one."""
    text = (ROOT / paper).read_text(encoding="utf-8")
    for token in MarkdownIt().parse(text):
        if token.type == "fence":
            for line in token.content.splitlines():
                if line.split("#")[0].strip().startswith(("make ", *OURS)):
                    yield line.split("#")[0].strip()


def spoken() -> list[tuple[str, str]]:
    """Return every command of every paper."""
    return [(paper, command) for paper in PAPERS for command in commands(paper)]


def options_of(words: list[str]) -> set[str]:
    """Return the options of a command, which must exist, with none of its arguments."""
    command: Any = typer.main.get_command(make_app())
    while below := getattr(command, "commands", {}):
        assert words, "expected a command"
        assert words[0] in below, f"no such command: {words[0]}"
        command = below[words.pop(0)]
    return {option for parameter in command.params for option in parameter.opts}


def test_the_readme_speaks_of_commands() -> None:
    assert [command for paper, command in spoken() if paper == "README.md"]


@pytest.mark.parametrize(("paper", "command"), spoken())
def test_a_command_of_the_papers_exists(paper: str, command: str) -> None:
    words = shlex.split(command)
    if words.pop(0) == "make":
        targets = re.findall(r"^(\w+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE)
        assert set(words) <= set(targets)
        return
    given = {word for word in words if word.startswith("--")}
    assert given <= options_of(words) | {"--help"}


def test_every_paper_that_is_named_is_there() -> None:
    missing = [
        f"{source.path} names {name}"
        for source in text_sources()
        for name in sorted(set(PAPER_NAME.findall(source.text)))
        if not (ROOT / name).is_file()
    ]
    assert not missing, "\n".join(missing)


def test_decisions_are_numbered_without_a_gap_and_say_why() -> None:
    files = sorted((ROOT / "docs" / "decisions").glob("*.md"))
    assert [file.name[:4] for file in files] == [f"{n:04}" for n in range(1, len(files) + 1)]
    for file in files:
        text = file.read_text(encoding="utf-8")
        for part in ("**Context.**", "**Decision.**", "**Consequences.**", "**Alternatives.**"):
            assert part in text, f"{file.name}: no {part}"
        assert len(text.splitlines()) <= 68, f"{file.name}: longer than a page"
