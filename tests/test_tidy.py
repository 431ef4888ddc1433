"""House style and structure as tests, and a bad example for every check."""

from __future__ import annotations

from collections.abc import Iterable

import pytest

from tests.tidy import banned
from tests.tidy.duplicates import duplicates
from tests.tidy.orphans import orphans
from tests.tidy.tree import PRODUCT, ROOT, Finding, Source, paths, python_sources, text_sources

BLOB_BYTES_MAX = 2_000_000


def check(findings: Iterable[Finding]) -> None:
    """Fail with every finding on its own line."""
    found = [str(finding) for finding in findings]
    assert not found, "\n" + "\n".join(found)


@pytest.mark.parametrize("rule", banned.IN_PRODUCT, ids=lambda rule: rule.__name__)
def test_the_product_holds_no(rule: banned.Check) -> None:
    check(finding for source in python_sources(*PRODUCT) for finding in rule(source))


@pytest.mark.parametrize("rule", banned.IN_PYTHON, ids=lambda rule: rule.__name__)
def test_no_python_file_holds(rule: banned.Check) -> None:
    check(finding for source in python_sources() for finding in rule(source))


@pytest.mark.parametrize("rule", banned.IN_TESTS, ids=lambda rule: rule.__name__)
def test_no_test_holds(rule: banned.Check) -> None:
    check(finding for source in python_sources("tests") for finding in rule(source))


@pytest.mark.parametrize("rule", banned.IN_TEXT, ids=lambda rule: rule.__name__)
def test_no_text_holds(rule: banned.Check) -> None:
    check(finding for source in text_sources() for finding in rule(source))


def test_every_module_is_reached() -> None:
    check(orphans(python_sources(*PRODUCT)))


def test_nothing_is_said_twice() -> None:
    check(duplicates(python_sources(*PRODUCT)))


def test_no_big_blob_is_in_the_repository() -> None:
    big = [name for name in paths() if (ROOT / name).stat().st_size > BLOB_BYTES_MAX]
    assert not big, f"expected at most {BLOB_BYTES_MAX} bytes a file, got {big}"


MANY = "\n".join(f"value_{i} = {i}" for i in range(12))


@pytest.mark.parametrize(
    ("rule", "bad", "good"),
    [
        (banned.bare_except, "try: f()\nexcept: g()", "try: f()\nexcept OSError: g()"),
        (banned.star_import, "from os import *", "from os import path"),
        (banned.stray_print, "print(1)", "if __name__ == '__main__':\n    print(1)"),
        (banned.float_rupiah, "fee_idr = price * 0.007", "fee_idr = price_idr * 7 // 1_000"),
        (banned.float_rupiah, "self.fee_idr = price_idr / 2", "rate = price_idr / 2"),
        (banned.float_rupiah, "def f(fare_idr: float): ...", "def f(fare_idr: int): ..."),
        (banned.naive_datetime, "datetime.utcnow()", "datetime.now(JAKARTA)"),
        (banned.naive_datetime, "datetime.fromtimestamp(1)", "datetime.fromtimestamp(1, JAKARTA)"),
        (banned.unfinished, "x = 1  # TO" + "DO later", "x = 1  # TO" + "DO(#12): later"),
        (banned.hex_value, "KEY = '00112233445566778899'", "KEY = b'\\x00'"),
        (banned.hex_value, "f('0011223344556677')", "bytes.fromhex('0011223344556677')"),
        (banned.long_licence, "# Copyright X\n# Licence Y\n", "# SPDX-License-Identifier: X\n"),
        (banned.skipped_test, "pytest.skip('no card')", "pytest.raises(OSError)"),
        (banned.one_machine, "see /wo" + "rk/main", "see scheme/money.py"),
    ],
)  # fmt: skip
def test_each_ban_finds_the_bad_line_and_leaves_the_good_one(
    rule: banned.Check, bad: str, good: str
) -> None:
    assert [finding.path for finding in rule(Source("scheme/x.py", bad))] == ["scheme/x.py"]
    assert not list(rule(Source("scheme/x.py", good)))


@pytest.mark.parametrize(
    ("path", "text", "found"),
    [
        ("scheme/utils.py", "", True),
        ("sim/services/base.py", "", False),
        ("sim/common/base.py", "", True),
    ],
)
def test_a_module_is_named_after_a_noun(path: str, text: str, found: bool) -> None:
    assert bool(list(banned.banned_name(Source(path, text)))) is found


@pytest.mark.parametrize(
    ("text", "found"),
    [('"""Doc."""\n', False), ('"""Doc."""\nfrom sim.city import run\n', True), ("", False)],
)
def test_a_package_file_is_a_docstring(text: str, found: bool) -> None:
    assert bool(list(banned.re_export(Source("sim/__init__.py", text)))) is found


def test_an_orphan_is_found_and_an_imported_module_is_not() -> None:
    sources = [
        Source("sim/city.py", "from sim import plan\nimport sim.people"),
        Source("sim/plan.py", ""),
        Source("sim/people.py", ""),
        Source("sim/lost.py", "import sim.city"),
    ]
    assert [finding.path for finding in orphans(sources)] == ["sim/lost.py"]


def test_a_process_that_is_started_is_no_orphan() -> None:
    sources = [
        Source("testbed/cli/main.py", 'run([sys.executable, "-m", "testbed.worker"])'),
        Source("testbed/worker.py", ""),
    ]
    assert not list(orphans(sources))


@pytest.mark.parametrize(
    ("other", "count"),
    [
        (MANY, 1),
        (MANY.replace("value_5", "value_x"), 0),
        ("# a comment\n\n" + MANY.replace("\n", "\n\n"), 1),
    ],
)
def test_twelve_identical_lines_are_found_once(other: str, count: int) -> None:
    sources = [Source("sim/a.py", MANY), Source("load/b.py", other)]
    assert len(list(duplicates(sources))) == count
