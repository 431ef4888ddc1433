"""One place turns errors and verdicts into exit codes and one line."""

from __future__ import annotations

import errno
import sqlite3

import duckdb
import pytest

from scheme.errors import (
    BadInputError,
    EnvironmentFaultError,
    InventoryError,
    PurseRefusedError,
    ReaderError,
    RunInvalidError,
    ScenarioError,
    StoreError,
    TargetError,
    TariffError,
)
from testbed.cli.exits import ExitCode, error_line, exit_of_error, exit_of_verdict


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ScenarioError("x"), 2),
        (TariffError("x"), 2),
        (InventoryError("x"), 2),
        (BadInputError("x"), 2),
        (StoreError("x"), 3),
        (ReaderError("x"), 3),
        (TargetError("x"), 3),
        (EnvironmentFaultError("x"), 3),
        (OSError(errno.ENOSPC, "No space left on device"), 3),
        (OSError(errno.EADDRINUSE, "Address already in use"), 3),
        (duckdb.IOException("x"), 3),
        (sqlite3.OperationalError("database or disk is full"), 3),
        (RunInvalidError("x"), 4),
        (PurseRefusedError("x", 0x6985), 1),
        (OSError(errno.EISDIR, "Is a directory"), 5),
        (ValueError("x"), 5),
        (AssertionError(), 5),
        (KeyboardInterrupt(), 130),
    ],
    ids=lambda value: type(value).__name__,
)
def test_every_error_has_its_exit_code(error: BaseException, code: int) -> None:
    assert exit_of_error(error) == code


@pytest.mark.parametrize(
    ("verdict", "code"),
    [("PASS", 0), ("MARGINAL", 0), ("FAIL", 1), ("FLAKY", 1), ("INVALID", 4), ("NOT ASSESSED", 4)],
)
def test_every_verdict_has_its_exit_code(verdict: str, code: int) -> None:
    assert exit_of_verdict(verdict) is ExitCode(code)


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (ScenarioError("a:3: seed: expected 0,\n got -1"), "a:3: seed: expected 0, got -1"),
        (OSError(errno.ENOSPC, "No space left", "x.db"), "[Errno 28] No space left: 'x.db'"),
        (ValueError("bad\nvalue"), "internal error: ValueError: bad value; --debug shows where"),
        (AssertionError(), "internal error: AssertionError: AssertionError; --debug shows where"),
        (KeyboardInterrupt(), "interrupted"),
    ],
)  # fmt: skip
def test_every_error_is_one_line(error: BaseException, line: str) -> None:
    assert error_line(error) == line
