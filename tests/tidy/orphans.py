"""Modules that nobody imports and that are no entry point."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from itertools import pairwise

from tests.tidy.tree import Finding, Source

# Reached otherwise than by an import statement, with the reason.
ENTRY_POINTS = {
    "testbed.cli.main": "console script jakarta-one",
    "testbed.pytest_plugin": "entry point pytest11",
    "load.locustfile": "named on Locust's command line",
    "hil.fpga.bridged": "the simulator of hil.fpga.bridge is given it by name",
    "hil.conformance.suite": "the suite that every purse is held to; tests and vendors call it",
}
CHOSEN_BY_NAME = {
    "hil.readers": "the part of a URL before :// picks the module",
    "hil.fpga.tests": "cocotb is given a bench by name",
}


def orphans(sources: Iterable[Source]) -> Iterator[Finding]:
    """Find product modules that no other product module reaches."""
    everything = list(sources)
    reached = {name for source in everything for name in imported_by(source)}
    for source in everything:
        if source.path.endswith(("__init__.py", "__main__.py", "conftest.py")):
            continue
        package = source.module.rpartition(".")[0]
        if source.module in ENTRY_POINTS or package in CHOSEN_BY_NAME:
            continue
        if source.module not in reached:
            yield Finding(source.path, 1, "module that nobody imports", "use it, or delete it")


def imported_by(source: Source) -> Iterator[str]:
    """Return the names that a module imports, and for `from a import b` both `a` and `a.b`.

    `python -m name` in a list of arguments, as for a process that is started, counts as well.
    """
    for node in ast.walk(ast.parse(source.text)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.List):
            texts = [e.value for e in node.elts if isinstance(e, ast.Constant)]
            yield from (str(name) for flag, name in pairwise(texts) if flag == "-m")
