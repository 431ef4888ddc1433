"""Words and forms that house style bans, each with its replacement. No check of meaning here.

Every check takes one source and yields findings, so that it can be shown a bad line in a test.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator
from functools import cache
from itertools import takewhile
from typing import TypeVar

from tests.tidy.tree import Finding, Source

Check = Callable[[Source], Iterator[Finding]]
Node = TypeVar("Node", bound=ast.AST)

BANNED_NAMES = {
    "utils": "name the noun it is about",
    "helpers": "name the noun it is about",
    "common": "name the noun it is about",
    "service": "name the noun it is about",
    "manager": "name the noun it is about",
}
UNFINISHED = re.compile(r"\b(TO" + r"DO|FIX" + r"ME|X" + r"XX)\b(?!\s*\(?#\d+)")
HEX_DIGITS = re.compile(r"[0-9a-fA-F]{16,}")
MACHINE = re.compile(
    "/wo" + "rk/|/tmp/des" + "ign|pypi" + r"\.org|python" + "hosted|deb" + r"\.debian"
)


def bare_except(source: Source) -> Iterator[Finding]:
    """Find `except:`."""
    for node in _nodes(source, ast.ExceptHandler):
        if node.type is None:
            yield _finding(source, node, "bare except", "name the exception")


def star_import(source: Source) -> Iterator[Finding]:
    """Find `from x import *`."""
    for node in _nodes(source, ast.ImportFrom):
        if any(alias.name == "*" for alias in node.names):
            yield _finding(source, node, "star import", "import from where a thing is defined")


def stray_print(source: Source) -> Iterator[Finding]:
    """Find `print` outside `__main__`."""
    if source.path.endswith("__main__.py"):
        return
    allowed = {id(node) for block in _main_blocks(source) for node in ast.walk(block)}
    for node in _nodes(source, ast.Call):
        if isinstance(node.func, ast.Name) and node.func.id == "print" and id(node) not in allowed:
            yield _finding(source, node, "print", "return it; commands use typer.echo")


def float_rupiah(source: Source) -> Iterator[Finding]:
    """Find names ending in `_idr` that are annotated float, or get a float or a true division."""
    annotated = [(node, node.arg) for node in _nodes(source, ast.arg)] + [
        (node, ast.unparse(node.target)) for node in _nodes(source, ast.AnnAssign)
    ]
    for node, name in annotated:
        if name.endswith("_idr") and _says_float(node.annotation):
            yield _finding(source, node, "float for rupiah", "money is int; divide with //")
    for assign in _nodes(source, ast.Assign):
        names = [ast.unparse(target) for target in assign.targets]
        if any(name.endswith("_idr") for name in names) and _is_float(assign.value):
            yield _finding(source, assign, "float for rupiah", "money is int; divide with //")


def naive_datetime(source: Source) -> Iterator[Finding]:
    """Find datetimes made without a zone."""
    for node in _nodes(source, ast.Call):
        if not isinstance(node.func, ast.Attribute):
            continue
        given = {keyword.arg for keyword in node.keywords}
        name, count = node.func.attr, len(node.args)
        if (
            name in ("utcnow", "utcfromtimestamp")
            or (name == "now" and not count and not given)
            or (name == "fromtimestamp" and count < 2 and "tz" not in given)
        ):
            yield _finding(source, node, "naive datetime", "use scheme.days, or give a zone")


def banned_name(source: Source) -> Iterator[Finding]:
    """Find modules and folders that are named after no noun."""
    for part in source.path.removesuffix(".py").split("/"):
        if part in BANNED_NAMES:
            yield Finding(source.path, 1, f'module or folder "{part}"', BANNED_NAMES[part])


def unfinished(source: Source) -> Iterator[Finding]:
    """Find marks of unfinished work that name no issue."""
    for number, line in enumerate(source.text.splitlines(), 1):
        if found := UNFINISHED.search(line):
            yield Finding(source.path, number, found[0], "finish it, or name its issue: (#12)")


def hex_value(source: Source) -> Iterator[Finding]:
    """Find hex strings that stand for bytes, unless they are turned to bytes on the spot."""
    turned = {
        id(argument)
        for node in _nodes(source, ast.Call)
        if isinstance(node.func, ast.Attribute) and node.func.attr == "fromhex"
        for argument in node.args
    }
    for node in _nodes(source, ast.Constant):
        value = node.value
        if isinstance(value, str) and HEX_DIGITS.fullmatch(value) and id(node) not in turned:
            yield _finding(source, node, "hex string as a value", "keep bytes; hex only in print")


def re_export(source: Source) -> Iterator[Finding]:
    """Find anything but a docstring in `__init__.py`."""
    if not source.path.endswith("__init__.py"):
        return
    body = _tree(source.text).body
    docstring = body and isinstance(body[0], ast.Expr) and isinstance(body[0].value, ast.Constant)
    for node in body[1:] if docstring else body:
        yield _finding(source, node, "code in __init__.py", "import from where it is defined")


def long_licence(source: Source) -> Iterator[Finding]:
    """Find licence headers of more than one line."""
    head = list(takewhile(lambda line: line.startswith("#"), source.text.splitlines()))
    words = " ".join(head).lower()
    if len(head) > 1 and re.search("licen[cs]e|copyright|spdx", words):
        yield Finding(source.path, 1, "licence header", "one line, or none: LICENSE says it")


def skipped_test(source: Source) -> Iterator[Finding]:
    """Find tests that are skipped or expected to fail."""
    for node in _nodes(source, ast.Attribute):
        if node.attr in ("skip", "skipif", "xfail", "importorskip"):
            yield _finding(source, node, f"pytest {node.attr}", "make it run, or delete it")


def one_machine(source: Source) -> Iterator[Finding]:
    """Find paths and hosts of one machine, in any text."""
    for number, line in enumerate(source.text.splitlines(), 1):
        if found := MACHINE.search(line):
            yield Finding(source.path, number, found[0], "nothing here names a machine or a host")


IN_PRODUCT: tuple[Check, ...] = (stray_print, float_rupiah, hex_value)
IN_PYTHON: tuple[Check, ...] = (
    bare_except, star_import, naive_datetime, banned_name, unfinished, re_export, long_licence,
)  # fmt: skip
IN_TESTS: tuple[Check, ...] = (skipped_test,)
IN_TEXT: tuple[Check, ...] = (one_machine,)


@cache
def _tree(text: str) -> ast.Module:
    return ast.parse(text)


def _nodes(source: Source, *kinds: type[Node]) -> Iterator[Node]:
    return (node for node in ast.walk(_tree(source.text)) if isinstance(node, kinds))


def _finding(source: Source, node: ast.AST, what: str, instead: str) -> Finding:
    return Finding(source.path, getattr(node, "lineno", 1), what, instead)


def _main_blocks(source: Source) -> Iterator[ast.If]:
    for node in _tree(source.text).body:
        if isinstance(node, ast.If) and "__name__" in ast.unparse(node.test):
            yield node


def _says_float(annotation: ast.expr | None) -> bool:
    return annotation is not None and re.search(r"\bfloat", ast.unparse(annotation)) is not None


def _is_float(value: ast.expr) -> bool:
    if isinstance(value, ast.BinOp):
        return isinstance(value.op, ast.Div) or _is_float(value.left) or _is_float(value.right)
    return isinstance(value, ast.Constant) and isinstance(value.value, float)
